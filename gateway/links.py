"""Requests through links (schemas.configurations.links): presigned URLs of which their bucket keeps a record.

The signature tells who made the link and when it ends, as of every presigned URL; the record says what else
must hold. A link for one use is used up by an event that is decided in apply: of requests that race, on
whatever gateways, one gets through.
"""

import logging
import time
from collections.abc import AsyncIterator
from contextlib import aclosing

import msgspec

from access.evaluation.comparisons import within
from blobs.contract import Lent
from gateway.authorization.global_keys import written_date
from gateway.errors import s3_error
from gateway.registry import Handler
from gateway.request import Request, Response
from query.configurations import Stored
from schemas.configurations.links import LINKS, Link
from schemas.errors import AccessDenied, OperationAborted, StrandlineError
from schemas.rows import Bucket

LINK = "x-strandline-link"  # the parameter that names the record

log = logging.getLogger("strandline.links")


async def through_link(handler: Handler, request: Request) -> Response:
    """Answer a request that names a link and is allowed otherwise.

    A use is a request that is answered with success. A read uses the link up when its answer is about to
    go out; a write before its body is read, and gives it back when it is refused. Whether a write that ends
    in a 5xx has happened is not known, so that one keeps it used.

    Raises AccessDenied, saying why, and what the handler raises."""
    bucket = await request.services.reader.bucket(request.bucket)
    identifier = request.query[LINK]
    found = await request.services.reader.stored_configuration(bucket, LINKS, identifier)
    if found is None:
        raise AccessDenied("The link was revoked, or there never was one.")
    _check(found.document, request)
    if not found.document.one_use:
        return await handler(request)
    if request.method == "PUT":
        return await _write_once(handler, request, bucket, found)
    return await _read_once(handler, request, bucket, found)


def _check(link: Link, request: Request) -> None:
    """Raises AccessDenied unless the link is for that request."""
    asked = (request.method, request.key, request.principal.access_key)
    if asked != (link.method, link.key, link.access_key):
        raise AccessDenied("The link is for another request.")
    if link.used_at:
        raise _used(link)
    source = request.source.strip("[]")
    if link.source and not any(within(block)(source) for block in link.source):
        raise AccessDenied(f"The link may not be used from the address {source}.")


async def _read_once(handler: Handler, request: Request, bucket: Bucket, found: Stored[Link]) -> Response:
    status, headers, body = await handler(request)
    if status >= 300:
        return Response(status, headers, body)
    if isinstance(body, bytes):
        await _use(request, bucket, found)
        return Response(status, headers, body)
    try:
        # Bytes that fail their check must turn the answer into an error before the link is used up.
        first = bytes(await anext(body, b""))
        await _use(request, bucket, found)
    except BaseException:
        await body.aclose()  # type: ignore[attr-defined]
        raise
    return Response(status, headers, _joined(first, body))


async def _joined(first: bytes, rest: AsyncIterator[Lent]) -> AsyncIterator[Lent]:
    async with aclosing(rest):  # type: ignore[type-var]
        yield first
        async for piece in rest:
            yield piece


async def _write_once(handler: Handler, request: Request, bucket: Bucket, found: Stored[Link]) -> Response:
    await _use(request, bucket, found)
    try:
        return await handler(request)
    except Exception as error:
        if s3_error(error).status < 500:
            await _give_back(request, bucket, found.document)
        raise


async def _use(request: Request, bucket: Bucket, found: Stored[Link]) -> None:
    """Use the link up. Raises AccessDenied when another request, or who revoked it, was faster."""
    used = msgspec.structs.replace(found.document, used_at=int(time.time() * 1000))
    try:
        await request.services.producer.configure_bucket(
            bucket, LINKS, used, request.origin(), request.query[LINK], replaces=found.seq
        )
    except OperationAborted:
        raise _used(used) from None


async def _give_back(request: Request, bucket: Bucket, link: Link) -> None:
    """Undo `_use`, unless the link was revoked meanwhile. Where that fails the link stays used, which harms
    less than two uses; the refusal of the request is told nevertheless."""
    services, identifier = request.services, request.query[LINK]
    try:
        used = await services.reader.stored_configuration(bucket, LINKS, identifier)
        if used is not None:
            await services.producer.configure_bucket(
                bucket, LINKS, link, request.origin(), identifier, replaces=used.seq
            )
    except StrandlineError as error:
        log.warning("a link of bucket %s stays used after a refused upload: %s", bucket.name, error)


def _used(link: Link) -> AccessDenied:
    return AccessDenied(f"The link is for one use, and was used at {written_date(link.used_at / 1000)}.")
