"""The engine of the embedded mode: the single writer of a data folder, and the processors beside it.

One process holds it: the server itself, or with several workers their parent.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from functools import partial

from access.secrets import Secrets
from blobs.contract import PackStore
from bus.local import LocalPartitionLog, partition_directory
from bus.remote import Append
from disk.files import Files
from disk.room import Room
from index.directory import GenerationCounter
from index.head_cache import HeadStamps
from index.sqlite.writer import SqliteWriter
from processors.facts_publisher import FactsPublisher
from processors.materializer import Materializer
from processors.packing import Packing
from processors.sequencer import LocalSubmitter, Sequencer
from schemas.errors import IndexCorrupt, StrandlineError
from schemas.events import AUDIT, FACTS, OBJECT_VERSIONS, POLICIES
from strandline.consumers import only_consumer, rewind_consumers
from strandline.data_dir import DataDir
from strandline.key_ring import open_key_ring
from strandline.outage import Outage
from strandline.services import GENERATION_FILE, STAMPS_FILE, TOKENS_FILE, index_file
from strandline.settings import Settings

log = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 5.0
SOURCES = ((POLICIES, 0), (OBJECT_VERSIONS, 0))


class Engine:
    """Opens the logs, replays what the index misses, and runs sequencers and processors.

    files  the file layer of the logs; fault tests put their own in
    """

    def __init__(self, settings: Settings, data: DataDir, files: Files | None = None) -> None:
        self._settings = settings
        self._data = data
        self._files = files
        self.started_at = int(time.time() * 1000)
        self.recovery: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []
        (data.index / TOKENS_FILE).unlink(missing_ok=True)
        self._stamps = HeadStamps(data.index / STAMPS_FILE)
        self._index = SqliteWriter(index_file(data), stamps=self._stamps, room=self._room())
        self.keys = open_key_ring(settings, data.keys)
        Secrets(self.keys).prepare()

    async def abandon(self) -> None:
        """Let go of the index after a start that failed."""
        self._stamps.close()
        await self._index.close()

    async def start(self) -> None:
        """Recover, then take events. Raises LogCorrupt, IndexCorrupt, StorageFull."""
        positions = {topic: await self._index.position(topic, p) for topic, p in SOURCES}
        self.logs = {
            topic: self._open_log(topic, positions.get(topic, 0))
            for topic in (POLICIES, OBJECT_VERSIONS, FACTS, AUDIT)
        }
        self._refuse_gap(positions)
        with only_consumer(self._data):
            ends = {topic: self.logs[topic].end_offset for topic in (FACTS, AUDIT)}
            self.recovery += rewind_consumers(self._data, ends, self._files)
        self.generation = GenerationCounter(self._data.index / GENERATION_FILE)
        self._publisher = FactsPublisher(self.logs[FACTS], self._index, SOURCES)
        self._sequencers = {topic: self._sequencer(topic, p) for topic, p in SOURCES}
        repeated = await self._publisher.recover()
        replayed = {topic: await s.replay() for topic, s in self._sequencers.items()}
        self.generation.bump()
        self._report(replayed, repeated)
        self._publisher.start()
        for sequencer in self._sequencers.values():
            sequencer.start()
        self.submitter = LocalSubmitter(self._sequencers)
        self._tasks.append(asyncio.create_task(self._checkpoint_regularly(), name="checkpoint"))

    def append_for_others(self, packs: PackStore) -> Append:
        """Appends events of other processes; the bytes that these carry go to `packs`."""
        return Packing(self._sequencers, packs).append

    def record_audit(self, payload: bytes) -> None:
        """Append a batch of request records to the topic `audit`."""
        self.logs[AUDIT].append([payload], sync=False)

    async def applied(self) -> dict[str, int]:
        """For every topic of events, the offset of the first one not yet applied."""
        return {topic: await self._index.position(topic, p) for topic, p in SOURCES}

    def failure(self) -> str | None:
        """Why the store cannot take writes, if it cannot."""
        for sequencer in self._sequencers.values():
            if sequencer.failure is not None:
                return sequencer.failure.message
        return None if self._publisher.failure is None else self._publisher.failure.message

    async def drop_log(self, topic: str, offset: int) -> None:
        """Drop the segments of a source topic's log that lie below `offset`: a snapshot covers them.

        Only as far as the index is durable: a power cut may take its newest commits back, and it then
        needs the log from there on."""
        applied = await self._index.position(topic, 0)
        await self._index.checkpoint()
        await self._sequencers[topic].drop_before(min(offset, applied))

    async def stop(self) -> None:
        """Finish what was taken, make everything durable, close. A step that fails (a full device, a broken
        log) is raised once the others are done: the next start heals what it left."""
        async with contextlib.AsyncExitStack() as last_first:
            for partition_log in self.logs.values():
                last_first.callback(partition_log.close)
            last_first.callback(self._stamps.close)
            last_first.push_async_callback(self._index.close)
            last_first.push_async_callback(self._index.checkpoint)
            last_first.push_async_callback(self._publisher.stop)
            last_first.push_async_callback(self._end_tasks)
            for sequencer in self._sequencers.values():
                last_first.push_async_callback(sequencer.stop)

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _open_log(self, topic: str, durable_offset: int) -> LocalPartitionLog:
        directory = partition_directory(str(self._data.log), topic, 0, 0)
        return LocalPartitionLog(
            directory,
            durable_offset=durable_offset,
            segment_size=self._settings.segment_bytes,
            files=self._files,
            room=self._room(),
        )

    def _room(self) -> Room:
        """Half of what object bytes leave free: so deletions still find room. The rest is for commits."""
        return Room(self._data.index, self._settings.min_free_bytes // 2)

    def _refuse_gap(self, positions: dict[str, int]) -> None:
        """An index that ends before the log begins (deleted, or an old copy put back) misses events that
        only a snapshot holds."""
        for topic, position in positions.items():
            start = self.logs[topic].start_offset
            if position < start:
                raise IndexCorrupt(
                    f"the index has applied the log {topic} up to offset {position}, and the log begins at "
                    f"{start}: make it anew from the newest snapshot with `strandline index rebuild`"
                )

    def _sequencer(self, topic: str, partition: int) -> Sequencer:
        changed: Callable[[], object] = self.generation.bump if topic == POLICIES else lambda: None
        return Sequencer(
            self.logs[topic],
            Materializer(self._index, topic, partition),
            partial(self._publisher.publish, (topic, partition)),
            topic,
            changed,
        )

    def _report(self, replayed: dict[str, int], repeated: int) -> None:
        for topic, partition_log in self.logs.items():
            recovery = partition_log.recovery
            if recovery.cut_bytes:
                self.recovery.append(f"log {topic}: {recovery}")
        for topic, events in replayed.items():
            if events:
                self.recovery.append(f"index: {events} events of {topic} applied again from the log")
        if repeated:
            self.recovery.append(f"facts: {repeated} published again")
        for line in self.recovery:
            log.warning("recovery: %s", line)

    async def _checkpoint_regularly(self) -> None:
        outage = Outage(log, "checkpoints of the index fail and are tried again", "checkpoints work again")
        while True:
            await asyncio.sleep(CHECKPOINT_SECONDS)
            try:
                await self._index.checkpoint()
                outage.worked()
            except (StrandlineError, OSError) as error:
                # Nothing is lost by it: the log keeps what the index has not made durable.
                outage.failed(error)
