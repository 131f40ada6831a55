"""DeleteObjects: up to 1,000 keys in one request, each with an outcome of its own."""

import asyncio
import logging
from typing import NamedTuple

from gateway.authorization.authorizer import CheckDeletion, deletions
from gateway.body import whole
from gateway.conditions import single_etag
from gateway.copy_source import KEY_LIMIT
from gateway.errors import S3Error, s3_error
from gateway.object_headers import XML_TYPE
from gateway.object_lock_headers import bypasses
from gateway.payload_headers import require_digest
from gateway.request import Deleted, Request, Response
from gateway.xml import Element, document, escape, parse
from ingest.results import DeleteResult
from schemas.errors import (
    KeyTooLong,
    MalformedXML,
    NoSuchVersion,
    NotImplementedOperation,
)
from schemas.events import Condition, Origin
from schemas.ids import is_version_id
from schemas.rows import Bucket

logger = logging.getLogger(__name__)

KEYS_LIMIT = 1000
BODY_LIMIT = 8 * 1024**2  # bytes: 1,000 keys of 1,024 characters, each written as a reference
TOGETHER = 250  # deletes on their way at once: enough to share commits, few enough to leave room for others

# Conditions of directory buckets: to ignore one would delete what the client wanted to keep.
_DIRECTORY_ONLY = ("LastModifiedTime", "Size")


class Wanted(NamedTuple):
    """One object to delete, as the client named it."""

    key: str
    version: str | None
    etag: str | None
    unbuilt: str = ""


async def delete_objects(request: Request) -> Response:
    """DeleteObjects: 200 with an outcome for each key, in the order of the request."""
    bucket = await request.services.reader.bucket(request.bucket)
    require_digest(request.headers)
    wanted, quiet = parse_delete(await whole(request, BODY_LIMIT))
    origin = request.origin()
    bypass = bypasses(request.headers)
    check = await deletions(request, bucket)
    outcomes: list[str] = []
    for first in range(0, len(wanted), TOGETHER):
        group = wanted[first : first + TOGETHER]
        outcomes += await asyncio.gather(
            *(_delete(request, bucket, one, origin, quiet, bypass, check) for one in group)
        )
    return Response(200, [XML_TYPE], document("DeleteResult", "".join(outcomes)))


def parse_delete(body: bytes) -> tuple[list[Wanted], bool]:
    """The objects of a `Delete` document, and whether only errors are to be reported.

    Raises MalformedXML, also for no objects or more than KEYS_LIMIT.
    """
    root = parse(body, "Delete")
    root.only("Object", "Quiet")
    quiet = (root.value("Quiet") or "").strip().lower()
    if quiet not in ("", "true", "false"):
        raise MalformedXML()
    wanted = [_wanted(child) for child in root.children if child.name == "Object"]
    if not 1 <= len(wanted) <= KEYS_LIMIT:
        raise MalformedXML()
    return wanted, quiet == "true"


def _wanted(element: Element) -> Wanted:
    element.only("Key", "VersionId", "ETag", *_DIRECTORY_ONLY)
    key = element.value("Key")
    if not key:
        raise MalformedXML()
    unbuilt = next((name for name in _DIRECTORY_ONLY if element.one(name) is not None), "")
    return Wanted(key, element.value("VersionId"), element.value("ETag"), unbuilt)


async def _delete(
    request: Request, bucket: Bucket, one: Wanted, origin: Origin, quiet: bool, bypass: bool,
    check: CheckDeletion | None,
) -> str:  # fmt: skip
    """Delete one object; what became of it, as an element."""
    try:
        if one.unbuilt:
            raise NotImplementedOperation(f"The condition {one.unbuilt} applies to directory buckets only")
        if len(one.key.encode(errors="surrogatepass")) > KEY_LIMIT:
            raise KeyTooLong("Your key is too long")
        if one.version is not None and not is_version_id(one.version):
            # Not as in DeleteObject: AWS answers so here, for an empty element too.
            raise NoSuchVersion("The specified version does not exist.")
        if check is not None:
            bypass = await check(one.key, one.version)
        condition = Condition(if_match=single_etag(one.etag)) if one.etag else None
        producer = request.services.producer
        result = await producer.delete_object(bucket, one.key, origin, one.version, condition, bypass)
    except Exception as error:  # one key that fails must not hide what became of the others
        known = s3_error(error)
        request.deleted.append(Deleted(one.key, one.version or "", known.status, known.code))
        return _error(one, error, known)
    request.deleted.append(Deleted(one.key, one.version or result.version, 204, ""))
    return "" if quiet else _deleted(one, result)


def _deleted(one: Wanted, result: DeleteResult) -> str:
    parts = ["<Deleted><Key>", escape(one.key), "</Key>"]
    if one.version is not None:
        parts.append(f"<VersionId>{escape(one.version)}</VersionId>")
    if result.delete_marker:
        parts.append(
            f"<DeleteMarker>true</DeleteMarker>"
            f"<DeleteMarkerVersionId>{escape(result.version)}</DeleteMarkerVersionId>"
        )
    parts.append("</Deleted>")
    return "".join(parts)


def _error(one: Wanted, error: Exception, known: S3Error) -> str:
    if known.hidden:
        logger.error("delete of %r failed", one.key, exc_info=error)
    message = known.message if known.hidden or not str(error) else str(error)
    version = "" if one.version is None else f"<VersionId>{escape(one.version)}</VersionId>"
    return (
        f"<Error><Key>{escape(one.key)}</Key>{version}"
        f"<Code>{known.code}</Code><Message>{escape(message)}</Message></Error>"
    )


HANDLERS = {"DeleteObjects": delete_objects}
