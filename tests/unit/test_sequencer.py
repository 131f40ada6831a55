"""The sequencer: group commit in order, full devices, broken logs, a bounded queue, an orderly end."""

import asyncio
from collections.abc import Awaitable, Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

import processors.sequencer
from bus.local import LocalPartitionLog
from disk.files import Files
from index.contract import PendingFacts
from index.sqlite.writer import SqliteWriter
from processors.materializer import Materializer
from processors.sequencer import QUEUE_EVENTS, Sequencer
from schemas.errors import (
    IndexCorrupt,
    LogUnavailable,
    ServiceUnavailable,
    StorageFull,
    StrandlineError,
    SubmitTimeout,
)
from schemas.events import EVENT_LIMIT, OBJECT_VERSIONS, encode_event
from schemas.facts import decode_fact
from tests.faults.full_files import FailingFiles, FullFiles
from tests.unit.applying import epoch, put

Scenario = Callable[["Bench"], Awaitable[None]]


class FlakyIndex(SqliteWriter):
    """An index whose commits raise `error` while it is set."""

    error: StrandlineError | None = None
    raised = 0

    async def commit(self, topic: str, partition: int, next_offset: int, facts: PendingFacts | None) -> None:
        if self.error is not None:
            self.raised += 1
            raise self.error
        await super().commit(topic, partition, next_offset, facts)


class Bench:
    """A sequencer over a real log and index."""

    def __init__(self, folder: Path, files: Files | None = None) -> None:
        self.folder, self.files = folder, files
        self.published: list[tuple[int, tuple[str, ...]]] = []
        self.applied = 0
        self.open()

    def open(self) -> None:
        self.index = FlakyIndex(self.folder / "index.sqlite")
        self.log = LocalPartitionLog(
            str(self.folder / "log"), segment_size=1 << 20, ahead=0, files=self.files
        )
        self.sequencer = Sequencer(
            self.log, Materializer(self.index, OBJECT_VERSIONS), self._publish, "objects", self._applied
        )

    def _publish(self, last: int, facts: Sequence[bytes]) -> None:
        self.published.append((last, tuple(decode_fact(fact).key for fact in facts)))

    def _applied(self) -> None:
        self.applied += 1

    def submit(self, key: str, blob: int = 1) -> "asyncio.Future[Any]":
        return self.sequencer.submit(encode_event(put(key, blob)))

    async def close(self) -> None:
        await self.sequencer.stop()
        await self.index.close()
        self.log.close()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(processors.sequencer, "RETRY_SECONDS", 0.01)

    def runner(scenario: Scenario, files: Files | None = None) -> None:
        async def main() -> None:
            bench = Bench(tmp_path, files)
            bench.sequencer.start()
            assert not (await bench.sequencer.submit(encode_event(epoch(1)))).refusal
            bench.published.clear()
            try:
                await scenario(bench)
            finally:
                await bench.close()

        asyncio.run(main())

    return runner


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 (it has no event)
        await asyncio.sleep(0.001)


class Bytes:
    """Pending bytes that settle, or are lost; tells where the log ended when they settled."""

    def __init__(self, log: LocalPartitionLog, error: StrandlineError | None = None) -> None:
        self.log, self.error = log, error
        self.settled_at: list[int] = []

    def settle(self) -> None:
        self.settled_at.append(self.log.end_offset)
        if self.error is not None:
            raise self.error

    def __await__(self) -> Generator[object, None, None]:
        raise AssertionError("the sequencer settles bytes on the log's thread")


