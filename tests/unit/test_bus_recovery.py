"""What a log keeps when it is opened after a crash, and what it refuses to forget."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.contract import follow
from bus.local import LocalPartitionLog, LogReader
from bus.local.segment import SEGMENT_HEADER_SIZE
from schemas.errors import LogCorrupt

BATCHES = [[b"alpha", b"beta"], [b"gamma" * 30], [b"", b"delta", b"x" * 200]]
EVENTS = [payload for batch in BATCHES for payload in batch]
FIRST = "00000000000000000000.log"


def open_log(folder: Path, **options: int) -> LocalPartitionLog:
    return LocalPartitionLog(str(folder), **({"ahead": 0} | options))  # type: ignore[arg-type]


def payloads(log: LocalPartitionLog) -> list[bytes]:
    return [record.payload for record in follow(log, log.start_offset)]


def crashed(folder: Path, *, sync: bool = True) -> tuple[Path, list[int]]:
    """A log that was never closed, and where in its only segment the frames end."""
    log = open_log(folder / "running")
    path, ends = folder / "running" / FIRST, [SEGMENT_HEADER_SIZE]
    for batch in BATCHES:
        log.append(batch, sync=sync)
        ends.append(path.stat().st_size)
    shutil.copytree(folder / "running", folder / "crashed")
    log.close()
    return folder / "crashed", ends


def whole_frames(ends: list[int], position: int) -> list[bytes]:
    """The records of the frames that lie wholly before that position."""
    count = sum(1 for end in ends[1:] if end <= position)
    return [payload for batch in BATCHES[:count] for payload in batch]


def tails(data: bytes, at: int) -> Iterator[bytes]:
    """What a crash may leave of the file after that byte: nothing, zeros, old rubbish."""
    yield data[:at]
    yield data[:at] + bytes(len(data) - at + 5000)
    yield data[:at] + b"\xa5" * (len(data) - at)


def test_a_tail_torn_at_any_byte_is_cut_and_told(tmp_path: Path) -> None:
    folder, ends = crashed(tmp_path)
    path = folder / FIRST
    data = path.read_bytes()
    for at in range(SEGMENT_HEADER_SIZE, len(data)):
        for torn in tails(data, at):
            path.write_bytes(torn)
            log = open_log(folder)
            expected = whole_frames(ends, at)
            assert payloads(log) == expected
            assert log.recovery.records == log.end_offset == len(expected)
            start = max(end for end in ends if end <= at)
            used = len(torn.rstrip(b"\0"))
            assert log.recovery.cut_bytes == max(0, used - start)
            if used > start:
                assert (log.recovery.cut_file, log.recovery.cut_position) == (str(path), start)
                assert log.recovery.cut_reason
                assert str(path) in str(log.recovery)
            log.append([b"new"])
            log.close()
            log = open_log(folder)
            assert payloads(log) == [*expected, b"new"]
            assert log.recovery.cut_bytes == 0
            log.close()


def test_a_log_that_ends_below_the_durable_offset_is_refused(tmp_path: Path) -> None:
    folder, ends = crashed(tmp_path)
    path = folder / FIRST
    path.write_bytes(path.read_bytes()[: ends[2] + 7])
    with pytest.raises(LogCorrupt, match=f"{FIRST}: damaged at byte {ends[2]}.*durable up to 4"):
        open_log(folder, durable_offset=4)
    log = open_log(folder, durable_offset=3)
    assert log.end_offset == 3
    log.close()


def test_an_empty_folder_is_refused_when_the_log_was_durable(tmp_path: Path) -> None:
    with pytest.raises(LogCorrupt, match="no segments"):
        open_log(tmp_path, durable_offset=1)


@given(number=st.integers(0), reader=st.booleans())
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_flipped_bit_in_a_closed_log_is_corrupt(
    tmp_path_factory: pytest.TempPathFactory, number: int, reader: bool
) -> None:
    folder = tmp_path_factory.mktemp("log")
    log = open_log(folder)
    for batch in BATCHES:
        log.append(batch)
    log.close()
    path = folder / FIRST
    data = bytearray(path.read_bytes())
    mark = len(data) - 40
    bit = number % (mark * 8)
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)
    with pytest.raises(LogCorrupt, match=f"{FIRST}: .*byte|segment format"):
        LogReader(str(folder)).verify() if reader else open_log(folder)


@given(number=st.integers(0))
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_flipped_bit_in_any_segment_is_never_read_as_data(
    tmp_path_factory: pytest.TempPathFactory, number: int
) -> None:
    folder = tmp_path_factory.mktemp("log")
    log = open_log(folder, segment_size=300)
    for _ in range(4):
        for batch in BATCHES:
            log.append(batch)
    log.close()
    paths = sorted(folder.iterdir())
    assert len(paths) > 4
    place = number % (sum(path.stat().st_size for path in paths) * 8)
    for path in paths:
        if place < path.stat().st_size * 8:
            break
        place -= path.stat().st_size * 8
    data = bytearray(path.read_bytes())
    data[place // 8] ^= 1 << place % 8
    in_mark = path == paths[-1] and place // 8 >= len(data) - 40
    path.write_bytes(data)
    found: list[bytes] = []
    corrupt = False
    try:
        LogReader(str(folder)).verify()
    except LogCorrupt:
        corrupt = True
    assert corrupt != in_mark
    try:
        log = open_log(folder, segment_size=300)
        found = [record.payload for record in log.read(0)]
        while len(found) < log.end_offset:
            found += [record.payload for record in log.read(len(found))]
    except LogCorrupt:
        pass
    assert found == (EVENTS * 4)[: len(found)]


def test_a_hole_in_an_unsynced_run_is_a_torn_tail(tmp_path: Path) -> None:
    """The kernel wrote the third frame before the second."""
    folder, ends = crashed(tmp_path, sync=False)
    path = folder / FIRST
    data = bytearray(path.read_bytes())
    data[ends[1] : ends[2]] = bytes(ends[2] - ends[1])
    path.write_bytes(data)
    log = open_log(folder)
    assert payloads(log) == BATCHES[0]
    assert (log.recovery.cut_position, log.recovery.cut_frames) == (ends[1], 1)
    log.close()


def test_a_hole_in_a_synced_run_is_damage(tmp_path: Path) -> None:
    folder, ends = crashed(tmp_path)
    path = folder / FIRST
    data = bytearray(path.read_bytes())
    data[ends[1] : ends[2]] = bytes(ends[2] - ends[1])
    path.write_bytes(data)
    with pytest.raises(LogCorrupt, match=f"byte {ends[1]}"):
        open_log(folder)
    assert path.read_bytes() == data, "a refused log is left as it was found"


def test_a_cut_tail_never_comes_back(tmp_path: Path) -> None:
    """New records that end exactly where the third frame began must not bring it back."""
    folder, ends = crashed(tmp_path, sync=False)
    path = folder / FIRST
    data = bytearray(path.read_bytes())
    data[ends[1]] ^= 1
    path.write_bytes(data)
    log = open_log(folder)
    mark = path.stat().st_size - ends[1]
    log.append([bytes(len(BATCHES[1][0]) - mark)])
    assert path.stat().st_size == ends[2]
    shutil.copytree(folder, tmp_path / "again")
    log.close()
    log = open_log(tmp_path / "again")
    assert log.end_offset == 3
    log.close()


def test_a_missing_segment_is_noticed(tmp_path: Path) -> None:
    log = open_log(tmp_path, segment_size=300)
    for _ in range(4):
        for batch in BATCHES:
            log.append(batch)
    log.close()
    middle = sorted(tmp_path.iterdir())[2]
    middle.unlink()
    with pytest.raises(LogCorrupt):
        LogReader(str(tmp_path)).verify()
    log = open_log(tmp_path, segment_size=300)
    with pytest.raises(LogCorrupt):
        list(follow(log, 0))
    log.close()


@pytest.mark.parametrize("other", [{"partition": 1}, {"generation": 1}])
def test_a_segment_of_another_partition_is_refused(tmp_path: Path, other: dict[str, int]) -> None:
    open_log(tmp_path).close()
    with pytest.raises(LogCorrupt, match="belongs to generation 0, partition 0"):
        open_log(tmp_path, **other)


def test_time_does_not_fall_across_restarts(tmp_path: Path) -> None:
    log = LocalPartitionLog(str(tmp_path), clock=lambda: 5000, ahead=0)
    log.append([b"a"])
    log.close()
    log = LocalPartitionLog(str(tmp_path), clock=lambda: 4000, ahead=0)
    assert log.append([b"b"]) == (1, 5000)
    log.close()
