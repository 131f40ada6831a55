"""The writer's side of the local log: full disks, failing disks, reserved space, segments."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from bus.contract import follow
from bus.local import LocalPartitionLog, LogReader
from disk.files import Files
from schemas.errors import LogBroken, StorageFull
from tests.faults.full_files import FailingFiles, FullFiles


def open_log(folder: Path, files: Files | None = None, **options: int) -> LocalPartitionLog:
    chosen = {"ahead": 0, "background": False} | options
    return LocalPartitionLog(str(folder), files=files, **chosen)  # type: ignore[arg-type]


def payloads(log: LocalPartitionLog) -> list[bytes]:
    return [record.payload for record in follow(log, log.start_offset)]


def fill_up(log: LocalPartitionLog, record: bytes) -> int:
    """Append until the disk is full; returns how many records were kept."""
    for kept in range(100):
        try:
            log.append([record])
        except StorageFull:
            return kept
    pytest.fail("the disk never got full")


@pytest.mark.parametrize("ahead", [0, 512])
@pytest.mark.parametrize("segment_size", [1 << 20, 400])
def test_a_full_disk_appends_nothing_and_the_log_goes_on(
    tmp_path: Path, ahead: int, segment_size: int
) -> None:
    """Wherever the space ends: in a frame, between frames, in a new segment's header or reserve."""
    record = bytes(range(100))
    for room in range(100, 1500, 23):
        folder, files = tmp_path / str(room), FullFiles(room)
        log = open_log(folder, files, ahead=ahead, segment_size=segment_size)
        kept = fill_up(log, record)
        assert log.end_offset == kept
        assert payloads(log) == [record] * kept
        assert LogReader(str(folder)).end_offset == kept
        kept += fill_up(log, record)
        files.room = 100_000
        for _ in range(5):
            log.append([record, b"more"])
        expected = [record] * kept + [record, b"more"] * 5
        assert payloads(log) == expected
        log.close()
        log = open_log(folder, segment_size=segment_size, durable_offset=len(expected))
        assert payloads(log) == expected
        assert log.recovery.cut_bytes == 0
        log.close()


def test_a_new_log_on_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(StorageFull, match="no space"):
        open_log(tmp_path, FullFiles(10))
    open_log(tmp_path).close()


def test_closing_and_opening_work_on_a_full_disk(tmp_path: Path) -> None:
    files = FullFiles(150)
    log = open_log(tmp_path, files)
    log.append([b"a" * 50])
    files.room = 0
    log.close()
    log = open_log(tmp_path, files)
    assert payloads(log) == [b"a" * 50]
    log.close()


@pytest.mark.parametrize("call", ["pwrite", "fdatasync", "rename", "fsync_dir"])
def test_after_a_failed_call_the_log_refuses_appends_until_opened_anew(tmp_path: Path, call: str) -> None:
    files = FailingFiles()
    log = open_log(tmp_path, files, segment_size=200)
    log.append([b"a" * 100])
    files.failing = call
    with pytest.raises(LogBroken, match="open the log anew"):
        log.append([b"b" * 100])
    files.failing = ""
    for refused in (lambda: log.append([b"c"]), log.sync, lambda: log.drop_before(1)):
        with pytest.raises(LogBroken):
            refused()
    assert payloads(log) == [b"a" * 100]
    log.close()
    log = open_log(tmp_path, segment_size=200, durable_offset=1)
    log.append([b"d"])
    assert payloads(log)[0] == b"a" * 100
    assert payloads(log)[-1] == b"d"
    log.close()


def test_an_error_while_reserving_space_breaks_the_log(tmp_path: Path) -> None:
    files = FailingFiles()
    log = open_log(tmp_path, files, ahead=1000, segment_size=10_000)
    files.failing = "pwrite"
    with pytest.raises(LogBroken):
        log.append([b"a"])
    log.close()


def test_a_sync_covers_only_what_was_appended_before_it_began(tmp_path: Path) -> None:
    """The facts log is synced by a thread of its own while the writer goes on."""

    class SlowSync(Files):
        def __init__(self) -> None:
            self.during: Callable[[], object] = lambda: None

        def fdatasync(self, fd: int) -> None:  # type: ignore[override]
            self.during()

    files = SlowSync()
    log = open_log(tmp_path, files)
    log.append([b"before"], sync=False)
    files.during = lambda: log.append([b"meanwhile"], sync=False)
    assert log.sync() == 1
    assert (log.durable_offset, log.end_offset) == (1, 2)
    files.during = lambda: None
    assert log.sync() == 2
    log.close()


def test_listeners_hear_of_appends_and_syncs(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    heard: list[tuple[int, int]] = []

    def listener() -> None:
        heard.append((log.end_offset, log.durable_offset))

    log.add_listener(listener)
    log.append([b"a"], sync=False)
    log.sync()
    log.append([b"b"])
    assert heard == [(1, 0), (1, 1), (2, 2)]
    log.remove_listener(listener)
    log.append([b"c"])
    assert len(heard) == 3
    log.close()


def test_appends_go_into_reserved_space_and_closing_gives_it_back(tmp_path: Path) -> None:
    log = open_log(tmp_path, ahead=8192, segment_size=65536)
    path = tmp_path / "00000000000000000000.log"
    sizes = []
    for _ in range(100):
        before = path.stat().st_size
        log.append([bytes(200)])
        sizes.append(path.stat().st_size - before)
    assert sum(1 for grown in sizes if grown) <= 10
    log.close()
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    assert path.stat().st_size == 40 + 100 * 244 + 40


def test_segments_are_named_by_their_first_offset_and_cut_to_size(tmp_path: Path) -> None:
    log = open_log(tmp_path, ahead=300, segment_size=1000)
    for _ in range(10):
        log.append([bytes(200)])
    names = sorted(path.name for path in tmp_path.glob("*.log"))
    assert names == ["00000000000000000000.log", "00000000000000000003.log", "00000000000000000006.log",
                     "00000000000000000009.log"]  # fmt: skip
    assert {(tmp_path / name).stat().st_size for name in names[:3]} == {40 + 3 * 244}
    log.close()


def test_a_closed_log_refuses_everything_and_closing_twice_is_harmless(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append([b"a"])
    log.close()
    log.close()
    for refused in (lambda: log.append([b"b"]), log.sync, lambda: log.read(0)):
        with pytest.raises(LogBroken, match="closed"):
            refused()


def test_reads_of_dropped_segments_never_return_other_data(tmp_path: Path) -> None:
    """Retention under a reader: it gets records or OffsetOutOfRange, nothing else."""
    log = open_log(tmp_path, segment_size=500)
    for number in range(300):
        log.append([b"%d" % number], sync=False)
    problems: list[object] = []

    def read() -> None:
        for offset in range(300):
            try:
                records = log.read(offset, 1)
            except Exception as error:
                if type(error).__name__ != "OffsetOutOfRange":
                    problems.append(error)
            else:
                if records[0][0::2] != (offset, b"%d" % offset):
                    problems.append(records)

    reader = threading.Thread(target=read)
    reader.start()
    for offset in range(0, 300, 7):
        log.drop_before(offset)
    reader.join(60)
    assert problems == []
    log.close()
