"""GET and HEAD of an object: conditions, one range, the bytes."""

from collections.abc import AsyncIterator
from contextlib import aclosing

from starlette.responses import Response, StreamingResponse

from access.kms_envelope import Place
from gateway.archived import check_readable
from gateway.conditions import check_read, same_state
from gateway.encryption import check_key_given, object_key
from gateway.ranges import ByteRange, parse_range
from gateway.rest.call import Call
from gateway.rest.object_headers import VERSION, Headers, raw, validators, version_headers
from schemas.errors import InvalidArgument, NoSuchKey, NoSuchVersion
from schemas.rows import Bucket, Encryption, ObjectVersion

WHOLE_LIMIT = 1024**2  # bytes; up to here the body is read at once, above it is streamed


async def read_object(call: Call, bucket: Bucket, key: str, version: str | None) -> Response:
    """The answer to GET or HEAD. Raises NoSuchKey, NoSuchVersion, PreconditionFailed, InvalidRange …"""
    if version == "":
        raise InvalidArgument("the parameter 'version' is empty; leave it out for the newest")
    found = call.asked.found or await _find(call, bucket, key, version)
    if call.request.method != "HEAD":
        check_readable(found)
    if found.attributes.encryption is not None:
        found = await _unlocked(call, bucket, found, found.attributes.encryption)
    if not check_read(call.headers, found.etag, found.created_at):
        return _with_headers(Response(status_code=304), [*validators(found), (VERSION, found.version)])
    wanted = _range(call, found)
    start, length = wanted or (0, found.size)
    headers = version_headers(found, length)
    if wanted is not None:
        headers.append(("content-range", f"bytes {start}-{start + length - 1}/{found.size}"))
    status = 200 if wanted is None else 206
    if call.request.method == "HEAD" or not length:
        return _with_headers(Response(status_code=status), headers)
    throttle = call.asked.throttle
    if length <= WHOLE_LIMIT:
        if throttle is not None:
            throttle.sent(length)
        return _with_headers(Response(await call.reader.read(found, start, length), status), headers)
    chunks = call.reader.stream(found, start, length)
    # Bytes that fail their check must turn the whole answer into an error while they can.
    first = await anext(chunks, b"")
    body = _resumed(first, chunks) if throttle is None else throttle.paced(first, chunks)
    return _with_headers(StreamingResponse(body, status), headers)


async def _unlocked(
    call: Call, bucket: Bucket, version: ObjectVersion, encryption: Encryption
) -> ObjectVersion:
    """What a key of the KMS protects; there is no way to bring one's own key here."""
    check_key_given(encryption, None)
    place = Place(bucket.name, version.key)
    return await call.reader.unlock(version, object_key(call.asked, encryption, None, place))


async def _find(call: Call, bucket: Bucket, key: str, version: str | None) -> ObjectVersion:
    """The object; that there is none is told to those who may list the bucket."""
    try:
        return await call.reader.find(bucket, key, version)
    except (NoSuchKey, NoSuchVersion):
        if call.reading is not None:
            await call.reading.require_list()
        raise


async def _resumed(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async with aclosing(rest):  # type: ignore[type-var]  # the port promises an iterator; ours can be closed
        yield first
        async for chunk in rest:
            yield chunk


def _range(call: Call, version: ObjectVersion) -> ByteRange | None:
    header = call.headers.get("range")
    since = call.headers.get("if-range")
    if header is None or (since is not None and not same_state(since, version.etag, version.created_at)):
        return None
    return parse_range(header, version.size)


def _with_headers(response: Response, headers: Headers) -> Response:
    """The framework's own headers are Latin-1 and know nothing of HEAD; these replace them."""
    response.raw_headers = raw(headers)
    return response
