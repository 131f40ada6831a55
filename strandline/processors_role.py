"""The processors that live on facts and on records of requests, in a process of their own: auditor,
collector, sweep, access logger.

`python -m strandline.processors_role STARTED_AT FD`, started by `strandline.background` only. They read the
logs beside the writer, so they cost the requests no time on the event loop; what they write goes to the
sequencer over a socket pair, as a worker's does. Their durable places (the audit trail's head, positions) are
files that the engine's process looks at.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator

from bus.contract import Record, Submitter
from bus.local import LogReader
from bus.positions import Positions
from bus.remote import connect_submitter
from disk.files import Files
from disk.room import Room
from index.sqlite.reader import SqliteReader
from processors.audit_trail import AuditTrail, AuditUnwritable
from processors.auditor import Auditor, Run
from processors.collecting import COLLECTOR, LOOK_SECONDS, CollectorPartition
from processors.collector import Collector
from processors.runner import PASSING
from schemas.errors import (
    BlobMissing,
    OffsetOutOfRange,
    ServiceUnavailable,
    StorageFull,
    StrandlineError,
)
from schemas.events import AUDIT, FACTS
from schemas.facts import decode_fact
from schemas.manifest import Manifest
from strandline.access_logs import AccessLogs
from strandline.consumers import only_consumer
from strandline.data_dir import DataDir
from strandline.exposition import ORPHAN_BYTES, ORPHANS, SWEPT
from strandline.folder_metrics import processors_metrics
from strandline.key_ring import open_key_ring, with_master
from strandline.logs import configure_logging
from strandline.loops import watched
from strandline.metrics import Metrics
from strandline.outage import Outage
from strandline.runtime import run
from strandline.services import EmbeddedStore, index_file, open_blobs
from strandline.settings import Settings
from strandline.verification import open_log

log = logging.getLogger(__name__)

AUDIT_SECONDS = 0.5
RECORDS = {AUDIT: 64, FACTS: 4096}  # per turn, about
TRAIL_CUT_SECONDS = 3600.0
RETRY_SECONDS = 5.0
DAY_MILLISECONDS = 24 * 3600 * 1000


class Processors:
    """Auditor, collector and sweep over one data folder; make it, and run it, as its `only_consumer`.

    started_at  what was stored before that moment (Unix milliseconds) and is named by nothing is swept
    files       the file layer; fault tests put their own in
    submitter   where events go; without it nothing that writes runs
    metrics     where the sweep is counted; None: nowhere
    """

    def __init__(
        self,
        settings: Settings,
        data: DataDir,
        started_at: int,
        files: Files | None = None,
        submitter: Submitter | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._data = data
        self._started_at = started_at
        self._logs = {topic: open_log(data, topic, following=True) for topic in (AUDIT, FACTS)}
        self._positions = Positions(str(data.consumers), files)
        keys = open_key_ring(settings, data.keys)
        self._blobs = open_blobs(settings, data, keys, files)
        self._store = None
        if submitter is not None:
            self._store = EmbeddedStore(settings, data, submitter, self._blobs, keys)
        self._auditor = None
        if settings.audit:
            # A quarter stays the index's own: records come as long as there are events and requests.
            room = Room(data.audit, settings.min_free_bytes // 4)
            self._auditor = Auditor(AuditTrail(data.audit, files, room), settings.region)
        self._trail_cut = 0.0
        self.swept = asyncio.Event()  # set once the leftovers of earlier runs are gone
        self._collector = Collector(self._blobs, settings.gc_grace_seconds, time.time, log.error)

    async def run(self, stopping: asyncio.Event) -> None:
        """Until `stopping`; then the auditor still writes what there is."""
        await self._blobs.start()
        for recovered in self._blobs.recovered:
            log.info("recovery: %s", recovered)
        loops = [self._collect(stopping), self._sweep()]
        if self._auditor is not None:
            loops.append(self._audit())
        if self._store is not None:
            seconds = self._settings.access_log_seconds
            logs = AccessLogs(self._store.producer, self._store.reader, self._positions, seconds)
            loops += [self._log_access(logs), logs.deliver_regularly()]
        tasks = [watched(loop, log, "a processor") for loop in loops]
        await stopping.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._auditor is not None:
            try:
                while self._audit_once():
                    pass
            except StrandlineError as error:
                log.error("audit records wait in the log: %s", error.message)
            self._auditor.close()
        if self._store is not None:
            self._store.close()
        await self._blobs.close()

    # --- the auditor -----------------------------------------------------------------------------------
    async def _audit(self) -> None:
        outage = Outage(log, "audit records wait in the log", "audit records are written again")
        while True:
            try:
                busy = self._audit_once()
                outage.worked()
            except (StorageFull, AuditUnwritable) as error:
                outage.failed(error.message)
                busy = False
            await asyncio.sleep(0 if busy else AUDIT_SECONDS)

    def _audit_once(self) -> bool:
        """Write one run of each topic; whether there is more. Who caught up with writers in full swing must
        not write what little they did meanwhile: each time is several syncs of the device they wait for."""
        auditor = self._auditor
        assert auditor is not None
        read = {t: _read_all(self._logs[t], auditor.position(t), RECORDS[t]) for t in (AUDIT, FACTS)}
        runs = [Run(topic, 0, records) for topic, records in read.items() if records]
        if runs:
            auditor.write(runs)
        days = self._settings.audit_keep_days
        if days and time.time() - self._trail_cut > TRAIL_CUT_SECONDS:
            self._trail_cut = time.time()
            auditor.drop_before(int(self._trail_cut * 1000) - days * DAY_MILLISECONDS)
        return any(len(run.records) >= RECORDS[run.topic] for run in runs)

    # --- the access logger -----------------------------------------------------------------------------
    async def _log_access(self, logs: AccessLogs) -> None:
        source = open_log(self._data, AUDIT, following=True)
        partition = logs.partition(0)
        position = await partition.open()
        outage = Outage(log, "records for access logs wait in the log", "access logs are written again")
        while True:
            records = _read_on(source, position, RECORDS[AUDIT])
            try:
                if records:
                    await partition.handle(records)
                    position = records[-1].offset + 1
                outage.worked()
            except PASSING as error:
                outage.failed(error.message)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            await asyncio.sleep(0 if records else AUDIT_SECONDS)

    # --- the collector ---------------------------------------------------------------------------------
    async def _collect(self, stopping: asyncio.Event) -> None:
        partition = CollectorPartition(self._collector, self._positions, stopping, 0)
        outage = Outage(log, "bytes are freed later", "bytes are freed again")
        while not stopping.is_set():
            records = _read_on(self._logs[FACTS], await partition.open(), RECORDS[FACTS])
            try:
                await partition.handle(records)
                outage.worked()
            except (StorageFull, ServiceUnavailable) as error:
                outage.failed(error.message)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if not records:
                await asyncio.sleep(LOOK_SECONDS)

    async def _sweep(self) -> None:
        """Once after the start: free what requests of earlier runs left behind without an event."""
        index = SqliteReader(index_file(self._data))
        try:
            # One state of the index for the whole walk: in a moving one, bytes that go from a part to
            # its object, or from an object to its copy, could be overlooked in both places.
            index.pin()
            found, freed = await self._blobs.sweep(self._live(index), self._started_at)
        finally:
            index.close()
        self.swept.set()
        if self._metrics is not None:
            self._metrics.add(ORPHANS, found)
            self._metrics.add(ORPHAN_BYTES, freed)
            self._metrics.set(SWEPT, int(time.time()))
        if freed:
            log.info("recovery: %d bytes of unfinished writes freed", freed)

    async def _live(self, index: SqliteReader) -> AsyncIterator[list[Manifest]]:
        """Every manifest of the index, in batches between which the others get their turn; then those freed
        since the start that the collector has not come to: reads may need them for as long as its grace."""
        async for versions in index.all_versions():
            yield [row.manifest for _, row in versions if row.manifest is not None]
            await asyncio.sleep(0)
        async for parts in index.all_parts():
            yield [part.manifest for part in parts]
            await asyncio.sleep(0)
        position = self._positions.get(COLLECTOR, FACTS, 0)
        while records := _read_on(self._logs[FACTS], position, RECORDS[FACTS]):
            position = records[-1].offset + 1
            facts = [decode_fact(record.payload) for record in records]
            freed = [manifest for fact in facts if fact.time >= self._started_at for manifest in fact.freed]
            yield await self._still_there(freed)

    async def _still_there(self, freed: list[Manifest]) -> list[Manifest]:
        """Without those whose list of extents is gone: the collector has freed them meanwhile."""
        kept = []
        for manifest in freed:
            with contextlib.suppress(BlobMissing):
                await self._blobs.expand(manifest)
                kept.append(manifest)
        return kept


def _read_on(source: LogReader, position: int, limit: int) -> list[Record]:
    """The next records. A position before the log's begin goes on there (what lay before was dropped with
    our leave); one beyond its end waits (a crash of the machine took back records that were not durable)."""
    try:
        return source.read(max(position, source.start_offset), limit)
    except OffsetOutOfRange:
        return []


def _read_all(source: LogReader, position: int, limit: int) -> list[Record]:
    """What there is, as far as `limit` records or a little more."""
    records: list[Record] = []
    while len(records) < limit and (more := _read_on(source, position, limit)):
        records += more
        position = more[-1].offset + 1
    return records


async def work(settings: Settings, started_at: int, connection: socket.socket) -> None:
    """The process: until SIGTERM, or until standard input ends because the parent is gone. Events go to the
    sequencer over `connection`."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # the parent decides
    loop.add_reader(sys.stdin.fileno(), stopping.set)
    data = DataDir(settings.data_dir)
    with only_consumer(data):
        submitter = await connect_submitter(connection, stopping.set)
        metrics = processors_metrics(settings, data)
        await Processors(settings, data, started_at, submitter=submitter, metrics=metrics).run(stopping)


def main() -> int:
    """The entry point of the process: settings come in the first line of standard input."""
    os.nice(5)
    line = os.read(sys.stdin.fileno(), 1 << 20)
    settings = with_master(Settings.model_validate(json.loads(line)))
    configure_logging(settings.log_level)
    try:
        run(work(settings, int(sys.argv[1]), socket.socket(fileno=int(sys.argv[2]))))
    except StrandlineError as error:
        print(f"strandline: {error.message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
