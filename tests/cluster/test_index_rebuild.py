"""An index made anew in another keyspace: proven equal, told apart when it is not, and switched to."""

import asyncio
from collections.abc import Iterator
from itertools import pairwise

import pytest

from index.cassandra.client import Connection, open_session
from index.cassandra.digest import diff, digest_index
from index.cassandra.index import CassandraIndex
from index.cassandra.keyspaces import active_keyspace, drop_keyspace, new_keyspace, switch
from index.cassandra.shard_keeper import ShardKeeper
from index.cassandra.sharding import Pace
from processors.replay import replay
from schemas.errors import ConfigurationError
from schemas.events import OBJECT_VERSIONS
from tests.cluster.index_worlds import World, apply
from tests.cluster.keyspaces import fresh_keyspace
from tests.cluster.services import Cassandra
from tests.unit.test_replay import Recorded, cuts

pytestmark = pytest.mark.cluster

PACE = Pace(map_seconds=0.05, phase_seconds=0.2)


@pytest.fixture
def keyspaces(cassandra: Cassandra) -> Iterator[tuple[Connection, Connection]]:
    with fresh_keyspace(cassandra) as first, fresh_keyspace(cassandra) as second:
        yield first, second


def test_a_rebuilt_index_is_equal_and_every_difference_is_named(
    keyspaces: tuple[Connection, Connection],
) -> None:
    world = World(5, 80)

    async def main() -> None:
        live, rebuilt = [await CassandraIndex.open(connection, PACE) for connection in keyspaces]
        writer = await live.open_writer(OBJECT_VERSIONS, world.number)
        for start, stop in pairwise(cuts(9, 80)):
            await apply(writer, world.number, start, world.records[start:stop])
        await ShardKeeper(live.client, PACE).split(world.bucket, 0, 2)
        other = await rebuilt.open_writer(OBJECT_VERSIONS, world.number)
        log = Recorded(world.records)
        assert await replay(other, OBJECT_VERSIONS, world.number, log, published=0) == 80

        first, second = await digest_index(live.client), await digest_index(rebuilt.client)
        assert first.digest == second.digest
        assert first.tables == second.tables
        assert first.tables["objects"].rows > 0
        assert first.positions == second.positions == {(OBJECT_VERSIONS, world.number): 80}
        assert first.damaged == second.damaged == 0
        assert await diff(live.client, rebuilt.client) == []

        (entry, *_) = await rebuilt.reader.list_current(world.bucket, "", True, None, 9)
        place = f"bucket_id = 0x{world.bucket.hex()} AND shard = 0 AND key = '{entry.key}'"
        await rebuilt.client.execute(f"DELETE FROM current WHERE {place}")
        await rebuilt.client.execute(f"UPDATE key_state SET head = 0x00112233445566 WHERE {place}")
        changed = await digest_index(rebuilt.client)
        assert changed.digest != first.digest
        assert changed.damage == [f"key_state: bucket_id {world.bucket.hex()}, key {entry.key!r}"]
        assert [(found.table, found.kind) for found in await diff(live.client, rebuilt.client)] == [
            ("key_state", "differs"),
            ("current", "only in the first"),
        ]
        assert len(await diff(live.client, rebuilt.client, 1)) == 1
        for index, opened in ((live, writer), (rebuilt, other)):
            await opened.close()
            await index.close()

    asyncio.run(main())


def test_roles_are_switched_to_the_rebuilt_keyspace(keyspaces: tuple[Connection, Connection]) -> None:
    configured, rebuilt = keyspaces
    session = open_session(configured)
    try:
        assert active_keyspace(session, configured.keyspace) == configured.keyspace
        switch(session, configured.keyspace, configured.keyspace, rebuilt.keyspace)
        assert active_keyspace(session, configured.keyspace) == rebuilt.keyspace
        with pytest.raises(ConfigurationError, match="another rebuild was quicker"):
            switch(session, configured.keyspace, configured.keyspace, "late")
        with pytest.raises(ConfigurationError, match="cannot be dropped"):
            drop_keyspace(session, configured.keyspace, rebuilt.keyspace)
        drop_keyspace(session, configured.keyspace, configured.keyspace)
        assert active_keyspace(session, configured.keyspace) == rebuilt.keyspace
        assert new_keyspace("store") > "store"
    finally:
        session.cluster.shutdown()
