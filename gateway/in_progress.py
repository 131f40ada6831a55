"""How many requests a process is answering: what bounds them, and what a shutdown waits for."""

import asyncio


class InProgress:
    """The requests of both ports of a process. A request adds one to `count` when it comes, and calls `ended`
    when its answer has gone out; it is refused when `count` is then above `limit`.

    The fields are plain so that the hot path pays one comparison; draining sets `limit` below every count.
    """

    __slots__ = ("_idle", "count", "draining", "limit")

    def __init__(self, limit: int = 1024) -> None:
        self.count = 0
        self.limit = limit
        self.draining = False
        self._idle = asyncio.Event()

    def ended(self) -> None:
        """An answer has gone out, or its client is gone."""
        self.count -= 1
        if self.draining and not self.count:
            self._idle.set()

    async def drain(self, timeout: float) -> bool:
        """Refuse new requests and wait until the others are answered; False when `timeout` seconds were
        not enough."""
        self.draining = True
        self.limit = -1
        if not self.count:
            return True
        self._idle.clear()
        try:
            await asyncio.wait_for(self._idle.wait(), timeout)
        except TimeoutError:
            return False
        return True
