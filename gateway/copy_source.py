"""The header `x-amz-copy-source`: which object, and which version of it, a copy reads."""

import re
import time
from typing import NamedTuple
from urllib.parse import unquote, unquote_plus

from gateway.conditions import check_copy_source
from gateway.encryption import unlock_source
from gateway.request import Request
from schemas.archive import is_archived, is_restored
from schemas.errors import (
    AccessDenied,
    InvalidArgument,
    InvalidRequest,
    MethodNotAllowed,
    NoSuchKey,
    SourceArchived,
)
from schemas.rows import Bucket, ObjectVersion

KEY_LIMIT = 1024  # bytes of UTF-8
COPY_LIMIT = 5 * 1024**3  # bytes that one CopyObject or UploadPartCopy may copy

_VERSION = "?versionId="
_BAD_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")


class CopySource(NamedTuple):
    """Decoded names; `version` None for the object's current version."""

    bucket: str
    key: str
    version: str | None


def parse_copy_source(header: str) -> CopySource:
    """Bucket, key and version of `/bucket/key?versionId=id`, URL-encoded, the first slash optional.

    A plus is a space, as S3 reads it (aws/aws-cli#614): some clients write spaces so, and a plus as %2B.
    Raises InvalidArgument.
    """
    path, mark, version = header.partition(_VERSION)
    if _BAD_ESCAPE.search(path):
        raise _invalid("Invalid copy source encoding", header)
    try:
        decoded = unquote_plus(path, errors="strict")
    except UnicodeDecodeError:
        raise _invalid("Invalid copy source encoding", header) from None
    bucket, _, key = decoded.removeprefix("/").partition("/")
    if not bucket or not key:
        raise _invalid("Copy Source must mention the source bucket and key: sourcebucket/sourcekey", header)
    if not _BUCKET.fullmatch(bucket):
        raise _invalid("Invalid copy source bucket name", header)
    if len(key.encode(errors="surrogatepass")) > KEY_LIMIT:
        raise _invalid("Invalid copy source object key", header)
    if mark and not version:
        raise InvalidArgument(
            "Version id cannot be the empty string", ArgumentName="versionId", ArgumentValue=""
        )
    return CopySource(bucket, key, unquote(version) if mark else None)


def _invalid(message: str, header: str) -> InvalidArgument:
    return InvalidArgument(message, ArgumentName="x-amz-copy-source", ArgumentValue=header)


async def find_source(request: Request) -> tuple[Bucket, ObjectVersion, CopySource]:
    """The object to be copied, its conditions checked, and as it can be read.

    Raises what the parser raises, NoSuchBucket, NoSuchKey, NoSuchVersion, SourceArchived,
    PreconditionFailed, InvalidRequest for a version that is a delete marker, and what `unlock` raises.
    """
    source = parse_copy_source(request.headers["x-amz-copy-source"])
    reader = request.services.reader
    bucket = await reader.bucket(source.bucket)
    expected = request.headers.get("x-amz-source-expected-bucket-owner")
    known = bucket.owner_id, request.services.identities.directory.number_of(bucket.owner_id)
    if expected is not None and expected not in known:
        raise AccessDenied("Access Denied")
    try:
        found = request.found or await reader.find(bucket, source.key, source.version)
    except NoSuchKey as error:
        # The details of a delete marker are headers of GET and HEAD, not of a copy.
        raise NoSuchKey(error.message, Key=source.key) from None
    except MethodNotAllowed:
        raise InvalidRequest(
            "The source of a copy request may not specifically refer to a delete marker by version id."
        ) from None
    if is_archived(found) and not is_restored(found, time.time()):
        raise SourceArchived(StorageClass=found.attributes.storage_class)
    check_copy_source(request.headers, found.etag, found.created_at)
    return bucket, await unlock_source(request, found, source.bucket), source


def check_copy_size(size: int) -> None:
    """Raises InvalidRequest beyond what one copy may read."""
    if size > COPY_LIMIT:
        raise InvalidRequest(
            "The specified copy source is larger than the maximum allowable size for a copy source: "
            f"{COPY_LIMIT}"
        )
