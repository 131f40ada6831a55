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
from schemas.errors import StorageFull, StrandlineError

log = logging.getLogger(__name__)

SYNC_SECONDS = 0.5


Source = tuple[str, int]  # topic, partition


class FactsPublisher:
    """The only writer of the facts log. `publish` is on the way of every write, so it does not sync.

    Where the facts log has no room, facts wait in the index and are published from there, in order.
    """

    def __init__(self, facts: PartitionLog, index: IndexWriter, sources: Sequence[Source]) -> None:
        self._facts = facts
        self._index = index
        self._sources = sources
        self._through: dict[Source, int] = {}  # appended since the last sync
        self._waiting = False  # some facts are in the index only
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="facts")
        self._task: asyncio.Task[None] | None = None
        self._work = asyncio.Event()
        self.failure: StrandlineError | None = None  # why facts are not published any more

    async def recover(self) -> int:
        """Publish again what may have been lost with an unsynced tail; returns how many facts."""
        repeated = 0
        for source in self._sources:
            for pending in await self._index.pending_facts(*source):
                self.publish(source, pending.last, pending.facts)
                repeated += len(pending.facts)
        return repeated

    def start(self) -> None:
        self._task = asyncio.create_task(self._sync_regularly(), name="facts-sync")

    def publish(self, source: Source, last_offset: int, facts: Sequence[bytes]) -> None:
        """Append a batch's facts, the last of its events being at `last_offset` of the source."""
        if self._waiting or not self._try_append(source, last_offset, facts):
            self._waiting = True
            self._work.set()

    @property
    def end_offset(self) -> int:
        return self._facts.end_offset

    async def stop(self) -> None:
        """Sync what was published; the index forgets it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        try:
            await self._sync()
        finally:
            self._thread.shutdown(wait=True)

    def _try_append(self, source: Source, last: int, facts: Sequence[bytes]) -> bool:
        try:
            self._facts.append(facts, sync=False)
        except StorageFull as error:
            if not self._waiting:
                log.error("no space left for the facts log, facts wait in the index: %s", error.message)
            return False
        self._through[source] = last
        self._work.set()
        return True

    async def _sync_regularly(self) -> None:
        while True:
            await self._work.wait()
            await asyncio.sleep(SYNC_SECONDS)
            try:
                await self._sync()
            except StrandlineError as error:
                # A broken log stops the sequencers at their next batch; the facts stay in the index.
                log.critical("facts cannot be made durable: %s", error.message)
                self.failure = error
                return

    async def _sync(self) -> None:
        await self._publish_waiting()
        if not self._waiting:
            self._work.clear()
        through, self._through = self._through, {}
        if not through:
            return
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._facts.sync)
        except BaseException:
            self._through = {**through, **self._through}
            raise
        for (topic, partition), last in through.items():
            await self._index.trim_facts(topic, partition, last)

    async def _publish_waiting(self) -> None:
        """Publish what waits since the device was full, from the index."""
        if not self._waiting:
            return
        published = dict(self._through)
        for source in self._sources:
            for pending in await self._index.pending_facts(*source):
                new = pending.last > published.get(source, -1)
                if new and not self._try_append(source, pending.last, pending.facts):
                    return
        log.warning("the facts that waited in the index are published")
        self._waiting = False
