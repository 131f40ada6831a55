"""Buckets by name, cached: on the way of every request. A generation says when the cache is old.

Where one engine serves the store, the generation is a counter: eight bytes in a file mapped by every process.
Whoever changes a bucket bumps it after the change is committed and before it is acknowledged, so no process
serves the old row after that. In a cluster nobody can tell all gateways: the generation is the time, and
whoever changes a bucket waits before the change is acknowledged, until no old row can be in use.
"""

import asyncio
import fcntl
import os
import time
from pathlib import Path
from typing import Protocol

from index.contract import IndexReader
from index.mapped_file import map_shared
from schemas.rows import Bucket

CACHED_BUCKETS = 10_000
COUNTER_BYTES = 8
AGE_SECONDS = 0.5


class Generation(Protocol):
    """Says until when a cached row may be used: until `read` gives another number."""

    def read(self) -> int: ...

    async def settle(self) -> None:
        """Return once no process goes by a row that it read before now."""


class GenerationCounter:
    """A counter (u64, the machine's byte order) in a file that several processes map. Made when it is not
    there."""

    def __init__(self, path: Path) -> None:
        self._map = map_shared(path, COUNTER_BYTES)
        self._cell = memoryview(self._map).cast("Q")
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)  # to lock

    def read(self) -> int:
        return self._cell[0]

    def bump(self) -> int:
        """Add one, also against other processes that do; returns the new value."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        try:
            value = self._cell[0] = (self._cell[0] + 1) & 0xFFFF_FFFF_FFFF_FFFF
            return value
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    async def settle(self) -> None:
        """Nothing to wait for: the engine has bumped the counter before the change was acknowledged."""

    def close(self) -> None:
        self._cell.release()
        self._map.close()
        os.close(self._descriptor)


class Age:
    """The generation of a gateway in a cluster: another one every AGE_SECONDS, so that no row is older."""

    def read(self) -> int:
        return int(time.monotonic() / AGE_SECONDS)

    async def settle(self) -> None:
        await asyncio.sleep(AGE_SECONDS)


class BucketDirectory:
    """Buckets that requests may use, fenced ones too; a deleted one is as good as none."""

    def __init__(self, reader: IndexReader, generation: Generation) -> None:
        self._reader = reader
        self.settle = generation.settle
        self._read_generation = generation.read
        self._generation = generation.read()
        self._buckets: dict[str, Bucket] = {}

    async def get(self, name: str) -> Bucket | None:
        """The bucket of that name as of the last change acknowledged anywhere, or None."""
        if self._read_generation() == self._generation and name in self._buckets:
            return self._buckets[name]
        return await self.refresh(name)

    def remembered(self, name: str) -> Bucket | None:
        """The bucket as it was last read here, which may be a while ago; None when it is not remembered."""
        return self._buckets.get(name)

    def known(self, name: str) -> Bucket | None:
        """The bucket if it is in memory and up to date; None does not say that there is none."""
        return self._buckets.get(name) if self._read_generation() == self._generation else None

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
