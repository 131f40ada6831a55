"""Events through Kafka and back as receipts: many gateways, deadlines, a broker that hangs, a full queue."""

import asyncio
import random
import time
from pathlib import Path

import pytest

import bus.kafka.submitter
from bus.kafka import KafkaConnection, KafkaSubmitter, TopicPlan, check_topics, create_topics
from schemas.errors import (
    ConfigurationError,
    LogError,
    LogUnavailable,
    ServiceUnavailable,
    SubmitTimeout,
)
from schemas.events import EVENT_LIMIT, OBJECT_VERSIONS, Condition
from schemas.facts import receipt_of
from schemas.receipts import Receipt
from tests.cluster.kafka_store import SOURCES, Store, everywhere, submit, until
from tests.cluster.kafka_worker import PLAN
from tests.cluster.services import Kafka
from tests.unit.applying import delete, epoch, put

pytestmark = pytest.mark.cluster


@pytest.fixture
def store(kafka: Kafka, tmp_path: Path) -> Store:
    return Store(kafka, tmp_path)


def test_a_receipt_finds_its_way_to_the_gateway_that_waits(store: Store) -> None:
    async def main() -> None:
        worker = store.worker()
        worker.start()
        gateways = [await store.gateway() for _ in range(3)]
        # Each has a partition of receipts to itself.
        assert len({gateway._place for gateway in gateways}) == 3
        await everywhere(gateways[0], epoch(1))

        async def write(number: int) -> None:
            gateway = gateways[number % 3]
            first = await submit(gateway, put(f"key-{number}", number + 1, etag=f"{number}"))
            assert not first.refusal
            second = await submit(gateway, put(f"key-{number}", at=9))
            assert second.refusal == "stale-epoch"
            assert second.seq > first.seq

        await asyncio.gather(*(write(number) for number in range(300)))
        for gateway in gateways:
            await gateway.close()
        await worker.close()
        assert worker.runner.failures == {}
        await store.check_against_replay()

    asyncio.run(main())


def test_a_gateway_that_ends_frees_its_partition_of_receipts(kafka: Kafka, tmp_path: Path) -> None:
    connection = KafkaConnection(kafka.bootstrap_servers, kafka.topic_prefix())
    create_topics(connection, TopicPlan(1, 1, 1, 1, replication_factor=1, min_insync_replicas=1))

    async def main() -> None:
        first = KafkaSubmitter(connection)
        await first.start()
        holders = await asyncio.to_thread(first._lease._holders, [0])
        assert holders == {0: [first._incarnation]}
        # There is only one, so a second gateway shares it.
        second = KafkaSubmitter(connection)
        await second.start()
        assert (await asyncio.to_thread(first._lease._holders, [0]))[0] == [
            first._incarnation,
            second._incarnation,
        ]
        await first.close()
        assert await asyncio.to_thread(second._lease._holders, [0]) == {0: [second._incarnation]}
        await second.close()

    asyncio.run(main())


def test_without_a_worker_the_outcome_is_unknown_and_then_nothing_more_is_taken(store: Store) -> None:
    async def main() -> None:
        gateway = await store.gateway(receipt_seconds=1.5, stalled_seconds=0.5)
        began = time.monotonic()
        waiting = [asyncio.create_task(submit(gateway, put("a", n))) for n in range(1, 4)]
        await until(lambda: bool(gateway.stalled))
        (lane,) = gateway.stalled
        with pytest.raises(LogUnavailable, match="wait for their receipts for too long"):
            await submit(gateway, put("a", 4))
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [SubmitTimeout] * 3
        assert time.monotonic() - began >= 1.5
        # They are in the log, each once, and are applied as soon as there is a worker.
        assert len(store.records(*lane)) == 3
        worker = store.worker()
        worker.start()
        await until(lambda: len(worker.group.assigned()) == len(SOURCES))
        await until(lambda: not gateway.stalled)
        await everywhere(gateway, epoch(1))
        assert not (await submit(gateway, put("a", 5))).refusal
        await gateway.close()
        await worker.close()
        await store.check_against_replay()

    asyncio.run(main())


def test_lost_receipts_cost_time_and_no_outcome(store: Store) -> None:
    """Whatever receipts are lost, and however often the partition's worker is replaced: who is refused is
    told why, who is not gets the version that is in the log's fact, and nobody is left with SubmitTimeout."""
    choose = random.Random(11)

    def lost() -> bool:
        return choose.random() < 0.5

    async def main() -> None:
        gateway = await store.gateway(receipt_seconds=20.0, stalled_seconds=15.0, ask_seconds=0.3)
        worker = store.worker(lost=lost)
        worker.start()
        await everywhere(gateway, epoch(1, "enabled"))
        none = Condition(if_none_match="*")

        async def write(number: int) -> Receipt:
            if number % 5 == 4:
                return await submit(gateway, delete(f"key-{number % 20}"))
            return await submit(gateway, put(f"key-{number % 40}", number + 1, condition=none))

        receipts = []
        for first in range(0, 400, 100):
            receipts += await asyncio.gather(*(write(first + number) for number in range(100)))
            await worker.close()
            worker = store.worker(lost=lost)
            worker.start()
        await gateway.close()
        await worker.close()
        told = {receipt.seq: receipt for receipt in receipts}
        assert len(told) == 400
        assert {receipt.refusal for receipt in receipts} == {"", "precondition-failed"}
        in_log = {}
        for place in SOURCES:
            in_log |= {fact.seq: receipt_of(fact) for fact in store.facts(*place)}
        assert {seq: in_log[seq] for seq in told} == told
        await store.check_against_replay()

    asyncio.run(main())


