"""Checksums as S3 writes them: header names, XML elements, the algorithms of botocore's model."""

from collections.abc import Mapping
from typing import Literal

from gateway.xml import Element
from schemas.errors import InvalidArgument, InvalidRequest
from schemas.rows import Checksum

ALGORITHMS = (
    "CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128",
)  # fmt: skip
CHECKSUM_HEADERS = {name: f"x-amz-checksum-{name.lower()}" for name in ALGORITHMS}
CHECKSUM_ELEMENTS = {name: f"Checksum{name}" for name in ALGORITHMS}
CHECKSUM_TYPE = "x-amz-checksum-type"

ChecksumType = Literal["COMPOSITE", "FULL_OBJECT"]
_TYPES: dict[str, ChecksumType] = {"COMPOSITE": "COMPOSITE", "FULL_OBJECT": "FULL_OBJECT"}

_BY_HEADER = {header: name for name, header in CHECKSUM_HEADERS.items()}
_BY_ELEMENT = {element: name for name, element in CHECKSUM_ELEMENTS.items()}


def checksum_headers(checksum: Checksum) -> list[tuple[str, str]]:
    """Value and type of a stored checksum."""
    return [(CHECKSUM_HEADERS[checksum.algorithm], checksum.value), (CHECKSUM_TYPE, checksum.type)]


def value_element(checksum: Checksum | None) -> str:
    """`<ChecksumCRC32>…</ChecksumCRC32>`, or nothing. Base64 needs no escaping."""
    if checksum is None:
        return ""
    name = CHECKSUM_ELEMENTS[checksum.algorithm]
    return f"<{name}>{checksum.value}</{name}>"


def type_element(checksum: Checksum | None) -> str:
    """`<ChecksumType>…</ChecksumType>`, or nothing."""
    return "" if checksum is None else f"<ChecksumType>{checksum.type}</ChecksumType>"


def announced(headers: Mapping[str, str]) -> tuple[str, str] | None:
    """Algorithm and value of the one checksum header of a request. Raises InvalidRequest for several."""
    found = [(name, headers[header]) for header, name in _BY_HEADER.items() if header in headers]
    if len(found) > 1:
        raise InvalidRequest(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    return found[0] if found else None


def announced_in(element: Element) -> tuple[str, str] | None:
    """Algorithm and value of the one checksum among an element's children. Raises InvalidArgument."""
    found = [(_BY_ELEMENT[child.name], child.text) for child in element.children if child.name in _BY_ELEMENT]
    if len(found) > 1:
        raise InvalidArgument(
            "Invalid Base64 or multiple checksums present in request", ArgumentName="Checksum"
        )
    return found[0] if found else None


def algorithm_asked(headers: Mapping[str, str]) -> str | None:
    """The algorithm of `x-amz-checksum-algorithm`, in any case. Raises InvalidRequest."""
    text = headers.get("x-amz-checksum-algorithm")
    if text is None:
        return None
    name = text.strip().upper()
    if name not in CHECKSUM_HEADERS:
        raise InvalidRequest(
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
            f"[{', '.join(ALGORITHMS)}]"
        )
    return name


def type_asked(headers: Mapping[str, str]) -> ChecksumType | None:
    """COMPOSITE or FULL_OBJECT from `x-amz-checksum-type`, in any case. Raises InvalidRequest."""
    text = headers.get(CHECKSUM_TYPE)
    if text is None:
        return None
    kind = _TYPES.get(text.strip().upper())
    if kind is None:
        raise InvalidRequest("Value for x-amz-checksum-type header is invalid.")
    return kind
