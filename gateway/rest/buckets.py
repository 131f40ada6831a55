"""Buckets over REST: make, list, show, delete, versioning."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query
from starlette.responses import JSONResponse, Response

from gateway.authorization.authorizer import ask
from gateway.bucket import owned_buckets
from gateway.bucket_names import check_bucket_name
from gateway.new_bucket import asked_ownership, set_access
from gateway.rest.body import json_body
from gateway.rest.call import Call, calling
from gateway.rest.continuation import decode_continuation, encode_continuation
from gateway.rest.models import BucketDetails, BucketList, BucketModel, CreateBucketRequest, VersioningRequest
from gateway.rest.schema import takes_json

router = APIRouter(tags=["buckets"])

PAGE = 1000

Lists = Annotated[Call, Depends(calling("ListBuckets"))]
Creates = Annotated[Call, Depends(calling("CreateBucket"))]
Shows = Annotated[Call, Depends(calling("HeadBucket"))]
Deletes = Annotated[Call, Depends(calling("DeleteBucket"))]
SetsVersioning = Annotated[Call, Depends(calling("PutBucketVersioning"))]


@router.get("/buckets", operation_id="ListBuckets", summary="List buckets")
async def list_buckets(
    call: Lists,
    prefix: Annotated[str, Query(description="Only names that begin so")] = "",
    limit: Annotated[int, Query(ge=1, le=PAGE, description="Buckets on a page")] = PAGE,
    continuation: Annotated[str | None, Query(description="From the page before")] = None,
) -> BucketList:
    """The buckets of the caller's account by name."""
    after = decode_continuation(continuation, 1)[0] if continuation else ""
    rows = await owned_buckets(call.reader, call.owner_id, prefix, after, limit + 1)
    more = encode_continuation(rows[limit - 1].name) if len(rows) > limit else None
    return BucketList(buckets=[BucketModel.of(row) for row in rows[:limit]], continuation=more)


@router.post(
    "/buckets",
    operation_id="CreateBucket",
    summary="Make a bucket",
    status_code=201,
    response_model=BucketModel,
    openapi_extra=takes_json(CreateBucketRequest),
)
async def create_bucket(call: Creates) -> Response:
    """201 with its Location; 409 when the name is taken."""
    wanted = await json_body(call, CreateBucketRequest)
    call.progress.bucket = wanted.name
    check_bucket_name(wanted.name)
    call.asked.bucket = wanted.name
    await ask(call.asked)
    defaults = call.services.new_buckets
    row = await call.producer.create_bucket(wanted.name, call.owner_id, call.origin)
    await set_access(call.producer, row, defaults, asked_ownership({}, defaults), None, call.origin)
    location = {"location": f"/buckets/{quote(row.name)}"}
    return JSONResponse(BucketModel.of(row).model_dump(), 201, location)


@router.get("/buckets/{bucket}", operation_id="GetBucket", summary="Show a bucket")
async def show_bucket(call: Shows, bucket: str) -> BucketDetails:
    """Its owner, region and versioning, and how much is in it."""
    row = await call.reader.bucket(bucket)
    return BucketDetails.used(row, await call.reader.usage(row))


@router.delete(
    "/buckets/{bucket}", operation_id="DeleteBucket", summary="Delete an empty bucket", status_code=204
)
async def delete_bucket(call: Deletes, bucket: str) -> Response:
    """204; 409 while it holds any version of any object."""
    await call.producer.delete_bucket(await call.reader.bucket(bucket), call.origin)
    return Response(status_code=204)


@router.put(
    "/buckets/{bucket}/versioning",
    operation_id="PutBucketVersioning",
    summary="Enable or suspend versioning",
    openapi_extra=takes_json(VersioningRequest),
)
async def set_versioning(call: SetsVersioning, bucket: str) -> BucketModel:
    """Holds for every write that begins after the answer."""
    wanted = await json_body(call, VersioningRequest)
    row = await call.reader.bucket(bucket)
    return BucketModel.of(await call.producer.set_versioning(row, wanted.status, call.origin))
