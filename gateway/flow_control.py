"""How much of an answer still waits inside the HTTP server: what keeps memory flat with slow clients.

granian's RSGI transport takes everything it is given into an unbounded queue and says nothing about it
(2.8: only its ASGI and WSGI streams wait for the client). But the kernel knows how many bytes of the
connection it has taken: those acknowledged by the peer (tcpi_bytes_acked of TCP_INFO) and those in its own
send queue (SIOCOUTQ). What was sent and is not among them is waiting in the server.
"""

import asyncio
import contextlib
import os
import socket
import struct
import sys
from collections.abc import Callable
from fcntl import ioctl
from termios import TIOCOUTQ
from time import monotonic

from gateway.pace import Pace, Pacing

QUEUE_LIMIT = 4 * 1024**2  # bytes of one answer inside the server; the kernel's buffers come on top
QUEUES_LIMIT = 48 * 1024**2  # of all answers together: the more waits already, the less one more may have
QUEUE_FLOOR = 256 * 1024  # but no less than this
_SHORTEST, _LONGEST = 0.001, 0.02  # seconds between looks at the queue

_INFO_BYTES = 128
_acked = struct.Struct("=120xQ").unpack  # linux/tcp.h, struct tcp_info: tcpi_bytes_acked, since Linux 4.1
_queued = struct.Struct("=i").unpack
# Under TLS the kernel takes more than the answer: at least so many bytes for each record of at most 16 KiB
# (RFC 8446, 5.2: header and tag). Counting the least never makes a client wait for bytes that do not exist.
_TLS_RECORD, _TLS_OVERHEAD = 16384, 21
_CLOSED = 7  # tcpi_state: TCP_CLOSE


class ClientStalled(Exception):
    """The client takes nothing, or too little; its connection has been shut down."""


class ClientGone(Exception):
    """The connection is closed."""


class Outflow:
    """The way out of one connection, for the length of one answer. `close` must be called."""

    def __init__(self, connection: socket.socket, all_of_them: "Connections", scheme: str) -> None:
        self._connection = connection
        self._tls = scheme == "https"
        self._all = all_of_them
        self._held = 0
        self._start = self._taken()

    def _taken(self) -> int:
        """Bytes that the kernel has ever taken for this connection. Raises ClientGone."""
        info = self._connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
        if info[0] == _CLOSED:
            raise ClientGone
        return int(_acked(info)[0]) + int(_queued(ioctl(self._connection, TIOCOUTQ, b"\0\0\0\0"))[0])

    def waiting(self, sent: int) -> int:
        """How many of the `sent` bytes of the answer are still inside the server. Raises ClientGone."""
        taken = self._taken() - self._start
        if self._tls:
            taken = taken * _TLS_RECORD // (_TLS_RECORD + _TLS_OVERHEAD)
        held = sent - taken
        self._all.held += held - self._held
        self._held = held
        return held

    async def make_room(self, sent: int) -> None:
        """Return once little enough waits inside the server. Raises ClientGone, ClientStalled."""
        if self.waiting(sent) > self._share():
            await self._wait(sent, lambda: self._share() // 2)

    async def end(self, sent: int) -> None:
        """The whole answer has been sent: return once hardly any of it waits, or the client is gone. Until
        then it counts among those that wait. Raises ClientStalled."""
        with contextlib.suppress(ClientGone):
            await self._wait(sent, lambda: QUEUE_FLOOR)

    async def _wait(self, sent: int, limit: Callable[[], int]) -> None:
        waiting, pause = self.waiting(sent), _SHORTEST
        pacing, looked = Pacing(self._all.pace), monotonic()
        while waiting > limit():
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST)
            before, waiting = waiting, self.waiting(sent)
            now = monotonic()
            if not pacing.keeps(now - looked, before - waiting):
                self.cut()
                raise ClientStalled
            looked = now

    def _share(self) -> int:
        return self._all.share(self._held)

    def cut(self) -> None:
        """End the connection, whatever the HTTP server is waiting for on it."""
        with contextlib.suppress(OSError):  # it has ended by itself
            self._connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connection, which is the server's."""
        self._all.held -= self._held
        self._held = 0
        self._connection.close()


class Connections:
    """Finds the connection of a client among the descriptors of this process, and remembers where it was.

    pace  the slowest client that is served
    held  bytes of all answers that wait inside the server, as last seen
    """

    LIMIT = 1024  # descriptors remembered

    def __init__(self, pace: Pace) -> None:
        self._known: dict[tuple[str, str], int] = {}
        self.pace = pace
        self.held = 0

    def share(self, own: int = 0) -> int:
        """How many bytes of one answer may wait, of which `own` do: up to half of what the others leave."""
        return max(QUEUE_FLOOR, min(QUEUE_LIMIT, (QUEUES_LIMIT - self.held + own) // 2))

    def outflow(self, client: str, server: str, scheme: str) -> Outflow | None:
        """The way out to that client, by "http" or "https", both named as `address:port` (of the server the
        port counts, as the address may be that of every interface); None where it cannot be told. Raises
        ClientGone.
        """
        if not sys.platform.startswith("linux"):
            return None
        names = (client, server.rpartition(":")[2])
        fd = self._known.get(names)
        if fd is None or not _joins(fd, names):
            fd = next((fd for fd in _descriptors() if _joins(fd, names)), None)
            if fd is None:
                return None
            if len(self._known) >= self.LIMIT:
                self._known.clear()
            self._known[names] = fd
        return Outflow(socket.socket(fileno=os.dup(fd)), self, scheme)


def _descriptors() -> list[int]:
    # Newest first: connections with large answers are more often young than old.
    return sorted(map(int, os.listdir("/proc/self/fd")), reverse=True)


def _joins(fd: int, names: tuple[str, str]) -> bool:
    """Whether the descriptor is the TCP connection from that client to that port of ours."""
    try:
        connection = socket.socket(fileno=fd)
    except OSError:
        return False
    try:
        if connection.family not in (socket.AF_INET, socket.AF_INET6):
            return False
        host, port = connection.getpeername()[:2]
        peer = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"  # as granian writes it
        return peer == names[0] and str(connection.getsockname()[1]) == names[1]
    except OSError:
        return False
    finally:
        connection.detach()
