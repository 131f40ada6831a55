"""What the headers of a write announce about its body: length, digests, checksum, framing."""

from collections.abc import Mapping
from typing import NamedTuple

from ingest.checksums import HEADERS, decode_expected
from schemas.errors import InvalidArgument, InvalidRequest, MissingContentLength

_DECODED = "x-amz-decoded-content-length"
_NO_DIGEST = "Missing required header for this request: Content-MD5 OR x-amz-checksum-*"
_CHECKSUM_SIGNS = frozenset((*HEADERS, "x-amz-trailer", "x-amz-sdk-checksum-algorithm"))
_CHECKSUM = "x-amz-checksum-"
_CHECKSUM_HEADERS = frozenset((*HEADERS, *(_CHECKSUM + about for about in ("algorithm", "mode", "type"))))


class Announced(NamedTuple):
    """The checksum that a body promises: its algorithm, its value when a header has it, the name of the
    trailer when one will."""

    algorithm: str | None = None
    value: str | None = None
    trailer: str | None = None


NOTHING_ANNOUNCED = Announced()


def content_length(headers: Mapping[str, str]) -> int | None:
    """Content-Length in bytes, None without one. Raises InvalidArgument."""
    return _length(headers, "content-length")


def decoded_length(headers: Mapping[str, str]) -> int:
    """The length of a framed body without its framing. Raises MissingContentLength, InvalidArgument."""
    length = _length(headers, _DECODED)
    if length is None:
        raise MissingContentLength()
    return length


def announced_size(headers: Mapping[str, str]) -> int | None:
    """The bytes that a body will have without its framing, None where that is not told. A decoded length that
    is none is left to who takes the framing off: without framing it says nothing. Raises InvalidArgument."""
    decoded = headers.get(_DECODED, "")
    return int(decoded) if _is_length(decoded) else content_length(headers)


def _is_length(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18


def _length(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name)
    if text is None:
        return None
    if not _is_length(text):
        raise InvalidArgument(f"{name} must be a number of bytes", ArgumentName=name, ArgumentValue=text)
    return int(text)


def announced_checksum(headers: Mapping[str, str]) -> Announced:
    """The checksum that the body promises. Raises InvalidRequest when the headers contradict each other, or
    have one of an unknown algorithm."""
    if _CHECKSUM in " ".join(headers):  # joined: every write comes by here, and a loop takes thrice as long
        _check_algorithms(headers)
    if _CHECKSUM_SIGNS.isdisjoint(headers):
        return NOTHING_ANNOUNCED
    given = [name for name in HEADERS if name in headers]
    trailer = _trailer(headers)
    if len(given) + (trailer is not None) > 1:
        raise InvalidRequest(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    header = trailer or (given[0] if given else None)
    wanted = headers.get("x-amz-sdk-checksum-algorithm")
    if header is None:
        if wanted:
            raise InvalidRequest(
                "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or "
                "x-amz-trailer headers were found."
            )
        return NOTHING_ANNOUNCED
    algorithm = HEADERS[header]
    if wanted and wanted.upper() != algorithm:
        raise InvalidRequest("Value for x-amz-sdk-checksum-algorithm header is invalid.")
    if trailer:
        return Announced(algorithm, None, trailer)
    decode_expected(algorithm, headers[header])
    return Announced(algorithm, headers[header])


def _check_algorithms(headers: Mapping[str, str]) -> None:
    for name in headers:
        if name.startswith(_CHECKSUM) and name not in _CHECKSUM_HEADERS:
            raise InvalidRequest("The algorithm type you specified in x-amz-checksum- header is invalid.")


def require_digest(headers: Mapping[str, str], message: str = _NO_DIGEST) -> None:
    """S3 wants proof that certain documents arrived whole. Raises InvalidRequest without any."""
    if "content-md5" not in headers and _CHECKSUM_SIGNS.isdisjoint(headers):
        raise InvalidRequest(message)


def _trailer(headers: Mapping[str, str]) -> str | None:
    text = headers.get("x-amz-trailer")
    if text is None:
        return None
    name = text.strip().lower()
    if name not in HEADERS:
        raise InvalidRequest("The value specified in the x-amz-trailer header is not supported")
    return name
