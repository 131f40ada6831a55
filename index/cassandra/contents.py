"""What an index in Cassandra says, table by table: rows without the shards and timestamps they lie under."""

from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

from index.cassandra.client import Client
from index.cassandra.rows import open_entry, open_slot, open_version
from index.cassandra.shard_map import ONE_SHARD, ShardMap
from index.records import (
    open_bucket,
    open_configuration,
    open_epoch,
    open_identity,
    open_part,
    open_upload,
    open_usage,
)
from schemas.errors import IndexCorrupt

PAGE = 1000

Row = tuple[Any, ...]


class Table(NamedTuple):
    """A table of the index.

    keys     the columns of its primary key, without the shard
    values   the other columns
    sharded  whether its rows lie in shards, in order of the other key columns
    check    raises IndexCorrupt for a row that does not match its checksum or lies in a wrong place
    """

    name: str
    keys: tuple[str, ...]
    values: tuple[str, ...]
    sharded: bool
    check: Callable[..., object]

    @property
    def columns(self) -> str:
        return ", ".join(self.keys + self.values)


def _check_state(bucket_id: bytes, key: str, head: bytes, null_below: bytes) -> None:
    open_version("key_state", bucket_id, key, head)
    if null_below:
        open_version("key_state", bucket_id, key, null_below)


def _check_identity_change(seq: int, account: str, kind: str, name: str, record: bytes) -> None:
    if open_identity(account, kind, name, record).seq != seq:
        raise IndexCorrupt(f"the change {seq} of table identity_changes is of another seq")


TABLES = (
    Table("buckets", ("name", "bucket_id"), ("record",), False, lambda n, _, r: open_bucket(n, r)),
    Table("configurations", ("bucket_id", "kind", "identifier"), ("record",), False, open_configuration),
    Table("identities", ("account", "kind", "name"), ("record",), False, open_identity),
    Table(
        "identity_changes",
        ("seq", "account", "kind", "name"),
        ("record",),
        False,
        _check_identity_change,
    ),
    Table("objects", ("bucket_id", "key", "slot"), ("record",), True, open_slot),
    Table("key_state", ("bucket_id", "key"), ("head", "null_below"), True, _check_state),
    Table("current", ("bucket_id", "key"), ("entry",), True, open_entry),
    Table("uploads", ("bucket_id", "key", "upload_id"), ("record",), True, open_upload),
    Table("parts", ("upload_id", "number"), ("record",), False, open_part),
    Table(
        "usage",
        ("bucket_id", "log_partition"),
        ("record",),
        False,
        lambda b, p, r: open_usage(p, b, r),
    ),
    Table("epochs", ("log_partition", "bucket_id"), ("record",), False, open_epoch),
)


class Contents:
    """Reads whole tables. Of rows that lie in two shards, one is read."""

    def __init__(self, client: Client, maps: dict[bytes, ShardMap]) -> None:
        self._client = client
        self._maps = maps

    async def rows(self, table: Table) -> AsyncIterator[list[Row]]:
        """Every row as keys and values, pages in no particular order."""
        if not table.sharded:
            statement = self._client.prepare(f"SELECT {table.columns} FROM {table.name}")
            async for page in self._client.pages(statement, (), PAGE):
                yield page
            return
        statement = self._client.prepare(f"SELECT shard, {table.columns} FROM {table.name}")
        key = 1 + table.keys.index("key")
        async for page in self._client.pages(statement, (), PAGE):
            yield [
                _whole(row[1:])
                for row in page
                if self._maps.get(row[1], ONE_SHARD).read_from(row[key]) == row[0]
            ]

    async def buckets(self) -> set[bytes]:
        """The buckets that have rows in shards."""
        found: set[bytes] = set()
        for table in TABLES:
            if table.sharded:
                statement = self._client.prepare(f"SELECT DISTINCT bucket_id, shard FROM {table.name}")
                async for page in self._client.pages(statement, (), PAGE):
                    found.update(row[0] for row in page)
        return found

    async def ordered(self, table: Table, bucket_id: bytes) -> AsyncIterator[Row]:
        """The rows of a bucket in a sharded table, in the table's order."""
        statement = self._client.prepare(
            f"SELECT {table.columns} FROM {table.name} WHERE bucket_id = ? AND shard = ? AND key >= ?"
        )
        start = ""
        for number, stop in self._maps.get(bucket_id, ONE_SHARD).ranges("", None):
            async for page in self._client.pages(statement, (bucket_id, number, start), PAGE):
                for row in page:
                    if stop is None or row[table.keys.index("key")] < stop:
                        yield _whole(row)
            start = stop or start


def _whole(row: Row) -> Row:
    """A column that was never set is as good as an empty one."""
    return tuple(b"" if value is None else value for value in row)
