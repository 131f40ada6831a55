"""Rounds: partitions of one process at work side by side, so that what they ask of the index goes together.

Whoever comes while a round is under way takes part in the next one. So rounds are large when much is to be
done, and at rest a batch begins at once.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

PATIENCE = 0.1  # seconds after which a round no longer holds up the next: a partition may be stuck


class _Round:
    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.working = 0


class Rounds:
    """Of one event loop."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._current = _Round()
        self._next: _Round | None = None

    @asynccontextmanager
    async def join(self) -> AsyncIterator[None]:
        """Take part in a round, from its beginning or a moment after it."""
        taking = await self._seat()
        taking.working += 1
        try:
            yield
        finally:
            taking.working -= 1
            if taking is self._current and not taking.working:
                self._begin_next()

    async def _seat(self) -> _Round:
        if not self._current.working:
            return self._current
        if self._next is None:
            self._next = _Round()
            asyncio.get_running_loop().call_later(self._patience, self._begin_late, self._next)
        following = self._next
        await following.begun.wait()
        return following

    def _begin_late(self, following: _Round) -> None:
        if following is self._next:
            self._begin_next()

    def _begin_next(self) -> None:
        if self._next is not None:
            self._current, self._next = self._next, None
            self._current.begun.set()
