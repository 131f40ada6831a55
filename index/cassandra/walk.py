"""Walks over a whole table, for the collector and for verification, while shards may move."""

from collections.abc import AsyncIterator

from index.cassandra.client import Client, Rows
from index.cassandra.rows import open_slot
from index.cassandra.shard_map import ShardMap, decode_map
from index.records import open_part
from schemas.rows import ObjectVersion, Part


class Walk:
    """Every method raises ServiceUnavailable and IndexCorrupt."""

    def __init__(self, client: Client) -> None:
        self._client = client
        columns = "bucket_id, key, slot, record"
        self._versions = client.prepare(f"SELECT {columns} FROM objects")
        self._shard = client.prepare(f"SELECT {columns} FROM objects WHERE bucket_id = ? AND shard = ?")
        self._parts = client.prepare("SELECT upload_id, number, record FROM parts")

    async def versions(self, batch: int) -> AsyncIterator[list[tuple[bytes, ObjectVersion]]]:
        """Every version. Rows come twice where they are twice, or where a shard moved meanwhile."""
        before = await all_maps(self._client)
        async for rows in self._client.pages(self._versions, (), batch):
            yield _opened(rows)
        # A shard that moved to a place where the walk had been already, and then went, was missed.
        while True:
            after = await all_maps(self._client)
            moved = [
                (bucket_id, shard_map)
                for bucket_id, shard_map in after.items()
                if bucket_id not in before or before[bucket_id].version != shard_map.version
            ]
            if not moved:
                return
            for bucket_id, shard_map in moved:
                for number in sorted(shard_map.numbers()):
                    async for rows in self._client.pages(self._shard, (bucket_id, number), batch):
                        yield _opened(rows)
            before = after

    async def parts(self, batch: int) -> AsyncIterator[list[Part]]:
        """Every part, those of an upload together and by number."""
        async for rows in self._client.pages(self._parts, (), batch):
            yield [open_part(*row) for row in rows]


async def all_maps(client: Client) -> dict[bytes, ShardMap]:
    """The shard maps of all buckets that were ever cut, as they are now. Raises IndexCorrupt."""
    statement = client.prepare("SELECT bucket_id, shard_map FROM shards")
    maps: dict[bytes, ShardMap] = {}
    async for rows in client.pages(statement, (), 500):
        maps.update((bucket_id, decode_map(bucket_id, record)) for bucket_id, record in rows)
    return maps


def _opened(rows: Rows) -> list[tuple[bytes, ObjectVersion]]:
    return [(bucket_id, open_slot(bucket_id, key, slot, record)) for bucket_id, key, slot, record in rows]
