"""Rows as mutations: those of one partition of Cassandra together, all with one timestamp.

Whoever writes a batch's rows, and how often, writes the same values at the same timestamp, which is less than
that of every later batch of the same log partition. So writing them again, or late, changes nothing.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from zlib import crc32

from cassandra.query import UNSET_VALUE, PreparedStatement

from index.cassandra.client import Client
from index.cassandra.rows import (
    GONE,
    BucketRows,
    EpochRow,
    IdentityRow,
    KeyRows,
    NameRow,
    PartRows,
    Row,
    UsageRow,
)
from index.cassandra.sharding import KeptMap
from index.cassandra.together import Together

TOGETHER = 200  # statements in one mutation, about: Cassandra holds it in memory as a whole
BUCKET_SLICES = 16  # partitions of `buckets`, so that no node has all of it

IDENTITY_SLICE = 0  # the one partition of `identities` and `identity_changes`

Places = dict[tuple[Any, ...], list[Any]]


def bucket_slice(name: str) -> int:
    """Which partition of `buckets` holds the name."""
    return crc32(name.encode()) % BUCKET_SLICES


class RowWriter:
    """Writes rows at a timestamp. Whatever is cleared is cleared at the timestamp before it, so that what a
    batch puts in the place of what it cleared stays."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._of_all = Together(self._write_all)
        prepare = client.prepare
        shard = "bucket_id = ? AND shard = ? AND key = ?"
        self._put_version = prepare(
            "INSERT INTO objects (bucket_id, shard, key, slot, record) VALUES (?, ?, ?, ?, ?) "
            "USING TIMESTAMP ?"
        )
        self._remove_version = prepare(f"DELETE FROM objects USING TIMESTAMP ? WHERE {shard} AND slot = ?")
        self._put_state = prepare(
            "INSERT INTO key_state (bucket_id, shard, key, head, null_below) VALUES (?, ?, ?, ?, ?) "
            "USING TIMESTAMP ?"
        )
        self._remove_state = prepare(f"DELETE FROM key_state USING TIMESTAMP ? WHERE {shard}")
        self._put_entry = prepare(
            "INSERT INTO current (bucket_id, shard, key, entry) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"
        )
        self._remove_entry = prepare(f"DELETE FROM current USING TIMESTAMP ? WHERE {shard}")
        self._put_upload = prepare(
            "INSERT INTO uploads (bucket_id, shard, key, upload_id, record) VALUES (?, ?, ?, ?, ?) "
            "USING TIMESTAMP ?"
        )
        self._remove_upload = prepare(
            f"DELETE FROM uploads USING TIMESTAMP ? WHERE {shard} AND upload_id = ?"
        )
        self._put_part = prepare(
            "INSERT INTO parts (upload_id, number, record) VALUES (?, ?, ?) USING TIMESTAMP ?"
        )
        self._remove_parts = prepare("DELETE FROM parts USING TIMESTAMP ? WHERE upload_id = ?")
        self._put_epoch = prepare(
            "INSERT INTO epochs (log_partition, bucket_id, record) VALUES (?, ?, ?) USING TIMESTAMP ?"
        )
        self._put_bucket = prepare(
            "INSERT INTO buckets (slice, name, bucket_id, record) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"
        )
        self._remove_bucket = prepare(
            "DELETE FROM buckets USING TIMESTAMP ? WHERE slice = ? AND name = ? AND bucket_id = ?"
        )
        self._put_configuration = prepare(
            "INSERT INTO configurations (bucket_id, kind, identifier, record) VALUES (?, ?, ?, ?) "
            "USING TIMESTAMP ?"
        )
        self._remove_configuration = prepare(
            "DELETE FROM configurations USING TIMESTAMP ? WHERE bucket_id = ? AND kind = ? AND identifier = ?"
        )
        self._remove_configurations = prepare(
            "DELETE FROM configurations USING TIMESTAMP ? WHERE bucket_id = ?"
        )

        self._put_identity = prepare(
            "INSERT INTO identities (slice, account, kind, name, record) VALUES (?, ?, ?, ?, ?) "
            "USING TIMESTAMP ?"
        )
        self._put_identity_change = prepare(
            "INSERT INTO identity_changes (slice, seq, account, kind, name, record) "
            "VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
        )
        self._put_usage = prepare(
            "INSERT INTO usage (bucket_id, log_partition, record) VALUES (?, ?, ?) USING TIMESTAMP ?"
        )
        self._remove_usage = prepare(
            "DELETE FROM usage USING TIMESTAMP ? WHERE bucket_id = ? AND log_partition = ?"
        )
        self._remove_identity_change = prepare(
            "DELETE FROM identity_changes USING TIMESTAMP ? "
            "WHERE slice = ? AND seq = ? AND account = ? AND kind = ? AND name = ?"
        )

    async def write(self, rows: Sequence[Row], timestamp: int, maps: dict[bytes, KeptMap]) -> None:
        """Write the rows to wherever the maps of their buckets say. All are durable when this returns.
        Raises ServiceUnavailable; then any of them may be written."""
        places: Places = {}
        for row in rows:
            if type(row) is KeyRows:
                for number in maps[row.bucket_id].shard_map.write_to(row.key):
                    place = ("shard", row.bucket_id, number)
                    places.setdefault(place, []).extend(self._key(row, number, timestamp))
            else:
                place, statements = self._other(row, timestamp)
                places.setdefault(place, []).extend(statements)
        if places:
            await self._of_all.ask(places)

    async def _write_all(self, asked: Sequence[Places]) -> list[BaseException | None]:
        """Write what the writers asked for: of a shard's rows one mutation, whoever they are from."""
        places: Places = {}
        for one in asked:
            for place, statements in one.items():
                places.setdefault(place, []).extend(statements)
        mutations = [
            (place, statements[i : i + TOGETHER])
            for place, statements in places.items()
            for i in range(0, len(statements), TOGETHER)
        ]
        outcomes = await asyncio.gather(
            *(self._client.write_together(statements) for _, statements in mutations), return_exceptions=True
        )
        failed = {
            place: outcome
            for (place, _), outcome in zip(mutations, outcomes, strict=True)
            if outcome is not None
        }
        return [next((failed[place] for place in one if place in failed), None) for one in asked]

    def _key(self, row: KeyRows, number: int, timestamp: int) -> Iterator[Any]:
        bucket_id, key = row.bucket_id, row.key
        for slot, record in row.versions.items():
            if record:
                yield self._put_version.bind((bucket_id, number, key, slot, record, timestamp))
            else:
                yield self._remove_version.bind((timestamp, bucket_id, number, key, slot))
        if row.head == -1:
            yield self._remove_state.bind((timestamp, bucket_id, number, key))
        elif row.head is not None or row.below is not None:
            head = UNSET_VALUE if row.head is None else row.versions[row.head]
            below: Any = UNSET_VALUE
            if row.below is not None:
                below = GONE if row.below == -1 else row.versions[row.below]
            yield self._put_state.bind((bucket_id, number, key, head, below, timestamp))
        if row.entry:
            yield self._put_entry.bind((bucket_id, number, key, row.entry, timestamp))
        elif row.entry is not None:
            yield self._remove_entry.bind((timestamp, bucket_id, number, key))
        for upload_id, record in row.uploads.items():
            if record:
                yield self._put_upload.bind((bucket_id, number, key, upload_id, record, timestamp))
            else:
                yield self._remove_upload.bind((timestamp, bucket_id, number, key, upload_id))

    def _other(self, row: Row, timestamp: int) -> tuple[tuple[Any, ...], list[Any]]:
        """The partition of the row, and its statements."""
        match row:
            case PartRows():
                return ("parts", row.upload_id), [
                    *_cleared(row.cleared, self._remove_parts, timestamp, row.upload_id),
                    *(
                        self._put_part.bind((row.upload_id, number, record, timestamp))
                        for number, record in row.parts.items()
                    ),
                ]
            case BucketRows():
                return ("configurations", row.bucket_id), [
                    *_cleared(row.cleared, self._remove_configurations, timestamp, row.bucket_id),
                    *self._configurations(row, timestamp),
                ]
            case NameRow(name, bucket_id, record):
                number = bucket_slice(name)
                if record:
                    statement = self._put_bucket.bind((number, name, bucket_id, record, timestamp))
                else:
                    statement = self._remove_bucket.bind((timestamp, number, name, bucket_id))
                return ("buckets", number), [statement]
            case EpochRow(partition, bucket_id, record):
                bound = self._put_epoch.bind((partition, bucket_id, record, timestamp))
                return ("epochs", partition, bucket_id), [bound]
            case UsageRow(partition, bucket_id, record):
                if record:
                    bound = self._put_usage.bind((bucket_id, partition, record, timestamp))
                else:
                    bound = self._remove_usage.bind((timestamp, bucket_id, partition))
                return ("usage", bucket_id), [bound]
            case IdentityRow():
                return ("identities",), list(self._identity(row, timestamp))
        raise TypeError(f"no statement for {type(row).__name__}")

    def _identity(self, row: IdentityRow, timestamp: int) -> Iterator[Any]:
        place = row.account, row.kind, row.name
        yield self._put_identity.bind((IDENTITY_SLICE, *place, row.record, timestamp))
        yield self._put_identity_change.bind((IDENTITY_SLICE, row.seq, *place, row.record, timestamp))
        if row.replaced:
            yield self._remove_identity_change.bind((timestamp, IDENTITY_SLICE, row.replaced, *place))

    def _configurations(self, row: BucketRows, timestamp: int) -> Iterator[Any]:
        for (kind, identifier), record in row.configurations.items():
            if record:
                values = (row.bucket_id, kind, identifier, record, timestamp)
                yield self._put_configuration.bind(values)
            else:
                yield self._remove_configuration.bind((timestamp, row.bucket_id, kind, identifier))


def _cleared(cleared: bool, statement: PreparedStatement, timestamp: int, place: Any) -> Iterable[Any]:
    return [statement.bind((timestamp - 1, place))] if cleared else []


def buckets_of(rows: Iterable[Row]) -> set[bytes]:
    """The buckets whose shard maps are needed to write the rows."""
    return {row.bucket_id for row in rows if type(row) is KeyRows}
