"""Listings: ListObjects (v1 and v2), ListObjectVersions, ListMultipartUploads.

Elements come in AWS's order. A page costs what it holds; nothing here sees more than one page.
"""

import re
from collections.abc import Mapping

from gateway import listing_xml as render
from gateway.archived import wants_restore_status
from gateway.continuation import decode_token, encode_token
from gateway.listing_parameters import Asked, asked
from gateway.object_headers import XML_TYPE
from gateway.request import Request, Response
from gateway.xml import document, escape
from query.pages import ObjectPage, UploadPage, VersionPage
from schemas.errors import InvalidArgument

_NO_OBJECTS = ObjectPage([], [], False, "")
_NO_VERSIONS = VersionPage([], [], [], False, "", "")
_NO_UPLOADS = UploadPage([], [], False, "", "")

# The upload itself may be gone since the page before: only its form is checked.
_UPLOAD_ID = re.compile("[0-9a-f]{32}")


async def list_objects(request: Request) -> Response:
    """ListObjects, version 1: goes on by `marker`. NextMarker is given only with a delimiter, as in S3."""
    query = request.query
    if "list-type" in query:  # "2" was told apart by the registry
        raise InvalidArgument(
            "Invalid List Type specified in Request",
            ArgumentName="list-type",
            ArgumentValue=query["list-type"],
        )
    wanted = asked(query)
    names = render.Names(wanted.url)
    marker = query.get("marker", "")
    page = await _objects(request, wanted, marker)
    following = page.truncated and wanted.delimiter
    head = (
        f"<Name>{request.bucket}</Name><Prefix>{names.one(wanted.prefix)}</Prefix>"
        f"<Marker>{names.one(marker)}</Marker>"
        + (f"<NextMarker>{names.one(page.next_marker)}</NextMarker>" if following else "")
        + f"<MaxKeys>{wanted.limit}</MaxKeys>"
    )
    body = render.contents(page.entries, names, request.principal, await _restored(request, page))
    return _answer("ListBucketResult", head, wanted, names, page.truncated, body, page.prefixes)


async def list_objects_v2(request: Request) -> Response:
    """ListObjectsV2: goes on by an opaque token; owners only with `fetch-owner=true`."""
    query = request.query
    wanted = asked(query)
    names = render.Names(wanted.url)
    token = query.get("continuation-token")
    start_after = query.get("start-after", "")
    page = await _objects(request, wanted, start_after if token is None else decode_token(token))
    head = (
        f"<Name>{request.bucket}</Name><Prefix>{names.one(wanted.prefix)}</Prefix>"
        + (f"<ContinuationToken>{token}</ContinuationToken>" if token is not None else "")
        + (
            f"<NextContinuationToken>{encode_token(page.next_marker)}</NextContinuationToken>"
            if page.truncated
            else ""
        )
        + (f"<StartAfter>{names.one(start_after)}</StartAfter>" if start_after else "")
        + f"<KeyCount>{len(page.entries) + len(page.prefixes)}</KeyCount><MaxKeys>{wanted.limit}</MaxKeys>"
    )
    owner = request.principal if query.get("fetch-owner", "").lower() == "true" else None
    body = render.contents(page.entries, names, owner, await _restored(request, page))
    return _answer("ListBucketResult", head, wanted, names, page.truncated, body, page.prefixes)


async def list_object_versions(request: Request) -> Response:
    """ListObjectVersions: versions and delete markers by key, newest first."""
    query = request.query
    wanted = asked(query)
    names = render.Names(wanted.url)
    key_marker = query.get("key-marker", "")
    version_marker = _version_marker(query)
    bucket = await request.services.reader.bucket(request.bucket)
    page = _NO_VERSIONS
    if wanted.limit:
        page = await request.services.reader.list_versions(
            bucket, wanted.prefix, wanted.delimiter, key_marker, version_marker, wanted.limit
        )
    head = (
        f"<Name>{request.bucket}</Name><Prefix>{names.one(wanted.prefix)}</Prefix>"
        f"<KeyMarker>{names.one(key_marker)}</KeyMarker>"
        f"<VersionIdMarker>{escape(version_marker)}</VersionIdMarker>"
        + (f"<NextKeyMarker>{names.one(page.next_key)}</NextKeyMarker>" if page.truncated else "")
        + (
            f"<NextVersionIdMarker>{page.next_version}</NextVersionIdMarker>"
            if page.truncated and page.next_version
            else ""
        )
        + f"<MaxKeys>{wanted.limit}</MaxKeys>"
    )
    body = render.versions(
        page.versions, page.latest, names, request.principal, wants_restore_status(request.headers)
    )
    return _answer("ListVersionsResult", head, wanted, names, page.truncated, body, page.prefixes)


