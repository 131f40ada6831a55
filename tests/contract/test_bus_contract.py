"""The contract of a partition of the log, on every engine. A new engine joins by adding a factory."""

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.contract import LogReader, PartitionLog, follow
from bus.local import LocalPartitionLog
from schemas.errors import OffsetOutOfRange


class Log(LogReader, Protocol):
    """A partition with a way to append to it."""

    def append(self, payloads: Sequence[bytes], *, sync: bool = True) -> tuple[int, int]: ...


Open = Callable[[], Log]
OpenLocal = Callable[[], PartitionLog]


def local_engine(folder: Path, _: pytest.FixtureRequest) -> Callable[[], PartitionLog]:
    """Small segments, so that everything happens across their borders too."""
    return lambda: LocalPartitionLog(str(folder / "log"), segment_size=4096, ahead=1024)


def kafka_engine(_: Path, request: pytest.FixtureRequest) -> Open:
    kafka = request.getfixturevalue("kafka")
    from tests.cluster.kafka_log import log_on_kafka

    return log_on_kafka(kafka)


LOCAL = pytest.param(local_engine, id="local")
KAFKA = pytest.param(kafka_engine, id="kafka", marks=pytest.mark.cluster)


@pytest.fixture(params=[LOCAL, KAFKA])
def open_log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    opened: list[Log] = []
    engine = request.param(tmp_path, request)

    def open_once_more() -> Log:
        for log in opened:
            log.close()
        opened.append(engine())
        return opened[-1]

    yield open_once_more
    for log in opened:
        log.close()


@pytest.fixture
def open_local(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenLocal]:
    """An engine of which this process is the only writer."""
    log = local_engine(tmp_path, request)()
    yield lambda: log
    log.close()


def payloads(log: LogReader, offset: int = 0) -> list[bytes]:
    return [record.payload for record in follow(log, offset)]


def test_a_new_log_is_empty(open_log: Open) -> None:
    log = open_log()
    assert (log.start_offset, log.end_offset) == (0, 0)
    assert log.read(0) == []


def test_append_numbers_the_records_of_a_batch(open_log: Open) -> None:
    log = open_log()
    assert log.append([b"a", b"b"])[0] == 0
    assert log.append([b"c"])[0] == 2
    assert log.end_offset == 3
    assert [(r.offset, r.payload) for r in log.read(0)] == [(0, b"a"), (1, b"b"), (2, b"c")]


def test_a_read_from_within_a_batch_cuts_off_what_comes_before(open_log: Open) -> None:
    log = open_log()
    log.append([b"a", b"b", b"c"])
    assert [r.payload for r in log.read(1)] == [b"b", b"c"]


def test_a_read_returns_about_as_many_as_the_limit(open_log: Open) -> None:
    log = open_log()
    for _ in range(10):
        log.append([b"x", b"y"])
    assert len(log.read(0, limit=3)) in (3, 4)  # whole batches, where the engine keeps to them


@pytest.mark.parametrize("offset", [-1, 2, 1 << 40])
def test_reads_outside_the_log_are_refused(open_log: Open, offset: int) -> None:
    log = open_log()
    log.append([b"a"])
    with pytest.raises(OffsetOutOfRange):
        log.read(offset)


def test_records_carry_the_time_of_their_batch_and_it_never_falls(open_log: Open) -> None:
    log = open_log()
    times = [log.append([b"a"])[1] for _ in range(20)]
    assert times == sorted(times)
    assert [record.time for record in follow(log, 0)] == times


def test_unsynced_records_are_readable_and_sync_makes_them_durable(open_local: OpenLocal) -> None:
    log = open_local()
    log.append([b"a"], sync=False)
    log.append([b"b"], sync=False)
    assert payloads(log) == [b"a", b"b"]
    assert log.sync() == 2


def test_an_empty_batch_is_refused(open_local: OpenLocal) -> None:
    with pytest.raises(ValueError, match="at least one record"):
        open_local().append([])


def test_a_record_larger_than_a_segment(open_log: Open) -> None:
    log = open_log()
    large = bytes(range(256)) * 100
    log.append([b"small"])
    log.append([large, b""])
    log.append([b"after"])
    assert payloads(log) == [b"small", large, b"", b"after"]
    assert payloads(open_log()) == [b"small", large, b"", b"after"]


def test_drop_before_keeps_everything_from_that_offset(open_log: Open) -> None:
    log = open_log()
    for number in range(200):
        log.append([b"%04d" % number * 20])
    start = log.drop_before(100)
    assert 0 < start <= 100
    assert log.start_offset == start
    assert payloads(log, start) == [b"%04d" % number * 20 for number in range(start, 200)]
    with pytest.raises(OffsetOutOfRange):
        log.read(start - 1)
    again = open_log()
    assert (again.start_offset, again.end_offset) == (start, 200)
    assert again.drop_before(0) == start


def test_a_reader_sees_a_growing_prefix_while_the_writer_goes_on(open_log: Open) -> None:
    log = open_log()
    problems: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        try:
            offset = 0
            while offset < log.end_offset or not done.is_set():
                for record in log.read(offset):
                    assert record.offset == offset
                    assert record.payload == b"%d" % offset * 10
                    offset += 1
        except BaseException as error:
            problems.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(600):
        log.append([b"%d" % number * 10], sync=number % 50 == 0)
    done.set()
    reader.join(60)
    assert not reader.is_alive()
    assert problems == []


History = tuple[list[list[bytes]], set[int]]  # batches, and after which of them the log is opened anew
batches = st.lists(st.lists(st.binary(max_size=700), min_size=1, max_size=5), max_size=25)


histories = st.tuples(batches, st.sets(st.integers(0, 25)))


@given(history=histories)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_read_is_what_was_appended(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, history: History
) -> None:
    check_history(local_engine(tmp_path_factory.mktemp("log"), request), history)


@pytest.mark.cluster
@given(history=histories)
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_is_read_from_kafka_is_what_was_appended(
    request: pytest.FixtureRequest, tmp_path: Path, history: History
) -> None:
    check_history(kafka_engine(tmp_path, request), history, reads=4)


def check_history(open_log: Open, history: History, reads: int | None = None) -> None:
    """Append it, then read it from every offset, or from about as many as `reads`."""
    batches, reopen_after = history
    log = open_log()
    expected: list[bytes] = []
    for number, batch in enumerate(batches):
        assert log.append(batch, sync=number % 3 == 0)[0] == len(expected)
        expected += batch
        if number in reopen_after:
            log.close()
            log = open_log()
        assert log.end_offset == len(expected)
    for offset in range(0, len(expected) + 1, 1 if reads is None else 1 + len(expected) // reads):
        assert payloads(log, offset) == expected[offset:]
    log.close()
