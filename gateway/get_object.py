"""GetObject and HeadObject: from a request to `query`, and the answer's headers.

The measured path. A plain request does one disjointness test over its headers and builds one list.
"""

import re
from collections.abc import Mapping

from gateway.archived import check_readable
from gateway.checksums import CHECKSUM_HEADERS, CHECKSUM_TYPE, checksum_headers
from gateway.conditions import CONDITIONAL, check_read, same_state
from gateway.encryption import check_read_key, unlock
from gateway.object_headers import (
    Headers,
    unchanged_headers,
    version_headers,
)
from gateway.ranges import ByteRange, parse_range
from gateway.request import Request, Response
from query.reader import Reader
from schemas.errors import InvalidArgument, InvalidRequest
from schemas.rows import Bucket, ObjectVersion

_UNSENDABLE = re.compile(r"[^\x20-\x7e\xa0-\xff]")

WHOLE_LIMIT = 1024**2  # bytes; up to here the body is read at once, above it is streamed

# response-… parameters and the header that each of them overrides.
OVERRIDES = {
    f"response-{name}": name
    for name in (
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-type",
        "expires",
    )
}

_SPECIAL_HEADERS = frozenset((*CONDITIONAL, "range"))  # if-range means nothing without range
_SPECIAL_PARAMETERS = frozenset(("partNumber", *OVERRIDES))


async def get_object(request: Request) -> Response:
    """GetObject."""
    reader = request.services.reader
    bucket = reader.known_bucket(request.bucket) or await reader.bucket(request.bucket)
    version = await find_named(request, bucket)
    if version.attributes.storage_class != "STANDARD":
        check_readable(version)
    if version.attributes.encryption is not None or request.encryption is not None:
        version = await unlock(request, version)
    if _special(request):
        return await _special_answer(request, bucket, version)
    size = version.size
    headers = version_headers(bucket, version, size, request.encryption)
    if version.checksum is not None and "x-amz-checksum-mode" in request.headers:
        _add_checksum(request.headers, version, headers)
    if size <= WHOLE_LIMIT:
        return Response(200, headers, await reader.read(version, 0, size) if size else b"")
    return Response(200, headers, reader.lend(version, 0, size))


async def head_object(request: Request) -> Response:
    """HeadObject: the headers of GetObject without its body."""
    reader = request.services.reader
    bucket = reader.known_bucket(request.bucket) or await reader.bucket(request.bucket)
    version = await find_named(request, bucket)
    if version.attributes.encryption is not None or request.encryption is not None:
        check_read_key(version.attributes.encryption, request.encryption)
    if _special(request):
        return await _special_answer(request, bucket, version)
    headers = version_headers(bucket, version, version.size, request.encryption)
    if version.checksum is not None and "x-amz-checksum-mode" in request.headers:
        _add_checksum(request.headers, version, headers)
    return Response(200, headers)


async def find_named(request: Request, bucket: Bucket) -> ObjectVersion:
    """The object or the version that a request to read it names: the one that was looked up to decide that it
    may be read, if it was. Raises NoSuchKey, NoSuchVersion, MethodNotAllowed, InvalidArgument."""
    query = request.query
    if query and "partNumber" in query:
        part_number(query["partNumber"])  # refused whether or not there is such an object
    if request.found is not None:
        return request.found
    reader = request.services.reader
    if query and "versionId" in query:
        return await reader.find(bucket, request.key, version_parameter(query))
    return await reader.find(bucket, request.key)


def version_parameter(query: Mapping[str, str]) -> str | None:
    """The version a request names, None when it names none. Raises InvalidArgument when it is empty."""
    version = query.get("versionId")
    if version == "":
        raise InvalidArgument(
            "Version id cannot be the empty string", ArgumentName="versionId", ArgumentValue=""
        )
    return version


def _special(request: Request) -> bool:
    """Whether anything is asked for beyond the whole object as it is."""
    query = request.query
    return not _SPECIAL_HEADERS.isdisjoint(request.headers) or (
        bool(query) and not _SPECIAL_PARAMETERS.isdisjoint(query)
    )


def _wants_checksum(headers: Mapping[str, str]) -> bool:
    return headers.get("x-amz-checksum-mode", "").upper() == "ENABLED"


