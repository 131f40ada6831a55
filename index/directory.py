"""Buckets by name, cached: on the way of every request. A shared counter says when the cache is old.

The counter is eight bytes in a file mapped by every process. Whoever changes a bucket bumps it after the
change is committed and before it is acknowledged, so no process serves the old row after that.
"""

import fcntl
import os
from pathlib import Path

from index.contract import IndexReader
from index.mapped_file import map_shared
from schemas.rows import Bucket

CACHED_BUCKETS = 10_000
COUNTER_BYTES = 8


class GenerationCounter:
    """A counter (u64, little endian) in a file that several processes map. Made when it is not there."""

    def __init__(self, path: Path) -> None:
        self._map = map_shared(path, COUNTER_BYTES)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)  # to lock

    def read(self) -> int:
        return int.from_bytes(self._map[:COUNTER_BYTES], "little")

    def bump(self) -> int:
        """Add one, also against other processes that do; returns the new value."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        try:
            value = (self.read() + 1) & 0xFFFF_FFFF_FFFF_FFFF
            self._map[:COUNTER_BYTES] = value.to_bytes(COUNTER_BYTES, "little")
            return value
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        self._map.close()
        os.close(self._descriptor)


class BucketDirectory:
    """Buckets that requests may use, fenced ones too; a deleted one is as good as none."""

    def __init__(self, reader: IndexReader, counter: GenerationCounter) -> None:
        self._reader = reader
        self._read_generation = counter.read
        self._generation = counter.read()
        self._buckets: dict[str, Bucket] = {}

    async def get(self, name: str) -> Bucket | None:
        """The bucket of that name as of the last change acknowledged anywhere, or None."""
        if self._read_generation() == self._generation and name in self._buckets:
            return self._buckets[name]
        return await self.refresh(name)

    async def refresh(self, name: str) -> Bucket | None:
        """The bucket of that name, read from the index now. Names without a bucket are not remembered."""
        generation = self._read_generation()
        if generation != self._generation:
            self._buckets.clear()
            self._generation = generation
        row = await self._reader.bucket(name)
        if row is None or row.status == "deleted":
            self._buckets.pop(name, None)
            return None
        # A change that landed while the row was being read makes it unfit to keep.
        if self._read_generation() == generation == self._generation:
            if len(self._buckets) >= CACHED_BUCKETS:
                self._buckets.clear()
            self._buckets[name] = row
        return row
