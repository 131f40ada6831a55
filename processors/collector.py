"""The collector: frees the bytes that facts say nothing refers to any more.

It follows the facts at a distance, the grace in which running reads may still need the bytes; so its
durable position is all it has to remember. Freeing twice is harmless.
"""

from collections.abc import Callable, Sequence

from blobs.contract import BlobStore
from bus.contract import Record
from schemas.errors import BlobCorrupt, BlobMissing
from schemas.facts import decode_fact


class Collector:
    """Frees what facts name, once it is older than the grace (seconds).

    failed  is told of a manifest whose list of extents cannot be read: its bytes stay, and the scrubber
            names them
    """

    def __init__(
        self,
        blobs: BlobStore,
        grace: float,
        now: Callable[[], float],
        failed: Callable[[str], None],
    ) -> None:
        self._blobs = blobs
        self._grace = int(grace * 1000)
        self._now = now
        self._failed = failed
        self.freed_bytes = 0

    async def collect(self, records: Sequence[Record]) -> int | None:
        """Free what these facts name; returns the offset up to which that is done, None when not even
        the first of them is old enough."""
        done: int | None = None
        limit = int(self._now() * 1000) - self._grace
        for record in records:
            if record.time > limit:
                break
            await self._free(record)
            done = record.offset + 1
        return done

    def wait(self, record: Record) -> float:
        """Seconds until that fact is old enough."""
        return max(0.0, (record.time + self._grace) / 1000 - self._now())

    async def _free(self, record: Record) -> None:
        fact = decode_fact(record.payload)
        for manifest in fact.freed:
            try:
                self.freed_bytes += await self._blobs.free(manifest)
            except (BlobMissing, BlobCorrupt) as error:
                self._failed(f"bytes of {fact.key!r} (seq {fact.seq}) cannot be freed: {error.message}")
