"""What runs beside the requests in the engine's process: auditor, collector, sweep, snapshots, gauges."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator

from bus.positions import Positions
from index.sqlite.reader import SqliteReader
from processors.audit_trail import AuditTrail
from processors.auditor import Auditor
from processors.collector import Collector
from schemas.errors import StorageFull, StrandlineError
from schemas.events import AUDIT, FACTS
from schemas.manifest import Manifest
from strandline.data_dir import DataDir
from strandline.engine import Engine
from strandline.exposition import gauge
from strandline.metrics import Metrics
from strandline.services import index_file, open_blobs
from strandline.settings import Settings
from strandline.snapshotting import Snapshotting

log = logging.getLogger(__name__)

AUDIT_SECONDS = 0.5
COLLECT_SECONDS = 1.0
RETAIN_SECONDS = 10.0
BATCH = 4096
COLLECTOR = "collector"
DAY_MILLISECONDS = 24 * 3600 * 1000


class Background:
    """The consumers of facts and audit records, each with its own durable position."""

    def __init__(self, settings: Settings, data: DataDir, engine: Engine, metrics: Metrics) -> None:
        self._settings = settings
        self._data = data
        self._engine = engine
        self._metrics = metrics
        self._positions = Positions(str(data.consumers))
        self.blobs = open_blobs(settings, data, engine.keys)
        self._auditor = Auditor(AuditTrail(data.audit)) if settings.audit else None
        self._collector = Collector(self.blobs, settings.gc_grace_seconds, time.time, log.error)
        self._snapshotting = Snapshotting(settings, data, engine.logs, metrics)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await self.blobs.start()
        for recovered in self.blobs.recovered:
            log.info("recovery: %s", recovered)
        loops = [self._collect(), self._sweep(), self._retain(), self._snapshotting.run()]
        if self._auditor is not None:
            loops.append(self._audit())
        self._tasks = [asyncio.create_task(_never_ends(loop)) for loop in loops]

    async def stop(self) -> None:
        """Stop, after the auditor has written what there is."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._auditor is not None:
            try:
                while self._audit_once():
                    pass
            except StorageFull as error:
                log.error("audit records wait in the log: %s", error.message)
            self._auditor.close()
        await self.blobs.close()

    # --- the auditor -----------------------------------------------------------------------------------
    async def _audit(self) -> None:
        while True:
            try:
                busy = self._audit_once()
            except StorageFull as error:
                log.error("audit records wait in the log: %s", error.message)
                busy = False
            await asyncio.sleep(0 if busy else AUDIT_SECONDS)

    def _audit_once(self) -> bool:
        """Write one run of each topic; whether there may be more."""
        auditor = self._auditor
        assert auditor is not None
        busy = False
        for topic, write in ((AUDIT, auditor.requests), (FACTS, auditor.facts)):
            partition_log = self._engine.logs[topic]
            position = max(auditor.position(topic), partition_log.start_offset)
            records = partition_log.read(position, 16 if topic == AUDIT else 512)
            if records:
                write(records)
                busy = True
        return busy

    # --- the collector ---------------------------------------------------------------------------------
    async def _collect(self) -> None:
        facts = self._engine.logs[FACTS]
        position = max(self._positions.get(COLLECTOR, FACTS, 0), facts.start_offset)
        while True:
            records = facts.read(position, 512)
            if not records:
                await asyncio.sleep(COLLECT_SECONDS)
                continue
            done = await self._collector.collect(records)
            if done is None:
                await asyncio.sleep(min(max(self._collector.wait(records[0]), 0.05), COLLECT_SECONDS))
                continue
            position = done
            self._positions.commit(COLLECTOR, FACTS, 0, position)
            self._metrics.set(gauge("consumer_lag", COLLECTOR), facts.end_offset - position)

    async def _sweep(self) -> None:
        """Once after the start: free what requests of earlier runs left behind without an event."""
        index = SqliteReader(index_file(self._data))
        try:
            # One state of the index for the whole walk: in a moving one, bytes that go from a part to
            # its object, or from an object to its copy, could be overlooked in both places.
            index.pin()
            freed = await self.blobs.sweep(_live(index), self._engine.started_at)
        finally:
            index.close()
        if freed:
            log.info("recovery: %d bytes of unfinished writes freed", freed)

    # --- retention of facts and audit records ----------------------------------------------------------
    async def _retain(self) -> None:
        while True:
            await asyncio.sleep(RETAIN_SECONDS)
            facts, audit = self._engine.logs[FACTS], self._engine.logs[AUDIT]
            keep = self._positions.get(COLLECTOR, FACTS, 0)
            if self._auditor is not None:
                keep = min(keep, self._auditor.position(FACTS))
                audit.drop_before(self._auditor.position(AUDIT))
            facts.drop_before(keep)


async def _never_ends(loop: object) -> None:
    """Run a loop of the background; tell loudly when it fails, since nobody waits for it."""
    try:
        await loop  # type: ignore[misc]
    except asyncio.CancelledError:
        raise
    except StrandlineError as error:
        log.critical("a background task has stopped: %s: %s", type(error).__name__, error.message)
    except Exception:
        log.exception("a background task has stopped")


async def _live(index: SqliteReader) -> AsyncIterator[list[Manifest]]:
    """Every manifest of the index, in batches between which requests get their turn."""
    async for versions in index.all_versions():
        yield [row.manifest for _, row in versions if row.manifest is not None]
        await asyncio.sleep(0)
    async for parts in index.all_parts():
        yield [part.manifest for part in parts]
        await asyncio.sleep(0)
