"""A limit on how long a request waits for its client, without a timer for every wait.

asyncio.timeout makes a timer, two callbacks and a context for each await: more than the rest of reading a
small body costs. Here a wait is one entry in a table, and one sweep a second ends those that took too long.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

T = TypeVar("T")

SWEEP_SECONDS = 1.0


class Patience:
    """Waits of at most `limit` seconds (and up to a sweep more). Sweeps only while somebody waits."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._waits: dict[asyncio.Task[Any], float] = {}
        self._lost: set[asyncio.Task[Any]] = set()
        self._sweeping = False

    async def wait(self, awaited: Awaitable[T]) -> T:
        """What is awaited, by the running task. Raises TimeoutError."""
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()
        self._waits[task] = loop.time() + self._limit
        if not self._sweeping:
            self._sweeping = True
            loop.call_later(SWEEP_SECONDS, self._sweep, loop)
        try:
            return await awaited
        except asyncio.CancelledError:
            if task in self._lost and not task.uncancel():
                raise TimeoutError from None
            raise
        finally:
            del self._waits[task]
            self._lost.discard(task)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for task, deadline in self._waits.items():
            if deadline < now and task not in self._lost:
                self._lost.add(task)
                task.cancel()
        if self._waits:
            loop.call_later(SWEEP_SECONDS, self._sweep, loop)
        else:
            self._sweeping = False
