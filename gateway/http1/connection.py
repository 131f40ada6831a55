"""One connection: its requests are answered one after the other, and answers become bytes."""

import asyncio
import os
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from access.trusted_proxies import TrustedProxies
from gateway.http1.exchange import UNREAD_LIMIT, Bytes, Disconnected, Exchange
from gateway.http1.head import TOO_MANY, Refusal, refusal
from gateway.http1.reading import RequestReader, Unreadable

if TYPE_CHECKING:
    from gateway.http1.server import Server

Answer = Callable[[Exchange], Awaitable[None]]

UNSENT_LIMIT = 256 * 1024  # bytes of answers that wait for the client, before the application has to wait
UNSENT_ENOUGH = 64 * 1024  # down to here
GOODBYE_SECONDS = 1.0  # for an idle client to take the end of TLS


class Connection(asyncio.Protocol):
    """Has the requests of one client answered, one at a time.

    full      the application has to wait before it sends more
    closed    nothing can be sent any more
    source    who connected
    proxies   who is believed about the client's address and scheme, where who connected is; else None
    deadline  when it ends unless the client does its part, on the loop's clock
    """

    def __init__(self, server: "Server", answer: Answer) -> None:
        self._server = server
        self._answer = answer
        self.loop = server.loop
        self.scheme = server.scheme
        self.source = ""
        self.proxies: TrustedProxies | None = None
        self.full = False
        self.closed = False
        self.deadline = 0.0
        self._reading = True
        self._lingering = False
        self._closing = False
        self._eof = False  # the client sends nothing more
        self._reader = RequestReader(self)
        self._serving: Exchange | None = None  # that is being answered
        self._queue: deque[Exchange] = deque()  # that came before the one being served was answered
        self._task: asyncio.Task[None] | None = None
        self._bad: Refusal | None = None  # why nothing more can be read
        self._room: list[asyncio.Future[None]] = []

    # --- of the transport ----------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(UNSENT_LIMIT, UNSENT_ENOUGH)
        self.source = (transport.get_extra_info("peername") or ("",))[0]
        proxies = self._server.proxies
        if proxies is not None and proxies.trusts(self.source):
            self.proxies = proxies
        connected = transport.get_extra_info("socket")
        self._fd = -1 if self.scheme == "https" or connected is None else connected.fileno()
        if not self._server.add(self):
            self._refuse(TOO_MANY)
        else:
            self._await_client()

    def data_received(self, data: bytes) -> None:
        if self._lingering or self._bad is not None:
            return
        try:
            self._reader.feed(data)
        except Unreadable as error:
            self._unreadable(error.why)

    def eof_received(self) -> bool:
        """The client sends nothing more. It may still wait for what it asked."""
        self._eof = True
        current = self._reader.current
        if current is not None:
            current.lose()
            if current.discarding:
                return False
        return self._serving is not None and not self._lingering and self.scheme == "http"

    def connection_lost(self, _: Exception | None) -> None:
        self.closed = True
        self._server.remove(self)
        for one in (self._reader.current, self._serving, *self._queue):
            if one is not None and not one.complete:
                one.lose()
        self._queue.clear()
        self.resume_writing()

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        waiting, self._room = self._room, []
        for one in waiting:
            if not one.done():
                one.set_result(None)

    # --- of the reader -------------------------------------------------------------------------------
    def requested(self, exchange: Exchange) -> None:
        """The head of another request has come."""
        if self._serving is None:
            self._serve(exchange)
        else:
            self._queue.append(exchange)
            self.pause_reading()

    def completed(self, exchange: Exchange) -> None:
        """So has the end of its body."""
        if exchange.discarding:
            self._next()

    def _unreadable(self, why: Refusal) -> None:
        """Nothing more can be read."""
        self._bad = why
        self.pause_reading()
        current = self._reader.current
        if current is not None:
            current.keep_alive = False
            current.lose()
        elif self._serving is None:
            self._refuse(why)

    # --- serving -------------------------------------------------------------------------------------
    def _serve(self, exchange: Exchange) -> None:
        self._serving = exchange
        self.deadline = float("inf")  # from here on the application is patient, or not
        self._task = self.loop.create_task(self._run(exchange))

    async def _run(self, exchange: Exchange) -> None:
        try:
            await self._answer(exchange)
            if self.full:
                # Or a client that asks and asks and takes nothing would fill the memory with answers.
                self._await_client()
                with suppress(Disconnected):
                    await self.room()
        finally:
            self._answered(exchange)

    def _answered(self, exchange: Exchange) -> None:
        self._task = None
        if self.closed:
            return
        if not exchange.answered:
            self.cut()
        elif not exchange.keep_alive or exchange.lost:
            self._finish(exchange)
        elif exchange.complete:
            self._next()
        else:  # the rest of its body is small, and is let pass
            exchange.discarding = True
            self._await_client()
            self._resume_reading()

    def _next(self) -> None:
        """The answer is out and the request read to its end: go on with the next one."""
        self._serving = None
        if self._queue:
            self._serve(self._queue.popleft())
        elif self._bad is not None:
            self._refuse(self._bad)
        elif self._server.stopping or self._eof:
            self._close(self._server.linger_seconds)
        else:
            self._await_client()
        if not self._queue and self._bad is None:
            self._resume_reading()

    def _await_client(self) -> None:
        self.deadline = self.loop.time() + self._server.head_seconds

    def _refuse(self, why: Refusal) -> None:
        """Answer what cannot be read, and end the connection."""
        self._bad = why
        self.write(refusal(why))
        self._linger()

    def _finish(self, exchange: Exchange) -> None:
        """End the connection after its last answer."""
        if exchange.complete or exchange.lost:
            self._close(self._server.linger_seconds)
        else:
            self._linger()

    def _linger(self) -> None:
        """Let the client read the answer although it still sends: a connection that were closed with bytes
        unread would be reset, and the answer lost with it (RFC 9112 §9.6)."""
        self._lingering = True
        if self._transport.can_write_eof():
            self.deadline = self.loop.time() + self._server.linger_seconds
            self._transport.write_eof()
            self._resume_reading()
        else:
            self._close(self._server.linger_seconds)

    def _close(self, seconds: float) -> None:
        """End once what was written has gone out, and in that time at the latest."""
        self._closing = True
        self.deadline = self.loop.time() + seconds
        self._transport.close()

    def look(self, now: float) -> None:
        """Called about once a second, with the time on the loop's clock."""
        if self.deadline < now:
            self.cut()
        elif self._closing and not self._transport.get_write_buffer_size():
            # All is out, but TLS waits for the client to say goodbye as well, which many never do.
            self.deadline = min(self.deadline, now + GOODBYE_SECONDS)

    def stop(self) -> None:
        """Answer what is being answered, and end."""
        if self._serving is None and not self.closed:
            self._close(GOODBYE_SECONDS)

    def cut(self) -> None:
        """End at once."""
        self.closed = True
        self._transport.abort()

    @property
    def stopping(self) -> bool:
        return self._server.stopping

    # --- bytes ---------------------------------------------------------------------------------------
    def write(self, data: bytes) -> None:
        """Send bytes that stay as they are."""
        if not self.closed:
            self._transport.write(data)

    def write_both(self, head: bytes, body: bytes) -> None:
        if not self.closed:
            self._transport.writelines((head, body))

    def write_lent(self, piece: Bytes) -> None:
        """Send bytes that may change afterwards: to the kernel if it takes them, the rest as a copy."""
        if self._fd < 0 or self._transport.get_write_buffer_size():
            self._transport.write(bytes(piece))
            return
        view = memoryview(piece)
        try:
            sent = os.write(self._fd, view)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.cut()
            raise Disconnected from None
        if sent < len(view):
            self._transport.write(bytes(view[sent:]))

    async def room(self) -> None:
        """Return once the client has taken enough, or is gone. Raises Disconnected."""
        while self.full and not self.closed:
            waiter: asyncio.Future[None] = self.loop.create_future()
            self._room.append(waiter)
            await waiter
        if self.closed:
            raise Disconnected

    def taken(self, exchange: Exchange, count: int) -> None:
        """The application has read so many bytes of a body."""
        exchange.buffered -= count
        if not self._reading and exchange is self._reader.current and exchange.buffered <= UNREAD_LIMIT // 2:
            self._resume_reading()

    def pause_reading(self) -> None:
        """Let the client wait: enough of what it sends is unread."""
        if self._reading and self._readable():
            self._reading = False
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if not self._reading and self._readable():
            self._reading = True
            self._transport.resume_reading()

    def _readable(self) -> bool:
        return not (self.closed or self._eof or self._transport.is_closing())
