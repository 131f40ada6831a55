"""The producer: order, deadlines, a client that has to be replaced."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError

from bus.kafka import KafkaConnection, KafkaProducer
from schemas.errors import LogError, LogUnavailable, SubmitTimeout
from schemas.events import FACTS
from tests.cluster.kafka_store import Store, until
from tests.cluster.services import Kafka

pytestmark = pytest.mark.cluster

SOCKET_SECONDS = 1.0


class Impatient(KafkaConnection):
    """Gives a request up, and its connection, after SOCKET_SECONDS."""

    def settings(self, **more: Any) -> dict[str, Any]:
        return super().settings(**more, socket_timeout_ms=int(SOCKET_SECONDS * 1000))


NOWHERE = KafkaConnection("127.0.0.1:1", "t.")


@pytest.fixture
def store(kafka: Kafka, tmp_path: Path) -> Store:
    return Store(kafka, tmp_path)


def run(
    scenario: Callable[[KafkaProducer], Awaitable[None]], connection: KafkaConnection, **more: float
) -> None:
    async def main() -> None:
        producer = KafkaProducer(connection, **{"seconds": None, **more})
        try:
            await scenario(producer)
        finally:
            await producer.close(0)

    asyncio.run(main())


def test_runs_arrive_in_the_order_of_the_calls(store: Store) -> None:
    async def scenario(producer: KafkaProducer) -> None:
        topic = store.connection.name(FACTS)
        runs = [[b"%d-%d" % (n, i) for i in range(20)] for n in range(50)]
        await asyncio.gather(*(producer.send_all(topic, 0, payloads) for payloads in runs))
        found = [record.payload for record in store.records(FACTS, 0)]
        assert found == [payload for payloads in runs for payload in payloads]

    run(scenario, store.connection)


def test_a_broken_client_is_replaced_and_what_it_had_is_told(store: Store) -> None:
    async def scenario(producer: KafkaProducer) -> None:
        topic = store.connection.name(FACTS)
        await producer.send_all(topic, 0, [b"before"])
        broken = producer._producer
        producer._on_error(KafkaError(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, "for the test", fatal=True))
        await until(lambda: producer._producer is not broken and not producer._refusing)
        await producer.send_all(topic, 0, [b"after"])
        assert [record.payload for record in store.records(FACTS, 0)] == [b"before", b"after"]

    run(scenario, store.connection)


def test_a_record_that_a_replaced_client_has_sent_once_may_be_in_the_log(store: Store, kafka: Kafka) -> None:
    """It is queued to be sent again when the client is given up, though a broker may have it. Were it
    told as not appended, its bytes would be freed, and the log's event name what is gone."""
    if not kafka.brokers:
        pytest.skip("the broker was not started here")
    impatient = Impatient(store.connection.bootstrap_servers, store.connection.prefix)

    async def scenario(producer: KafkaProducer) -> None:
        topic = store.connection.name(FACTS)
        await producer.send_all(topic, 0, [b"before"])
        failed: list[LogError] = []
        kafka.brokers[0].pause()
        try:
            producer.send(topic, 0, b"sent once", failed.append, b"")
            await asyncio.sleep(SOCKET_SECONDS + 1.0)  # its request has failed, and no connection is there
            producer._on_error(
                KafkaError(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, "for the test", fatal=True)
            )
            await until(lambda: bool(failed))
        finally:
            kafka.brokers[0].resume()
        assert type(failed[0]) is SubmitTimeout
        await until(lambda: len(store.records(FACTS, 0)) == 2)
        assert [record.payload for record in store.records(FACTS, 0)] == [b"before", b"sent once"]

    run(scenario, impatient)


def test_a_record_without_a_broker_fails_within_its_deadline() -> None:
    async def scenario(producer: KafkaProducer) -> None:
        with pytest.raises(SubmitTimeout, match="may or may not have"):
            await producer.send_all("t.facts", 0, [b"a"])
        failed: list[LogError] = []
        producer.send("t.facts", 0, b"b", failed.append, b"")
        await until(lambda: len(failed) == 1)
        assert type(failed[0]) is SubmitTimeout

    run(scenario, NOWHERE, seconds=0.5)


def test_what_is_left_at_the_end_is_told() -> None:
    async def scenario(producer: KafkaProducer) -> None:
        waiting = producer.send_all("t.facts", 0, [b"a", b"b"])
        await producer.close(0.1)
        with pytest.raises(SubmitTimeout, match="may or may not have"):
            await waiting
        with pytest.raises(LogUnavailable, match="closed"):
            producer.send_all("t.facts", 0, [b"c"])

    run(scenario, NOWHERE)
