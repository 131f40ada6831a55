"""What a bucket's owner lets others do, over REST: the bucket's policy, and grants that end by themselves."""

from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from gateway.configurations.policy import set_policy
from gateway.rest.body import json_bytes, validated
from gateway.rest.call import Call, calling
from gateway.rest.grants import add_grant, grants_in_force, remove_grant
from gateway.rest.models import AccessModel, GrantModel, GrantRequest
from gateway.rest.schema import takes_json
from schemas.configurations.policy import POLICY
from schemas.errors import NoSuchGrant
from schemas.rows import Bucket

router = APIRouter(tags=["access"])

Sets = Annotated[Call, Depends(calling("PutBucketPolicy"))]
Shows = Annotated[Call, Depends(calling("GetBucketPolicy"))]
Deletes = Annotated[Call, Depends(calling("DeleteBucketPolicy"))]

PATH = "/buckets/{bucket}/policy"


@router.post(
    PATH,
    operation_id="PutBucketPolicy",
    summary="Grant something to a user, or set the bucket's policy",
    status_code=201,
    response_model=GrantModel,
    responses={200: {"model": AccessModel, "description": "The body was a policy; it is in force"}},
    openapi_extra=takes_json(GrantRequest),
)
async def set_access(call: Sets, bucket: str) -> Response:
    """A grant is added to those that there are: 201 with its Location. A body with a `Statement` is a whole
    policy of AWS's language, and takes the place of the bucket's policy; grants stay."""
    row = await call.reader.bucket(bucket)
    body = await json_bytes(call)
    if _is_policy(body):
        await set_policy(call.services, row, body, call.origin)
        return JSONResponse((await _access(call, await call.reader.bucket(bucket))).model_dump())
    grant = await add_grant(call, bucket, validated(body, GrantRequest))
    location = {"location": f"/buckets/{quote(bucket)}/policy/{grant.policy_id}"}
    return JSONResponse(GrantModel.of(row, grant).model_dump(), 201, location)


@router.get(PATH, operation_id="GetBucketPolicy", summary="Show the bucket's policy and grants")
async def show_access(call: Shows, bucket: str) -> AccessModel:
    """Grants that have ended are not among them."""
    return await _access(call, await call.reader.bucket(bucket))


@router.delete(PATH, operation_id="DeleteBucketPolicy", summary="Remove the bucket's policy", status_code=204)
async def delete_policy(call: Deletes, bucket: str) -> Response:
    """204, also when there was none. Grants stay."""
    row = await call.reader.bucket(bucket)
    if POLICY.name in row.configurations:
        await call.producer.configure_bucket(row, POLICY, None, call.origin)
    return Response(status_code=204)


@router.get(PATH + "/{policy_id}", operation_id="GetBucketGrant", summary="Show a grant")
async def show_grant(call: Shows, bucket: str, policy_id: str) -> GrantModel:
    """404 once it has ended."""
    row = await call.reader.bucket(bucket)
    for grant in await grants_in_force(call.reader, row):
        if grant.policy_id == policy_id:
            return GrantModel.of(row, grant)
    raise NoSuchGrant(f"bucket {bucket} has no grant {policy_id!r}, or it has ended")


@router.delete(
    PATH + "/{policy_id}", operation_id="DeleteBucketGrant", summary="End a grant", status_code=204
)
async def delete_grant(call: Deletes, bucket: str, policy_id: str) -> Response:
    """It counts for nothing from the answer on, on every gateway."""
    await remove_grant(call, bucket, policy_id)
    return Response(status_code=204)


def _is_policy(body: bytes) -> bool:
    try:
        found: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return False  # what is no JSON is refused as a grant
    return isinstance(found, dict) and not found.keys().isdisjoint({"Statement", "Version"})


async def _access(call: Call, row: Bucket) -> AccessModel:
    policy = await call.reader.configuration(row, POLICY)
    return AccessModel(
        policy=None if policy is None else msgspec.json.decode(policy.text),
        grants=[GrantModel.of(row, grant) for grant in await grants_in_force(call.reader, row)],
    )
