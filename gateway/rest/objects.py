"""Objects over REST: put, get, head, delete; by path, or by `?key=` where a path would be misread."""

from dataclasses import replace
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from access.kms_envelope import Place
from gateway.conditions import delete_condition, write_condition
from gateway.encryption import protection
from gateway.reserving import reserve
from gateway.rest.body import body_size, object_payload
from gateway.rest.call import Call, calling, checked_key
from gateway.rest.models import DeletedObject, StoredObject
from gateway.rest.object_headers import attributes_of
from gateway.rest.object_key import OBJECT_KEY
from gateway.rest.read_object import read_object
from gateway.rest.schema import (
    BYTES_ANSWER,
    BYTES_BODY,
    CONDITIONS,
    READ_HEADERS,
    WRITE_HEADERS,
    header_parameters,
)
from schemas.configurations.encryption import ENCRYPTION
from schemas.errors import InvalidArgument, InvalidRequest
from schemas.rows import Bucket

router = APIRouter(tags=["objects"])

BY_PATH = f"/buckets/{{bucket}}/objects/{{key:{OBJECT_KEY}}}"
BY_QUERY = "/buckets/{bucket}/objects"
VERSIONS = "/versions"

Puts = Annotated[Call, Depends(calling("PutObject"))]
Gets = Annotated[Call, Depends(calling("GetObject"))]
Heads = Annotated[Call, Depends(calling("HeadObject"))]
Deletes = Annotated[Call, Depends(calling("DeleteObject"))]

Key = Annotated[str, Query(description="The key, percent-encoded")]
Version = Annotated[str | None, Query(description="A version of the key; the newest by default")]

_PUT = {**BYTES_BODY, "parameters": header_parameters(WRITE_HEADERS)}
_GET = {"parameters": header_parameters(READ_HEADERS)}
_DELETE = {"parameters": header_parameters(CONDITIONS[:1])}


@router.put(BY_PATH, operation_id="PutObject", summary="Store an object", openapi_extra=_PUT)
async def put_by_path(call: Puts, bucket: str, key: str) -> StoredObject:
    """The body is the object. Answered once it is durable and every reader sees it."""
    return await _put(call, bucket, path_key(key))


@router.put(BY_QUERY, operation_id="PutObjectByQuery", summary="Store an object", openapi_extra=_PUT)
async def put_by_query(call: Puts, bucket: str, key: Key) -> StoredObject:
    """As by path, for any key."""
    return await _put(call, bucket, key)


@router.get(
    BY_PATH,
    operation_id="GetObject",
    summary="Read an object",
    openapi_extra=_GET,
    response_class=Response,
    responses={200: BYTES_ANSWER, 206: BYTES_ANSWER, 304: {"description": "The client's copy is still good"}},
)
async def get_by_path(call: Gets, bucket: str, key: str, version: Version = None) -> Response:
    """The bytes; 206 for a range, 304 when the client's copy is still good."""
    return await _read(call, bucket, path_key(key), version)


@router.head(
    BY_PATH,
    operation_id="HeadObject",
    summary="Headers of an object",
    openapi_extra=_GET,
    response_class=Response,
)
async def head_by_path(call: Heads, bucket: str, key: str, version: Version = None) -> Response:
    """As GET, without the bytes."""
    return await _read(call, bucket, path_key(key), version)


@router.head(
    BY_QUERY,
    operation_id="HeadObjectByQuery",
    summary="Headers of an object",
    openapi_extra=_GET,
    response_class=Response,
)
async def head_by_query(call: Heads, bucket: str, key: Key, version: Version = None) -> Response:
    """As by path, for any key."""
    return await _read(call, bucket, key, version)


@router.delete(BY_PATH, operation_id="DeleteObject", summary="Delete an object", openapi_extra=_DELETE)
async def delete_by_path(call: Deletes, bucket: str, key: str, version: Version = None) -> DeletedObject:
    """Without `version` in a versioned bucket this puts a delete marker on the key; with it, that version
    is gone for good. Deleting what is not there succeeds."""
    return await _delete(call, bucket, path_key(key), version)


@router.delete(
    BY_QUERY, operation_id="DeleteObjectByQuery", summary="Delete an object", openapi_extra=_DELETE
)
async def delete_by_query(call: Deletes, bucket: str, key: Key, version: Version = None) -> DeletedObject:
    """As by path, for any key."""
    return await _delete(call, bucket, key, version)


def path_key(key: str) -> str:
    """A key given in the path. Raises InvalidRequest for one that GET would read as another route."""
    if key.endswith(VERSIONS):
        raise InvalidRequest(
            f"a path that ends in {VERSIONS} names the versions of a key; a key that ends so is given as "
            "?key= on /buckets/{bucket}/objects"
        )
    return key


async def _put(call: Call, bucket: str, key: str) -> StoredObject:
    checked_key(key)
    try:
        return await _stored(call, await call.reader.bucket(bucket), key)
    finally:
        if call.asked.reservation is not None:
            call.asked.reservation.end()


async def _stored(call: Call, row: Bucket, key: str) -> StoredObject:
    attributes = attributes_of(call.headers)
    condition = write_condition(call.headers)
    await reserve(call.asked, row, body_size(call.headers))
    payload = await object_payload(call)
    if ENCRYPTION.name in row.configurations:
        guard = await protection(call.asked, row, Place(row.name, key), None)
        attributes = msgspec.structs.replace(attributes, encryption=guard.encryption)
        payload = replace(payload, object_key=guard.object_key)
    result = await call.producer.put_object(
        row, key, payload, attributes, call.origin, condition, call.asked.owner
    )
    return StoredObject.of(key, result)


async def _read(call: Call, bucket: str, key: str, version: str | None) -> Response:
    checked_key(key)
    return await read_object(call, await call.reader.bucket(bucket), key, version)


async def _delete(call: Call, bucket: str, key: str, version: str | None) -> DeletedObject:
    checked_key(key)
    if version == "":
        raise InvalidArgument("the parameter 'version' is empty; leave it out to delete the object")
    row = await call.reader.bucket(bucket)
    condition = delete_condition(call.headers)
    return DeletedObject.of(key, await call.producer.delete_object(row, key, call.origin, version, condition))
