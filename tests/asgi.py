"""A client for an ASGI application inside the test's own event loop: raw paths, raw headers, no rewriting."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any
from urllib.parse import unquote


class Answer:
    """Status, headers (lower-case names) and body."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class AsgiClient:
    """Sends requests; `headers` go with each of them."""

    def __init__(self, app: Any, headers: dict[str, str] | None = None) -> None:
        self.app = app
        self.headers = headers or {}

    async def __call__(
        self,
        method: str,
        target: str,
        body: bytes | Iterable[bytes] | AsyncIterator[bytes] = b"",
        headers: dict[str, str] | None = None,
        json_body: Any = None,
        gone: bool = False,
    ) -> Answer:
        """`target` is the raw request target. With `gone` the client leaves after its last chunk."""
        if json_body is not None:
            body = json.dumps(json_body).encode()
        sent = {"host": "localhost", **self.headers, **(headers or {})}
        if isinstance(body, bytes):
            if body or method in ("PUT", "POST"):
                sent.setdefault("content-length", str(len(body)))
            body = [body]
        raw_path, _, query = target.partition("?")
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
            "scheme": "http", "path": unquote(raw_path), "raw_path": raw_path.encode("latin-1"),
            "query_string": query.encode("latin-1"), "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "client": ("127.0.0.1", 1), "server": ("localhost", 9001),
        }  # fmt: skip
        return await self._run(scope, _messages(body, gone))

    async def _run(self, scope: dict[str, Any], messages: AsyncIterator[dict[str, Any]]) -> Answer:
        started: dict[str, Any] = {}
        parts: list[bytes] = []
        answered = asyncio.Event()

        async def receive() -> dict[str, Any]:
            message = await anext(messages, None)
            if message is None:
                await answered.wait()
                return {"type": "http.disconnect"}
            return message

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                started.update(message)
            else:
                parts.append(message.get("body", b""))
                if not message.get("more_body"):
                    answered.set()

        async with asyncio.timeout(60):
            await self.app(scope, receive, send)
        headers = {name.decode(): value.decode() for name, value in started["headers"]}
        return Answer(started["status"], headers, b"".join(parts))


async def _messages(
    body: Iterable[bytes] | AsyncIterator[bytes], gone: bool
) -> AsyncIterator[dict[str, Any]]:
    chunks = body if isinstance(body, AsyncIterator) else _async(body)
    async for chunk in chunks:
        yield {"type": "http.request", "body": chunk, "more_body": True}
    yield {"type": "http.disconnect"} if gone else {"type": "http.request", "body": b"", "more_body": False}


async def _async(body: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in body:
        yield chunk
