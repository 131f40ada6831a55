"""The outermost layer of the REST API: names each request, turns errors into answers, reports the outcome."""

import asyncio
import logging
import time
from urllib.parse import unquote

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from access.claim import claimed_access_key
from access.trusted_proxies import FORWARDED_FOR, FORWARDED_PROTO, TrustedProxies, forwarded_scheme
from gateway.app import Observe, hsts_headers
from gateway.errors import SLOW_DOWN, s3_error
from gateway.iam.answers import unavailable
from gateway.in_progress import InProgress
from gateway.key_uses import S3, KeyUses
from gateway.pace import Pace
from gateway.rest.call import STATE, Progress, strict_text
from gateway.rest.cutting import cut
from gateway.rest.health import PATHS, Health
from gateway.rest.problem import NOT_READY, problem, problem_of
from gateway.roles import BOTH, Roles, elsewhere
from gateway.streaming import ClientStalled
from query.identities import FreshIdentities
from schemas.errors import StorageFull
from schemas.ids import uuid7

log = logging.getLogger("strandline.rest")

DOCUMENTATION = ("/docs", "/openapi.json")


class Edge:
    """ASGI middleware around the whole application."""

    def __init__(
        self,
        app: ASGIApp,
        health: Health,
        observe: Observe,
        inside: InProgress,
        pace: Pace,
        identities: FreshIdentities,
        key_uses: KeyUses,
        roles: Roles = BOTH,
        hsts_seconds: int = 0,
        proxies: TrustedProxies | None = None,
    ) -> None:
        self._app = app
        self._health = health
        self._observe = observe
        self._inside = inside
        self._roles = roles
        self._identities = identities
        self._key_uses = key_uses
        self._pace = pace
        self._proxies = proxies
        self._always = [(name.encode(), value.encode()) for name, value in hsts_headers(hsts_seconds)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (scope["path"] in PATHS and scope["method"] in ("GET", "HEAD")):
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        progress = scope[STATE] = Progress(uuid7(), self._source(scope))
        self._inside.count += 1
        try:
            await self._answer(scope, receive, send, progress)
        finally:
            self._inside.ended()
            if used := progress.access_key or progress.principal.access_key:
                self._key_uses.note(used, progress.operation.rpartition(":")[0] or S3)
            self._observe(
                progress.operation, progress.bucket, progress.key, progress.status,
                progress.received, progress.sent, time.perf_counter() - started,
                progress.principal.id, progress.source, progress.request_name, progress.error,
                progress.principal.arn, progress.principal.unique_id,
                progress.principal.access_key or (_claimed_key(scope) if progress.error else ""),
                _header(scope, b"user-agent"),
            )  # fmt: skip

    def _source(self, scope: Scope) -> str:
        """The client's address; of a trusted proxy's request what the proxy tells, and so its scheme."""
        client = scope.get("client")
        peer = client[0] if client else ""
        if self._proxies is None or not self._proxies.trusts(peer):
            return peer
        scope["scheme"] = forwarded_scheme(_joined(scope, FORWARDED_PROTO), scope["scheme"])
        return self._proxies.client(peer, _joined(scope, FORWARDED_FOR))

    async def _answer(self, scope: Scope, receive: Receive, send: Send, progress: Progress) -> None:
        async def counted_receive() -> Message:
            message = await receive()
            progress.received += len(message.get("body", b""))
            return message

        async def counted_send(message: Message) -> None:
            """Send, for as long as the client takes anything: the server waits for it."""
            if message["type"] == "http.response.start":
                progress.answering = True
                progress.status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()), (b"x-request-id", progress.request_name.encode()),
                    *self._always,
                ]  # fmt: skip
            progress.sent += len(message.get("body", b""))
            try:
                async with asyncio.timeout(self._pace.window):
                    await send(message)
            except TimeoutError:
                _cut(scope)
                raise ClientStalled from None

        try:
            await self._serve(scope, counted_receive, counted_send, progress)
        except ClientDisconnect:
            progress.error = "ClientDisconnect"  # nobody is left to be answered
        except ClientStalled:
            progress.error = "RequestTimeout"
        except Exception as error:
            progress.error = s3_error(error).code
            shape = s3_error(error)
            if shape.status >= 500 and shape.hidden and not isinstance(error, StorageFull):
                log.exception("request %s (%s) failed", progress.request_name, progress.operation)
            if progress.answering:
                raise  # the server breaks the connection, so that half an object is not taken for one
            answer = problem_of(error, progress.request_name)
            if _asks_iam(scope) and answer.status_code >= 500:
                answer = unavailable(progress.request_name)
            await answer(scope, receive, counted_send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, progress: Progress) -> None:
        raw_path = scope.get("raw_path")
        if raw_path:
            # The server's own decoding replaces what is not UTF-8, which would name another key.
            scope["path"] = strict_text(raw_path.partition(b"?")[0], unquote)
        strict_text(scope["query_string"])
        refusal = None
        if not self._health.is_ready and not scope["path"].startswith(DOCUMENTATION):
            refusal = problem(NOT_READY, self._health.reason, progress.request_name, {"retry-after": "1"})
        elif self._inside.count > self._inside.limit:
            detail = f"{self._inside.count - 1} requests are in progress; try again"
            refusal = problem(SLOW_DOWN, detail, progress.request_name, {"retry-after": "1"})
        elif not self._roles.serve_method(scope["method"]) and not scope["path"].startswith(DOCUMENTATION):
            raise elsewhere(f"{scope['method']} {scope['path']}", self._roles)
        elif self._identities.stale:
            await self._identities.refresh()
        if refusal is not None and _asks_iam(scope):
            refusal = unavailable(progress.request_name)
        await (refusal or self._app)(scope, receive, send)


def _asks_iam(scope: Scope) -> bool:
    """Whether the answer must be one that clients of IAM can read."""
    return bool(scope["method"] == "POST" and scope["path"] == "/")


def _claimed_key(scope: Scope) -> str:
    """The access key with which a request was refused."""
    return claimed_access_key(_header(scope, b"authorization"), scope["query_string"].decode("latin-1"))


def _joined(scope: Scope, wanted: str) -> str:
    """The headers of that name, joined with ","."""
    raw = wanted.encode()
    return ",".join([value.decode("latin-1") for name, value in scope["headers"] if name == raw])


def _header(scope: Scope, wanted: bytes) -> str:
    """The first header of that name, "" where there is none."""
    return next((value.decode(errors="replace") for name, value in scope["headers"] if name == wanted), "")


def _cut(scope: Scope) -> None:
    """End the connection of a client that takes nothing, or the HTTP server would wait on for it."""
    client, server = scope.get("client"), scope.get("server")
    if client is not None and server is not None:
        cut((client[0], client[1]), server[1])
