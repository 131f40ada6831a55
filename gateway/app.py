"""The S3 port. Each request passes here once: read, verify, select, run, answer.

Nothing below knows HTTP; whatever goes wrong below comes up as a domain error and becomes an S3 answer here.
"""

import os
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from time import perf_counter, time
from typing import Any

from access.claim import claimed_access_key
from access.identity import ANONYMOUS
from access.sigv4 import Verifier
from blobs.contract import Lent
from gateway.access_record import access_record, batch_records
from gateway.acl_request import WRITES, acl_of_write
from gateway.acl_xml import ACL_HEADERS
from gateway.authorization.authorizer import authorize, needs_no_asking
from gateway.configurations.cors import cors_headers
from gateway.encryption import note_encryption
from gateway.errors import S3Error
from gateway.failures import Refused, shape_of
from gateway.http1.exchange import Exchange
from gateway.in_progress import InProgress
from gateway.limiting import limit_caller, limit_in_bucket
from gateway.links import LINK, through_link
from gateway.object_lock_headers import LOCK_HEADERS, lock_of_write
from gateway.operations import Level
from gateway.presigned_headers import fold_presigned
from gateway.registry import Handler, Registry
from gateway.request import UNSIGNED, Request, Services
from gateway.routing import check_key, parse_query, split_host, split_path
from gateway.streaming import send_stream
from gateway.unbuilt import EXPECTED_OWNER, UNUSUAL, check_unbuilt
from gateway.xml_errors import error_document, error_headers
from schemas.access_record import AccessRecord
from schemas.configurations.logging import LOGGING
from schemas.errors import (
    AccessDenied,
    InvalidArgument,
    InvalidURI,
    RequestHeaderTooLarge,
    StrandlineError,
)
from schemas.limits import BUCKET_LIMITS

HEADERS_LIMIT = 8 * 1024  # bytes of names and values
QUERY_LIMIT = 16 * 1024  # characters, percent-encoded

# What is told of a finished request: `processors.request_log.RequestLog.observe`.
Observe = Callable[[str, str, str, int, int, int, float, str, str, str, str, str, str, str, str], None]
LogAccess = Callable[[AccessRecord], None]

_SERVER = ("server", "Strandline")
_XML = ("content-type", "application/xml")
_NO_HEADERS: tuple[tuple[str, str], ...] = ()
_NO_BODY = frozenset({204, 304})


