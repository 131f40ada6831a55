"""A worker dies at any request of a batch: replay ends where one clean replay does, on another engine."""

import asyncio
import random
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index.cassandra.client import Connection, open_session
from index.cassandra.journal import Place
from index.cassandra.reader import CassandraReader
from index.cassandra.sharding import Pace, ShardMaps
from index.cassandra.writer import CassandraWriter, WriterTables
from schemas.events import OBJECT_VERSIONS
from tests.cluster.index_worlds import Died, MortalClient, Outcome, World, apply, pending
from tests.cluster.keyspaces import fresh_keyspace
from tests.cluster.services import Cassandra

pytestmark = pytest.mark.cluster


async def end_process() -> None:
    """Whatever the dead worker still had going on stops with it."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


@pytest.fixture(scope="module")
def connection(cassandra: Cassandra) -> Iterator[Connection]:
    with fresh_keyspace(cassandra) as made:
        yield made


@given(seed=st.integers(0, 2**32), length=st.integers(2, 40), lives=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_worker_that_dies_anywhere_leaves_what_one_clean_replay_does(
    connection: Connection, tmp_path_factory: pytest.TempPathFactory, seed: int, length: int, lives: int
) -> None:
    world, choose = World(seed, length), random.Random(lives)
    session = open_session(connection, connection.keyspace)

    async def main() -> None:
        expected, content = await world.clean(tmp_path_factory.mktemp("clean") / "index.sqlite")
        client = MortalClient(session)
        maps = ShardMaps(client, Pace())
        tables = WriterTables(client, maps)
        seen: dict[int, Outcome] = {}
        deaths = 0
        while True:
            client.left, client.lands = choose.randint(1, 30) + 10 * deaths, choose.random() < 0.5
            writer = CassandraWriter(client, Place(OBJECT_VERSIONS, world.number), 0, maps, tables)
            try:
                await live(writer, world, choose, seen)
                break
            except Died:
                deaths += 1
                await end_process()
        client.left = 1 << 60
        assert [seen[offset] for offset in range(length)] == expected
        reader = CassandraReader(client, maps)
        assert await world.dump(reader, writer) == content
        await writer.close()

    try:
        asyncio.run(main())
    finally:
        session.cluster.shutdown()


async def live(
    writer: CassandraWriter, world: World, choose: random.Random, seen: dict[int, Outcome]
) -> None:
    """A worker's life: take over, give again what is pending, apply the rest in batches of any length."""
    await writer.take_over()
    for offset, outcome in (await pending(writer, world.number)).items():
        assert seen.setdefault(offset, outcome) == outcome  # never another outcome than the first one
    position = await writer.position(OBJECT_VERSIONS, world.number)
    while position < len(world.records):
        batch = world.records[position : position + choose.randint(1, 12)]
        for i, outcome in enumerate(await apply(writer, world.number, position, batch)):
            assert seen.setdefault(position + i, outcome) == outcome
        position += len(batch)
