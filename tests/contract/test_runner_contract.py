"""The contract of a runner of the materializer, on every engine: events in, receipts out, facts published.

A new runner joins by adding a factory. The embedded one is `processors.sequencer` over the log on disk, the
cluster's is `processors.runner` over Kafka.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pytest

from bus.contract import Submitter, follow
from bus.local import LocalPartitionLog
from index.sqlite.digest import digest_index
from index.sqlite.writer import SqliteWriter
from processors.facts_publisher import FactsPublisher
from processors.materializer import Materializer
from processors.replay import replay
from processors.sequencer import LocalSubmitter, Sequencer
from schemas.errors import LogError
from schemas.events import OBJECT_VERSIONS, Condition, encode_event
from schemas.facts import Fact, decode_fact
from schemas.partitioning import partition_of
from schemas.receipts import Receipt
from schemas.seq import decode_seq
from tests.unit.applying import BUCKET, abort, delete, epoch, part, put, upload

KEYS = 12
ROUNDS = 40


class Store(Protocol):
    """A runner and what is around it. Stopped and started again it goes on where it was."""

    submitter: Submitter

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def facts(self, partition: int) -> list[Fact]:
        """The facts of an object partition as consumers see them; read after `stop`."""

    async def check_against_replay(self) -> None:
        """The index is what a single replay of the log makes; checked after `stop`."""


class Embedded:
    """One partition, in this process."""

    def __init__(self, folder: Path, _: pytest.FixtureRequest) -> None:
        self._folder = folder

    async def start(self) -> None:
        self._log = LocalPartitionLog(str(self._folder / "events"), ahead=0)
        self._facts = LocalPartitionLog(str(self._folder / "facts"), ahead=0)
        self._index = SqliteWriter(self._folder / "index.sqlite")
        source = (OBJECT_VERSIONS, 0)
        self._publisher = FactsPublisher(self._facts, self._index, [source])
        self._sequencer = Sequencer(
            self._log,
            Materializer(self._index, OBJECT_VERSIONS),
            partial(self._publisher.publish, source),
            OBJECT_VERSIONS,
        )
        await self._publisher.recover()
        await self._sequencer.replay()
        self._publisher.start()
        self._sequencer.start()
        self.submitter = LocalSubmitter({OBJECT_VERSIONS: self._sequencer})

    async def stop(self) -> None:
        await self._sequencer.stop()
        await self._publisher.stop()
        await self._index.close()
        self._log.close()
        self._facts.close()

    def facts(self, partition: int) -> list[Fact]:
        log = LocalPartitionLog(str(self._folder / "facts"), ahead=0)
        try:
            return [decode_fact(record.payload) for record in follow(log, 0)]
        finally:
            log.close()

    async def check_against_replay(self) -> None:
        log = LocalPartitionLog(str(self._folder / "events"), ahead=0)
        fresh = SqliteWriter(self._folder / "replayed.sqlite")
        await replay(fresh, OBJECT_VERSIONS, 0, log)
        await fresh.close()
        log.close()
        assert digest_index(self._folder / "replayed.sqlite") == digest_index(self._folder / "index.sqlite")


class OnKafka:
    """Several partitions, and a worker; both sides in this process."""

    def __init__(self, folder: Path, request: pytest.FixtureRequest) -> None:
        from tests.cluster import kafka_store

        self._store = kafka_store.Store(request.getfixturevalue("kafka"), folder)

    async def start(self) -> None:
        self._worker = self._store.worker()
        self._worker.start()
        self.submitter = await self._store.gateway(receipt_seconds=5.0)
        while len(self._worker.group.assigned()) < 6:  # noqa: ASYNC110 (it has no event)
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        await self.submitter.close()
        await self._worker.close()

    def facts(self, partition: int) -> list[Fact]:
        return self._store.facts(OBJECT_VERSIONS, partition)

    async def check_against_replay(self) -> None:
        await self._store.check_against_replay()


ENGINES = [
    pytest.param(Embedded, id="embedded"),
    pytest.param(OnKafka, id="kafka", marks=pytest.mark.cluster),
]
Scenario = Callable[[Store], Awaitable[None]]


@pytest.fixture(params=ENGINES)
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Scenario], None]:
    def runner(scenario: Scenario) -> None:
        async def main() -> None:
            store = request.param(tmp_path, request)
            await store.start()
            await everywhere(store, epoch(1))
            await scenario(store)

        asyncio.run(main())

    return runner


async def submit(store: Store, event: Any) -> Receipt:
    partition = partition_of(BUCKET, event.key, store.submitter.partitions(OBJECT_VERSIONS))
    return await store.submitter.submit(OBJECT_VERSIONS, partition, encode_event(event))


async def everywhere(store: Store, event: Any) -> None:
    for partition in range(store.submitter.partitions(OBJECT_VERSIONS)):
        await store.submitter.submit(OBJECT_VERSIONS, partition, encode_event(event))


async def history(store: Store, key: str, first: int) -> list[Receipt]:
    """A client at work on one key, every kind of event."""
    receipts = []
    for number in range(first, first + ROUNDS // 5):
        receipts.append(await submit(store, put(key, number)))
        receipts.append(await submit(store, upload(key, f"u{number}")))
        stored = await submit(store, part(1, number + 1000, key, f"u{number}"))
        receipts.append(stored)
        receipts.append(await submit(store, abort(stored.seq, key=key, name=f"u{number}")))
        receipts.append(await submit(store, delete(key)))
    return receipts


def test_every_event_is_answered_once_it_is_applied(run: Any) -> None:
    async def scenario(store: Store) -> None:
        histories = await asyncio.gather(*(history(store, f"key-{n}", n * 100 + 1) for n in range(KEYS)))
        for receipts in histories:
            assert [receipt.refusal for receipt in receipts] == [""] * ROUNDS
            # A later event of a key stands later in the log, and is not committed earlier.
            assert [r.seq for r in receipts] == sorted({r.seq for r in receipts})
            assert [r.time for r in receipts] == sorted(r.time for r in receipts)
        refused = await submit(store, put("key-0", at=2))
        assert refused.refusal == "stale-epoch"
        partitions = store.submitter.partitions(OBJECT_VERSIONS)
        await store.stop()
        await store.check_against_replay()

        # One fact for every event, in the order of the log.
        by_seq = {receipt.seq: receipt for receipts in histories for receipt in receipts}
        for partition in range(partitions):
            facts = store.facts(partition)
            assert [decode_seq(fact.seq)[2] for fact in facts] == list(range(len(facts)))
            assert all(by_seq.pop(fact.seq).time == fact.time for fact in facts if fact.seq in by_seq)
        assert by_seq == {}

    run(scenario)


def test_it_goes_on_where_it_was(run: Any) -> None:
    async def scenario(store: Store) -> None:
        before = [receipt for n in range(4) for receipt in await history(store, f"key-{n}", n * 100 + 1)]
        await store.stop()
        await store.start()
        after = [receipt for n in range(4) for receipt in await history(store, f"key-{n}", n * 100 + 51)]
        assert {receipt.refusal for receipt in before + after} == {""}
        assert len({receipt.seq for receipt in before + after}) == 8 * ROUNDS
        partitions = store.submitter.partitions(OBJECT_VERSIONS)
        await store.stop()
        await store.check_against_replay()
        facts = [fact for partition in range(partitions) for fact in store.facts(partition)]
        assert {fact.seq for fact in facts} >= {receipt.seq for receipt in before + after}

    run(scenario)


def test_writers_of_one_key_are_decided_one_after_the_other(run: Any) -> None:
    async def scenario(store: Store) -> None:
        only_new = Condition(if_none_match="*")
        receipts = await asyncio.gather(
            *(submit(store, put("k", n, condition=only_new)) for n in range(1, 33))
        )
        assert sorted(receipt.refusal for receipt in receipts) == [""] + ["precondition-failed"] * 31
        await store.stop()
        await store.check_against_replay()

    run(scenario)


def test_an_event_that_nobody_understands_is_never_skipped(run: Any) -> None:
    async def scenario(store: Store) -> None:
        with pytest.raises(LogError):
            await store.submitter.submit(OBJECT_VERSIONS, 0, b"\xc1")
        with pytest.raises(LogError):
            await store.submitter.submit(OBJECT_VERSIONS, 0, encode_event(put("behind")))
        await store.stop()
        assert [fact.type for fact in store.facts(0)] == ["epoch.set"]

    run(scenario)
