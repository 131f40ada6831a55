"""A digest of everything an index in Cassandra says, and the rows in which two keyspaces differ.

Both read without a lock. What they say of an index that is being written to holds for rows that nobody wrote
meanwhile: a difference counts when the positions, before and after, are the same.
"""

from collections.abc import AsyncIterator

from index.cassandra.client import Client
from index.cassandra.contents import TABLES, Contents, Row, Table
from index.cassandra.journal import read_positions
from index.cassandra.shard_map import ShardMap
from index.cassandra.walk import all_maps
from index.comparison import NAMED_ROWS, Difference, IndexDigest, Kind, RowSum, row_name, whole_digest
from schemas.errors import IndexCorrupt, ServiceUnavailable


async def digest_index(client: Client) -> IndexDigest:
    """Read the whole index, and check every row against its checksum.

    Raises ServiceUnavailable when the index was written to or a shard moved meanwhile.
    """
    maps, positions = await all_maps(client), await read_positions(client)
    contents = Contents(client, maps)
    damage: list[str] = []
    damaged = 0
    tables = {}
    for table in TABLES:
        total = RowSum()
        async for page in contents.rows(table):
            for row in page:
                total.add(row)
                if not _is_sound(table, row):
                    damaged += 1
                    if len(damage) < NAMED_ROWS:
                        damage.append(row_name(table.name, table.keys, row))
        tables[table.name] = total.digest()
    if positions != await read_positions(client) or _moved(maps, await all_maps(client)):
        raise ServiceUnavailable("the index changed while it was read: try again when nothing writes to it")
    return IndexDigest(whole_digest(tables), tables, positions, damage, damaged)


async def diff(first: Client, second: Client, limit: int = 100) -> list[Difference]:
    """The first `limit` differences, table by table; [] for equal indexes. Raises ServiceUnavailable."""
    found: list[Difference] = []
    a, b = Contents(first, await all_maps(first)), Contents(second, await all_maps(second))
    bucket_ids = sorted(await a.buckets() | await b.buckets())
    for table in TABLES:
        if table.sharded:
            for bucket_id in bucket_ids:
                streams = a.ordered(table, bucket_id), b.ordered(table, bucket_id)
                async for difference in _merge(table, *streams):
                    found.append(difference)
                    if len(found) == limit:
                        return found
        else:
            found += await _diff_small(table, a, b)
    return found[:limit]


async def _merge(table: Table, a: AsyncIterator[Row], b: AsyncIterator[Row]) -> AsyncIterator[Difference]:
    left, right = await anext(a, None), await anext(b, None)
    while left is not None or right is not None:
        if right is None or (left is not None and _order(table, left) < _order(table, right)):
            assert left is not None
            yield _difference(table, left, "only in the first")
            left = await anext(a, None)
        elif left is None or _order(table, right) < _order(table, left):
            yield _difference(table, right, "only in the second")
            right = await anext(b, None)
        else:
            if left != right:
                yield _difference(table, left, "differs")
            left, right = await anext(a, None), await anext(b, None)


async def _diff_small(table: Table, a: Contents, b: Contents) -> list[Difference]:
    """Of a table that fits into memory."""
    keys = len(table.keys)
    left = {row[:keys]: row async for page in a.rows(table) for row in page}
    right = {row[:keys]: row async for page in b.rows(table) for row in page}
    found = []
    for key in sorted(left.keys() | right.keys()):
        if key not in right:
            found.append(_difference(table, key, "only in the first"))
        elif key not in left:
            found.append(_difference(table, key, "only in the second"))
        elif left[key] != right[key]:
            found.append(_difference(table, key, "differs"))
    return found


def _difference(table: Table, row: Row, kind: Kind) -> Difference:
    return Difference(table.name, row_name(table.name, table.keys, row), kind)


def _order(table: Table, row: Row) -> Row:
    """The row's place in the table's order: slots fall."""
    key = row[: len(table.keys)]
    return (*key[:-1], -key[-1]) if table.name == "objects" else key


def _is_sound(table: Table, row: Row) -> bool:
    try:
        table.check(*row)
    except IndexCorrupt:
        return False
    return True


def _moved(before: dict[bytes, ShardMap], after: dict[bytes, ShardMap]) -> bool:
    versions = [{bucket: found.version for bucket, found in maps.items()} for maps in (before, after)]
    return versions[0] != versions[1]
