"""Whether the store can take writes: looked after by the engine's process, told to the others by gauges.

`/health/ready` of every process reads the gauges; so it says 503 while writes fail, and 200 once they work.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

from disk.files import OUT_OF_SPACE
from disk.room import free_bytes
from strandline.exposition import DEVICE_FULL, LOG_STOPPED
from strandline.metrics import Metrics

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
ROOM_BYTES = 8 * 1024 * 1024  # so much space ends it: the log and a pack can be filled ahead once
FULL_STATUS = 507  # what a write is answered that the device has no space for
PROBE_FILE = "probe"


def trouble(metrics: Metrics) -> str:
    """Why writes are refused now; "" when they are not. Any process may ask."""
    if metrics.total(LOG_STOPPED):
        return "the log has stopped, and writes are refused; the server's own log says why"
    if metrics.total(DEVICE_FULL):
        return "the device is full, and writes are refused"
    return ""


class TroubleWatch:
    """Looks once a second, in the engine's process.

    The device counts as full from a write that was refused for it until a file of ROOM_BYTES fits again
    beside the space that stays free.

    root      the data folder
    min_free  bytes that stay free
    failure   why a log has stopped, None while none has
    """

    def __init__(
        self, root: Path, min_free: int, metrics: Metrics, failure: Callable[[], str | None]
    ) -> None:
        self._root = root
        self._min_free = min_free
        self._metrics = metrics
        self._failure = failure
        self._refused = metrics.answered(FULL_STATUS)
        self._full = False

    async def run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Set the gauges."""
        self._metrics.set(LOG_STOPPED, self._failure() is not None)
        refused = self._metrics.answered(FULL_STATUS)
        if self._full or refused != self._refused:
            self._refused = refused
            full = not await asyncio.to_thread(has_room, self._root, self._min_free)
            if full and not self._full:
                log.error("the device of %s is full: writes are refused, reads go on", self._root)
            elif self._full and not full:
                log.warning("the device of %s has space again: writes go on", self._root)
            self._full = full
            self._metrics.set(DEVICE_FULL, full)


def has_room(root: Path, min_free: int) -> bool:
    """Whether a file of ROOM_BYTES fits and leaves so much free. It is really made, since a quota shows
    nowhere else."""
    if free_bytes(root) < min_free + ROOM_BYTES:
        return False
    path = root / PROBE_FILE
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, ROOM_BYTES)
        finally:
            os.close(descriptor)
            path.unlink(missing_ok=True)
    except OSError as error:
        if error.errno in OUT_OF_SPACE:
            return False
        raise
    return True
