"""Rebuild and verify in a cluster: an index made from Kafka alone, in a keyspace of its own.

Both replay every partition from its beginning. A rebuild is then switched to; for a verification its rows are
compared with those of the live index at the same positions.
"""

import asyncio
import dataclasses
import logging
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from typing import NamedTuple

from blobs.s3.at_once import at_once
from bus.contract import LogReader
from bus.kafka import KafkaLogReader
from bus.kafka.topics import facts_partition
from index.cassandra.client import Connection, open_session
from index.cassandra.digest import diff, digest_index
from index.cassandra.index import CassandraIndex
from index.cassandra.keyspaces import active_keyspace, drop_keyspace, new_keyspace, switch
from index.cassandra.schema import migrate
from index.comparison import Difference
from processors.replay import replay
from schemas.errors import ServiceUnavailable
from schemas.events import FACTS, OBJECT_VERSIONS, POLICIES
from schemas.facts import decode_fact
from schemas.seq import decode_seq
from strandline.cluster.connections import cassandra_connection, kafka_connection
from strandline.cluster.settings import ClusterSettings

Place = tuple[str, int]  # topic, partition
AT_ONCE = 4  # partitions, each with a batch of events in memory
log = logging.getLogger(__name__)


class Verified(NamedTuple):
    """What `verify` found. rows: compared; events: replayed for it."""

    events: int
    rows: int
    positions: dict[Place, int]
    damage: list[str]
    differences: list[Difference]

    @property
    def equal(self) -> bool:
        return not (self.damage or self.differences)


async def rebuild(cluster: ClusterSettings) -> tuple[str, int]:
    """Fill a new keyspace from the log and switch to it; returns its name and how many events were applied.

    No gateway and no worker may be running: they would go on with the old keyspace. Facts that were not
    published yet stay pending, and the next workers publish them. Raises ServiceUnavailable,
    OffsetOutOfRange when Kafka does not hold the whole log, ConfigurationError.
    """
    connection = cassandra_connection(cluster.cassandra)
    published = await asyncio.to_thread(_published, cluster)
    async with _fresh_index(cluster, keep=True) as (keyspace, index):
        events = await _replay_all(cluster, index, None, published)
        await asyncio.to_thread(_switch, connection, keyspace)
    return keyspace, events


async def verify(cluster: ClusterSettings) -> Verified:
    """Whether the live index is what the log makes. No worker may be applying events meanwhile.

    Raises ServiceUnavailable when one was, OffsetOutOfRange when Kafka does not hold the whole log.
    """
    live = await CassandraIndex.open(cassandra_connection(cluster.cassandra))
    try:
        async with _fresh_index(cluster, keep=False) as (_, replayed):
            until = {place: await live.reader.applied(*place) for place in _places(cluster)}
            events = await _replay_all(cluster, replayed, until, None)
            first, second = await digest_index(live.client), await digest_index(replayed.client)
            differences = [] if first.digest == second.digest else await diff(live.client, replayed.client)
    finally:
        await live.close()
    rows = sum(table.rows for table in first.tables.values())
    return Verified(events, rows, first.positions, first.damage, differences)


def _places(cluster: ClusterSettings) -> list[Place]:
    kafka = cluster.kafka
    return [(POLICIES, partition) for partition in range(kafka.policy_partitions)] + [
        (OBJECT_VERSIONS, partition) for partition in range(kafka.object_partitions)
    ]


async def _replay_all(
    cluster: ClusterSettings,
    index: CassandraIndex,
    until: Mapping[Place, int] | None,
    published: Mapping[Place, int] | None,
) -> int:
    """Partitions decide by nothing but their own rows, so several are replayed side by side."""
    kafka = kafka_connection(cluster.kafka)

    async def replay_one(place: Place) -> int:
        writer = await index.open_writer(*place)
        log = KafkaLogReader(kafka, *place)
        end = None if until is None else until[place]
        begin = None if published is None else published[place]
        events = await replay(writer, *place, log, end, begin)
        log.close()  # only now: after a failure a thread may be reading it still, and the process ends
        await writer.close()
        return events

    return sum(await at_once(_places(cluster), replay_one, AT_ONCE))


@asynccontextmanager
async def _fresh_index(cluster: ClusterSettings, keep: bool) -> AsyncIterator[tuple[str, CassandraIndex]]:
    """An empty index in a new keyspace, which is dropped at the end, unless all went well and it is to be
    kept."""
    connection = cassandra_connection(cluster.cassandra)
    keyspace = new_keyspace(connection.keyspace)
    await asyncio.to_thread(_make_keyspace, cluster, keyspace)
    kept = False
    try:
        index = await CassandraIndex.open(dataclasses.replace(connection, keyspace=keyspace))
        try:
            yield keyspace, index
            kept = keep
        finally:
            await index.close()
    finally:
        if not kept:
            await asyncio.to_thread(_drop_keyspace, connection, keyspace)


def _make_keyspace(cluster: ClusterSettings, keyspace: str) -> None:
    cassandra = cluster.cassandra
    session = open_session(cassandra_connection(cassandra))
    try:
        migrate(session, keyspace, cassandra.datacenter, cassandra.replication_factor)
    finally:
        session.cluster.shutdown()


def _drop_keyspace(connection: Connection, keyspace: str) -> None:
    """What was found out must not be lost because Cassandra is too busy to tidy up: that is only told."""
    try:
        session = open_session(connection, connection.keyspace)
        try:
            drop_keyspace(session, connection.keyspace, keyspace)
        finally:
            session.cluster.shutdown()
    except ServiceUnavailable as error:
        log.warning("the keyspace %s was made for this only, and is left behind: %s", keyspace, error)


def _switch(connection: Connection, keyspace: str) -> None:
    session = open_session(connection, connection.keyspace)
    try:
        expected = active_keyspace(session, connection.keyspace)
        switch(session, connection.keyspace, expected, keyspace)
    finally:
        session.cluster.shutdown()


def _published(cluster: ClusterSettings) -> dict[Place, int]:
    """For every source partition the first offset whose facts may not be in the facts log."""
    kafka = kafka_connection(cluster.kafka)

    def after_last(place: Place) -> int:
        number = facts_partition(cluster.kafka.object_partitions, *place)
        with closing(KafkaLogReader(kafka, FACTS, number)) as facts:
            return _after_last(facts)

    places = _places(cluster)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return dict(zip(places, threads.map(after_last, places), strict=True))


def _after_last(facts: LogReader) -> int:
    """The offset after the event of the last fact, whose order is that of their events. (A run that was being
    published again when its worker died ends before facts that are there: those will be there twice.)"""
    if facts.end_offset == facts.start_offset:
        return 0
    (*_, last) = facts.read(facts.end_offset - 1, 1)
    _, _, offset = decode_seq(decode_fact(last.payload).seq)
    return offset + 1
