"""The orphan sweeper of a cluster: frees bytes in zones that no row names, and none that one may yet name.

A gateway that dies between its bytes and its event leaves orphans; so does a write that is given up while a
zone is away. Who may still name a blob, and why nobody is overlooked:

- an event that is not in the log yet: apply refuses it once its lease has ended (`ObjectPut.expires`), and
  only blobs twice as old as a lease are looked at; the second lease is for unequal clocks;
- an event in the log that is not applied yet: the walk over the index begins only when everything is applied
  that was in the log after the blobs were found;
- a Complete that is applied during the walk: it moves bytes from parts to versions, and parts are read first;
- a copy of a version that is deleted during the walk: its reference in the zones is new, and counts;
- a read of a version that was deleted just before: freeing waits for the collector's grace after the walk.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from blobs.sweep_contract import ShardedSweep, SweepPlace
from index.contract import IndexReader
from schemas.errors import ConfigurationError, ServiceUnavailable
from schemas.manifest import Manifest

SLICE_BLOBS = 2_000_000  # looked at in one walk over the index, about; each takes 17 bytes of memory
APPLIED_SECONDS = 600.0  # for what is in the log to be applied
LOOK_SECONDS = 0.2
PAUSE_SECONDS = 0.02  # after each page of the index: the same process may have writers waiting
SUSPICIOUS = 1000  # so many blobs, not one of them named: more likely another store's than orphans

LogEnds = Callable[[], Awaitable[Mapping[tuple[str, int], int]]]  # by topic and partition


class Swept(NamedTuple):
    """What was done for some of the shards.

    place    how far the sweep is now
    blobs    old enough to be looked at
    orphans  of them, those that nothing names; freed, unless this was only a look
    bytes    freed, all copies of a blob counted once
    """

    place: SweepPlace
    blobs: int
    orphans: int
    bytes: int


class OrphanSweeper:
    """Goes over the zones slice by slice; a slice is as many shards as fit in memory, and one walk.

    ends         of every partition of `object-versions`, the offset that its next event gets
    lease        how long a write may take, seconds: what gateways put into their events
    grace        how long bytes that nothing names are kept for running reads, seconds
    slice_blobs  about how many blobs are held in memory at once

    done_at: when the last round was done, as far as this sweeper has seen; Unix milliseconds, 0: not seen.
    """

    def __init__(
        self,
        store: ShardedSweep[Any],
        index: IndexReader,
        ends: LogEnds,
        lease: float,
        grace: float,
        slice_blobs: int = SLICE_BLOBS,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._index, self._ends = store, index, ends
        self._lease, self._grace = lease, grace
        self._slice_blobs, self._now = slice_blobs, now
        self.done_at = 0

    async def due(self) -> SweepPlace | None:
        """Where to go on: in the round that is under way, or in a new one, a lease after the last was done;
        None before that. Raises ServiceUnavailable."""
        place = await self._store.place()
        if not place.done:
            return place
        self.done_at = place.at
        now = self._milliseconds()
        return self.first() if now - place.at >= self._lease * 1000 else None

    def first(self) -> SweepPlace:
        """Where a round that starts now begins."""
        now = self._milliseconds()
        return SweepPlace(0, now, now)

    async def step(self, place: SweepPlace, *, only_look: bool = False) -> Swept:
        """The next slice: find what nothing names, free it unless told only to look, and keep how far the
        sweep is. Raises ServiceUnavailable, StorageFull, BlobMissing, BlobCorrupt and IndexCorrupt: then
        nothing that is named was freed, and the slice is to be done again; ConfigurationError when the index
        names nothing of what is in the zones."""
        before = self._milliseconds() - int(2 * self._lease * 1000)
        candidates = await self._store.find(before, place.shard, self._slice_blobs)
        orphans = freed = 0
        if candidates:
            await self._wait_until_applied()
            await self._store.mark(candidates, self._live())
            orphans = sum(1 for _ in candidates.leftovers())
            if orphans == len(candidates) >= SUSPICIOUS:
                raise ConfigurationError(
                    f"the index names none of {orphans} blobs in the zones, so none is freed: "
                    f"are these the zones of another store?"
                )
        if orphans and not only_look:
            await asyncio.sleep(self._grace)
            freed = await self._store.free(candidates)
        reached = SweepPlace(candidates.stop, place.began, self._milliseconds())
        if not only_look:
            await self._store.keep_place(reached)
            self.done_at = reached.at if reached.done else self.done_at
        return Swept(reached, len(candidates), orphans, freed)

    async def _wait_until_applied(self) -> None:
        """Until everything is applied that is in the log by now."""
        deadline = time.monotonic() + APPLIED_SECONDS
        for (topic, partition), end in (await self._ends()).items():
            while (applied := await self._index.applied(topic, partition)) < end:
                if time.monotonic() > deadline:
                    raise ServiceUnavailable(
                        f"{topic}/{partition} is applied up to offset {applied} and has events up to {end}: "
                        f"they may name what looks like orphans"
                    )
                await asyncio.sleep(LOOK_SECONDS)

    async def _live(self) -> AsyncIterator[list[Manifest]]:
        """Every manifest of the index: parts first, for they become versions."""
        async for parts in self._index.all_parts():
            yield [part.manifest for part in parts]
            await asyncio.sleep(PAUSE_SECONDS)
        async for versions in self._index.all_versions():
            yield [row.manifest for _, row in versions if row.manifest is not None]
            await asyncio.sleep(PAUSE_SECONDS)

    def _milliseconds(self) -> int:
        return int(self._now() * 1000)
