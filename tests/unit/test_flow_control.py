"""What slow clients may hold: less memory each the more they are, and no client for ever."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from gateway.pace import Pace
from tests.asgi import Answer, AsgiClient
from tests.unit.rest_api import rest_api


class Stalled(AsgiClient):
    """A client that takes the status line, and nothing more."""

    async def _run(self, scope: dict[str, Any], messages: AsyncIterator[dict[str, Any]]) -> Answer:
        async def receive() -> dict[str, Any]:
            message = await anext(messages, None)
            if message is None:
                await asyncio.Event().wait()
            return message or {}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] != "http.response.start":
                await asyncio.Event().wait()

        async with asyncio.timeout(30):
            await self.app(scope, receive, send)
        return Answer(0, {}, b"")


def test_a_client_of_the_rest_port_that_stops_reading_is_given_up(tmp_path: Path) -> None:
    async def run() -> None:
        async with rest_api(tmp_path, Pace(0.05)) as api:
            target = "/buckets/photos/objects/k"
            assert (await api.call("PUT", target, bytes(2 * 1024 * 1024))).status == 200
            await Stalled(api.app, api.call.headers)("GET", target)
            assert api.observed[-1][10] == "RequestTimeout"

    asyncio.run(run())
