"""Listens on one address and keeps its connections."""

import asyncio
import socket
import ssl

from access.trusted_proxies import TrustedProxies
from gateway.http1.connection import Answer, Connection

HEAD_SECONDS = 60.0  # for a client to complete the head of its next request
LINGER_SECONDS = 30.0  # for a client to take the answer to what it has not sent whole
SWEEP_SECONDS = 1.0


class Server:
    """Serves HTTP/1.1 with `answer`. `serve` returns once `stop` was called and every answer has gone out.

    connections  that are open at most; more are told to slow down
    tls          the context of connections over TLS; None serves plain HTTP
    proxies      who is believed about the addresses of clients; None: nobody
    """

    def __init__(
        self,
        answer: Answer,
        host: str,
        port: int,
        *,
        connections: int = 1024,
        backlog: int = 1024,
        tls: ssl.SSLContext | None = None,
        proxies: TrustedProxies | None = None,
        head_seconds: float = HEAD_SECONDS,
        linger_seconds: float = LINGER_SECONDS,
    ) -> None:
        self._answer = answer
        self._host, self._port = host, port
        self._limit, self._backlog, self._tls = connections, backlog, tls
        self.scheme = "http" if tls is None else "https"
        self.proxies = proxies
        self.head_seconds, self.linger_seconds = head_seconds, linger_seconds
        self.stopping = False
        self._connections: set[Connection] = set()
        self._stopped = asyncio.Event()
        self._empty = asyncio.Event()

    async def serve(self) -> None:
        """Raises OSError when the address cannot be listened on."""
        self.loop = asyncio.get_running_loop()
        listening = await self.loop.create_server(
            lambda: Connection(self, self._answer), self._host, self._port,
            reuse_port=hasattr(socket, "SO_REUSEPORT"), backlog=self._backlog, ssl=self._tls,
        )  # fmt: skip
        sweeping = asyncio.create_task(self._sweep())
        try:
            await self._stopped.wait()
            listening.close()
            for one in tuple(self._connections):
                one.stop()
            while self._connections:
                self._empty.clear()
                await self._empty.wait()
        finally:
            listening.close()
            sweeping.cancel()
            for one in tuple(self._connections):
                one.cut()

    def stop(self) -> None:
        """Take no more connections, answer what has been asked, end."""
        self.stopping = True
        self._stopped.set()

    def add(self, connection: Connection) -> bool:
        """Whether there was room for the connection."""
        self._connections.add(connection)
        return len(self._connections) <= self._limit

    def remove(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    async def _sweep(self) -> None:
        """End connections whose clients take too long."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = self.loop.time()
            for one in tuple(self._connections):
                one.look(now)
