"""Paces the bodies of one request: so many bytes have passed, so long is to be waited before more do."""

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
