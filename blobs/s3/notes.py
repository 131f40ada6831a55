"""Notes for the repairer: which zone's share of a blob should be looked at, kept in the other zones.

A note is an empty object named after zone and blob. It lies beside the copies that are well, so it lives as
long as they do, and writing it twice is the same as once.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Collection

from blobs.s3 import names
from blobs.s3.quorum import ask, retrieved
from blobs.s3.zone import Zone
from blobs.s3.zones import Zones
from schemas.errors import ServiceUnavailable, StorageFull

AGAIN_SECONDS = 60.0  # a reader's finding is not noted again before that
REMEMBERED = 10_000
IN_BACKGROUND = 64  # more findings of readers at once are left to the next reader, and to the scan


class Notes:
    """Writes notes; use it from one event loop."""

    def __init__(self, zones: Zones, now: Callable[[], float] = time.monotonic) -> None:
        self._zones, self._now = zones, now
        self._noted: OrderedDict[tuple[bytes, str], float] = OrderedDict()
        self._running: set[asyncio.Task[None]] = set()

    async def write(self, blob: bytes, bad: Collection[str]) -> None:
        """Note durably that these zones lack, or may have bad, copies of a blob. Raises ServiceUnavailable
        or StorageFull when no other zone takes the note."""
        others = [zone for zone in self._zones.candidates(blob) if zone.name not in bad]

        async def put(zone: Zone) -> None:
            for name in sorted(bad):
                await zone.put(names.note(name, blob))

        await ask(f"noting blob {blob.hex()} for repair", others, put, bool, self._zones.timing.patience)

    def found(self, blob: bytes, bad: str) -> None:
        """A reader found the zone's copy missing or damaged: note it without waiting."""
        key, now = (blob, bad), self._now()
        if now - self._noted.get(key, -AGAIN_SECONDS) < AGAIN_SECONDS or len(self._running) >= IN_BACKGROUND:
            return
        self._noted[key] = now
        if len(self._noted) > REMEMBERED:
            self._noted.popitem(last=False)
        task = asyncio.create_task(self._try_to_write(blob, bad))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(retrieved)

    async def _try_to_write(self, blob: bytes, bad: str) -> None:
        try:
            await self.write(blob, {bad})
        except (ServiceUnavailable, StorageFull):
            self._noted.pop((blob, bad), None)  # the next reader tries again

    async def close(self) -> None:
        """Wait for notes under way; each has its zones' deadline."""
        if self._running:
            await asyncio.wait(self._running)
