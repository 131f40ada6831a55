"""Heads of keys kept in memory, and the stamps by which every process knows which of them are still true.

The stamps are a table of counters in a mapped file, one for each hash of a key. The writer bumps a key's
stamp before its change is committed and again after, both before anybody is told: so a cached row whose
stamp has not moved is what the index would answer, in whichever process it is asked.

    reader   stamp s, row r read, (s, r) kept; later: stamp still s → r is current
    writer   bump, commit, bump: a row kept before the change, or read while it was being made, is dropped
"""

from pathlib import Path
from zlib import crc32

from index.mapped_file import map_shared
from schemas.recent import Recent
from schemas.rows import ObjectVersion

STAMPS = 1 << 20  # two keys with one stamp only cost each other a miss
STAMP_BYTES = 4
LONGEST_MANIFEST = 8  # extents
CACHED_HEADS = 32 * 1024


class HeadStamps:
    """The table, in a file that all processes of a server map. One process bumps, any number read."""

    def __init__(self, path: Path) -> None:
        self._map = map_shared(path, STAMPS * STAMP_BYTES)
        self.cells = memoryview(self._map).cast("I")

    def bump(self, bucket_id: bytes, key: str) -> None:
        """The head of this key is about to change, or has just changed."""
        cell = stamp_cell(bucket_id, key)
        self.cells[cell] = (self.cells[cell] + 1) & 0xFFFF_FFFF

    def close(self) -> None:
        self.cells.release()
        self._map.close()


def stamp_cell(bucket_id: bytes, key: str) -> int:
    """Which counter stands for the key; the same in every process."""
    return crc32(key.encode(), crc32(bucket_id)) % STAMPS


class HeadCache:
    """Up to CACHED_HEADS rows: those read lately."""

    def __init__(self, stamps: HeadStamps) -> None:
        self._cells = stamps.cells
        self._rows: Recent[tuple[bytes, str], tuple[int, ObjectVersion]] = Recent(CACHED_HEADS)

    def get(self, bucket_id: bytes, key: str) -> tuple[int, ObjectVersion | None]:
        """The stamp as it is now, and the row if one is kept under just that stamp."""
        stamp = self._cells[stamp_cell(bucket_id, key)]
        kept = self._rows.get((bucket_id, key))
        if kept is not None and kept[0] == stamp:
            return stamp, kept[1]
        return stamp, None

    def keep(self, stamp: int, bucket_id: bytes, row: ObjectVersion) -> None:
        """Keep a row that was read after `stamp` was. Long manifests are left out: they are rare, and
        their size would be the size of the cache."""
        if row.manifest is not None and len(row.manifest.extents) > LONGEST_MANIFEST:
            return
        self._rows.put((bucket_id, row.key), (stamp, row))
