"""The REST application over a real store, for its tests."""

import asyncio
import functools
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from access.sigv4 import Verifier
from access.tokens import TokenVerifier, issue_token
from gateway.in_progress import InProgress
from gateway.pace import DEFAULT_PACE, Pace
from gateway.request import Services
from gateway.rest.app import create_app
from gateway.rest.health import Health
from tests.asgi import AsgiClient
from tests.store import embedded_store


class RestApi:
    """Clients with and without a token, and what the application reported."""

    def __init__(self, services: Services) -> None:
        self.health = Health()
        self.observed: list[tuple[Any, ...]] = []
        identities = services.identities.directory
        self.root = identities.root
        self.app = create_app(
            services, Verifier(identities), TokenVerifier(identities), self.health,
            lambda: b"strandline_up 1\n", lambda *told: self.observed.append(told), "0.1", InProgress(8),
        )  # fmt: skip
        self.health.ready()
        token = issue_token(self.root, time.time())
        self.call = AsgiClient(self.app, {"authorization": f"Bearer {token}"})
        self.anonymous = AsgiClient(self.app)


@asynccontextmanager
async def rest_api(folder: Path, pace: Pace = DEFAULT_PACE) -> AsyncIterator[RestApi]:
    """The API over a new store with one bucket, "photos"."""
    async with embedded_store(folder) as store:
        api = RestApi(Services(store.producer, store.reader, store.identities, pace=pace, kms=store.kms))
        made = await api.call("POST", "/buckets", json_body={"name": "photos"})
        assert made.status == 201, made.body
        yield api


def with_api(test: Callable[[RestApi], Awaitable[None]]) -> Callable[[], None]:
    """A test that gets the API of a store of its own."""

    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with rest_api(Path(folder) / "data") as api:
                await test(api)

    @functools.wraps(test)
    def wrapper() -> None:
        asyncio.run(run())

    del wrapper.__wrapped__  # type: ignore[attr-defined]  # pytest would see a parameter to fill
    return wrapper
