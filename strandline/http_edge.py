"""The HTTP edge of one process: the S3 port and the API port, over the services of that process."""

import asyncio
from collections.abc import Callable
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from access.credentials import Root
from access.sigv4 import Verifier
from access.tokens import TokenVerifier
from gateway.app import Application
from gateway.handlers import handlers
from gateway.registry import Registry
from gateway.request import Services
from gateway.rest.app import create_app
from gateway.rest.health import Health
from processors.request_log import RequestLog
from strandline import __version__
from strandline.exposition import Exposition
from strandline.listen import ListenAddress, parse_listen
from strandline.listening import until_listening
from strandline.metrics import Metrics
from strandline.settings import Settings

BACKLOG = 1024


class HttpEdge:
    """Listens on both ports. Several processes may share them (SO_REUSEPORT)."""

    def __init__(
        self,
        settings: Settings,
        services: Services,
        root: Root,
        metrics: Metrics,
        request_log: RequestLog | None,
    ) -> None:
        self._settings = settings
        self.health = Health()
        verifier = Verifier(root.identities, settings.region)
        self._s3 = Application(services, Registry(handlers()), verifier, _observer(metrics, request_log))
        rest = create_app(
            services=services,
            signatures=verifier,
            tokens=TokenVerifier(root.identities),
            health=self.health,
            metrics=Exposition(metrics).text,
            observe=_observer(metrics, request_log),
            version=__version__,
            max_requests=settings.max_requests,
        )
        self._servers = [
            _server(self._s3, parse_listen(settings.s3_listen), Interfaces.RSGI),
            _server(rest, parse_listen(settings.api_listen), Interfaces.ASGI),
        ]
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Listen, and be ready."""
        for server in self._servers:
            self._tasks.append(asyncio.create_task(server.serve()))
        for listen in (self._settings.s3_listen, self._settings.api_listen):
            await until_listening(parse_listen(listen))
        self.health.ready()

    async def stop(self) -> None:
        """Refuse new requests, answer those begun (for `drain_seconds` at most), stop listening."""
        self.health.unready("shutting down")
        await self._s3.drain(self._settings.drain_seconds)
        for server in self._servers:
            server.stop()  # type: ignore[no-untyped-call]
        await asyncio.wait(self._tasks, timeout=5)


def _server(app: Any, address: ListenAddress, interface: Interfaces) -> Server:
    return Server(
        app,
        address=address.host,
        port=address.port,
        interface=interface,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(pipeline_flush=False),
        websockets=False,
        backlog=BACKLOG,
        backpressure=BACKLOG,
        log_enabled=False,
    )


def _observer(metrics: Metrics, request_log: RequestLog | None) -> Callable[..., None]:
    """One call per finished request, for the counters and the audit trail."""
    count = metrics.request
    if request_log is None:

        def observe(
            operation: str, bucket: str, key: str, status: int, bytes_in: int, bytes_out: int,
            seconds: float, *_: str,
        ) -> None:  # fmt: skip
            count(operation, status, int(seconds * 1e9), bytes_in, bytes_out)

        return observe
    record = request_log.observe

    def observe_both(
        operation: str, bucket: str, key: str, status: int, bytes_in: int, bytes_out: int,
        seconds: float, principal: str, source: str, request_id: str, error: str,
    ) -> None:  # fmt: skip
        count(operation, status, int(seconds * 1e9), bytes_in, bytes_out)
        record(
            operation, bucket, key, status, bytes_in, bytes_out, seconds, principal, source, request_id,
            error,
        )  # fmt: skip

    return observe_both
