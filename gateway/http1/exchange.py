"""One request and the answer to it, as the application sees them."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from access.trusted_proxies import FORWARDED_FOR, FORWARDED_PROTO, forwarded_scheme
from gateway.http1.head import BODILESS, CHUNKED, CLOSE, CONTINUE, KEEP_ALIVE, Headers, answer_head

if TYPE_CHECKING:
    from gateway.http1.connection import Connection

JOIN_LIMIT = 64 * 1024  # bytes; a body up to here goes out in one piece with its head
UNREAD_LIMIT = 512 * 1024  # bytes of a body that wait to be read, before the client has to wait
DRAIN_LIMIT = 256 * 1024  # bytes of an unread body that are waited for rather than end the connection

Bytes = bytes | bytearray | memoryview


class Disconnected(Exception):
    """The client is gone, or its body broke off."""


class Exchange:
    """A request whose head has been read, and its answer: `answer` at once, or `begin`, `send` and `end`.

    method        as the client wrote it
    path          percent-decoded; what is not UTF-8 is left as lone surrogates
    query         as it came, without the "?"
    headers       lower-case names; a repeated header is joined with ","; likewise surrogates
    head_bytes    of names and values together
    ascii         whether all values are
    version       of HTTP: "1.1" or "1.0"
    source        the client's address; of a trusted proxy's request what the proxy tells
    scheme        "https" or "http"; likewise

    Called, it gives the whole body (`here`: if that takes no waiting); iterated, the pieces of it as they
    come. Both raise Disconnected, and ask
    a client for its body that waits to be asked ("Expect: 100-continue").
    """

    __slots__ = (
        "_asked", "_chunked", "_connection", "_expects", "_length", "_pieces", "_waiter", "answered", "ascii",
        "buffered", "complete", "discarding", "head_bytes", "headers", "keep_alive", "lost", "method",
        "path", "query", "scheme", "source", "version",
    )  # fmt: skip

    def __init__(
        self, connection: "Connection", method: str, path: str, query: str, headers: dict[str, str],
        head_bytes: int, ascii: bool, version: str, keep_alive: bool,
    ) -> None:  # fmt: skip
        self.method, self.path, self.query, self.headers = method, path, query, headers
        self.head_bytes, self.ascii = head_bytes, ascii
        self.version, self.keep_alive = version, keep_alive
        self.source, self.scheme = connection.source, connection.scheme
        if connection.proxies is not None:
            self.source = connection.proxies.client(self.source, headers.get(FORWARDED_FOR, ""))
            self.scheme = forwarded_scheme(headers.get(FORWARDED_PROTO, ""), self.scheme)
        self._connection = connection
        self._pieces: deque[bytes] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._expects = headers.get("expect", "").lower() == "100-continue" and version != "1.0"
        self._asked = False
        self._chunked = False
        self._length = headers.get("content-length")
        self.buffered = 0  # bytes of the body that have come and were not read
        self.complete = False  # the body has come to its end
        self.lost = False  # it never will
        self.answered = False  # the head of the answer has gone out
        self.discarding = False  # nobody reads the rest of the body

    # --- the body ------------------------------------------------------------------------------------
    async def __call__(self) -> bytes:
        """The whole body."""
        pieces = self._take()
        while not self.complete:
            await self._more()
            pieces += self._take()
        return b"".join(pieces)

    def here(self) -> bytes | None:
        """The whole body when all of it has come, as that of a small request mostly has; else None."""
        return b"".join(self._take()) if self.complete else None

    def _take(self) -> list[bytes]:
        """The pieces that wait to be read."""
        pieces = list(self._pieces)
        if pieces:
            self._pieces.clear()
            self._connection.taken(self, self.buffered)
        return pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            while self._pieces:
                piece = self._pieces.popleft()
                self._connection.taken(self, len(piece))
                yield piece
            if self.complete:
                return
            await self._more()

    async def _more(self) -> None:
        """Wait for another piece, or the end."""
        if self.lost:
            raise Disconnected
        if self._expects and not self._asked:
            self._asked = True
            self._connection.write(CONTINUE)
        self._waiter = self._connection.loop.create_future()
        await self._waiter
        if self.lost:
            raise Disconnected

    def arrived(self, piece: bytes) -> None:
        """The connection has read a piece of the body."""
        if not self.discarding:
            self._pieces.append(piece)
            self.buffered += len(piece)
            if self.buffered > UNREAD_LIMIT:
                self._connection.pause_reading()
            self._wake()

    def ended(self) -> None:
        """The body is there to its end."""
        self.complete = True
        self._wake()

    def lose(self) -> None:
        """The client is gone, or sends what is no HTTP."""
        self.lost = True
        self._wake()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # --- the answer ----------------------------------------------------------------------------------
    def answer(self, status: int, headers: Headers, body: bytes = b"") -> None:
        """Send a whole answer. To a HEAD `body` stays empty; `headers` may tell its length nevertheless."""
        more = self._persistence()
        if (body or (status not in BODILESS and self.method != "HEAD")) and not _tells_length(headers):
            more = f"content-length: {len(body)}\r\n{more}"
        head = answer_head(status, headers, more)
        self.answered = True
        if len(body) <= JOIN_LIMIT:
            self._connection.write(head + body)
        else:
            self._connection.write_both(head, body)

    def begin(self, status: int, headers: Headers) -> None:
        """Send the head of an answer whose body follows piece by piece: of the length that `headers` tell, or
        ended by `end`."""
        more = self._persistence()
        if not _tells_length(headers):
            if self.version == "1.0":
                self.keep_alive, more = False, CLOSE
            else:
                self._chunked, more = True, CHUNKED + more
        head = answer_head(status, headers, more)
        self.answered = True
        self._connection.write(head)

    def send(self, piece: Bytes) -> bool:
        """Send a piece of the body, which may change afterwards; whether there is room for another at once.
        Raises Disconnected."""
        connection = self._connection
        if connection.closed:
            raise Disconnected
        if self._chunked:
            connection.write(b"%x\r\n%b\r\n" % (len(piece), bytes(piece)))
        else:
            connection.write_lent(piece)
        return not connection.full

    async def room(self) -> None:
        """Return once there is room for another piece. Raises Disconnected."""
        await self._connection.room()

    def end(self) -> None:
        """The body of the answer is whole."""
        if self._chunked:
            self._connection.write(b"0\r\n\r\n")

    def cut(self) -> None:
        """End the connection at once: the client stalls, or the answer broke off and must be seen to."""
        self._connection.cut()

    def _persistence(self) -> str:
        """What the answer says about the connection, now that it is clear how much of the body was read."""
        if not self.complete and not self._drains():
            self.keep_alive = False
        if self._connection.stopping:
            self.keep_alive = False
        if not self.keep_alive:
            return CLOSE
        if self._expects and not self._asked and not self.buffered:
            # Its body is empty. A client that is never told to go on may misread the next answer (botocore
            # of 2023 and before, as in the AWS CLI of Debian 12).
            self._asked = True
            self._connection.write(CONTINUE)
        return KEEP_ALIVE if self.version == "1.0" else ""

    def _drains(self) -> bool:
        """Whether the body is small and on its way, and nobody has waited for it in vain."""
        return (
            self._waiter is None
            and not self._expects
            and not self.lost
            and self._length is not None
            and int(self._length) <= DRAIN_LIMIT
        )


def _tells_length(headers: Headers) -> bool:
    return any([name == "content-length" for name, _ in headers])
