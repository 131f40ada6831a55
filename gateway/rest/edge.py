"""The outermost layer of the REST API: names each request, turns errors into answers, reports the outcome."""

import logging
import time
from urllib.parse import unquote

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.app import Observe
from gateway.errors import SLOW_DOWN, s3_error
from gateway.in_progress import InProgress
from gateway.rest.call import STATE, Progress, strict_text
from gateway.rest.health import PATHS, Health
from gateway.rest.problem import NOT_READY, problem, problem_of
from schemas.ids import uuid7

log = logging.getLogger("strandline.rest")


class Edge:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, health: Health, observe: Observe, inside: InProgress) -> None:
        self._app = app
        self._health = health
        self._observe = observe
        self._inside = inside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in PATHS:
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        client = scope.get("client")
        progress = scope[STATE] = Progress(uuid7(), client[0] if client else "")
        self._inside.count += 1
        try:
            await self._answer(scope, receive, send, progress)
        finally:
            self._inside.ended()
            self._observe(
                progress.operation, progress.bucket, progress.key, progress.status,
                progress.received, progress.sent, time.perf_counter() - started,
                progress.principal, progress.source, progress.request_name, progress.error,
            )  # fmt: skip

    async def _answer(self, scope: Scope, receive: Receive, send: Send, progress: Progress) -> None:
        async def counted_receive() -> Message:
            message = await receive()
            progress.received += len(message.get("body", b""))
            return message

        async def counted_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                progress.answering = True
                progress.status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()), (b"x-request-id", progress.request_name.encode())
                ]  # fmt: skip
            progress.sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._serve(scope, counted_receive, counted_send, progress)
        except ClientDisconnect:
            progress.error = "ClientDisconnect"  # nobody is left to be answered
        except Exception as error:
            progress.error = s3_error(error).code
            if s3_error(error).status >= 500 and s3_error(error).hidden:
                log.exception("request %s (%s) failed", progress.request_name, progress.operation)
            if progress.answering:
                raise  # the server breaks the connection, so that half an object is not taken for one
            await problem_of(error, progress.request_name)(scope, receive, counted_send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, progress: Progress) -> None:
        raw_path = scope.get("raw_path")
        if raw_path:
            # The server's own decoding replaces what is not UTF-8, which would name another key.
            scope["path"] = strict_text(raw_path.partition(b"?")[0], unquote)
        strict_text(scope["query_string"])
        refusal = None
        if not self._health.is_ready and not scope["path"].startswith(("/docs", "/openapi.json")):
            refusal = problem(NOT_READY, self._health.reason, progress.request_name, {"retry-after": "1"})
        elif self._inside.count > self._inside.limit:
            detail = f"{self._inside.count - 1} requests are in progress; try again"
            refusal = problem(SLOW_DOWN, detail, progress.request_name, {"retry-after": "1"})
        await (refusal or self._app)(scope, receive, send)
