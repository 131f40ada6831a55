"""The shard keeper: splits shards that have grown large, and makes those anew that are full of tombstones.

It changes a bucket's map by compare and set, and every change waits until whoever goes by the map before it
is done (`sharding`). So any number of keepers may run, and one may die at any moment: the next one goes on
from the map. Nothing of it is in the log: how an engine files its rows is no part of what they say.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from cassandra import ConsistencyLevel

from index.cassandra.client import Client
from index.cassandra.shard_copy import ShardCopier
from index.cassandra.shard_map import ONE_SHARD, Shard, ShardMap, decode_map, encode_map
from index.cassandra.sharding import Pace
from index.cassandra.walk import all_maps

log = logging.getLogger(__name__)

BUCKETS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class ShardLimits:
    """shard_keys  a shard of more keys is split, into pieces of `piece_keys`
    removals       a shard of which so many rows were removed is made anew: Cassandra keeps a tombstone for
                   each, for days, and every listing has to wade through them
    """

    shard_keys: int = 100_000
    piece_keys: int = 50_000
    removals: int = 20_000


class ShardReport(NamedTuple):
    """A shard, for people. `writes` and `removals` are estimates, since it was made."""

    start: str
    number: int
    state: str
    writes: int
    removals: int


_Place = tuple[bytes, int]  # a bucket, the number of a shard


class _Activity(NamedTuple):
    writes: int
    removals: int


class ShardKeeper:
    """Every method raises ServiceUnavailable; what it had begun is then finished by the next call."""

    def __init__(
        self,
        client: Client,
        pace: Pace,
        limits: ShardLimits | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._pace = pace
        self._limits = limits or ShardLimits()
        self._sleep = sleep
        self._copier = ShardCopier(client)
        self._looked_at: dict[_Place, int] = {}  # writes when the shard's keys were counted
        prepare = client.prepare
        self._map = prepare("SELECT shard_map FROM shards WHERE bucket_id = ?")
        self._map.consistency_level = ConsistencyLevel.LOCAL_SERIAL
        self._set_map = prepare(
            "UPDATE shards SET version = ?, shard_map = ? WHERE bucket_id = ? IF version = ?",
            idempotent=False,
        )
        self._all_activity = prepare("SELECT bucket_id, shard, writes, removals FROM shard_activity")
        self._activity = prepare("SELECT shard, writes, removals FROM shard_activity WHERE bucket_id = ?")
        self._forget = prepare("DELETE FROM shard_activity WHERE bucket_id = ? AND shard = ?")

    async def step(self) -> int:
        """Begin the moves that are due, and finish all that were begun; returns in how many buckets."""
        moving = {
            bucket_id
            for bucket_id, known in (await all_maps(self._client)).items()
            if known.unfilled() or known.filled() or known.leftovers
        }
        for (bucket_id, number), activity in (await self._due()).items():
            if await self._look_at(bucket_id, number, activity):
                moving.add(bucket_id)
        # All moves of a bucket share their phases. What is left is found again by the next step.
        await asyncio.gather(*map(self.finish, sorted(moving)[:BUCKETS_AT_ONCE]))
        return len(moving)

    async def split(self, bucket_id: bytes, number: int, piece_keys: int) -> bool:
        """`begin` and `finish`."""
        begun = await self.begin(bucket_id, number, piece_keys)
        if begun:
            await self.finish(bucket_id)
        return begun

    async def begin(self, bucket_id: bytes, number: int, piece_keys: int) -> bool:
        """Begin to cut a shard into pieces of that many keys, or to make it anew when it has no more than
        those. Returns whether it did: not when it is moving already, or somebody else changed the map."""
        known = await self._read_map(bucket_id)
        shard = next((shard for shard in known.shards if shard.number == number and not shard.into), None)
        if shard is None:
            return False
        count, starts = await self._copier.starts(bucket_id, shard, piece_keys)
        joined = await self._small_neighbours(bucket_id, known, shard, count) if len(starts) == 1 else []
        changed = known.join(joined) if len(joined) > 1 else known.split(number, starts)
        if not await self._change(bucket_id, known, changed):
            return False
        log.info("bucket %s: shard %d of %d keys moves to %d", bucket_id.hex(), number, count, len(starts))
        return True

    async def finish(self, bucket_id: bytes) -> None:
        """Take the bucket's moves through every step. Before each of them lies a whole phase in which the map
        was seen as it is: whoever went by an earlier one is done."""
        while True:
            known = await self._read_map(bucket_id)
            unfilled = known.unfilled()
            if not (unfilled or known.filled() or known.leftovers):
                return
            await self._sleep(self._pace.phase_seconds)
            if unfilled:
                for shard in unfilled:
                    await self._copier.copy(bucket_id, shard)
                changed = known.fill()
            elif known.filled():
                changed = known.settle()
            else:
                for number in known.leftovers:
                    await self._copier.drop(bucket_id, number)
                    await self._client.execute(self._forget, (bucket_id, number))
                changed = known.drop()
            await self._change(bucket_id, known, changed)

    async def describe(self, bucket_id: bytes) -> list[ShardReport]:
        """The bucket's shards in order of keys."""
        known = await self._read_map(bucket_id)
        counts = _summed([((bucket_id, row[0]), row[1], row[2]) for row in await self._counts(bucket_id)])
        reports = []
        for shard in known.shards:
            state = "settled" if not shard.into else "filled" if shard.filled else "filling"
            found = counts.get((bucket_id, shard.number), _Activity(0, 0))
            reports.append(ShardReport(shard.start, shard.number, state, *found))
        return reports

    async def _counts(self, bucket_id: bytes) -> list[tuple[int, int, int]]:
        rows = await self._client.execute(self._activity, (bucket_id,))
        return [(number, writes, removals) for number, writes, removals in rows]

    async def _due(self) -> dict[_Place, _Activity]:
        """Shards that may have grown too large, or have been emptied enough, since they were looked at."""
        rows = []
        async for page in self._client.pages(self._all_activity, (), 5000):
            rows += [((bucket_id, number), writes, removals) for bucket_id, number, writes, removals in page]
        limits = self._limits
        return {
            place: activity
            for place, activity in _summed(rows).items()
            if activity.removals >= limits.removals
            or activity.writes - self._looked_at.get(place, 0)
            >= (limits.shard_keys // 4 if place in self._looked_at else limits.shard_keys)
        }

    async def _look_at(self, bucket_id: bytes, number: int, activity: _Activity) -> bool:
        known = await self._read_map(bucket_id)
        shard = next((shard for shard in known.shards if shard.number == number), None)
        if shard is None:
            await self._client.execute(self._forget, (bucket_id, number))
            return False
        self._looked_at[bucket_id, number] = activity.writes
        count, _ = await self._copier.starts(bucket_id, shard, self._limits.piece_keys)
        if activity.removals < self._limits.removals and count <= self._limits.shard_keys:
            return False
        return await self.begin(bucket_id, number, self._limits.piece_keys)

    async def _small_neighbours(
        self, bucket_id: bytes, known: ShardMap, shard: Shard, count: int
    ) -> list[int]:
        """The shard and those after it, in order, that fit into one piece together; and the one before."""
        place = known.shards.index(shard)
        joined = [shard.number]
        for near in (*known.shards[place + 1 :], *known.shards[place - 1 : place]):
            if near.into:
                break
            more, _ = await self._copier.starts(bucket_id, near, self._limits.piece_keys)
            if count + more > self._limits.piece_keys:
                break
            count += more
            joined.append(near.number)
        return joined

    async def _read_map(self, bucket_id: bytes) -> ShardMap:
        found = await self._client.execute(self._map, (bucket_id,))
        return decode_map(bucket_id, found[0][0]) if found else ONE_SHARD

    async def _change(self, bucket_id: bytes, known: ShardMap, changed: ShardMap) -> bool:
        """Replace the map, unless it is not the known one any more."""
        expected = known.version or None  # no row before the first change
        values = (changed.version, encode_map(bucket_id, changed), bucket_id, expected)
        answer = await self._client.execute(self._set_map, values)
        return bool(answer[0][0])


def _summed(rows: list[tuple[_Place, int | None, int | None]]) -> dict[_Place, _Activity]:
    """Activity of each shard, over all writers."""
    counts: dict[_Place, _Activity] = {}
    for place, writes, removals in rows:
        known = counts.get(place, _Activity(0, 0))
        counts[place] = _Activity(known.writes + (writes or 0), known.removals + (removals or 0))
    return counts
