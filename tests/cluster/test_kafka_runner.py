"""The materializer's runner on Kafka: workers that die, leave, join, meet trouble. Index files are SQLite's.

Whatever happens, index and facts are in the end what a single replay of the log makes of it.
"""

import asyncio
import signal
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

import bus.kafka.feed
import processors.runner
from bus.kafka import KafkaLogReader
from bus.kafka.feed import KafkaFeed
from index.contract import PendingFacts
from index.sqlite.writer import SqliteWriter
from schemas.errors import LogError, ServiceUnavailable, StorageFull, StrandlineError
from schemas.events import OBJECT_VERSIONS, POLICIES, BucketCreate, encode_event
from schemas.rows import Bucket
from tests.cluster.kafka_store import SOURCES, Store, everywhere, submit, until
from tests.cluster.kafka_writers import Writers
from tests.cluster.services import Kafka
from tests.unit.applying import ORIGIN, epoch, put

pytestmark = pytest.mark.cluster

SESSION = 2.0  # seconds


@pytest.fixture
def store(kafka: Kafka, tmp_path: Path) -> Store:
    return Store(kafka, tmp_path)


async def all_applied(store: Store) -> bool:
    ends = {}
    for source in SOURCES:
        log = KafkaLogReader(store.connection, *source)
        ends[source] = await asyncio.to_thread(lambda log=log: log.end_offset)
        log.close()
    return all([await store.applied(*source) == end for source, end in ends.items()])


def test_a_worker_killed_in_the_middle_of_batches_leaves_nothing_half_done(store: Store) -> None:
    async def main() -> None:
        process = store.worker_process(session_seconds=SESSION)
        gateway = await store.gateway(stalled_seconds=30, receipt_seconds=30)
        try:
            await everywhere(gateway, epoch(1))
            writers = Writers(gateway, 24)
            for _ in range(3):
                await writers.more(60)
                process.kill()  # SIGKILL: batches are in hand all the time
                process.wait()
                process = store.worker_process(session_seconds=SESSION)
            await writers.more(60)
            await writers.stop()
            # A successor answers also those whose events its predecessor had applied, but not answered.
            assert writers.unknown == 0
            await until(lambda: all_applied(store))
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
            await store.check_against_replay()
        finally:
            process.kill()
            process.wait()
            await gateway.close()

    asyncio.run(main())


def test_partitions_move_between_workers_while_writes_go_on(store: Store) -> None:
    async def main() -> None:
        first = store.worker(session_seconds=SESSION)
        first.start()
        gateway = await store.gateway()
        await everywhere(gateway, epoch(1))
        writers = Writers(gateway, 16)
        await writers.more(40)
        second = store.worker(session_seconds=SESSION)
        second.start()
        await until(lambda: len(second.group.assigned()) == 3 == len(first.group.assigned()))
        assert sorted(first.group.assigned() + second.group.assigned()) == sorted(SOURCES)
        await writers.more(60)
        await first.close()  # leaves in good order: what it held goes on with the other one at once
        await until(lambda: len(second.group.assigned()) == len(SOURCES))
        await writers.more(60)
        await writers.stop()
        assert writers.unknown == 0
        await until(lambda: all_applied(store))
        await second.close()
        await gateway.close()
        assert first.runner.failures == {} == second.runner.failures
        await store.check_against_replay()

    asyncio.run(main())


def test_a_worker_that_keeps_its_name_gets_its_partitions_back(store: Store) -> None:
    async def main() -> None:
        workers = [store.worker(instance=name, session_seconds=10.0) for name in ("a", "b")]
        for worker in workers:
            worker.start()
        await until(lambda: [len(w.group.assigned()) for w in workers] == [3, 3])
        gateway = await store.gateway()
        await everywhere(gateway, epoch(1))
        held = [worker.group.assigned() for worker in workers]
        await workers[0].close()
        workers[0] = store.worker(instance="a", session_seconds=10.0)
        workers[0].start()
        await until(lambda: workers[0].group.assigned() == held[0])
        assert workers[1].group.assigned() == held[1]
        await asyncio.gather(*(submit(gateway, put(f"k{number}")) for number in range(50)))
        for worker in workers:
            await worker.close()
        await gateway.close()
        await store.check_against_replay()

    asyncio.run(main())


