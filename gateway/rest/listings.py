"""Listings over REST: the objects of a bucket, the versions of a key, the versions of a bucket."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from gateway.rest.call import Call, calling, checked_key
from gateway.rest.continuation import decode_continuation, encode_continuation
from gateway.rest.models import ObjectList, ObjectModel, VersionList, VersionModel
from gateway.rest.objects import BY_PATH, BY_QUERY, VERSIONS, Version
from gateway.rest.read_object import read_object
from gateway.rest.schema import READ_HEADERS, header_parameters
from query.pages import VersionPage
from schemas.errors import InvalidRequest, NoSuchKey

router = APIRouter(tags=["objects"])

PAGE = 1000

Lists = Annotated[Call, Depends(calling("ListObjectsV2"))]
ListsVersions = Annotated[Call, Depends(calling("ListObjectVersions"))]

Prefix = Annotated[str, Query(description="Only keys that begin so")]
Limit = Annotated[int, Query(ge=1, le=PAGE, description="Entries on a page")]
Continuation = Annotated[str | None, Query(description="From the page before; prefix and delimiter as there")]


@router.get(
    BY_QUERY,
    operation_id="ListObjects",
    summary="List objects, or read one by ?key=",
    response_model=ObjectList,
    openapi_extra={"parameters": header_parameters(READ_HEADERS)},
)
async def list_objects(
    call: Lists,
    bucket: str,
    key: Annotated[str | None, Query(description="Read the object of this key instead of listing")] = None,
    version: Version = None,
    prefix: Prefix = "",
    delimiter: Annotated[str, Query(description="Roll keys up that share a prefix up to this text")] = "",
    start_after: Annotated[str, Query(description="Only keys after this one")] = "",
    limit: Limit = PAGE,
    continuation: Continuation = None,
) -> ObjectList | Response:
    """Keys in the order of their UTF-8 bytes, a page at a time. With `key` this is GET of that object."""
    row = await call.reader.bucket(bucket)
    if key is not None:
        _refuse_mixture(call, {"key", "version"}, "key")
        return await read_object(call, row, checked_key(key), version)
    if version is not None:
        raise InvalidRequest("'version' is the version of a key: give ?key= too")
    after = decode_continuation(continuation, 1)[0] if continuation else start_after
    page = await call.reader.list_objects(row, prefix, delimiter, after, limit)
    return ObjectList(
        objects=[ObjectModel.of(entry) for entry in page.entries],
        prefixes=page.prefixes,
        continuation=encode_continuation(page.next_marker) if page.truncated else None,
    )


@router.get(BY_PATH + VERSIONS, operation_id="ListKeyVersions", summary="Versions of a key")
async def list_key_versions(
    call: ListsVersions, bucket: str, key: str, limit: Limit = PAGE, continuation: Continuation = None
) -> VersionList:
    """Newest first; 404 when the key has none."""
    return await _versions_of_key(call, bucket, key, limit, continuation)


@router.get(
    "/buckets/{bucket}/versions", operation_id="ListVersions", summary="Versions of a bucket, or of one key"
)
async def list_versions(
    call: ListsVersions,
    bucket: str,
    key: Annotated[str | None, Query(description="Only the versions of this key")] = None,
    prefix: Prefix = "",
    limit: Limit = PAGE,
    continuation: Continuation = None,
) -> VersionList:
    """By key, newest first within a key."""
    if key is not None:
        _refuse_mixture(call, {"key", "limit", "continuation"}, "key")
        return await _versions_of_key(call, bucket, key, limit, continuation)
    row = await call.reader.bucket(bucket)
    key_marker, version_marker = decode_continuation(continuation, 2) if continuation else ("", "")
    page = await call.reader.list_versions(row, prefix, "", key_marker, version_marker, limit)
    return _version_list(page)


async def _versions_of_key(
    call: Call, bucket: str, key: str, limit: int, continuation: str | None
) -> VersionList:
    checked_key(key)
    row = await call.reader.bucket(bucket)
    key_marker, version_marker = decode_continuation(continuation, 2) if continuation else ("", "")
    if continuation and key_marker != key:
        raise InvalidRequest(f"the continuation belongs to another key, {key_marker!r}")
    # The key itself is the first of those that begin with it, so its versions come first.
    page = await call.reader.list_versions(row, key, "", key_marker, version_marker, limit)
    count = sum(version.key == key for version in page.versions)
    if count == 0 and not continuation:
        raise NoSuchKey(f"the key {key!r} has no versions")
    if count < len(page.versions) or page.next_key != key:
        page = page._replace(versions=page.versions[:count], truncated=False)
    return _version_list(page)


def _version_list(page: VersionPage) -> VersionList:
    versions = zip(page.versions, page.latest[: len(page.versions)], strict=True)
    return VersionList(
        versions=[VersionModel.of(row, latest) for row, latest in versions],
        continuation=encode_continuation(page.next_key, page.next_version) if page.truncated else None,
    )


def _refuse_mixture(call: Call, allowed: set[str], with_name: str) -> None:
    """Raises InvalidRequest for parameters that would be ignored beside that one."""
    for name in call.request.query_params:
        if name not in allowed and not name.lower().startswith("x-amz-"):
            raise InvalidRequest(f"the parameter {name!r} has no meaning together with {with_name!r}")
