"""MD5 of many bodies at once, for their ETags: streams that wait for the same core are hashed side by side.

With `ingest/_md5_lanes.c` compiled, sixteen streams take hardly longer than one. Without it (no compiler at
installation), hashlib hashes every stream by itself, in a thread of its own.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ingest.checksums import Buffer

try:
    from ingest._md5_lanes import Stream, update_many

    WORTHWHILE = 4  # bodies in progress from which on it pays to wait for others
except ImportError:

    class Stream:  # type: ignore[no-redef]
        """The running MD5 of one stream."""

        def __init__(self) -> None:
            self._running = hashlib.md5(usedforsecurity=False)
            self.update, self.digest = self._running.update, self._running.digest

    def update_many(pairs: Sequence[tuple[Stream, Sequence[Buffer]]], /) -> None:
        """Give each stream its next bytes."""
        for stream, chunks in pairs:
            for chunk in chunks:
                stream.update(chunk)  # type: ignore[attr-defined]

    WORTHWHILE = 1 << 30

LANES = 16
# How long a slice of a body waits for slices of others. Its sender is not held up: the slice after it is
# gathered meanwhile.
GATHER_SECONDS = 0.008


class _Waiting(NamedTuple):
    stream: Stream
    chunks: list[bytes]
    also: Callable[[list[bytes]], None]
    done: "asyncio.Future[None]"


class SideBySide:
    """Hashes the bodies in progress of one process. `open` and `close` tell how many there are."""

    def __init__(self) -> None:
        self._open = 0
        self._waiting: list[_Waiting] = []
        self._timer: asyncio.TimerHandle | None = None

    def open(self) -> Stream:
        """The MD5 of a body that begins; `close` must be called when it has ended."""
        self._open += 1
        return Stream()

    def close(self) -> None:
        """A body has ended, in whatever way."""
        self._open -= 1
        self._start_if_enough()

    def update(
        self, stream: Stream, chunks: list[bytes], also: Callable[[list[bytes]], None]
    ) -> "asyncio.Future[None]":
        """Give the stream its next bytes, and then call `also` with them, both in a thread; done when the
        future is. A stream must not be given more before that."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append(_Waiting(stream, chunks, also, done))
        if not self._start_if_enough() and self._timer is None:
            self._timer = loop.call_later(GATHER_SECONDS, self._start)
        return done

    def _start_if_enough(self) -> bool:
        waiting = len(self._waiting)
        if not waiting or (self._open >= WORTHWHILE and waiting < min(self._open, LANES)):
            return False
        self._start()
        return True

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch, self._waiting = self._waiting, []
        if batch:
            loop = asyncio.get_running_loop()
            loop.run_in_executor(None, _hash, batch).add_done_callback(lambda ended: _settle(batch, ended))


def _hash(batch: list[_Waiting]) -> None:
    update_many([(waiting.stream, waiting.chunks) for waiting in batch])
    for waiting in batch:
        waiting.also(waiting.chunks)


def _settle(batch: list[_Waiting], ended: "asyncio.Future[None]") -> None:
    error = asyncio.CancelledError() if ended.cancelled() else ended.exception()
    for waiting in batch:
        with contextlib.suppress(asyncio.InvalidStateError):  # its body was given up
            if error is None:
                waiting.done.set_result(None)
            else:
                waiting.done.set_exception(error)
