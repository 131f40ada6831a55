"""Buckets that are made before a test asks for them, while the one before it runs: in a cluster, a change of
a bucket is acknowledged half a second late."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

AHEAD = 2


class Stock:
    """`make` makes a bucket and returns its name. Nothing is made before the first is taken."""

    def __init__(self, make: Callable[[], str]) -> None:
        self._make = make
        self._threads = ThreadPoolExecutor(AHEAD, "stock")
        self._made: deque[Future[str]] = deque()

    def take(self) -> str:
        """The next one. Raises what its making raised."""
        while len(self._made) <= AHEAD:
            self._made.append(self._threads.submit(self._make))
        return self._made.popleft().result()

    def close(self) -> None:
        """Make no more."""
        self._threads.shutdown(cancel_futures=True)
