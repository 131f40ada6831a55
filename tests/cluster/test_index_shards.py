"""Shards split, join and are made anew while they are written to and listed; keepers die in between."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import TypeVar

import pytest

from index.cassandra.client import Connection, open_session
from index.cassandra.index import CassandraIndex
from index.cassandra.journal import Place
from index.cassandra.shard_keeper import ShardKeeper, ShardLimits
from index.cassandra.sharding import Pace, ShardMaps
from index.cassandra.writer import CassandraWriter, WriterTables
from index.contract import ClearHead, IndexReader, IndexWriter, PutVersion, RemoveVersion, SetHead
from schemas.errors import ServiceUnavailable
from schemas.events import OBJECT_VERSIONS
from schemas.rows import ObjectVersion
from tests.cluster.index_worlds import Died, MortalClient, PausedClient
from tests.cluster.keyspaces import fresh_keyspace
from tests.cluster.services import Cassandra

pytestmark = pytest.mark.cluster

T = TypeVar("T")

PACE = Pace(map_seconds=0.2, phase_seconds=0.8)
KEYS = [f"{i:05d}" for i in range(400)]


@pytest.fixture(scope="module")
def connection(cassandra: Cassandra) -> Iterator[Connection]:
    with fresh_keyspace(cassandra) as made:
        yield made


def version(key: str, rank: int) -> ObjectVersion:
    return ObjectVersion(key, "null", rank, rank, rank, "owner", size=rank)


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """What the call returns, made again while Cassandra gives no answer in time."""
    for _ in range(10):
        with suppress(ServiceUnavailable):
            return await call()
    return await call()


async def listed(reader: IndexReader, bucket: bytes, page: int = 97) -> dict[str, int]:
    """Sizes by key, joined of pages."""
    found: dict[str, int] = {}
    start, inclusive = "", True
    while True:
        entries = await patiently(partial(reader.list_current, bucket, start, inclusive, None, page))
        if not entries:
            return found
        assert not found.keys() & {entry.key for entry in entries}
        found.update((entry.key, entry.size) for entry in entries)
        start, inclusive = entries[-1].key, False


class Keys:
    """Puts and removes null versions in a bucket and partition of its own; knows what was acknowledged."""

    def __init__(self, number: int, writer: IndexWriter) -> None:
        self.bucket = number.to_bytes(16, "big")
        self._place = OBJECT_VERSIONS, number
        self._writer = writer
        self._offset = 0
        self.ranks: dict[str, int] = {}
        self.touched: dict[str, int] = {}  # by which batch last
        self.batches = 0
        self._busy = False

    async def write(self, puts: list[str], removals: list[str] = []) -> None:  # noqa: B006
        self.batches += 1
        self._busy = True
        self.touched.update(dict.fromkeys([*puts, *removals], self.batches))
        self._offset += 1
        changes: list[object] = []
        for key in puts:
            row = version(key, self._offset)
            changes += [PutVersion(self.bucket, row), SetHead(self.bucket, row)]
        for key in removals:
            changes += [
                RemoveVersion(self.bucket, key, self.ranks[key], "null"),
                ClearHead(self.bucket, key),
            ]
        await self._writer.write(self._place[1], changes)  # type: ignore[arg-type]
        await self._writer.commit(*self._place, self._offset, None)
        self._busy = False
        self.ranks.update(dict.fromkeys(puts, self._offset))
        for key in removals:
            del self.ranks[key]

    async def check(self, reader: IndexReader) -> None:
        """A listing has every key as it was acknowledged last, but for those that were written meanwhile."""
        first = self.batches if self._busy else self.batches + 1  # of those that may be half listed
        before = dict(self.ranks)
        found = await listed(reader, self.bucket)
        for key in before.keys() | found.keys():
            if self.touched[key] < first:
                assert found.get(key) == before.get(key), key


async def run_with(
    connection: Connection, pace: Pace = PACE
) -> tuple[CassandraIndex, CassandraIndex, ShardKeeper]:
    """A worker's index, a gateway's, and a keeper."""
    worker = await CassandraIndex.open(connection, pace)
    gateway = await CassandraIndex.open(connection, pace)
    return worker, gateway, ShardKeeper(worker.client, pace)


def test_listings_are_right_while_shards_split_and_join(connection: Connection) -> None:
    async def main() -> None:
        worker, gateway, keeper = await run_with(connection)
        keys = Keys(1, await worker.open_writer(OBJECT_VERSIONS, 1))
        await keys.write(KEYS)
        choose = random.Random(1)
        done = asyncio.Event()

        async def write() -> None:
            while not done.is_set():
                there = sorted(keys.ranks)
                removals = choose.sample(there, min(3, len(there) // 2))
                await keys.write(list(set(choose.sample(KEYS, 5)) - set(removals)), removals)

        async def read() -> None:
            while not done.is_set():
                await keys.check(gateway.reader)

        busy = [asyncio.create_task(write()), *(asyncio.create_task(read()) for _ in range(2))]
        assert await keeper.split(keys.bucket, 0, 150)
        parts = await keeper.describe(keys.bucket)
        assert len(parts) == 3
        assert {part.state for part in parts} == {"settled"}
        assert await keeper.split(keys.bucket, parts[1].number, 40)
        assert len(await keeper.describe(keys.bucket)) > 3  # some were removed meanwhile
        for _ in range(2):
            await keeper.split(keys.bucket, (await keeper.describe(keys.bucket))[0].number, 10_000)
        assert len(await keeper.describe(keys.bucket)) == 1
        done.set()
        await asyncio.gather(*busy)
        await keys.check(gateway.reader)
        assert await listed(gateway.reader, keys.bucket) == keys.ranks
        walked = [row.key async for page in gateway.reader.all_versions() for bucket, row in page]
        assert set(keys.ranks) <= set(walked)
        await worker.close()
        await gateway.close()

    asyncio.run(main())


def test_a_shard_that_grows_splits_by_itself_and_one_full_of_tombstones_is_made_anew(
    connection: Connection,
) -> None:
    async def main() -> None:
        worker, gateway, _ = await run_with(connection)
        keeper = ShardKeeper(worker.client, PACE, ShardLimits(shard_keys=200, piece_keys=100, removals=150))
        writer = await worker.open_writer(OBJECT_VERSIONS, 2)
        keys = Keys(2, writer)
        await keys.write(KEYS)
        await writer.close()  # tells what it wrote
        assert await keeper.step() == 1
        parts = await keeper.describe(keys.bucket)
        assert [part.start for part in parts] == ["", "00100", "00200", "00300"]
        assert await keeper.step() == 0

        writer = await worker.open_writer(OBJECT_VERSIONS, 2)
        keys._writer = writer
        await keys.write([], KEYS[:390])
        await writer.close()
        assert await keeper.step() == 0  # of no shard more than 100 are gone
        limits = ShardLimits(shard_keys=200, piece_keys=100, removals=80)
        assert await ShardKeeper(worker.client, PACE, limits).step() >= 1
        (only,) = await keeper.describe(keys.bucket)
        assert only.number > max(part.number for part in parts)
        await keys.check(gateway.reader)
        # The tombstones stayed behind: the shard that is left holds nothing but its keys.
        found = worker.client._session.execute(
            f"SELECT key FROM current WHERE bucket_id = 0x{keys.bucket.hex()} AND shard = {only.number}",
            trace=True,
        )
        assert [row[0] for row in found] == KEYS[390:]
        events = await asyncio.to_thread(lambda: found.get_query_trace(max_wait_sec=10).events)
        assert any("10 live rows and 0 tombstone" in event.description for event in events)
        await worker.close()
        await gateway.close()

    asyncio.run(main())


@pytest.mark.parametrize("lands", [False, True])
def test_a_keeper_that_dies_anywhere_is_followed_by_another(connection: Connection, lands: bool) -> None:
    session = open_session(connection, connection.keyspace)

    async def main() -> None:
        worker, gateway, keeper = await run_with(connection, Pace(map_seconds=0.05, phase_seconds=0.2))
        mortal = MortalClient(session)
        dying = ShardKeeper(mortal, worker.pace)
        keys = Keys(10 + lands, await worker.open_writer(OBJECT_VERSIONS, 10 + lands))
        await keys.write(KEYS)
        for requests in range(1, 42, 8):
            mortal.left, mortal.lands = requests, lands
            number = (await patiently(lambda: keeper.describe(keys.bucket)))[0].number
            with suppress(Died, ServiceUnavailable):
                await dying.split(keys.bucket, number, 150)
            await keys.write(KEYS[::7], [key for key in KEYS[3:40:7] if key in keys.ranks])
            await keys.check(gateway.reader)
            await patiently(keeper.step)
            parts = await patiently(lambda: keeper.describe(keys.bucket))
            assert {part.state for part in parts} == {"settled"}
            await keys.check(gateway.reader)
        await worker.close()
        await gateway.close()

    try:
        asyncio.run(main())
    finally:
        session.cluster.shutdown()


def test_a_writer_that_slept_through_a_move_writes_again_to_where_the_rows_are_now(
    connection: Connection,
) -> None:
    session = open_session(connection, connection.keyspace)

    async def main() -> None:
        worker, gateway, keeper = await run_with(connection)
        client = PausedClient(session, 1 << 60)
        maps = ShardMaps(client, PACE)
        writer = CassandraWriter(client, Place(OBJECT_VERSIONS, 20), 0, maps, WriterTables(client, maps))
        await writer.take_over()
        keys = Keys(20, writer)
        await keys.write(KEYS)
        client.left = 4  # shard map, journal, lease, and now the rows
        writing = asyncio.create_task(keys.write(["new"], [KEYS[7]]))
        await client.standing.wait()
        assert await keeper.split(keys.bucket, 0, 100)
        client.let_go.set()
        await writing
        await keys.check(gateway.reader)
        assert "new" in keys.ranks
        await writer.close()
        await worker.close()
        await gateway.close()

    try:
        asyncio.run(main())
    finally:
        session.cluster.shutdown()
