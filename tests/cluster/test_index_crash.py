"""A worker dies at any request of a batch: replay ends where one clean replay does, on another engine."""

import asyncio
import itertools
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.contract import Record
from index.cassandra.client import Client, Connection, open_session
from index.cassandra.journal import Place
from index.cassandra.reader import CassandraReader
from index.cassandra.sharding import Pace, ShardMaps
from index.cassandra.writer import CassandraWriter, WriterTables
from index.contract import IndexReader, IndexWriter
from index.sqlite.reader import SqliteReader
from index.sqlite.writer import SqliteWriter
from processors.materializer import Materializer
from schemas.events import OBJECT_VERSIONS, decode_event, encode_event
from schemas.receipts import encode_receipt
from tests.cluster.keyspaces import fresh_keyspace
from tests.cluster.services import Cassandra
from tests.unit.test_replay import KEYS, any_log

pytestmark = pytest.mark.cluster

WORLDS = itertools.count(1)
UPLOADS = ("u", "v")

Outcome = tuple[bytes, bytes]  # fact, receipt


class Died(Exception):
    """The process is gone."""


class MortalClient(Client):
    """A connection whose process dies at its n-th request, which still reaches Cassandra, or not."""

    left = 1 << 60
    lands = False

    async def _send(self, statement: Any, paging_state: bytes | None) -> Any:
        self.left -= 1
        if self.left < 0 or (self.left == 0 and not self.lands):
            raise Died
        answer = await super()._send(statement, paging_state)
        if self.left == 0:
            raise Died
        return answer


class World:
    """A log of its own: a bucket, a partition and uploads that no other example has."""

    def __init__(self, seed: int, length: int) -> None:
        self.number = next(WORLDS)
        self.bucket = self.number.to_bytes(16, "big")
        self.uploads = [f"{self.number}-{name}" for name in UPLOADS]
        self.records = [self._mine(record) for record in any_log(seed, length)]

    def _mine(self, record: Record) -> Record:
        event = decode_event(record.payload)
        changed: dict[str, Any] = {"bucket_id": self.bucket}
        if getattr(event, "upload_id", None) is not None:
            changed["upload_id"] = f"{self.number}-{event.upload_id}"  # type: ignore[union-attr]
        return record._replace(payload=encode_event(msgspec.structs.replace(event, **changed)))

    async def clean(self, path: Path) -> tuple[list[Outcome], Any]:
        """What one replay on SQLite makes of the log."""
        writer = SqliteWriter(path)
        reader = SqliteReader(path)
        try:
            outcomes = await apply(writer, self.number, 0, self.records)
            return outcomes, await self.dump(reader, writer)
        finally:
            reader.close()
            await writer.close()

    async def dump(self, reader: IndexReader, writer: IndexWriter) -> Any:
        """All that the port tells of the bucket."""
        return (
            await reader.list_versions(self.bucket, "", None, None, 1000),
            await reader.list_current(self.bucket, "", True, None, 1000),
            await reader.list_uploads(self.bucket, "", None, None, 1000),
            [await reader.parts(upload, 0, 1000) for upload in self.uploads],
            [await reader.newest(self.bucket, key) for key in KEYS],
            [await reader.current(self.bucket, key) for key in KEYS],
            [await reader.version(self.bucket, key, "null") for key in KEYS],
            await writer.epoch(self.number, self.bucket),
            await writer.position(OBJECT_VERSIONS, self.number),
        )


async def apply(index: IndexWriter, partition: int, offset: int, records: Sequence[Record]) -> list[Outcome]:
    materializer = Materializer(index, OBJECT_VERSIONS, partition, keep_receipts=True)
    applied = await materializer.apply(offset, [r.time for r in records], [r.payload for r in records])
    return list(zip(applied.facts, map(encode_receipt, applied.receipts), strict=True))


async def pending(index: IndexWriter, partition: int) -> dict[int, Outcome]:
    """The outcomes that a worker finds when it takes the partition over."""
    found: dict[int, Outcome] = {}
    for batch in await index.pending_facts(OBJECT_VERSIONS, partition):
        for i, outcome in enumerate(zip(batch.facts, batch.receipts, strict=True)):
            found[batch.first + i] = outcome
    return found


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
