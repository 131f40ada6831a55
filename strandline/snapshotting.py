"""Takes verified snapshots when the log has grown enough, in a process of its own, then cuts the log."""

import asyncio
import logging
import os
import sys
from collections.abc import Mapping

from bus.contract import PartitionLog
from schemas.events import OBJECT_VERSIONS, POLICIES
from strandline.data_dir import DataDir
from strandline.exposition import gauge
from strandline.metrics import Metrics
from strandline.settings import Settings
from strandline.snapshots import latest_snapshot

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
RETRY_SECONDS = 60.0


class Snapshotting:
    """Watches how much log there is since the last snapshot."""

    def __init__(
        self, settings: Settings, data: DataDir, logs: Mapping[str, PartitionLog], metrics: Metrics
    ) -> None:
        self._settings = settings
        self._data = data
        self._logs = logs
        self._metrics = metrics

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._cut()
            if self._log_bytes() >= self._settings.snapshot_log_bytes and not await self._take():
                await asyncio.sleep(RETRY_SECONDS)

    def _cut(self) -> None:
        """Drop the segments that the newest verified snapshot covers."""
        snapshot = latest_snapshot(self._data)
        if snapshot is None:
            return
        for topic in (OBJECT_VERSIONS, POLICIES):
            self._logs[topic].drop_before(snapshot.positions[topic])
            self._metrics.set(gauge("snapshot_offset", topic), snapshot.positions[topic])

    def _log_bytes(self) -> int:
        """Bytes of log on disk that no snapshot has allowed to drop yet."""
        folder = self._data.log / OBJECT_VERSIONS
        return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())

    async def _take(self) -> bool:
        """Run `strandline snapshot` at a low priority; whether it made one."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "strandline", "snapshot", "--data-dir", str(self._settings.data_dir),
            preexec_fn=lambda: os.nice(10),
            stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            process.terminate()
            await process.wait()
            raise
        if code:
            log.error("no snapshot could be taken (exit code %d): the log is kept", code)
        return code == 0
