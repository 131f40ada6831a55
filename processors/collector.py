"""The collector: frees the bytes that facts say nothing refers to any more.

It follows the facts at a distance, the grace in which running reads may still need the bytes; so its
durable position is all it has to remember. Freeing twice is harmless.
"""

from collections.abc import Callable, Sequence
from itertools import takewhile

from blobs.contract import BlobStore
from bus.contract import Record
from schemas.errors import BlobCorrupt, BlobMissing
from schemas.facts import Fact, decode_fact


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
        the first of them is old enough. Raises StorageFull and ServiceUnavailable: collect them again then.
        """
        limit = int(self._now() * 1000) - self._grace
        ripe = list(takewhile(lambda record: record.time <= limit, records))
        if not ripe:
            return None
        facts = [decode_fact(record.payload) for record in ripe]
        manifests = [manifest for fact in facts for manifest in fact.freed]
        if manifests:
            try:
                self.freed_bytes += await self._blobs.free_many(manifests)
            except (BlobMissing, BlobCorrupt):
                await self._free_one_by_one(facts)
        return ripe[-1].offset + 1

    async def _free_one_by_one(self, facts: Sequence[Fact]) -> None:
        """After one of many could not be freed: find it, and free the others."""
        for fact in facts:
            for manifest in fact.freed:
                try:
                    self.freed_bytes += await self._blobs.free(manifest)
                except (BlobMissing, BlobCorrupt) as error:
                    self._failed(f"bytes of {fact.key!r} (seq {fact.seq}) cannot be freed: {error.message}")
