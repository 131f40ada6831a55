"""Paces the bodies of one request: so many bytes have passed, so long is to be waited before more do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

from blobs.contract import Lent
from gateway.token_buckets import SECOND, Rate, TokenBuckets

PIECE = 64 * 1024  # bytes of a paced answer that are sent at once


class Throttle:
    """up, down: the buckets that bytes of the request, and of its answer, are taken from."""

    __slots__ = ("_buckets", "down", "up")

    def __init__(self, buckets: TokenBuckets) -> None:
        self._buckets = buckets
        self.up: tuple[Rate, ...] = ()
        self.down: tuple[Rate, ...] = ()

    def received(self, count: int) -> float:
        """So many bytes have come; returns the seconds to wait before more are read."""
        return self._buckets.spend(self.up, count) / SECOND if self.up else 0.0

    def sent(self, count: int) -> float:
        """The same for bytes that go out."""
        return self._buckets.spend(self.down, count) / SECOND if self.down else 0.0

    async def paced(self, first: bytes, rest: AsyncIterator[Lent]) -> AsyncIterator[bytes]:
        """The body of an answer in small pieces, each as soon as it may go. Chunks are copied, since they may
        be lent only until something is waited for."""
        async with aclosing(rest):  # type: ignore[type-var]  # the port promises an iterator; ours can be closed
            chunk: bytes | None = first
            while chunk is not None:
                for start in range(0, len(chunk), PIECE):
                    piece = chunk[start : start + PIECE]
                    if (wait := self.sent(len(piece))) > 0:
                        await asyncio.sleep(wait)
                    yield piece
                lent = await anext(rest, None)
                chunk = None if lent is None else bytes(lent)
