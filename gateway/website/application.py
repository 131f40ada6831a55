"""The website port: a bucket per host name, served to browsers as S3's website endpoints do.

Nobody signs here, so every visitor is anonymous: what buckets allow to everybody is all that is shown, by the
same decision as on the S3 port. What went wrong becomes a page, or where a rule of the website says so a
redirect.
"""

import os
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from time import perf_counter, time
from typing import Any

from msgspec import structs

from access.identity import ANONYMOUS
from blobs.contract import Lent
from gateway.access_record import access_record
from gateway.app import LogAccess, Observe, hsts_headers
from gateway.authorization.authorizer import authorize
from gateway.configurations.cors import cors_headers
from gateway.errors import S3Error
from gateway.failures import Refused, shape_of
from gateway.get_object import get_object, head_object
from gateway.http1.exchange import Exchange
from gateway.in_progress import InProgress
from gateway.limiting import limit_bucket
from gateway.request import UNSIGNED, Request, Response, Services
from gateway.routing import check_key, website_bucket
from gateway.streaming import send_stream
from gateway.website.pages import HTML, error_page
from gateway.website.redirects import Visit, follow, follow_all, moved, redirect_of, rules_of, to_folder
from schemas.configurations.logging import LOGGING
from schemas.configurations.website import WEBSITE, WebsiteConfiguration
from schemas.errors import (
    AccessDenied,
    InvalidURI,
    MethodNotAllowed,
    NoSuchBucket,
    NoSuchKey,
    NoSuchWebsiteConfiguration,
    RateLimited,
    StrandlineError,
)

REDIRECT = "x-amz-website-redirect-location"
METHODS = ("GET", "HEAD")

# What a browser may ask of an object; nothing else that it sends changes the answer.
_ASKING = frozenset(
    {"range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"}
)
_SERVER = ("server", "Strandline")

Begun = tuple[Response, bytes]  # an answer, and the first piece of a body that comes in pieces


