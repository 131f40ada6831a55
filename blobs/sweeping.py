"""Mark and sweep: what no live manifest names is the leftover of a request that ended before its event."""

import os
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import suppress

from blobs.contract import Leftovers
from blobs.freeing import Freeing
from blobs.headers import HEADER_BYTES
from blobs.pack_records import Found, read_seal, walk
from blobs.places import DRAFT, Places, in_pack
from blobs.references import References
from disk.files import Files
from schemas.ids import uuid7_milliseconds
from schemas.manifest import Extent

BATCH = 1000  # extents removed in one transaction


class _Pack:
    """The extents of one pack that may be leftovers: offsets in order, and which of them are marked."""

    def __init__(self, extents: list[tuple[int, int]]) -> None:
        self.offsets = array("I", (offset for offset, _ in extents))
        self.stored = array("I", (stored for _, stored in extents))
        self.marked = bytearray(len(extents))

    def mark(self, offset: int) -> None:
        index = bisect_left(self.offsets, offset)
        if index < len(self.offsets) and self.offsets[index] == offset:
            self.marked[index] = 1

    def leftovers(self) -> Iterator[tuple[int, int]]:
        for index, marked in enumerate(self.marked):
            if not marked:
                yield self.offsets[index], self.stored[index]


class Candidates:
    """Everything stored before a moment: first listed, then marked by live manifests, then swept.

    Takes about nine bytes of memory for a packed extent and a hundred for a blob file.
    """

    def __init__(self, places: Places, references: References, before: int) -> None:
        """List them (blocking). Of packs only those sealed before the moment: what others hold is new."""
        self._places, self._before = places, before
        self._files: set[bytes] = set()
        self._drafts: list[str] = []
        self._packs: dict[bytes, _Pack] = {}
        for blob, path in places.all_blob_files():
            if uuid7_milliseconds(blob) < before:
                if path.endswith(DRAFT):
                    self._drafts.append(path)
                else:
                    self._files.add(blob)
        for blob, path in places.all_packs():
            with suppress(FileNotFoundError):
                if extents := _extents(path, references.dead_of(blob), before):
                    self._packs[blob] = _Pack(extents)

    def mark(self, extents: Iterable[Extent]) -> None:
        """These are needed."""
        for extent in extents:
            if not in_pack(extent):
                self._files.discard(extent.blob)
            elif (pack := self._packs.get(extent.blob)) is not None:
                pack.mark(extent.offset)

    def sweep(self, files: Files, freeing: Freeing, references: References) -> Leftovers:
        """Remove what was not marked (blocking)."""
        found = freed = 0
        for path in self._drafts:
            with suppress(FileNotFoundError):
                freed += os.stat(path).st_size
                files.unlink(path)
                found += 1
        batch: list[Extent] = []
        for extent in self._leftovers():
            batch.append(extent)
            found += 1
            if len(batch) == BATCH:
                freed += freeing.remove(batch, self._before)
                batch.clear()
        freed += freeing.remove(batch, self._before)
        for blob in self._packs:
            with suppress(FileNotFoundError):
                freeing.punch_all(blob, references.dead_of(blob))
        return Leftovers(found, freed)

    def _leftovers(self) -> Iterator[Extent]:
        for blob in self._files:
            yield Extent(blob, HEADER_BYTES, 0, 0, "", b"")
        for blob, pack in self._packs.items():
            for offset, stored in pack.leftovers():
                yield Extent(blob, offset, stored, 0, "", b"")


def _extents(path: str, dead: dict[int, int], before: int) -> list[tuple[int, int]]:
    with open(path, "rb") as file:
        sealed = read_seal(file.fileno())
        if sealed is None or sealed.sealed_at >= before:
            return []
        return [
            (item.offset, item.stored)
            for item in walk(file.fileno(), sealed.offset, dead)
            if isinstance(item, Found) and not item.dead
        ]
