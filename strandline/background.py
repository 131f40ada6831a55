"""What runs beside the requests in the engine's process: it keeps the processors running, cuts the logs
behind them, takes snapshots and sets the gauges."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator

from bus.positions import Positions
from bus.remote import Append, serve_worker
from index.sqlite.reader import SqliteReader
from ingest.ports import Ports
from processors.access_logger import ACCESS_LOGGER
from processors.audit_trail import read_head
from processors.auditor import AUDITOR
from processors.bucket_keeper import BucketKeeper
from processors.collecting import COLLECTOR
from schemas.events import AUDIT, FACTS, OBJECT_VERSIONS, POLICIES
from strandline.data_dir import DataDir
from strandline.engine import Engine
from strandline.exposition import gauge
from strandline.key_ring import master_environment
from strandline.loops import watched
from strandline.metrics import Metrics
from strandline.services import EmbeddedServices, index_file, open_blobs
from strandline.settings import Settings
from strandline.snapshotting import Snapshotting
from strandline.trouble import TroubleWatch

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
FENCE_SECONDS = 60.0  # longer than a deletion of a bucket may take
RESTART_SECONDS = 1.0
STOP_SECONDS = 20.0


class Background:
    """Starts and stops with the engine."""

    def __init__(
        self, settings: Settings, data: DataDir, engine: Engine, append: Append, metrics: Metrics
    ) -> None:
        self._settings = settings
        self._data = data
        self._engine = engine
        self._append = append
        self._metrics = metrics
        self._snapshotting = Snapshotting(settings, data, engine, metrics)
        self._trouble = TroubleWatch(data.root, settings.min_free_bytes, metrics, engine.failure)
        self._syncs = 0
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        loops = [
            self._keep_processors(), self._look(), self._keep_buckets(), self._snapshotting.run(),
            self._trouble.run(),
        ]  # fmt: skip
        self._tasks = [watched(loop, log, "a background task") for loop in loops]

    async def stop(self) -> None:
        """Stop the processors, after the auditor has written what there is."""
        self._stopping = True
        keeper, *others = self._tasks
        for task in others:
            task.cancel()
        if self._process is not None and self._process.returncode is None:
            # The end of its input, not a signal: that would end it unseen while it still starts.
            assert self._process.stdin is not None
            self._process.stdin.close()
            _, late = await asyncio.wait([keeper], timeout=STOP_SECONDS)
            if late:
                log.error("the processors did not end within %.0f s", STOP_SECONDS)
                self._process.kill()
        keeper.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep_processors(self) -> None:
        """Run the processors' process, again when it ends by itself."""
        while not self._stopping:
            ours, theirs = socket.socketpair()
            with theirs:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "strandline.processors_role",
                    str(self._engine.started_at), str(theirs.fileno()),
                    stdin=asyncio.subprocess.PIPE, pass_fds=[theirs.fileno()],
                    env={**os.environ, **master_environment(self._settings)},
                )  # fmt: skip
            await serve_worker(ours, self._append, self._engine.record_audit)
            assert self._process.stdin is not None
            bare = self._settings.without_secrets()
            with contextlib.suppress(RuntimeError, OSError):  # it has ended already, as is seen below
                self._process.stdin.write(bare.encode())
            code = await self._process.wait()
            if self._stopping:
                return
            if code != -signal.SIGTERM:  # which a signal to the whole group sends them as well
                log.error("the processors ended with code %d: starting them again", code)
            await asyncio.sleep(RESTART_SECONDS)

    async def _keep_buckets(self) -> None:
        """Finish or undo deletions of buckets whose gateway is gone: at once those of earlier runs, then from
        time to time those of workers that died."""
        index = SqliteReader(index_file(self._data))
        try:
            keeper = BucketKeeper(index, self._open_ports)
            await keeper.settle()
            while True:
                await asyncio.sleep(FENCE_SECONDS)
                await keeper.look()
        finally:
            index.close()

    @contextlib.asynccontextmanager
    async def _open_ports(self) -> AsyncIterator[Ports]:
        blobs = open_blobs(self._settings, self._data, self._engine.keys)
        await blobs.start()
        services = EmbeddedServices(
            self._settings, self._data, self._engine.submitter, blobs, self._engine.keys
        )
        try:
            yield services.ports
        finally:
            services.close()
            await blobs.close()

    async def _look(self) -> None:
        """Cut facts and audit records that every consumer is done with; set the gauges."""
        logs = self._engine.logs
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            positions = Positions(str(self._data.consumers))
            collected = positions.get(COLLECTOR, FACTS, 0)
            self._lag(COLLECTOR, logs[FACTS].end_offset - collected)
            keep = collected
            keep_requests = positions.get(ACCESS_LOGGER, AUDIT, 0)
            self._lag(ACCESS_LOGGER, logs[AUDIT].end_offset - keep_requests)
            if self._settings.audit:
                audited = read_head(self._data.audit).sources
                self._lag(AUDITOR, logs[FACTS].end_offset - audited.get(FACTS, 0))
                keep = min(keep, audited.get(FACTS, 0))
                keep_requests = min(keep_requests, audited.get(AUDIT, 0))
            logs[FACTS].drop_before(keep)
            logs[AUDIT].drop_before(keep_requests)
            for topic in (OBJECT_VERSIONS, POLICIES, FACTS, AUDIT):
                self._metrics.set(gauge("log_end_offset", topic), logs[topic].end_offset)
            for topic, position in (await self._engine.applied()).items():
                self._metrics.set(gauge("applied_offset", topic), position)
            syncs = sum(partition_log.syncs for partition_log in logs.values())
            self._metrics.add("log_syncs", syncs - self._syncs)
            self._syncs = syncs

    def _lag(self, consumer: str, lag: int) -> None:
        self._metrics.set(gauge("consumer_lag", consumer), max(0, lag))
