"""A consumer inside the process that writes the log: woken by the writer, read from memory-hot files."""

import asyncio
from collections.abc import AsyncIterator

from bus.contract import Record
from bus.local.log import LocalPartitionLog
from bus.positions import Positions

BATCH = 512  # records
NEAR = 1024  # records behind the end that are still in the page cache: not worth a thread's time


class LocalSubscription:
    """bus.contract.Subscription on a LocalPartitionLog. Iterate it from one task, on one event loop.

    Begins at the consumer's committed position, or at the start of the log where retention has overtaken it
    (`skipped` says by how much). Records are delivered as soon as they are readable, so some may not be
    durable yet; a commit beyond the durable part is held back until the log has caught up, and a consumer
    may see such records again after a crash.

    After `close` the iteration ends once its current batch is done with.
    """

    def __init__(
        self,
        log: LocalPartitionLog,
        positions: Positions,
        consumer: str,
        topic: str,
        partition: int = 0,
        batch: int = BATCH,
    ) -> None:
        self._log = log
        self._positions = positions
        self._place = (consumer, topic, partition)
        self._batch = batch
        committed = positions.get(*self._place)
        self._next = max(committed, log.start_offset)
        self.skipped = self._next - committed
        self._done = self._committed = committed
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._told = False
        self._closed = False
        self._saving: asyncio.Lock = asyncio.Lock()
        log.add_listener(self._wake)

    @property
    def position(self) -> int:
        """Everything below this was delivered."""
        return self._next

    @property
    def committed(self) -> int:
        """The durable position: where a restart would go on."""
        return self._committed

    @property
    def lag(self) -> int:
        """Records in the log that the consumer has not committed."""
        return max(0, self._log.end_offset - max(self._done, self._log.start_offset))

    async def __aiter__(self) -> AsyncIterator[list[Record]]:
        while not self._closed:
            self._told = False
            self._news.clear()
            await self._save()
            records = await self._read()
            if records:
                self._next = records[-1].offset + 1
                yield records
            else:
                await self._news.wait()

    async def commit(self, offset: int) -> None:
        """Everything below `offset` is done with, and its effect durable. Never moves back.

        Durable on return as far as the log itself is. Raises StorageFull, OSError; commit again then."""
        self._done = max(self._done, offset)
        await self._save()

    async def close(self) -> None:
        """End the iteration and write down what was committed."""
        self._closed = True
        self._log.remove_listener(self._wake)
        self._news.set()
        await self._save()

    async def _read(self) -> list[Record]:
        behind = self._log.end_offset - self._next
        if behind == 0:
            return []
        if behind <= NEAR:
            return self._log.read(self._next, self._batch)
        return await asyncio.to_thread(self._log.read, self._next, self._batch)

    async def _save(self) -> None:
        """Commit as far as the log is durable. Calls made meanwhile share one write."""
        async with self._saving:
            offset = min(self._done, self._log.durable_offset)
            if offset > self._committed:
                await asyncio.to_thread(self._positions.commit, *self._place, offset)
                self._committed = offset

    def _wake(self) -> None:
        """On the writer's thread; only the first of many appends crosses over to the loop."""
        if not self._told:
            self._told = True
            try:
                self._loop.call_soon_threadsafe(self._news.set)
            except RuntimeError:
                self._log.remove_listener(self._wake)  # the loop was closed without closing us