def _version_marker(query: Mapping[str, str]) -> str:
    marker = query.get("version-id-marker")
    if marker == "":
        raise InvalidArgument(
            "A version-id marker cannot be empty.", ArgumentName="version-id-marker", ArgumentValue=""
        )
    if marker and not query.get("key-marker"):
        raise InvalidArgument(
            "A version-id marker cannot be specified without a key marker.",
            ArgumentName="version-id-marker",
            ArgumentValue=marker,
        )
    return marker or ""


async def list_multipart_uploads(request: Request) -> Response:
    """ListMultipartUploads: uploads in progress by key and upload id. Raises InvalidArgument."""
    query = request.query
    wanted = asked(query, "max-uploads")
    names = render.Names(wanted.url)
    key_marker = query.get("key-marker", "")
    upload_marker = query.get("upload-id-marker", "")
    if key_marker and upload_marker and not _UPLOAD_ID.fullmatch(upload_marker):
        raise InvalidArgument(
            "Invalid uploadId marker", ArgumentName="upload-id-marker", ArgumentValue=upload_marker
        )
    bucket = await request.services.reader.bucket(request.bucket)
    page = _NO_UPLOADS
    if wanted.limit:
        page = await request.services.reader.list_uploads(
            bucket, wanted.prefix, wanted.delimiter, key_marker, upload_marker, wanted.limit
        )
    head = (
        f"<Bucket>{request.bucket}</Bucket><KeyMarker>{names.one(key_marker)}</KeyMarker>"
        f"<UploadIdMarker>{escape(upload_marker)}</UploadIdMarker>"
        f"<NextKeyMarker>{names.one(page.next_key)}</NextKeyMarker>"
        f"<NextUploadIdMarker>{escape(page.next_upload)}</NextUploadIdMarker>"
        f"<Prefix>{names.one(wanted.prefix)}</Prefix><MaxUploads>{wanted.limit}</MaxUploads>"
    )
    body = render.uploads(page.uploads, names, request.principal)
    return _answer("ListMultipartUploadsResult", head, wanted, names, page.truncated, body, page.prefixes)


async def _objects(request: Request, wanted: Asked, after: str) -> ObjectPage:
    reader = request.services.reader
    bucket = await reader.bucket(request.bucket)
    if not wanted.limit:
        return _NO_OBJECTS
    return await reader.list_objects(bucket, wanted.prefix, wanted.delimiter, after, wanted.limit)


async def _restored(request: Request, page: ObjectPage) -> Mapping[str, int]:
    """Until when the archived objects of the page can be read, if the request asks for it."""
    if not wants_restore_status(request.headers):
        return {}
    reader = request.services.reader
    return await reader.restored(await reader.bucket(request.bucket), page.entries)


def _answer(
    root: str, head: str, wanted: Asked, names: render.Names, truncated: bool, rows: str, prefixes: list[str]
) -> Response:
    content = (
        head
        + (f"<Delimiter>{names.one(wanted.delimiter)}</Delimiter>" if wanted.delimiter else "")
        + ("<EncodingType>url</EncodingType>" if wanted.url else "")
        + f"<IsTruncated>{'true' if truncated else 'false'}</IsTruncated>"
        + rows
        + (render.common_prefixes(prefixes, names) if prefixes else "")
    )
    return Response(200, [XML_TYPE], document(root, content))


HANDLERS = {
    "ListMultipartUploads": list_multipart_uploads,
    "ListObjectVersions": list_object_versions,
    "ListObjects": list_objects,
    "ListObjectsV2": list_objects_v2,
}
