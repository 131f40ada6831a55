"""Mark and sweep over zones: blobs that no live manifest names are leftovers of requests without an event."""

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence

from blobs.marking import mark_live
from blobs.s3 import names
from blobs.s3.at_once import at_once
from blobs.s3.failures import ZoneFailed, unavailable
from blobs.s3.references import References
from blobs.s3.sweep_place import read_place, write_place
from blobs.s3.zone import PAGE, Zone
from blobs.sweep_contract import SweepPlace
from schemas.ids import uuid7_milliseconds
from schemas.manifest import Extent, Manifest

ID_BYTES = 16
AT_ONCE = 8  # shards listed, blobs removed at the same time


class _Shard(Sequence[bytes]):
    """Blobs whose ids end in the same byte, in order, and which of them are marked: 17 bytes each."""

    def __init__(self, blobs: Iterable[bytes]) -> None:
        self._ids = b"".join(sorted(blobs))
        self._marked = bytearray(len(self._ids) // ID_BYTES)

    def __len__(self) -> int:
        return len(self._marked)

    def __getitem__(self, index: int) -> bytes:  # type: ignore[override]  # nobody slices it
        return self._ids[index * ID_BYTES : (index + 1) * ID_BYTES]

    def mark(self, blob: bytes) -> None:
        index = bisect_left(self, blob)
        if index < len(self) and self[index] == blob:
            self._marked[index] = 1

    def leftovers(self) -> Iterator[bytes]:
        return (self[index] for index, marked in enumerate(self._marked) if not marked)


class Candidates:
    """Blobs made before a moment that any zone has something of, in some of the shards, and which of them
    live manifests name.

    before  the moment, Unix milliseconds
    stop    the shard after the last one
    """

    def __init__(self, before: int) -> None:
        self.before = before
        self.stop = 0
        self._shards: dict[str, _Shard] = {}

    def __len__(self) -> int:
        return sum(map(len, self._shards.values()))

    def add(self, shard: str, blobs: Iterable[bytes]) -> None:
        self._shards[shard] = _Shard(blobs)

    def mark(self, extents: Iterable[Extent]) -> None:
        """These are needed."""
        for extent in extents:
            if extent.blob and (shard := self._shards.get(names.shard_of(extent.blob))) is not None:
                shard.mark(extent.blob)

    def leftovers(self) -> Iterator[bytes]:
        """Those that were not marked."""
        return (blob for shard in self._shards.values() for blob in shard.leftovers())


class ZoneSweep:
    """`blobs.sweep_contract.ShardedSweep` over zones.

    expand  the whole manifest of a spilled one
    """

    def __init__(
        self,
        zones: Sequence[Zone],
        references: References,
        expand: Callable[[Manifest], Awaitable[Manifest]],
        patience: float,
    ) -> None:
        self._zones, self._references = zones, references
        self._expand, self._patience = expand, patience

    async def place(self) -> SweepPlace:
        """See `blobs.sweep_contract.ShardedSweep`."""
        return await read_place(self._zones, self._patience)

    async def keep_place(self, place: SweepPlace) -> None:
        """See `blobs.sweep_contract.ShardedSweep`."""
        await write_place(self._zones, place, self._patience)

    async def find(self, before: int, first: int = 0, limit: int | None = None) -> Candidates:
        """See `blobs.sweep_contract.ShardedSweep`. What lies only in a zone that is away is left to the next
        sweep."""
        candidates = Candidates(before)
        candidates.stop = first
        while candidates.stop < len(names.SHARDS) and (limit is None or len(candidates) < limit):
            some = names.SHARDS[candidates.stop : candidates.stop + AT_ONCE]
            await at_once(some, lambda shard: self._list_everywhere(candidates, shard), AT_ONCE)
            candidates.stop += len(some)
        return candidates

    async def mark(self, candidates: Candidates, live: AsyncIterator[list[Manifest]]) -> None:
        """See `blobs.sweep_contract.ShardedSweep`."""
        await mark_live(candidates.mark, live, self._expand)

    async def free(self, candidates: Candidates) -> int:
        """See `blobs.sweep_contract.ShardedSweep`."""
        before = candidates.before
        freed = await at_once(
            candidates.leftovers(), lambda blob: self._references.remove(blob, before), AT_ONCE
        )
        return sum(freed)

    async def _list_everywhere(self, candidates: Candidates, shard: str) -> None:
        async def attempt(zone: Zone) -> set[bytes] | ZoneFailed:
            try:
                return await _list(zone, shard, candidates.before)
            except ZoneFailed as failure:
                return failure

        listed = await asyncio.gather(*map(attempt, self._zones))
        found = [blobs for blobs in listed if not isinstance(blobs, ZoneFailed)]
        if not found:
            raise unavailable("listing blobs", [one for one in listed if isinstance(one, ZoneFailed)])
        candidates.add(shard, set().union(*found))


async def _list(zone: Zone, shard: str, before: int) -> set[bytes]:
    """Blobs of a shard in a zone. Ids begin with their time, so the list ends where `before` does."""
    found: set[bytes] = set()
    after = ""
    while True:
        page = await zone.list_folders(f"{names.BLOBS}{shard}/", after)
        for folder in page:
            blob = names.blob_of_folder(folder)
            if blob is None:
                continue
            if uuid7_milliseconds(blob) >= before:
                return found
            found.add(blob)
        if len(page) < PAGE:
            return found
        after = names.behind(page[-1])
