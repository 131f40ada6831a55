"""Byte ranges: `Range` of GET and HEAD, `x-amz-copy-source-range` of UploadPartCopy."""

import re
from typing import NamedTuple

from schemas.errors import InvalidArgument, InvalidRange

_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)")
_COPY_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]+)")
_BEYOND = 1 << 63  # larger than any object; a longer number would cost time to convert


class ByteRange(NamedTuple):
    """`length` bytes from `start`; never empty, always inside the object."""

    start: int
    length: int


def _position(digits: str) -> int:
    if len(digits) > 18:
        digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= 18 else _BEYOND


def parse_range(header: str, size: int) -> ByteRange | None:
    """The range asked of an object of `size` bytes; None for what S3 ignores and answers with the whole
    object: another unit, several ranges, a malformed range, one that ends before it begins, the last bytes of
    an empty object.

    Raises InvalidRange when no byte of the object lies in it (RFC 9110 §14.1.2).
    """
    match = _RANGE.fullmatch(header)
    if match is None:
        return None
    first, last = match.groups()
    if not first:
        return _suffix(header, last, size) if last else None
    start = _position(first)
    end = _position(last) if last else _BEYOND
    if end < start:
        return None
    if start >= size:
        raise unsatisfiable(header, size)
    return ByteRange(start, min(end, size - 1) - start + 1)


def _suffix(header: str, digits: str, size: int) -> ByteRange | None:
    length = min(_position(digits), size)
    if length == 0:
        if _position(digits):
            return None  # the last bytes of an empty object are the whole of it
        raise unsatisfiable(header, size)
    return ByteRange(size - length, length)


def unsatisfiable(header: str, size: int) -> InvalidRange:
    """The error of a range without a byte."""
    return InvalidRange(
        "The requested range is not satisfiable", RangeRequested=header, ActualObjectSize=str(size)
    )


def parse_copy_range(header: str, size: int) -> ByteRange:
    """The range of a source to be copied: strict, both ends given and inside the source.

    Raises InvalidArgument.
    """
    match = _COPY_RANGE.fullmatch(header)
    first, last = (_position(match[1]), _position(match[2])) if match else (1, 0)
    if first > last:
        raise InvalidArgument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last "
            "are the zero-based offsets of the first and last bytes to copy",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=header,
        )
    if last >= size:
        raise InvalidArgument(
            f"Range specified is not valid for source object of size: {size}",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=header,
        )
    return ByteRange(first, last - first + 1)
