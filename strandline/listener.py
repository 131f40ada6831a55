"""One port that an application is served on, and how its server is replaced while it serves."""

import asyncio
import logging
from contextlib import ExitStack
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from strandline.listen import ListenAddress
from strandline.listening import listeners, until_listening
from strandline.tls import Identity, TlsFiles

BACKLOG = 1024

log = logging.getLogger(__name__)


class Listener:
    """Serves `app` on one address, over TLS with `tls`. Several processes may share it (SO_REUSEPORT).

    connections  that are open at most
    """

    def __init__(
        self, app: Any, address: ListenAddress, interface: Interfaces, connections: int, tls: TlsFiles | None
    ) -> None:
        self._app, self._address, self._interface = app, address, interface
        self._connections = connections
        self._tls = tls
        self._server: Server | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def start(self, identity: Identity | None) -> None:
        """Listen, with that identity under TLS. Where it listens already, what comes from then on gets the
        new one, and what had been connected is answered to its end; then its connections close.

        Raises ConfigurationError when it does not come to listen; what listened before stays then."""
        before, others = self._server, listeners(self._address.port)
        with ExitStack() as files:
            arguments: dict[str, Any] = {}
            if self._tls is not None and identity is not None:
                arguments = files.enter_context(self._tls.arguments(identity))
            server = self._make(arguments)
            task = asyncio.create_task(server.serve())
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            try:
                await until_listening(self._address, others + 1)
            except BaseException:
                server.stop()  # type: ignore[no-untyped-call]
                raise
        self._server = server
        if before is not None:
            before.stop()  # type: ignore[no-untyped-call]

    async def stop(self, patience: float) -> bool:
        """Stop listening and send out what is held of answers; whether that took no longer than `patience`
        seconds."""
        if self._server is None:
            return True
        self._server.stop()  # type: ignore[no-untyped-call]
        _, late = await asyncio.wait(self._running, timeout=patience)
        return not late

    def _make(self, tls: dict[str, Any]) -> Server:
        return Server(
            self._app,
            address=self._address.host,
            port=self._address.port,
            interface=self._interface,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(pipeline_flush=False),
            websockets=False,
            backlog=BACKLOG,
            backpressure=self._connections,
            log_enabled=False,
            **tls,
        )