class Troubled(SqliteWriter):
    """An index whose commits raise `error` while it is set."""

    error: StrandlineError | None = None
    raised = 0

    async def commit(self, topic: str, partition: int, next_offset: int, facts: PendingFacts | None) -> None:
        if Troubled.error is not None:
            Troubled.raised += 1
            raise Troubled.error
        await super().commit(topic, partition, next_offset, facts)


@pytest.fixture
def troubled(monkeypatch: pytest.MonkeyPatch) -> type[Troubled]:
    monkeypatch.setattr("tests.cluster.kafka_worker.SqliteWriter", Troubled)
    monkeypatch.setattr(Troubled, "error", None)
    monkeypatch.setattr(Troubled, "raised", 0)
    monkeypatch.setattr(processors.runner, "RETRY_SECONDS", 0.01)
    return Troubled


@pytest.mark.parametrize("error", [ServiceUnavailable("a timeout"), StorageFull("full")])
def test_an_index_that_is_away_holds_events_back_and_then_gets_them(
    store: Store, troubled: type[Troubled], monkeypatch: pytest.MonkeyPatch, error: StrandlineError
) -> None:
    monkeypatch.setattr(bus.kafka.feed, "QUEUE_RECORDS", 10)  # so that partitions are paused and resumed

    async def main() -> None:
        worker = store.worker()
        worker.start()
        gateway = await store.gateway()
        await everywhere(gateway, epoch(1))
        troubled.error = error
        waiting = [asyncio.create_task(submit(gateway, put(f"k{n % 40}", n))) for n in range(1, 400)]
        await until(lambda: troubled.raised > 20)
        assert not any(task.done() for task in waiting)
        troubled.error = None
        receipts = await asyncio.gather(*waiting)
        assert {receipt.refusal for receipt in receipts} == {""}
        assert worker.runner.failures == {}
        await worker.close()
        await gateway.close()
        await store.check_against_replay()

    asyncio.run(main())


