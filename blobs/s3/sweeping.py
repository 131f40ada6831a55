"""Mark and sweep over zones: blobs that no live manifest names are leftovers of requests without an event."""

import asyncio
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from blobs.s3 import names
from blobs.s3.at_once import at_once
from blobs.s3.failures import ZoneFailed, unavailable
from blobs.s3.references import References
from blobs.s3.zone import PAGE, Zone
from schemas.ids import uuid7_milliseconds
from schemas.manifest import Extent

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
    """Every blob made before a moment that any zone has something of: listed, then marked, then swept."""

    def __init__(self, before: int) -> None:
        self._before = before
        self._shards: dict[str, _Shard] = {}

    async def list(self, zones: Sequence[Zone]) -> None:
        """List them. What lies only in a zone that is away is left to the next sweep. Raises
        ServiceUnavailable when no zone can be listed."""
        await at_once(names.SHARDS, lambda shard: self._list_everywhere(zones, shard), AT_ONCE)

    async def _list_everywhere(self, zones: Sequence[Zone], shard: str) -> None:
        async def attempt(zone: Zone) -> set[bytes] | ZoneFailed:
            try:
                return await self._list(zone, shard)
            except ZoneFailed as failure:
                return failure

        listed = await asyncio.gather(*map(attempt, zones))
        found = [blobs for blobs in listed if not isinstance(blobs, ZoneFailed)]
        if not found:
            raise unavailable("listing blobs", [one for one in listed if isinstance(one, ZoneFailed)])
        self._shards[shard] = _Shard(set().union(*found))

    async def _list(self, zone: Zone, shard: str) -> set[bytes]:
        """Blobs of a shard in a zone. Ids begin with their time, so the list ends where `before` does."""
        found: set[bytes] = set()
        after = ""
        while True:
            page = await zone.list_folders(f"{names.BLOBS}{shard}/", after)
            for folder in page:
                blob = names.blob_of_folder(folder)
                if blob is None:
                    continue
                if uuid7_milliseconds(blob) >= self._before:
                    return found
                found.add(blob)
            if len(page) < PAGE:
                return found
            after = names.behind(page[-1])

    def mark(self, extents: Iterable[Extent]) -> None:
        """These are needed."""
        for extent in extents:
            if extent.blob:
                self._shards[names.shard_of(extent.blob)].mark(extent.blob)

    async def sweep(self, references: References) -> int:
        """Remove what was not marked; returns the bytes freed. Raises ServiceUnavailable: sweep again."""
        leftovers = (blob for shard in self._shards.values() for blob in shard.leftovers())
        return sum(await at_once(leftovers, lambda blob: references.remove(blob, self._before), AT_ONCE))
