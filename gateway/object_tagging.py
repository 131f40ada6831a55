"""GetObjectTagging, PutObjectTagging, DeleteObjectTagging: the tags of an object or of one version of it."""

from gateway.authorization.authorizer import ask_about_body
from gateway.body import whole
from gateway.get_object import find_named, version_parameter
from gateway.object_headers import XML_TYPE, Headers
from gateway.payload_headers import require_digest
from gateway.request import Request, Response
from gateway.tags import parse_tagging, tagging_document
from schemas.rows import Bucket

BODY_LIMIT = 64 * 1024  # bytes: ten tags, every character of them written as a reference


async def get_object_tagging(request: Request) -> Response:
    """GetObjectTagging."""
    reader = request.services.reader
    bucket = await reader.bucket(request.bucket)
    version = await find_named(request, bucket)
    headers = [XML_TYPE, *_version_header(bucket, version.version)]
    return Response(200, headers, tagging_document(version.attributes.tags))


async def put_object_tagging(request: Request) -> Response:
    """PutObjectTagging: these tags and no others."""
    require_digest(request.headers)
    bucket = await request.services.reader.bucket(request.bucket)
    tags = parse_tagging(await whole(request, BODY_LIMIT))
    await ask_about_body(request, tags=tags)
    return Response(200, await _set(request, bucket, tags))


async def delete_object_tagging(request: Request) -> Response:
    """DeleteObjectTagging: 204, also when there were none."""
    bucket = await request.services.reader.bucket(request.bucket)
    return Response(204, await _set(request, bucket, {}))


async def _set(request: Request, bucket: Bucket, tags: dict[str, str]) -> Headers:
    named = version_parameter(request.query)
    # Looked up first for its errors, which tell more than those of apply.
    await request.services.reader.find(bucket, request.key, named)
    version = await request.services.producer.set_tags(bucket, request.key, tags, request.origin(), named)
    return _version_header(bucket, version)


def _version_header(bucket: Bucket, version: str) -> Headers:
    return [] if bucket.versioning == "unversioned" else [("x-amz-version-id", version)]


HANDLERS = {
    "DeleteObjectTagging": delete_object_tagging,
    "GetObjectTagging": get_object_tagging,
    "PutObjectTagging": put_object_tagging,
}
