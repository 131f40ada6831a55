"""A worker that lost its partition overwrites nothing, wherever it stood when it lost it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.cassandra.client import Connection, open_session
from index.cassandra.index import CassandraIndex
from index.cassandra.journal import Place
from index.cassandra.sharding import Pace, ShardMaps
from index.cassandra.writer import CassandraWriter, WriterTables
from schemas.errors import PartitionLost
from schemas.events import OBJECT_VERSIONS
from tests.cluster.index_worlds import PausedClient, World, apply, pending
from tests.cluster.keyspaces import fresh_keyspace
from tests.cluster.services import Cassandra

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def connection(cassandra: Cassandra) -> Iterator[Connection]:
    with fresh_keyspace(cassandra) as made:
        yield made


def test_who_takes_a_partition_over_fences_who_had_it(connection: Connection) -> None:
    world = World(1, 20)

    async def main() -> None:
        index = await CassandraIndex.open(connection)
        first = await index.open_writer(OBJECT_VERSIONS, world.number)
        await apply(first, world.number, 0, world.records[:10])
        second = await index.open_writer(OBJECT_VERSIONS, world.number)
        before = await world.dump(index.reader, second)
        with pytest.raises(PartitionLost, match="another worker has taken"):
            await apply(first, world.number, 10, world.records[10:])
        assert await world.dump(index.reader, second) == before
        with pytest.raises(PartitionLost, match="must be opened anew"):
            await first.position(OBJECT_VERSIONS, world.number)
        assert await second.position(OBJECT_VERSIONS, world.number) == 10
        await apply(second, world.number, 10, world.records[10:])
        for writer in (first, second):
            await writer.close()
        await index.close()

    asyncio.run(main())


# Of a batch's requests: loads, journal, lease, rows; and those of a second batch.
@pytest.mark.parametrize("pause", range(1, 9))
@pytest.mark.parametrize("seed", [3, 4])
def test_a_worker_that_stood_still_changes_nothing_when_it_goes_on(
    connection: Connection, tmp_path: Path, seed: int, pause: int
) -> None:
    world = World(seed, 40)
    session = open_session(connection, connection.keyspace)

    async def main() -> None:
        outcomes, content = await world.clean(tmp_path / "index.sqlite")
        index = await CassandraIndex.open(connection)
        client = PausedClient(session, 1 << 60)
        maps = ShardMaps(client, Pace())
        late = CassandraWriter(
            client, Place(OBJECT_VERSIONS, world.number), 0, maps, WriterTables(client, maps)
        )
        await late.take_over()
        await apply(late, world.number, 0, world.records[:8])
        client.left = pause

        async def go_on() -> None:
            await apply(late, world.number, 8, world.records[8:20])
            await apply(late, world.number, 20, world.records[20:30])

        late_worker = asyncio.create_task(go_on())
        await client.standing.wait()
        successor = await index.open_writer(OBJECT_VERSIONS, world.number)
        position = await successor.position(OBJECT_VERSIONS, world.number)
        assert position in (8, 20, 30)
        for offset, outcome in (await pending(successor, world.number)).items():
            assert outcome == outcomes[offset]
        middle = (position + 40) // 2
        applied = await apply(successor, world.number, position, world.records[position:middle])
        client.let_go.set()
        with pytest.raises(PartitionLost):
            await late_worker
        applied += await apply(successor, world.number, middle, world.records[middle:])
        assert applied == outcomes[position:]
        assert await world.dump(index.reader, successor) == content
        # Nor does a third one see anything of what the late one left in the journal.
        third = await index.open_writer(OBJECT_VERSIONS, world.number)
        assert await world.dump(index.reader, third) == content
        kept = await third.pending_facts(OBJECT_VERSIONS, world.number)
        assert [batch.first for batch in kept[1:]] == [batch.last + 1 for batch in kept[:-1]]
        assert await pending(third, world.number) == dict(enumerate(outcomes))
        for writer in (late, successor, third):
            await writer.close()
        await index.close()

    try:
        asyncio.run(main())
    finally:
        session.cluster.shutdown()