def test_an_event_that_cannot_be_applied_stops_its_partition_and_no_other(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        worker = store.worker()
        worker.start()
        gateway = await store.gateway(receipt_seconds=2.0)
        await until(lambda: len(worker.group.assigned()) == len(SOURCES))
        await everywhere(gateway, epoch(1))
        with pytest.raises(LogError):
            await gateway.submit(OBJECT_VERSIONS, 2, b"what nobody understands")
        (place,) = worker.runner.failures
        assert place == (OBJECT_VERSIONS, 2)
        assert "object-versions/2 at offset 1 cannot be decoded" in worker.runner.failures[place].message
        assert await store.applied(OBJECT_VERSIONS, 2) == 1
        assert "object-versions/2 has stopped" in caplog.text
        # What comes behind it waits; the others go on.
        with pytest.raises(LogError):
            await gateway.submit(OBJECT_VERSIONS, 2, encode_event(put("behind")))
        for partition in (0, 1, 3):
            receipt = await gateway.submit(OBJECT_VERSIONS, partition, encode_event(put("beside")))
            assert not receipt.refusal
        await worker.close()
        await gateway.close()

    asyncio.run(main())


def test_a_log_without_the_next_event_stops_its_partition(store: Store) -> None:
    async def main() -> None:
        gateway = await store.gateway(receipt_seconds=30)
        worker = store.worker()
        worker.start()
        await everywhere(gateway, epoch(1))
        await worker.close()
        waiting = [
            asyncio.create_task(gateway.submit(OBJECT_VERSIONS, 0, encode_event(put("k", n)))) for n in (1, 2)
        ]
        await until(lambda: len(store.records(OBJECT_VERSIONS, 0)) == 3)
        log = KafkaLogReader(store.connection, OBJECT_VERSIONS, 0)
        assert log.drop_before(2) == 2
        log.close()
        worker = store.worker()
        worker.start()
        await until(lambda: (OBJECT_VERSIONS, 0) in worker.runner.failures)
        assert "does not have the offset" in worker.runner.failures[OBJECT_VERSIONS, 0].message
        assert await store.applied(OBJECT_VERSIONS, 0) == 1
        await worker.close()
        await gateway.close()
        await asyncio.gather(*waiting, return_exceptions=True)

    asyncio.run(main())


def test_a_log_that_begins_late_is_read_where_the_worker_is(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client may fetch a partition, just assigned, before it is told not to, from where no log is."""
    begin = KafkaFeed.begin

    def begin_late(feed: KafkaFeed, offset: int) -> None:
        asyncio.get_running_loop().call_later(1.0, begin, feed, offset)

    async def main() -> None:
        gateway = await store.gateway(receipt_seconds=30)
        worker = store.worker()
        worker.start()
        await everywhere(gateway, epoch(1))
        await gateway.submit(OBJECT_VERSIONS, 0, encode_event(put("k", 1)))
        await worker.close()
        log = KafkaLogReader(store.connection, OBJECT_VERSIONS, 0)
        assert log.drop_before(2) == 2
        log.close()
        monkeypatch.setattr("bus.kafka.group.Consumer", NeverPaused)
        monkeypatch.setattr(KafkaFeed, "begin", begin_late)
        worker = store.worker()
        worker.start()
        await gateway.submit(OBJECT_VERSIONS, 0, encode_event(put("k", 2)))
        await worker.close()
        assert not worker.runner.failures
        assert await store.applied(OBJECT_VERSIONS, 0) == 3
        await gateway.close()

    asyncio.run(main())


class NeverPaused(Consumer):
    """A client that the request to pause reaches too late."""

    def pause(self, partitions: list[TopicPartition]) -> None:
        pass


def test_a_worker_that_hangs_and_comes_back_late_does_no_harm(store: Store) -> None:
    async def main() -> None:
        hung = store.worker_process(session_seconds=SESSION)
        gateway = await store.gateway(stalled_seconds=30, receipt_seconds=30)
        second = store.worker(session_seconds=SESSION)
        try:
            await everywhere(gateway, epoch(1))
            writers = Writers(gateway, 8)
            await writers.more(30)
            hung.send_signal(signal.SIGSTOP)
            second.start()
            await until(lambda: len(second.group.assigned()) == len(SOURCES))
            await writers.more(30)
            hung.send_signal(signal.SIGCONT)
            await until(lambda: 0 < len(second.group.assigned()) < len(SOURCES))  # it is a member again
            await writers.more(30)
            await writers.stop()
            await until(lambda: all_applied(store))
            hung.send_signal(signal.SIGTERM)
            assert hung.wait(30) == 0
        finally:
            hung.kill()
            hung.wait()
            await second.close()
            await gateway.close()
        await store.check_against_replay()

    asyncio.run(main())


def test_policies_are_applied_beside_objects(store: Store) -> None:
    async def main() -> None:
        worker = store.worker()
        worker.start()
        gateway = await store.gateway()
        bucket = Bucket(b"b" * 16, "photos", "owner", "us-east-1", 0, 1)
        payload = encode_event(BucketCreate(ORIGIN, bucket))
        receipts = [await gateway.submit(POLICIES, 1, payload) for _ in range(2)]
        assert [receipt.refusal for receipt in receipts] == ["", "bucket-exists"]
        await worker.close()
        await gateway.close()
        assert [fact.type for fact in store.facts(POLICIES, 1)] == ["bucket.created", "refused"]
        await store.check_against_replay()

    asyncio.run(main())
