"""The shard maps that readers and writers go by: kept for a few seconds, never longer.

Nobody is told when a map changes. Instead whoever uses one has read it at most `map_seconds` ago, and
whoever changes one waits `phase_seconds` before anything relies on the change (shard_keeper). In between
lies the time that a request may take; one that took longer, because its process stood still, is made again
with a new map. Both are measured as durations on each machine's own clock.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from index.cassandra.client import Client
from index.cassandra.shard_map import ONE_SHARD, ShardMap, decode_map
from schemas.errors import ServiceUnavailable

T = TypeVar("T")

CACHED_MAPS = 10_000
TRIES = 5


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a map may be used, and how long a step of a move lasts at least; both in seconds.

    A request has (phase_seconds - map_seconds) to end in, less the difference of two clocks' rates.
    """

    map_seconds: float = 4.0
    phase_seconds: float = 16.0

    @property
    def valid_seconds(self) -> float:
        """How old a map may be when the last answer to a request made by it has come."""
        return self.map_seconds + 0.8 * (self.phase_seconds - self.map_seconds)


@dataclass(frozen=True, slots=True)
class KeptMap:
    """A map and when it was asked for (monotonic seconds)."""

    shard_map: ShardMap
    asked: float


class ShardMaps:
    """The maps that one process goes by."""

    def __init__(self, client: Client, pace: Pace, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._pace = pace
        self._clock = clock
        self._version = client.prepare("SELECT version FROM shards WHERE bucket_id = ?")
        self._map = client.prepare("SELECT shard_map FROM shards WHERE bucket_id = ?")
        self._kept: dict[bytes, KeptMap] = {}
        self._reading: dict[bytes, asyncio.Task[KeptMap]] = {}

    async def get(self, bucket_id: bytes) -> KeptMap:
        """The bucket's map, read at most `map_seconds` ago."""
        kept = self._kept.get(bucket_id)
        if kept is not None and self._clock() - kept.asked < self._pace.map_seconds:
            return kept
        # One question for all who need the answer now. It was asked after they came, or just before; the
        # time that counts is when it was asked.
        reading = self._reading.get(bucket_id)
        if reading is None:
            reading = asyncio.create_task(self._read(bucket_id), name="shard-map")
            self._reading[bucket_id] = reading
            reading.add_done_callback(lambda _: self._reading.pop(bucket_id, None))
        return await asyncio.shield(reading)

    async def get_all(self, bucket_ids: Iterable[bytes]) -> dict[bytes, KeptMap]:
        wanted = list(bucket_ids)
        return dict(zip(wanted, await asyncio.gather(*map(self.get, wanted)), strict=True))

    def is_valid(self, kept: KeptMap) -> bool:
        """Whether what was just read or written by this map counts."""
        return self._clock() - kept.asked < self._pace.valid_seconds

    async def read(self, bucket_id: bytes, reading: Callable[[ShardMap], Awaitable[T]]) -> T:
        """What `reading` returns for the bucket's map; made again when it took too long to count."""
        for _ in range(TRIES):
            kept = await self.get(bucket_id)
            found = await reading(kept.shard_map)
            if self.is_valid(kept):
                return found
        raise ServiceUnavailable("reads of the index take longer than a map of its shards is valid")

    async def _read(self, bucket_id: bytes) -> KeptMap:
        asked = self._clock()
        found = await self._client.execute(self._version, (bucket_id,))
        shard_map = ONE_SHARD
        if found:
            known = self._kept.get(bucket_id)
            if known is not None and known.shard_map.version == found[0][0]:
                shard_map = known.shard_map
            else:
                (row,) = await self._client.execute(self._map, (bucket_id,))
                shard_map = decode_map(bucket_id, row[0])
        if len(self._kept) >= CACHED_MAPS:
            self._kept.clear()
        kept = KeptMap(shard_map, asked)
        self._kept[bucket_id] = kept
        return kept