class Application:
    """Answers S3 requests. `observe` is called once for each, after its answer has gone out.

    hsts_seconds  how long browsers may use HTTPS only (RFC 6797); 0 says nothing
    log_access    is told of every request to a bucket that has an access log
    """

    __slots__ = (
        "_accounts", "_always", "_count", "_domains", "_host_id", "_identities", "_inside", "_known",
        "_log_access", "_observe", "_prefix", "_registry", "_remembered", "_services", "_used", "_verifier",
    )  # fmt: skip

    def __init__(
        self,
        services: Services,
        registry: Registry,
        verifier: Verifier,
        observe: Observe | None = None,
        inside: InProgress | None = None,
        hsts_seconds: int = 0,
        log_access: LogAccess | None = None,
    ) -> None:
        self._services = services
        self._identities = services.identities
        self._accounts = services.identities.directory
        self._used = services.key_uses.s3
        self._known = services.reader.known_bucket
        self._remembered = services.reader.remembered_bucket
        self._registry = registry
        self._verifier = verifier
        self._observe = observe
        self._log_access = log_access
        self._domains = tuple(domain.lower() for domain in services.domains)
        # Request ids: random for the process, counted within it. Unique, and cheaper than random ones.
        self._prefix = os.urandom(8)
        self._count = 0
        self._host_id = b64encode(os.urandom(24)).decode()
        self._always = (("x-amz-id-2", self._host_id), _SERVER, *hsts_headers(hsts_seconds))
        self._inside = InProgress() if inside is None else inside

    async def answer(self, exchange: Exchange) -> None:
        """Answer one request: what gateway.http1 calls for each."""
        started = perf_counter()
        self._count += 1
        request_id = self._prefix + self._count.to_bytes(8, "big")
        inside = self._inside
        inside.count += 1
        request: Request | None = None
        chunks: AsyncIterator[Lent] | None = None
        code = ""
        cors: Sequence[tuple[str, str]] = _NO_HEADERS
        try:
            try:
                if inside.count > inside.limit:
                    raise Refused
                request = self._read(exchange, request_id)
                if "origin" in request.headers and request.method != "OPTIONS":
                    cors = await cors_headers(request)
                if self._identities.stale:
                    await self._identities.refresh()
                handler = self._admit(request)
                self._used[request.principal.access_key] = started
                if self._accounts.limited:
                    await limit_caller(request, request.principal.access_key)
                bucket = self._known(request.bucket)
                if not needs_no_asking(request.principal, bucket, request.operation):
                    handler = await authorize(request, handler)
                    bucket = self._remembered(request.bucket)
                if bucket is not None and BUCKET_LIMITS.name in bucket.configurations:
                    await limit_in_bucket(request, bucket)
                if LINK in request.query:
                    handler = partial(through_link, handler)
                if not UNUSUAL.isdisjoint(request.headers):
                    await self._check_unusual(request)
                status, headers, body = await handler(request)
                if not isinstance(body, bytes):
                    # Bytes that fail their check must turn the whole answer into an error while they can.
                    chunks = body
                    body = bytes(await anext(chunks, b""))
            except Exception as error:
                chunks = None
                shape = shape_of(error, request_id, inside)
                code = shape.code
                status, headers, body = self._refusal(error, shape, exchange, request_id)
            if cors:
                headers.extend(cors)
            headers.append(("x-amz-request-id", request_id.hex()))
            headers.extend(self._always)
            answered = perf_counter()
            if chunks is not None:
                throttle = None if request is None else request.throttle
                sent, code = await send_stream(
                    self._services.pace, exchange, status, headers, body, chunks, request_id, throttle
                )
            else:
                if exchange.method == "HEAD":
                    body = b""
                exchange.answer(status, headers, body)
                sent = len(body)
                if request is not None and request.throttle is not None:
                    request.throttle.sent(sent)
        finally:
            inside.ended()
            if request is not None and request.reservation is not None:
                request.reservation.end()
        if self._observe is not None:
            self._report(request, exchange, status, sent, perf_counter() - started, request_id, code)
        if self._log_access is not None and request is not None:
            bucket = self._remembered(request.bucket)
            if bucket is not None and LOGGING.name in bucket.configurations:
                record = access_record(
                    request, bucket, headers, status, code, sent, perf_counter() - started,
                    answered - started, time(), exchange.version, self._host_id,
                )  # fmt: skip
                self._log_access(record)
                for one in batch_records(record, request.deleted):
                    self._log_access(one)

    # --- in ------------------------------------------------------------------------------------------
    def _read(self, exchange: Exchange, request_id: bytes) -> Request:
        """The request as it came, not yet verified."""
        headers, path, raw_query = exchange.headers, exchange.path, exchange.query
        if exchange.head_bytes > HEADERS_LIMIT or len(raw_query) > QUERY_LIMIT:
            raise RequestHeaderTooLarge(MaxSizeAllowed=str(HEADERS_LIMIT))
        if not path.isascii():
            _check_path(path)
        if not exchange.ascii:
            _check_values(headers)
        if self._domains:
            bucket, key = split_host(headers.get("host", ""), path, self._domains)
        else:
            bucket, key = split_path(path)
        return Request(
            exchange.method, path, bucket, key, {}, headers, request_id, exchange.source, "", ANONYMOUS,
            self._services, exchange, UNSIGNED, raw_query, exchange.scheme,
        )  # fmt: skip

    def _admit(self, request: Request) -> Handler:
        """Who sent it, and what it asks for."""
        raw_query = request.raw_query
        key = request.key
        level: Level = "object" if key else "bucket" if request.bucket else "service"
        if request.method == "OPTIONS":
            # Of browsers: never signed, and with the query of the request that it announces.
            selected = self._registry.select("OPTIONS", level, {}, request.headers)
            request.operation = selected.name
            return selected.handler
        signed = self._verifier.verify(request.method, request.path, raw_query, request.headers)
        if signed.host and self._domains:
            # The bucket that was signed is the one in the client's host name, not in the proxy's.
            request.bucket, request.key = split_host(signed.host, request.path, self._domains)
            key = request.key
            level = "object" if key else "bucket" if request.bucket else "service"
        asked = raw_query if signed.query is None else signed.query
        if asked:
            request.query = parse_query(asked)
            if "mz-" in asked:
                fold_presigned(request.query, request.headers)
        selected = self._registry.select(request.method, level, request.query, request.headers)
        request.operation = selected.name
        if signed.principal is not None:
            request.principal = signed.principal
        elif selected.name == "PostObject":
            request.forms = self._verifier.forms
        request.signing = signed
        check_key(key)
        return selected.handler

    async def _check_unusual(self, request: Request) -> None:
        check_unbuilt(request.headers)
        note_encryption(request)
        if request.operation in WRITES and not ACL_HEADERS.isdisjoint(request.headers):
            request.acl = await acl_of_write(request)
        if request.operation in WRITES and not LOCK_HEADERS.isdisjoint(request.headers):
            request.lock = await lock_of_write(request)
        owner = request.headers.get(EXPECTED_OWNER)
        if owner is not None and request.bucket and request.operation != "CreateBucket":
            bucket = await self._services.reader.bucket(request.bucket)
            if owner not in (bucket.owner_id, self._services.identities.directory.number_of(bucket.owner_id)):
                raise AccessDenied()

    # --- out -----------------------------------------------------------------------------------------
    def _refusal(
        self, error: Exception, shape: S3Error, exchange: Exchange, request_id: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """The answer to a request that failed."""
        details = error.details if isinstance(error, StrandlineError) else {}
        message = (not shape.hidden and str(error)) or shape.message
        headers = error_headers(details, shape.status)
        if shape.status in _NO_BODY or exchange.method == "HEAD":
            return shape.status, headers, b""
        headers.append(_XML)
        path = exchange.path.encode("utf-8", "replace").decode()
        body = error_document(shape, message, details, path, request_id.hex(), self._host_id)
        return shape.status, headers, body

    def _report(
        self, request: Request | None, exchange: Exchange, status: int, sent: int, seconds: float,
        number: bytes, code: str,
    ) -> None:  # fmt: skip
        observe: Any = self._observe
        if request is None:
            source = exchange.source
            observe("", "", "", status, 0, sent, seconds, "", source, number.hex(), code, "", "", "", "")
            return
        principal = request.principal
        observe(
            request.operation, request.bucket, request.key, status, request.received, sent, seconds,
            principal.id, request.source, number.hex(), code, principal.arn, principal.unique_id,
            principal.access_key or (_claimed_key(request) if code else ""),
            request.headers.get("user-agent", ""),
        )  # fmt: skip


def _claimed_key(request: Request) -> str:
    """The access key with which a request was refused."""
    return claimed_access_key(request.headers.get("authorization", ""), request.raw_query)


def hsts_headers(seconds: int) -> tuple[tuple[str, str], ...]:
    """The header by which a browser learns to use HTTPS only (RFC 6797)."""
    return (("strict-transport-security", f"max-age={seconds}"),) if seconds else ()


def _check_path(path: str) -> None:
    """Raises InvalidURI for a path that is not UTF-8 and so names no key."""
    try:
        path.encode()
    except UnicodeEncodeError:
        raise InvalidURI(URI=path.encode("utf-8", "replace").decode()) from None


def _check_values(headers: dict[str, str]) -> None:
    """Raises InvalidArgument for a header whose value is not UTF-8."""
    for name, value in headers.items():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidArgument(
                f"The value of the header {name} is not UTF-8.", ArgumentName=name
            ) from None