def _add_checksum(asked: Mapping[str, str], version: ObjectVersion, headers: Headers) -> None:
    if version.checksum is not None and _wants_checksum(asked):
        headers.extend(checksum_headers(version.checksum))


# --- conditions, ranges, parts, overrides --------------------------------------------------------------
async def _special_answer(request: Request, bucket: Bucket, version: ObjectVersion) -> Response:
    """The answer to a request that asks for a part, a range, a condition or other headers."""
    overrides = _overrides(request)
    if not check_read(request.headers, version.etag, version.created_at):
        return Response(304, unchanged_headers(bucket, version))
    piece, count = await _piece(request, version)
    start, length = piece or (0, version.size)
    headers = version_headers(bucket, version, length, request.encryption)
    if piece is not None:
        headers.append(("content-range", f"bytes {start}-{start + length - 1}/{version.size}"))
    if count:
        headers.append(("x-amz-mp-parts-count", str(count)))
    if _wants_checksum(request.headers):
        headers.extend(await _piece_checksum(request.services.reader, version, start, length))
    if overrides:
        headers = [pair for pair in headers if pair[0] not in overrides]
        headers.extend(overrides.items())
    status = 200 if piece is None else 206
    if request.method == "HEAD" or not length:
        return Response(status, headers)
    reader = request.services.reader
    if length <= WHOLE_LIMIT:
        return Response(status, headers, await reader.read(version, start, length))
    return Response(status, headers, reader.lend(version, start, length))


async def _piece(request: Request, version: ObjectVersion) -> tuple[ByteRange | None, int]:
    """The range or part asked for, if any, and how many parts there are (0: not uploaded in parts)."""
    number = request.query.get("partNumber")
    if number is None:
        return _range(request, version), 0
    if "range" in request.headers:
        raise InvalidRequest("Cannot specify both Range header and partNumber query parameter")
    reader = request.services.reader
    start, length, count = await reader.part_range(version, part_number(number))
    return (ByteRange(start, length) if length else None), count


def _range(request: Request, version: ObjectVersion) -> ByteRange | None:
    """The range asked for, unless If-Range names another state of the object (RFC 9110 §13.1.5)."""
    wanted = request.headers.get("range")
    if wanted is None:
        return None
    since = request.headers.get("if-range")
    if since is not None and not same_state(since, version.etag, version.created_at):
        return None
    return parse_range(wanted, version.size)


def part_number(text: str) -> int:
    """A part number, 1 to 10,000. Raises InvalidArgument."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0
    if not 1 <= number <= 10_000:
        raise InvalidArgument(
            "Part number must be an integer between 1 and 10000, inclusive",
            ArgumentName="partNumber",
            ArgumentValue=text,
        )
    return number


async def _piece_checksum(reader: Reader, version: ObjectVersion, start: int, length: int) -> Headers:
    """The checksum of exactly these bytes, if it is known: of the whole object, or of one of its parts."""
    checksum = version.checksum
    if checksum is None:
        return []
    if length == version.size:
        return checksum_headers(checksum)
    offset = 0
    for part in await reader.part_infos(version):
        if offset == start and part.size == length and part.checksum:
            return [(CHECKSUM_HEADERS[checksum.algorithm], part.checksum), (CHECKSUM_TYPE, checksum.type)]
        if offset >= start:
            break
        offset += part.size
    return []


def _overrides(request: Request) -> dict[str, str]:
    """Headers that the request sets for its own answer. Raises InvalidRequest for an unsigned request and
    InvalidArgument for a value that no header can carry."""
    query = request.query
    if not query:
        return {}
    overrides = {name: query[parameter] for parameter, name in OVERRIDES.items() if parameter in query}
    if overrides and not request.principal.access_key:
        raise InvalidRequest("Request specific response headers cannot be used for anonymous GET requests.")
    for name, value in overrides.items():
        if _UNSENDABLE.search(value):
            raise InvalidArgument(
                "Header value cannot be represented using ISO-8859-1.",
                ArgumentName=f"response-{name}",
                ArgumentValue=value,
            )
    return overrides


HANDLERS = {"GetObject": get_object, "HeadObject": head_object}
