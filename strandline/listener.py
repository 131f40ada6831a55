"""One port that an application is served on, and how its server is replaced while it serves."""

import asyncio
from contextlib import ExitStack
from typing import Any, Protocol

from fastapi import FastAPI
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server as Granian

from access.trusted_proxies import TrustedProxies
from gateway.app import Application
from gateway.http1.server import Server
from gateway.website.application import Website
from strandline.listen import ListenAddress
from strandline.listening import listeners, until_listening
from strandline.tls import Identity, TlsFiles

BACKLOG = 1024


class Serving(Protocol):
    """A server of HTTP: `serve` returns some time after `stop`."""

    async def serve(self) -> None: ...

    def stop(self) -> None: ...


class Listener:
    """Serves `app` on one address, over TLS with `tls`. Several processes may share it (SO_REUSEPORT).

    connections  that are open at most
    proxies      who is believed about the addresses of clients; None: nobody (the API's application has its
                 own)
    """

    def __init__(
        self,
        app: Application | Website | FastAPI,
        address: ListenAddress,
        connections: int,
        tls: TlsFiles | None,
        proxies: TrustedProxies | None = None,
    ) -> None:
        self._app, self._address = app, address
        self._connections = connections
        self._tls = tls
        self._proxies = proxies
        self._server: Serving | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def start(self, identity: Identity | None) -> None:
        """Listen, with that identity under TLS. Where it listens already, what comes from then on gets the
        new one, and what had been connected is answered to its end; then its connections close.

        Raises ConfigurationError when it does not come to listen; what listened before stays then."""
        before, others = self._server, listeners(self._address.port)
        with ExitStack() as files:
            server = self._make(identity, files)
            task = asyncio.create_task(server.serve())
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            try:
                await until_listening(self._address, others + 1)
            except BaseException:
                server.stop()
                raise
        self._server = server
        if before is not None:
            before.stop()

    async def stop(self, patience: float) -> bool:
        """Stop listening and send out what is held of answers; whether that took no longer than `patience`
        seconds."""
        if self._server is None or not self._running:  # it was not started, or has ended by itself
            return True
        self._server.stop()
        _, late = await asyncio.wait(self._running, timeout=patience)
        return not late

    def _make(self, identity: Identity | None, files: ExitStack) -> Serving:
        host, port = self._address
        tls = None if identity is None else self._tls
        if isinstance(self._app, Application | Website):
            context = None if tls is None or identity is None else tls.context(identity)
            return Server(
                self._app.answer, host, port, connections=self._connections, backlog=BACKLOG, tls=context,
                proxies=self._proxies,
            )  # fmt: skip
        arguments: dict[str, Any] = {}
        if tls is not None and identity is not None:
            arguments = files.enter_context(tls.arguments(identity))
        api: Serving = Granian(
            self._app, host, port, interface=Interfaces.ASGI, http=HTTPModes.http1, websockets=False,
            backlog=BACKLOG, backpressure=self._connections, log_enabled=False, **arguments,
        )  # fmt: skip
        return api
