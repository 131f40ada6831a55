"""Takes verified snapshots when the log has grown enough, in a process of its own, then cuts the log."""

import asyncio
import contextlib
import logging
import os
import sys
from itertools import pairwise
from pathlib import Path

from bus.local import partition_directory
from bus.local.segment import list_segments, segment_name
from schemas.errors import StrandlineError
from schemas.events import OBJECT_VERSIONS, POLICIES
from strandline.data_dir import DataDir
from strandline.engine import Engine
from strandline.exposition import gauge
from strandline.metrics import Metrics
from strandline.settings import Settings
from strandline.snapshots import Snapshot, read_snapshots

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
RETRY_SECONDS = 60.0
NICENESS = 10


class Snapshotting:
    """Watches how much log there is since the last snapshot."""

    def __init__(self, settings: Settings, data: DataDir, engine: Engine, metrics: Metrics) -> None:
        self._settings = settings
        self._data = data
        self._engine = engine
        self._metrics = metrics

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not await self._look():
                await asyncio.sleep(RETRY_SECONDS)

    async def _look(self) -> bool:
        """Cut what may go, take a snapshot if one is due; False when that did not work."""
        try:
            snapshots, problems = read_snapshots(self._data)
            await self._cut(snapshots)
            for problem in problems:
                log.error("a snapshot is damaged: %s", problem)
            return not self._is_due(snapshots) or await self._take()
        except (StrandlineError, OSError) as error:
            log.error("the log cannot be cut: %s", error)
            return False

    async def _cut(self, snapshots: list[Snapshot]) -> None:
        """Drop the segments that the last snapshot but one covers: should the last one be found damaged, the
        log still leads on from the one before it."""
        for topic in (OBJECT_VERSIONS, POLICIES):
            if snapshots:
                self._metrics.set(gauge("snapshot_offset", topic), snapshots[-1].positions[topic])
            if len(snapshots) > 1:
                await self._engine.drop_log(topic, snapshots[-2].positions[topic])

    def _is_due(self, snapshots: list[Snapshot]) -> bool:
        """Whether the log has grown enough since the last snapshot. Full segments count: only those
        can be dropped."""
        covered = snapshots[-1].positions[OBJECT_VERSIONS] if snapshots else 0
        folder = Path(partition_directory(str(self._data.log), OBJECT_VERSIONS, 0, 0))
        bases = list_segments(str(folder))
        grown = sum(
            (folder / segment_name(base)).stat().st_size
            for base, following in pairwise(bases)
            if following > covered
        )
        return grown >= self._settings.snapshot_log_bytes

    async def _take(self) -> bool:
        """Run `strandline snapshot` at a low priority; whether it made one."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "strandline", "snapshot", "--data-dir", str(self._settings.data_dir),
            stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            with contextlib.suppress(ProcessLookupError):
                os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
            code = await process.wait()
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
            raise
        if code:
            log.error("no snapshot could be taken (exit code %d): the log is kept", code)
        return code == 0