def test_too_many_events_and_too_large_ones_are_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus.kafka.submitter, "WAITING_LIMIT", 5)

    async def main() -> None:
        gateway = await store.gateway(receipt_seconds=1.0)
        with pytest.raises(LogUnavailable, match="over the limit"):
            await gateway.submit(OBJECT_VERSIONS, 0, bytes(EVENT_LIMIT + 1))
        waiting = [asyncio.create_task(submit(gateway, put("a", n))) for n in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(LogUnavailable, match="5 events of this gateway are waiting"):
            await submit(gateway, put("b"))
        await asyncio.gather(*waiting, return_exceptions=True)
        await gateway.close()

    asyncio.run(main())


def test_closing_answers_who_still_waits(store: Store) -> None:
    async def main() -> None:
        gateway = await store.gateway()
        waiting = asyncio.create_task(submit(gateway, put("a")))
        await asyncio.sleep(0)
        await gateway.close()
        with pytest.raises(SubmitTimeout, match="shutting down"):
            await waiting
        with pytest.raises(LogUnavailable, match="closed"):
            await submit(gateway, put("a"))

    asyncio.run(main())


def test_a_broker_that_hangs_costs_no_more_than_the_deadline_and_service_resumes(
    store: Store, kafka: Kafka
) -> None:
    if not kafka.brokers:
        pytest.skip("the broker was not started here")

    async def main() -> None:
        gateway = await store.gateway(receipt_seconds=3.0, stalled_seconds=1.0)
        worker = store.worker()
        worker.start()
        await everywhere(gateway, epoch(1))
        assert not (await submit(gateway, put("before"))).refusal
        refused: list[tuple[float, LogError]] = []

        async def write(number: int) -> None:
            began = time.monotonic()
            try:
                await submit(gateway, put(f"key-{number}", number))
            except LogError as error:
                refused.append((time.monotonic() - began, error))

        kafka.brokers[0].pause()
        try:
            writes = [asyncio.create_task(write(number)) for number in range(50)]
            await until(lambda: bool(gateway.stalled))
            await asyncio.gather(*(write(number) for number in range(50, 100)), *writes)
        finally:
            kafka.brokers[0].resume()
        assert len(refused) == 100
        assert {type(error) for _, error in refused} == {SubmitTimeout, LogUnavailable}
        assert max(seconds for seconds, _ in refused) < 4.5

        async def works() -> bool:
            try:
                return not (await submit(gateway, put("after"))).refusal
            except LogError:
                return False

        await until(works)
        await gateway.close()
        await worker.close()
        assert worker.runner.failures == {}
        await store.check_against_replay()

    asyncio.run(main())


def test_missing_topics_are_told(kafka: Kafka) -> None:
    connection = KafkaConnection(kafka.bootstrap_servers, kafka.topic_prefix())

    async def main() -> None:
        with pytest.raises(ConfigurationError, match="run `strandline topics create` once"):
            await KafkaSubmitter(connection).start()

    asyncio.run(main())
    with pytest.raises(ConfigurationError, match="run `strandline topics create` once"):
        check_topics(connection, PLAN)


def test_topics_a_broker_hears_of_a_moment_later_are_not_missing(kafka: Kafka) -> None:
    """What a broker denies that is behind the others: here, topics made only while the check is asking."""
    connection = KafkaConnection(kafka.bootstrap_servers, kafka.topic_prefix())

    async def main() -> None:
        submitter = KafkaSubmitter(connection)
        starting = asyncio.create_task(submitter.start())
        checking = asyncio.create_task(asyncio.to_thread(check_topics, connection, PLAN))
        await asyncio.sleep(1)
        assert not starting.done()
        assert not checking.done()
        await asyncio.to_thread(create_topics, connection, PLAN)
        await checking
        await starting
        await submitter.close()

    asyncio.run(main())


def test_topics_are_made_once_and_checked(kafka: Kafka) -> None:
    connection = KafkaConnection(kafka.bootstrap_servers, kafka.topic_prefix())
    assert len(create_topics(connection, PLAN)) == len(PLAN.partitions())
    assert create_topics(connection, PLAN) == []
    with pytest.raises(ConfigurationError, match="has 4 partitions and 5 are configured"):
        check_topics(connection, TopicPlan(5, 2, 8, 1, replication_factor=1, min_insync_replicas=1))
    with pytest.raises(ConfigurationError, match=r"has min\.insync\.replicas=1, and must have 2"):
        check_topics(connection, TopicPlan(4, 2, 8, 1, replication_factor=2, min_insync_replicas=2))


def test_brokers_that_are_not_there_are_told() -> None:
    with pytest.raises(ServiceUnavailable, match="Kafka does not answer"):
        check_topics(KafkaConnection("127.0.0.1:1"), PLAN)