class Website:
    """Answers browsers. The arguments are those of `gateway.app.Application`.

    domains  where buckets have their websites: with example.org, photos.example.org is that of photos. A host
             that is none of theirs is a bucket by its whole name
    """

    def __init__(
        self,
        services: Services,
        domains: Sequence[str],
        observe: Observe,
        inside: InProgress,
        hsts_seconds: int,
        log_access: LogAccess,
    ) -> None:
        self._services = services
        self._domains = tuple(domain.lower() for domain in domains)
        self._observe, self._log_access = observe, log_access
        self._inside = inside
        self._prefix, self._count = os.urandom(8), 0
        self._host_id = b64encode(os.urandom(24)).decode()
        self._always = (("x-amz-id-2", self._host_id), _SERVER, *hsts_headers(hsts_seconds))

    async def answer(self, exchange: Exchange) -> None:
        """Answer one request: what gateway.http1 calls for each."""
        started = perf_counter()
        self._count += 1
        request = self._request(exchange, self._prefix + self._count.to_bytes(8, "big"))
        self._inside.count += 1
        code = ""
        try:
            try:
                response, first = await _begun(await self._answered(request))
            except Exception as error:
                shape = shape_of(error, request.request_id, self._inside)
                code = shape.code
                response, first = await self._sorry(request, error, shape)
            answered = perf_counter()
            sent, broken = await self._send(exchange, request, response, first)
        finally:
            self._inside.ended()
        self._report(request, response, code or broken, sent, started, answered)

    def _request(self, exchange: Exchange, request_id: bytes) -> Request:
        """As if it were for an object; signatures and all that is S3's alone are left out."""
        headers = {name: value for name, value in exchange.headers.items() if not name.startswith("x-amz-")}
        headers.pop("authorization", None)
        operation = "HeadObject" if exchange.method == "HEAD" else "GetObject"
        bucket = website_bucket(exchange.headers.get("host", ""), self._domains)
        return Request(
            exchange.method, exchange.path, bucket, exchange.path[1:], {}, headers, request_id,
            exchange.source, operation, ANONYMOUS, self._services, exchange, UNSIGNED, exchange.query,
            exchange.scheme,
        )  # fmt: skip

    # --- what is shown -------------------------------------------------------------------------------
    async def _answered(self, request: Request) -> Response:
        """The page, or a redirect. Raises the domain error of what cannot be shown."""
        if self._inside.count > self._inside.limit:
            raise Refused
        if request.method not in METHODS:
            raise MethodNotAllowed(Method=request.method, ResourceType="OBJECT")
        try:
            request.path.encode()
        except UnicodeEncodeError:
            raise InvalidURI(URI=request.path.encode("utf-8", "replace").decode()) from None
        check_key(request.key)
        identities = self._services.identities
        if identities.stale:
            await identities.refresh()
        website = await self._website(request)
        await limit_bucket(request, await self._services.reader.bucket(request.bucket))
        visit = _visit(request)
        everywhere = follow_all(website, visit)
        if everywhere is not None:
            return everywhere
        rule = redirect_of(rules_of(website), request.key, None)
        if rule is not None:
            return follow(rule, visit)
        assert website.index_document is not None
        return await _page(request, website.index_document.suffix)

    async def _website(self, request: Request) -> WebsiteConfiguration:
        """The configuration of the bucket. Raises NoSuchBucket, NoSuchWebsiteConfiguration."""
        if not request.bucket:
            raise NoSuchBucket(BucketName=request.headers.get("host", ""))
        reader = self._services.reader
        bucket = await reader.bucket(request.bucket)
        website = await reader.configuration(bucket, WEBSITE)
        if website is None:
            raise NoSuchWebsiteConfiguration(BucketName=request.bucket)
        return website

    # --- what is shown instead -----------------------------------------------------------------------
    async def _sorry(self, request: Request, error: Exception, shape: S3Error) -> Begun:
        """What the website has for an error: a redirect, a page of its own, or ours."""
        if shape.status == 304:
            return Response(304, []), b""
        website = None
        if isinstance(error, StrandlineError) and not shape.hidden and shape.status != 405:
            try:
                website = await self._website(request)
            except StrandlineError:
                website = None  # there is none: that is what went wrong
        if website is None or website.redirect_all_requests_to is not None:
            return self._plain(request, error, shape)
        rule = redirect_of(rules_of(website), request.key, shape.status)
        if rule is not None:
            return follow(rule, _visit(request)), b""
        if website.error_document is None or shape.status >= 500:
            return self._plain(request, error, shape)
        return await self._own_page(request, website.error_document.key, error, shape)

    async def _own_page(self, request: Request, key: str, error: Exception, shape: S3Error) -> Begun:
        """The website's page for errors, with the status of this one."""
        headers = {name: value for name, value in request.headers.items() if name not in _ASKING}
        try:
            page, first = await _begun(await _read(replace(request, key=key, headers=headers, found=None)))
        except Exception as other:
            of_document = _told(other, shape_of(other, request.request_id, self._inside)) | {"Key": key}
            return self._plain(request, error, shape, of_document)
        if page.status != 200:  # the document itself says to go elsewhere
            return page, b""
        page.headers.extend(_error_headers(_told(error, shape)))
        return page._replace(status=shape.status), first

    def _plain(
        self, request: Request, error: Exception, shape: S3Error, of_document: Mapping[str, str] | None = None
    ) -> Begun:
        told = _told(error, shape)
        names = {"RequestId": request.request_id.hex(), "HostId": self._host_id}
        body = error_page(shape.status, told | names, of_document)
        headers = [HTML, *_error_headers(told), ("content-length", str(len(body)))]
        if isinstance(error, RateLimited):
            headers.append(("retry-after", error.details["retry_after"]))
        if shape.status == 405:
            headers.append(("allow", ", ".join(METHODS)))
        return Response(shape.status, headers, body), b""

    # --- out -----------------------------------------------------------------------------------------
    async def _send(
        self, exchange: Exchange, request: Request, response: Response, first: bytes
    ) -> tuple[int, str]:
        """Bytes sent, and why no more."""
        status, headers, body = response
        if "origin" in request.headers:
            headers.extend(await cors_headers(request))
        headers.append(("x-amz-request-id", request.request_id.hex()))
        headers.extend(self._always)
        if not isinstance(body, bytes):
            return await send_stream(
                self._services.pace, exchange, status, headers, first, body, request.request_id,
                request.throttle,
            )  # fmt: skip
        body = b"" if exchange.method == "HEAD" else body
        exchange.answer(status, headers, body)
        if request.throttle is not None:
            request.throttle.sent(len(body))
        return len(body), ""

    def _report(
        self, request: Request, response: Response, code: str, sent: int, started: float, answered: float
    ) -> None:
        seconds = perf_counter() - started
        self._observe(
            request.operation, request.bucket, request.key, response.status, request.received, sent, seconds,
            "", request.source, request.request_id.hex(), code, "", "", "",
            request.headers.get("user-agent", ""),
        )  # fmt: skip
        bucket = self._services.reader.remembered_bucket(request.bucket)
        if bucket is not None and LOGGING.name in bucket.configurations:
            exchange: Any = request.body
            record = access_record(
                request, bucket, response.headers, response.status, code, sent, seconds, answered - started,
                time(), exchange.version, self._host_id,
            )  # fmt: skip
            self._log_access(structs.replace(record, operation=f"WEBSITE.{request.method}.OBJECT"))


