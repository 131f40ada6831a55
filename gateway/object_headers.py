"""An object's attributes as HTTP headers, in and out."""

import re
from base64 import b64decode, b64encode
from binascii import a2b_qp
from collections.abc import Mapping

from gateway.archived import restore_header
from gateway.dates import http_date
from gateway.encryption_headers import ENCRYPTED, Asked, encryption_headers
from gateway.object_lock_headers import lock_headers
from gateway.tags import tags_of
from schemas.errors import InvalidRedirectLocation, InvalidStorageClass, MetadataTooLarge
from schemas.rows import Attributes, Bucket, Encryption, Grant, ObjectLock, ObjectVersion

METADATA_LIMIT = 2048  # bytes of UTF-8, names (without prefix) and values together
REDIRECT_LIMIT = 2048  # characters
META_PREFIX = "x-amz-meta-"

# Of HTTP itself: kept with the object and given back.
STANDARD_HEADERS = (
    "content-type",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
)
SYSTEM_HEADERS = frozenset({*STANDARD_HEADERS, "x-amz-website-redirect-location"})

# Those of the model's enum that a general purpose bucket takes; the rest belong to other products.
STORAGE_CLASSES = frozenset(
    {
        "STANDARD",
        "REDUCED_REDUNDANCY",
        "STANDARD_IA",
        "ONEZONE_IA",
        "INTELLIGENT_TIERING",
        "GLACIER",
        "DEEP_ARCHIVE",
        "GLACIER_IR",
    }
)

_DEFAULT_TYPE = ("content-type", "binary/octet-stream")
_ACCEPT_RANGES = ("accept-ranges", "bytes")
XML_TYPE = ("content-type", "application/xml")
DELETE_MARKER = ("x-amz-delete-marker", "true")

# RFC 2047 §2, in the charsets that every client can be expected to mean; blanks between two words go.
_WORD = r"=\?(?:utf-8|iso-8859-1|us-ascii)\?[bq]\?[^? ]*\?="
_WORDS = re.compile(
    rf"=\?(utf-8|iso-8859-1|us-ascii)\?([bq])\?([^? ]*)\?=(?:[ \t]+(?={_WORD}))?", re.IGNORECASE
)

Headers = list[tuple[str, str]]


# --- in ------------------------------------------------------------------------------------------------
def attributes_of(
    headers: Mapping[str, str],
    acl: tuple[Grant, ...] | None = None,
    lock: ObjectLock | None = None,
    encryption: Encryption | None = None,
) -> Attributes:
    """What the headers of a write say about the object, with the ACL, the lock and the encryption that they
    were found to ask for.

    Raises MetadataTooLarge, InvalidStorageClass, InvalidRedirectLocation, and for
    tags InvalidArgument, InvalidTag, TooManyTags.
    """
    system: dict[str, str] = {}
    metadata: dict[str, str] = {}
    for name, value in headers.items():
        if name in SYSTEM_HEADERS:
            system[name] = value
        elif name.startswith("x-amz-meta-"):
            metadata[name[11:]] = decode_words(value) if "=?" in value else value
    if "content-encoding" in system:
        _strip_framing(system)
    if "x-amz-website-redirect-location" in system:
        _check_redirect(system["x-amz-website-redirect-location"])
    if metadata:
        check_metadata(metadata)
    return Attributes(system, metadata, storage_class_of(headers), tags_of(headers), acl, lock, encryption)


def storage_class_of(headers: Mapping[str, str]) -> str:
    """The storage class asked for; STANDARD when none is. Raises InvalidStorageClass."""
    name = headers.get("x-amz-storage-class", "STANDARD")
    if name not in STORAGE_CLASSES:
        raise InvalidStorageClass("The storage class you specified is not valid", StorageClassRequested=name)
    return name


def _strip_framing(system: dict[str, str]) -> None:
    """Drop `aws-chunked`: it tells how the body was framed on the wire, not how the object is encoded."""
    encodings = [item.strip() for item in system["content-encoding"].split(",")]
    kept = ",".join(item for item in encodings if item and item.lower() != "aws-chunked")
    if kept:
        system["content-encoding"] = kept
    else:
        del system["content-encoding"]


