"""Copies a shard's rows to where they move, each cell with the timestamp that it was written at.

So what is written to both places meanwhile wins over its copy, and what is removed meanwhile stays removed.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

from cassandra.query import UNSET_VALUE

from index.cassandra.client import Client
from index.cassandra.shard_map import Piece, Shard

PAGE = 500
TOGETHER = 100
LAST_TIMESTAMP = (1 << 63) - 1

SHARDED = ("objects", "key_state", "current", "uploads")


class ShardCopier:
    """Every method raises ServiceUnavailable, and may be repeated."""

    def __init__(self, client: Client) -> None:
        self._client = client
        prepare = client.prepare
        where = "WHERE bucket_id = ? AND shard = ?"
        self._reads = {
            "objects": prepare(f"SELECT key, slot, record, writetime(record) FROM objects {where}"),
            "current": prepare(f"SELECT key, entry, writetime(entry) FROM current {where}"),
            "uploads": prepare(f"SELECT key, upload_id, record, writetime(record) FROM uploads {where}"),
            "key_state": prepare(
                f"SELECT key, head, writetime(head), null_below, writetime(null_below) FROM key_state {where}"
            ),
        }
        put = "INSERT INTO {} (bucket_id, shard, key, {}) VALUES (?, ?, ?, {}) USING TIMESTAMP ?"
        self._writes = {
            "objects": prepare(put.format("objects", "slot, record", "?, ?")),
            "current": prepare(put.format("current", "entry", "?")),
            "uploads": prepare(put.format("uploads", "upload_id, record", "?, ?")),
            "key_state": prepare(put.format("key_state", "head, null_below", "?, ?")),
        }
        self._drops = [prepare(f"DELETE FROM {table} USING TIMESTAMP ? {where}") for table in SHARDED]
        self._keys = prepare(f"SELECT key FROM key_state {where}")

    async def copy(self, bucket_id: bytes, shard: Shard) -> None:
        """Copy every row of the shard to the piece that its key falls in."""
        for table in SHARDED:
            async for rows in self._client.pages(self._reads[table], (bucket_id, shard.number), PAGE):
                await self._write(table, bucket_id, shard.into, rows)

    async def drop(self, bucket_id: bytes, number: int) -> None:
        """Remove every row of a shard that nobody uses any more, and whatever may still be written to it."""
        for statement in self._drops:
            await self._client.execute(statement, (LAST_TIMESTAMP, bucket_id, number))

    async def starts(self, bucket_id: bytes, shard: Shard, piece_keys: int) -> tuple[int, list[str]]:
        """How many keys the shard has, and where to cut it into pieces of about `piece_keys`."""
        count, starts = 0, [shard.start]
        async for rows in self._client.pages(self._keys, (bucket_id, shard.number), 5000):
            for (key,) in rows:
                if count and count % piece_keys == 0:
                    starts.append(key)
                count += 1
        return count, starts

    async def _write(self, table: str, bucket_id: bytes, pieces: tuple[Piece, ...], rows: list[Any]) -> None:
        by_piece: dict[int, list[Any]] = {}
        i = 0
        for row in rows:  # in order of keys, as the pieces are
            while i + 1 < len(pieces) and pieces[i + 1].start <= row[0]:
                i += 1
            number = pieces[i].number
            for values in _cells(table, row):
                bound = self._writes[table].bind((bucket_id, number, *values))
                by_piece.setdefault(number, []).append(bound)
        await asyncio.gather(
            *(
                self._client.write_together(statements[start : start + TOGETHER])
                for statements in by_piece.values()
                for start in range(0, len(statements), TOGETHER)
            )
        )


def _cells(table: str, row: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """The row as values to insert, each with its timestamp last."""
    if table != "key_state":
        yield row
        return
    key, head, head_time, below, below_time = row
    if head is not None:
        yield key, head, UNSET_VALUE, head_time
    if below is not None:
        yield key, UNSET_VALUE, below, below_time