async def _page(request: Request, suffix: str) -> Response:
    """The object that the path names: of a folder its index document."""
    if not request.key or request.key.endswith("/"):
        return await _read(replace(request, key=request.key + suffix))
    try:
        return await _read(request)
    except (NoSuchKey, AccessDenied):
        index = replace(
            request,
            method="HEAD",
            operation="HeadObject",
            key=f"{request.key}/{suffix}",
            headers={},
            found=None,
        )
        try:
            await _read(index)
        except StrandlineError:
            pass  # no folder of that name to show: then it is as it was
        else:
            return to_folder(request.key)
        raise


async def _read(request: Request) -> Response:
    """An object as GetObject gives it, or the redirect that it stands for."""
    handler = await authorize(request, head_object if request.operation == "HeadObject" else get_object)
    response = await handler(request)
    for name, value in response.headers:
        if name == REDIRECT:
            await _close(response.body)
            return moved(301, value)
    return response


async def _begun(response: Response) -> Begun:
    """The answer and the first piece of a body that comes in pieces: what does not pass its check must not
    begin to be shown."""
    body = response.body
    return response, b"" if isinstance(body, bytes) else bytes(await anext(body, b""))


async def _close(body: bytes | AsyncIterator[Lent]) -> None:
    if not isinstance(body, bytes):
        await body.aclose()  # type: ignore[attr-defined]


def _visit(request: Request) -> Visit:
    return Visit(request.scheme, request.headers.get("host", request.bucket), request.key, request.raw_query)


def _told(error: Exception, shape: S3Error) -> dict[str, str]:
    """What people are told of an error."""
    message = (not shape.hidden and str(error)) or shape.message
    details = error.details if isinstance(error, StrandlineError) and not shape.hidden else {}
    shown = {name: value for name, value in details.items() if name[:1].isupper()}
    return {"Code": shape.code, "Message": message, **shown}


def _error_headers(told: Mapping[str, str]) -> list[tuple[str, str]]:
    """What programs are told of it."""
    headers = [("x-amz-error-code", told["Code"]), ("x-amz-error-message", _line(told["Message"]))]
    if "Key" in told:
        headers.append(("x-amz-error-detail-Key", _line(told["Key"])))
    return headers


def _line(text: str) -> str:
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)