def test_bytes_settle_before_their_event_is_appended_and_lost_ones_take_only_theirs_along(run: Any) -> None:
    async def scenario(bench: Bench) -> None:
        good = [Bytes(bench.log) for _ in range(10)]
        lost = Bytes(bench.log, StorageFull("no space left"))
        events = [(f"k{i}", pending) for i, pending in enumerate([*good[:5], lost, *good[5:]])]
        begin = bench.log.end_offset
        futures = [bench.sequencer.submit(encode_event(put(key, 1)), pending) for key, pending in events]
        outcomes = await asyncio.gather(*futures, return_exceptions=True)
        assert isinstance(outcomes[5], StorageFull)
        assert all(not outcome.refusal for i, outcome in enumerate(outcomes) if i != 5)
        assert bench.log.end_offset == begin + 10
        assert [key for _, keys in bench.published for key in keys] == [f"k{i}" for i in range(11) if i != 5]
        assert all(len(pending.settled_at) == 1 for _, pending in events)
        offsets = [pending.settled_at[0] for pending in good]
        assert all(at <= begin + i for i, at in enumerate(offsets))

    run(scenario)


def test_a_batch_whose_bytes_are_all_lost_leaves_nothing_in_the_log(run: Any) -> None:
    async def scenario(bench: Bench) -> None:
        begin = bench.log.end_offset
        lost = Bytes(bench.log, ServiceUnavailable("the device fails"))
        with pytest.raises(ServiceUnavailable):
            await bench.sequencer.submit(encode_event(put("k", 1)), lost)
        assert bench.log.end_offset == begin
        assert not (await bench.submit("k")).refusal

    run(scenario)


def test_writers_share_a_sync_and_are_answered_in_log_order(run: Any) -> None:
    async def scenario(bench: Bench) -> None:
        order: list[int] = []
        futures = [bench.submit(f"k{i}", i) for i in range(500)]
        for i, future in enumerate(futures):
            future.add_done_callback(lambda _, i=i: order.append(i))
        receipts = await asyncio.gather(*futures)
        seqs = [receipt.seq for receipt in receipts]
        assert seqs == sorted(seqs) == list(range(seqs[0], seqs[0] + 500))
        assert order == list(range(500))
        assert [key for _, keys in bench.published for key in keys] == [f"k{i}" for i in range(500)]
        assert len(bench.published) < 50  # batches, not events
        assert bench.published[-1][0] == bench.sequencer.log_end - 1
        assert bench.applied == len(bench.published) + 1

    run(scenario)


def test_facts_and_callbacks_come_before_the_receipt(run: Any) -> None:
    async def scenario(bench: Bench) -> None:
        applied = bench.applied
        await bench.submit("k")
        assert [keys for _, keys in bench.published] == [("k",)]
        assert bench.applied == applied + 1

    run(scenario)


def test_a_full_log_is_told_and_works_on_afterwards(run: Any) -> None:
    files = FullFiles(1 << 20)

    async def scenario(bench: Bench) -> None:
        files.room = 0
        with pytest.raises(StorageFull, match="of log in"):
            await bench.submit("a")
        end = bench.sequencer.log_end
        files.room = 1 << 20
        assert not (await bench.submit("b")).refusal
        assert bench.sequencer.log_end == end + 1
        assert [keys for _, keys in bench.published] == [("b",)]
        assert bench.sequencer.failure is None

    run(scenario, files)


@pytest.mark.parametrize("error", [StorageFull("full"), ServiceUnavailable("locked")])
def test_a_full_index_loses_nothing(run: Any, error: StrandlineError) -> None:
    async def scenario(bench: Bench) -> None:
        bench.index.error = error
        first = bench.submit("a")
        await until(lambda: bench.index.raised > 0)
        # Those that come meanwhile are turned away, with nothing appended.
        with pytest.raises((LogUnavailable, StorageFull)):
            await bench.submit("b")
        assert not first.done()
        bench.index.error = None
        assert not (await first).refusal
        assert not (await bench.submit("c")).refusal
        assert [key for _, keys in bench.published for key in keys] == ["a", "c"]

    run(scenario)


def test_stopping_with_a_full_index_leaves_the_event_to_the_next_start(tmp_path: Path, run: Any) -> None:
    async def scenario(bench: Bench) -> None:
        bench.index.error = StorageFull("full")
        waiting = bench.submit("a")
        await until(lambda: bench.sequencer.log_end > 1)
        await bench.sequencer.stop()
        with pytest.raises(SubmitTimeout):
            await waiting
        bench.index.error = None
        await bench.index.close()
        bench.log.close()
        bench.published.clear()
        bench.open()
        assert await bench.sequencer.replay() == 1
        assert bench.published == [(1, ("a",))]
        assert await bench.sequencer.replay() == 0

    run(scenario)


@pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
def test_a_broken_log_stops_loudly(run: Any, call: str) -> None:
    files = FailingFiles()

    async def scenario(bench: Bench) -> None:
        files.failing = call
        waiting = [bench.submit(f"k{i}") for i in range(3)]
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        # Their fate is unknown: they must not be taken for refused.
        assert [type(outcome) for outcome in outcomes] == [SubmitTimeout] * 3
        files.failing = ""
        with pytest.raises(LogUnavailable, match="has stopped"):
            bench.submit("later")
        assert bench.sequencer.failure is not None
        assert await bench.sequencer.drop_before(10) == 0

    run(scenario, files)


def test_an_index_that_fails_stops_everybody(run: Any) -> None:
    async def scenario(bench: Bench) -> None:
        bench.index.error = IndexCorrupt("a row is damaged")
        first = bench.submit("a")
        await asyncio.sleep(0)
        second = bench.submit("b")
        for future in (first, second):
            with pytest.raises((SubmitTimeout, LogUnavailable)):
                await future
        with pytest.raises(LogUnavailable, match="a row is damaged"):
            bench.submit("c")
        assert bench.published == []

    run(scenario)


def test_the_queue_is_bounded(run: Any) -> None:
    async def scenario(bench: Bench) -> None:
        payload = encode_event(put())
        taken = [bench.sequencer.submit(payload) for _ in range(QUEUE_EVENTS)]
        with pytest.raises(LogUnavailable, match="events are waiting"):
            bench.sequencer.submit(payload)
        await asyncio.gather(*taken)
        assert not (await bench.sequencer.submit(payload)).refusal

    run(scenario)


def test_an_event_over_the_limit_is_refused(run: Any) -> None:
    async def scenario(bench: Bench) -> None:
        with pytest.raises(LogUnavailable, match="over the limit"):
            bench.sequencer.submit(bytes(EVENT_LIMIT + 1))

    run(scenario)


def test_stop_finishes_what_was_taken_and_takes_no_more(run: Any) -> None:
    async def scenario(bench: Bench) -> None:
        taken = [bench.submit(f"k{i}", i) for i in range(1500)]
        await bench.sequencer.stop()
        assert all(not future.result().refusal for future in taken)
        with pytest.raises(LogUnavailable, match="shutting down"):
            bench.submit("late")

    run(scenario)


def test_late_receipts_are_told_as_unknown(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors.sequencer, "RECEIPT_SECONDS", 0.0)

    async def scenario(bench: Bench) -> None:
        bench.index.error = StorageFull("full")
        with pytest.raises(SubmitTimeout, match="no receipt"):
            await bench.submit("a")
        bench.index.error = None
        await until(lambda: bool(bench.published))
        assert bench.published == [(1, ("a",))]  # and applied after all

    run(scenario)


def test_a_writer_that_went_away_harms_nobody(run: Any) -> None:
    async def scenario(bench: Bench) -> None:
        gone, stays = bench.submit("a"), bench.submit("b")
        gone.cancel()
        assert not (await stays).refusal
        assert [key for _, keys in bench.published for key in keys] == ["a", "b"]

    run(scenario)


def test_segments_are_dropped_between_appends(run: Any) -> None:
    async def scenario(bench: Bench) -> None:
        async def write() -> None:
            for i in range(1500):
                await bench.sequencer.submit(encode_event(put("k" * 1000, i)))

        writers = [asyncio.create_task(write()) for _ in range(4)]
        start = 0
        while not all(writer.done() for writer in writers):
            start = await bench.sequencer.drop_before(bench.sequencer.log_end)
            await asyncio.sleep(0.001)
        await asyncio.gather(*writers)
        assert start > 0
        assert bench.log.read(bench.log.end_offset - 1)[0].offset == 6000

    run(scenario)
