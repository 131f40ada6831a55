"""Facts reach the facts log: none is lost in a crash or on a full device, and each source's stay in order."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import processors.facts_publisher
from bus.contract import follow
from bus.local import LocalPartitionLog
from disk.files import Files
from index.contract import PendingFacts
from index.sqlite.writer import SqliteWriter
from processors.facts_publisher import FactsPublisher
from schemas.errors import LogBroken
from schemas.events import OBJECT_VERSIONS, POLICIES
from tests.faults.full_files import FailingFiles, FullFiles
from tests.faults.lossy_files import LossyFiles

OBJECTS, BUCKETS = (OBJECT_VERSIONS, 0), (POLICIES, 0)
Scenario = Callable[["Bench"], Awaitable[None]]


class Bench:
    """A publisher, the index that keeps the facts, and batches of them."""

    def __init__(self, folder: Path, files: Files | None = None) -> None:
        self.folder, self.files = folder, files
        self.index = SqliteWriter(folder / "index.sqlite")
        self.next = {OBJECTS: 0, BUCKETS: 0}
        self.open(files)

    def open(self, files: Files | None) -> None:
        self.log = LocalPartitionLog(
            str(self.folder / "disk" / "facts"), segment_size=1 << 20, ahead=0, files=files
        )
        self.publisher = FactsPublisher(self.log, self.index, (BUCKETS, OBJECTS))

    async def commit(self, source: tuple[str, int], count: int = 2) -> tuple[int, tuple[bytes, ...]]:
        """A batch as the materializer leaves it: in the index, not published yet."""
        first = self.next[source]
        last = self.next[source] = first + count
        facts = tuple(b"%s %d" % (source[0].encode(), offset) for offset in range(first, last))
        await self.index.commit(*source, last, PendingFacts(first, last - 1, facts))
        return last - 1, facts

    async def publish(self, source: tuple[str, int] = OBJECTS, count: int = 2) -> None:
        self.publisher.publish(source, *await self.commit(source, count))

    def found(self, source: tuple[str, int] = OBJECTS) -> list[int]:
        """Offsets of that source's facts in the facts log, as first seen."""
        seen: dict[int, None] = {}
        for record in follow(self.log, self.log.start_offset):
            topic, offset = record.payload.split()
            if topic.decode() == source[0]:
                seen.setdefault(int(offset))
        return list(seen)

    async def pending(self) -> int:
        kept = [*await self.index.pending_facts(*OBJECTS), *await self.index.pending_facts(*BUCKETS)]
        return sum(len(pending.facts) for pending in kept)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(processors.facts_publisher, "SYNC_SECONDS", 0.005)
    (tmp_path / "disk").mkdir()

    def runner(scenario: Scenario, files: Files | None = None) -> None:
        async def main() -> None:
            bench = Bench(tmp_path, files)
            try:
                await scenario(bench)
            finally:
                await bench.index.close()

        asyncio.run(main())

    return runner


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    while not await condition():  # noqa: ASYNC110 (it has no event)
        await asyncio.sleep(0.002)


def test_the_index_forgets_facts_once_they_are_durable(run: Any) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.publish(OBJECTS)
        await bench.publish(BUCKETS)
        assert await bench.pending() == 4
        bench.publisher.start()

        async def forgotten() -> bool:
            return await bench.pending() == 0

        await until(forgotten)
        assert bench.log.durable_offset == bench.log.end_offset == 4
        await bench.publisher.stop()

    run(scenario)


def test_facts_of_a_crash_before_publishing_are_published_at_the_next_start(run: Any) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.publish()
        await bench.commit(OBJECTS)  # and the process ends here
        bench.open(None)
        assert await bench.publisher.recover() == 4
        assert bench.found() == [0, 1, 2, 3]
        await bench.publisher.stop()
        assert await bench.pending() == 0
        bench.open(None)
        assert await bench.publisher.recover() == 0
        bench.log.close()

    run(scenario)


@pytest.mark.parametrize("seed", range(20))
def test_no_fact_is_lost_in_a_power_cut(run: Any, tmp_path: Path, seed: int) -> None:
    files = LossyFiles(tmp_path / "disk", seed)

    async def scenario(bench: Bench) -> None:
        for batch in range(6):
            await bench.publish(OBJECTS if batch % 3 else BUCKETS)
            if batch == seed % 6:
                await bench.publisher._sync()
        files.crash()
        bench.open(None)
        await bench.publisher.recover()
        assert bench.found(OBJECTS) == list(range(8))
        assert bench.found(BUCKETS) == list(range(4))
        await bench.publisher.stop()
        bench.log.close()

    run(scenario, files)


def test_a_full_device_delays_facts_and_keeps_their_order(run: Any) -> None:
    files = FullFiles(1 << 20)

    async def scenario(bench: Bench) -> None:
        bench.publisher.start()
        await bench.publish()
        files.room = 0
        for _ in range(5):
            await bench.publish(OBJECTS)
            await bench.publish(BUCKETS)
        assert bench.found() == [0, 1]
        files.room = 1 << 20
        await bench.publish(OBJECTS)  # not before those that wait

        async def published() -> bool:
            return await bench.pending() == 0

        await until(published)
        assert bench.found(OBJECTS) == list(range(14))
        assert bench.found(BUCKETS) == list(range(10))
        await bench.publish(OBJECTS)
        assert bench.found(OBJECTS) == list(range(16))
        await bench.publisher.stop()

    run(scenario, files)


def test_a_start_on_a_full_device_waits_too(run: Any) -> None:
    files = FullFiles(1 << 20)

    async def scenario(bench: Bench) -> None:
        await bench.commit(OBJECTS)
        files.room = 0
        assert await bench.publisher.recover() == 2
        assert bench.found() == []
        files.room = 1 << 20
        await bench.publisher.stop()
        assert bench.found() == [0, 1]

    run(scenario, files)


def test_a_broken_log_is_told(run: Any) -> None:
    files = FailingFiles()

    async def scenario(bench: Bench) -> None:
        bench.publisher.start()
        await bench.publish()
        files.failing = "fdatasync"

        async def failed() -> bool:
            return bench.publisher.failure is not None

        await until(failed)
        assert await bench.pending() == 2
        with pytest.raises(LogBroken):
            await bench.publish()
        with pytest.raises(LogBroken):
            await bench.publisher.stop()

    run(scenario, files)
