"""An object's attributes as headers of the REST API, in and out."""

from collections.abc import Mapping

from gateway.dates import http_date
from gateway.object_headers import STANDARD_HEADERS, STORAGE_CLASSES, check_metadata
from ingest.checksums import ALGORITHMS
from schemas.errors import InvalidArgument, InvalidStorageClass
from schemas.rows import Attributes, Checksum, ObjectVersion

META_PREFIX = "x-meta-"
STORAGE_CLASS = "x-storage-class"
CHECKSUM = "x-checksum"
VERSION = "x-version"

# Those that SigV4 itself needs. Every other x-amz- header asks for something that only the S3 port does.
SIGNING_HEADERS = frozenset({"x-amz-date", "x-amz-content-sha256", "x-amz-security-token"})

Headers = list[tuple[str, str]]


def attributes_of(headers: Mapping[str, str]) -> Attributes:
    """What the headers of a PUT say about the object.

    Raises InvalidArgument (an x-amz- header), MetadataTooLarge, InvalidStorageClass.
    """
    refuse_s3_headers(headers)
    system = {name: headers[name] for name in STANDARD_HEADERS if name in headers}
    metadata = {
        name.removeprefix(META_PREFIX): value
        for name, value in headers.items()
        if name.startswith(META_PREFIX)
    }
    check_metadata(metadata)
    storage_class = headers.get(STORAGE_CLASS, "STANDARD")
    if storage_class not in STORAGE_CLASSES:
        known = ", ".join(sorted(STORAGE_CLASSES))
        raise InvalidStorageClass(f"{STORAGE_CLASS} is {storage_class!r}; it can be one of {known}")
    return Attributes(system, metadata, storage_class)


def refuse_s3_headers(headers: Mapping[str, str]) -> None:
    """Raises InvalidArgument for a header that would be ignored though it asks for something."""
    for name in headers:
        if name.startswith("x-amz-") and name not in SIGNING_HEADERS:
            raise InvalidArgument(
                f"the header {name} belongs to the S3 port; the REST API takes x-meta-NAME, "
                f"{STORAGE_CLASS} and {CHECKSUM}"
            )


def announced_checksum(headers: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Algorithm and base64 value of `x-checksum: CRC32C=…`. Raises InvalidArgument for another form."""
    text = headers.get(CHECKSUM)
    if text is None:
        return None, None
    algorithm, equals, value = text.strip().partition("=")
    if algorithm.upper() not in ALGORITHMS or not equals:
        raise InvalidArgument(
            f"{CHECKSUM} is {text!r}; it is ALGORITHM=BASE64 with one of {', '.join(ALGORITHMS)}"
        )
    return algorithm.upper(), value


def version_headers(version: ObjectVersion, length: int) -> Headers:
    """The headers of GET and HEAD, for a body of `length` bytes."""
    attributes = version.attributes
    headers = [
        ("content-length", str(length)),
        ("accept-ranges", "bytes"),
        (VERSION, version.version),
        *validators(version),
    ]
    headers.extend((name, value) for name, value in attributes.headers.items() if name in STANDARD_HEADERS)
    if "content-type" not in attributes.headers:
        headers.append(("content-type", "application/octet-stream"))
    headers.extend((META_PREFIX + name, value) for name, value in attributes.metadata.items())
    if attributes.storage_class != "STANDARD":
        headers.append((STORAGE_CLASS, attributes.storage_class))
    if version.checksum is not None:
        headers.append((CHECKSUM, checksum_text(version.checksum)))
    return headers


def checksum_text(checksum: Checksum) -> str:
    """The form of `x-checksum`."""
    return f"{checksum.algorithm}={checksum.value}"


def validators(version: ObjectVersion) -> Headers:
    """What a client's copy can be compared with; all that a 304 has."""
    return [("etag", f'"{version.etag}"'), ("last-modified", http_date(version.created_at))]


def raw(headers: Headers) -> list[tuple[bytes, bytes]]:
    """As they go over the wire: UTF-8, since metadata may hold any text; control characters become "?"."""
    return [(name.encode(), _printable(value).encode()) for name, value in headers]


def _printable(value: str) -> str:
    if value.isprintable():
        return value
    return "".join("?" if (ord(c) < 0x20 and c != "\t") or c == "\x7f" else c for c in value)