def _check_redirect(location: str) -> None:
    """Source: Amazon S3 API reference, PutObject."""
    if not location.startswith(("/", "http://", "https://")):
        raise InvalidRedirectLocation(
            "The website redirect location must have a prefix of 'http://' or 'https://' or '/'."
        )
    if len(location) > REDIRECT_LIMIT:
        raise InvalidRedirectLocation(
            f"The website redirect location has a maximum length of {REDIRECT_LIMIT} characters."
        )


def check_metadata(metadata: Mapping[str, str]) -> None:
    """Raises MetadataTooLarge."""
    size = sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
    if size > METADATA_LIMIT:
        raise MetadataTooLarge(
            "Your metadata headers exceed the maximum allowed metadata size",
            Size=str(size),
            MaxSizeAllowed=str(METADATA_LIMIT),
        )


def decode_words(value: str) -> str:
    """The text of a value with RFC 2047 encoded words; the value itself when one of them cannot be read."""
    try:
        return _WORDS.sub(_decode_word, value)
    except ValueError:
        return value


def _decode_word(match: re.Match[str]) -> str:
    charset, encoding, text = match.groups()
    data = b64decode(text, validate=True) if encoding in "Bb" else a2b_qp(text, header=True)
    return data.decode(charset)


def encode_word(value: str) -> str:
    """A metadata value as a header: itself when printable ASCII, else one RFC 2047 encoded word."""
    if value.isascii() and value.isprintable():
        return value
    return f"=?UTF-8?B?{b64encode(value.encode()).decode()}?="


# --- out -----------------------------------------------------------------------------------------------
def version_headers(
    bucket: Bucket, version: ObjectVersion, length: int, asked: Asked | None = None
) -> Headers:
    """The headers of GET and HEAD, for a body of `length` bytes, to a request that brings a key or not."""
    attributes = version.attributes
    headers = [
        ("content-length", str(length)),
        ("etag", f'"{version.etag}"'),
        ("last-modified", http_date(version.created_at)),
        _ACCEPT_RANGES,
    ]
    if attributes.encryption is None:
        headers.append(ENCRYPTED)
    else:
        headers += encryption_headers(attributes.encryption, asked)
    system = attributes.headers
    if system:
        headers.extend(system.items())
    if "content-type" not in system:
        headers.append(_DEFAULT_TYPE)
    if attributes.metadata:
        for name, value in attributes.metadata.items():
            headers.append((META_PREFIX + name, encode_word(value)))
    if bucket.versioning != "unversioned":
        headers.append(("x-amz-version-id", version.version))
    if attributes.tags:
        headers.append(("x-amz-tagging-count", str(len(attributes.tags))))
    if attributes.lock is not None:
        headers.extend(lock_headers(attributes.lock))
    if attributes.storage_class != "STANDARD":
        headers.append(("x-amz-storage-class", attributes.storage_class))
        headers.extend(restore_header(version))
    return headers


def quoted(etag: str) -> str:
    """An ETag as S3 writes it."""
    return f'"{etag}"'


def unchanged_headers(bucket: Bucket, version: ObjectVersion) -> Headers:
    """The headers of a 304: what RFC 9110 §15.4.5 asks for, of what the 200 would have had."""
    headers = [("etag", f'"{version.etag}"'), ("last-modified", http_date(version.created_at))]
    system = version.attributes.headers
    headers.extend((name, system[name]) for name in ("cache-control", "expires") if name in system)
    if bucket.versioning != "unversioned":
        headers.append(("x-amz-version-id", version.version))
    return headers


def write_headers(
    bucket: Bucket, version: str, encryption: Encryption | None = None, asked: Asked | None = None
) -> Headers:
    """The headers that every answer to a write has: encryption and, where there are versions, its id."""
    headers = encryption_headers(encryption, asked)
    if bucket.versioning != "unversioned" or version != "null":
        headers.append(("x-amz-version-id", version))
    return headers
