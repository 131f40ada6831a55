"""Publishes facts to the facts log, so that none is lost and consumers see them in log order.

The index keeps each batch's facts until the facts log has them durably (`IndexWriter.pending_facts`), so
a crash in between only repeats facts; consumers deduplicate by source seq.
"""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from bus.contract import PartitionLog
from index.contract import IndexWriter
from schemas.errors import StorageFull

log = logging.getLogger(__name__)

SYNC_SECONDS = 0.5
BACKLOG_BATCHES = 4096


class FactsPublisher:
    """The only writer of the facts log. `publish` is on the way of every write, so it does not sync."""

    def __init__(self, facts: PartitionLog, index: IndexWriter, sources: Sequence[tuple[str, int]]) -> None:
        self._facts = facts
        self._index = index
        self._sources = sources
        self._through: dict[tuple[str, int], int] = {}
        self._backlog: list[tuple[tuple[str, int], int, Sequence[bytes]]] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="facts")
        self._task: asyncio.Task[None] | None = None
        self._written = asyncio.Event()

    async def recover(self) -> int:
        """Publish again what may have been lost with an unsynced tail; returns how many facts."""
        repeated = 0
        for topic, partition in self._sources:
            for pending in await self._index.pending_facts(topic, partition):
                self._append((topic, partition), pending.last, pending.facts)
                repeated += len(pending.facts)
        return repeated

    def start(self) -> None:
        self._task = asyncio.create_task(self._sync_regularly(), name="facts-sync")

    def publish(self, source: tuple[str, int], last_offset: int, facts: Sequence[bytes]) -> None:
        """Append a batch's facts, the last of its events being at `last_offset` of the source."""
        if self._backlog or not self._try_append(source, last_offset, facts):
            # The facts stay in the index, so a backlog that is cut short loses nothing but order in
            # memory: `_retry` reads them from there.
            if len(self._backlog) < BACKLOG_BATCHES:
                self._backlog.append((source, last_offset, facts))

    @property
    def end_offset(self) -> int:
        return self._facts.end_offset

    async def stop(self) -> None:
        """Sync what was published; the index forgets it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._sync()
        self._thread.shutdown(wait=True)

    def _try_append(self, source: tuple[str, int], last: int, facts: Sequence[bytes]) -> bool:
        try:
            self._append(source, last, facts)
        except StorageFull as error:
            log.error("no space left for the facts log, facts wait in the index: %s", error.message)
            return False
        return True

    def _append(self, source: tuple[str, int], last: int, facts: Sequence[bytes]) -> None:
        self._facts.append(facts, sync=False)
        self._through[source] = last
        self._written.set()

    async def _sync_regularly(self) -> None:
        while True:
            await self._written.wait()
            await asyncio.sleep(SYNC_SECONDS)
            await self._sync()

    async def _sync(self) -> None:
        await self._retry()
        self._written.clear()
        through, self._through = self._through, {}
        if not through:
            return
        await asyncio.get_running_loop().run_in_executor(self._thread, self._facts.sync)
        for (topic, partition), last in through.items():
            await self._index.trim_facts(topic, partition, last)

    async def _retry(self) -> None:
        """Publish what waits since the device was full, in order, from the index."""
        if not self._backlog:
            return
        published = dict(self._through)
        for source in self._sources:
            for pending in await self._index.pending_facts(*source):
                if pending.last > published.get(source, -1) and not self._try_append(
                    source, pending.last, pending.facts
                ):
                    return
        self._backlog.clear()
