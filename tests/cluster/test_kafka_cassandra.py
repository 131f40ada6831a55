"""Log and index of the cluster together: workers die and hang over batches that Cassandra half has."""

import asyncio
import signal
from pathlib import Path

import pytest

from bus.kafka import KafkaLogReader
from index.cassandra.client import Connection
from index.cassandra.digest import digest_index
from index.cassandra.index import CassandraIndex
from processors.replay import replay
from tests.cluster.kafka_store import SOURCES, Store, everywhere, until
from tests.cluster.kafka_writers import Writers
from tests.cluster.keyspaces import fresh_keyspace
from tests.cluster.services import Cassandra, Kafka
from tests.unit.applying import epoch

pytestmark = pytest.mark.cluster

SESSION = 2.0  # seconds
PATIENCE = {"stalled_seconds": 60.0, "receipt_seconds": 60.0}


def test_an_index_in_cassandra_is_what_a_single_replay_makes_whoever_dies(
    kafka: Kafka, cassandra: Cassandra, tmp_path: Path
) -> None:
    store = Store(kafka, tmp_path)

    async def main(live: Connection, fresh: Connection) -> None:
        workers = [store.worker_process(live, session_seconds=SESSION)]
        gateway = await store.gateway(**PATIENCE)
        try:
            await everywhere(gateway, epoch(1))
            writers = Writers(gateway, 16)
            await writers.more(40)
            workers.append(store.worker_process(live, session_seconds=SESSION))
            workers[0].kill()
            await writers.more(40)
            workers.append(store.worker_process(live, session_seconds=SESSION))
            workers[1].send_signal(signal.SIGSTOP)
            await writers.more(40)
            workers[1].send_signal(signal.SIGCONT)  # and it knows nothing of what happened meanwhile
            await writers.more(40)
            await writers.stop()
            assert writers.unknown == 0
            await _check(store, live, fresh)
            for worker in workers[1:]:
                worker.send_signal(signal.SIGTERM)
                assert worker.wait(30) == 0
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
            await gateway.close()

    with fresh_keyspace(cassandra) as live, fresh_keyspace(cassandra) as fresh:
        asyncio.run(main(live, fresh))


async def _check(store: Store, live: Connection, fresh: Connection) -> None:
    found, expected = await CassandraIndex.open(live), await CassandraIndex.open(fresh)
    try:
        for topic, partition in SOURCES:
            log = KafkaLogReader(store.connection, topic, partition)
            events = log.end_offset

            async def applied(source: tuple[str, int] = (topic, partition), events: int = events) -> bool:
                return await found.reader.applied(*source) == events

            await until(applied)
            writer = await expected.open_writer(topic, partition)
            assert await replay(writer, topic, partition, log) == events
            await writer.close()
            log.close()
            store.check_facts(topic, partition, events)
        of_live, of_fresh = await digest_index(found.client), await digest_index(expected.client)
        assert of_live.damage == []
        assert of_live.tables == of_fresh.tables
        assert of_live.digest == of_fresh.digest
    finally:
        await found.close()
        await expected.close()
