"""What slow clients may hold: less memory each the more they are, and no client for ever."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from gateway.flow_control import QUEUE_FLOOR, QUEUE_LIMIT, QUEUES_LIMIT, Connections
from gateway.pace import DEFAULT_PACE, Pace
from tests.asgi import Answer, AsgiClient
from tests.unit.rest_api import rest_api


def test_answers_share_the_memory_there_is() -> None:
    connections = Connections(DEFAULT_PACE)
    assert connections.share() == QUEUE_LIMIT
    clients = 200
    for _ in range(clients):  # each comes to hold as much as it may
        share = connections.share()
        assert QUEUE_FLOOR <= share <= QUEUE_LIMIT
        connections.held += share
    assert connections.share() == QUEUE_FLOOR
    assert connections.held <= QUEUES_LIMIT + clients * QUEUE_FLOOR
    assert connections.share(connections.held) == QUEUE_LIMIT  # what it holds itself does not count


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
            assert api.observed[-1][-1] == "RequestTimeout"

    asyncio.run(run())
