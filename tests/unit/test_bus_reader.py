"""Reading a log from another process while it is written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bus.contract import follow
from bus.local import LocalPartitionLog, LogReader
from schemas.errors import LogCorrupt, OffsetOutOfRange

WRITER = """
import sys
from bus.local import LocalPartitionLog

log = LocalPartitionLog(sys.argv[1], segment_size=20_000, ahead=4096)
for number in range(2000):
    log.append([b"%d" % number * 5] * (number % 3 + 1), sync=number % 20 == 0)
log.append([b"end"])
sys.stdin.read()
"""


def test_a_reader_follows_a_writer_in_another_process(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], cwd=root, stdin=subprocess.PIPE)
    reader = LogReader(str(tmp_path))
    seen: list[bytes] = []
    try:
        while seen[-1:] != [b"end"]:
            assert writer.poll() is None
            try:
                batch = reader.read(len(seen))
            except OffsetOutOfRange:
                assert not seen, "only before the first segment exists"
                continue
            assert [record.offset for record in batch] == list(range(len(seen), len(seen) + len(batch)))
            seen += [record.payload for record in batch]
        assert reader.end_offset == len(seen) == reader.verify()
    finally:
        writer.kill()
        writer.communicate()
    expected = [b"%d" % number * 5 for number in range(2000) for _ in range(number % 3 + 1)]
    assert seen == [*expected, b"end"]
    log = LocalPartitionLog(str(tmp_path), segment_size=20_000)
    assert log.end_offset == len(seen), "a killed process loses nothing it wrote"
    log.close()


def test_reserved_space_and_a_half_written_frame_are_the_end(tmp_path: Path) -> None:
    log = LocalPartitionLog(str(tmp_path), ahead=65536, background=False)
    log.append([b"a", b"b"])
    reader = LogReader(str(tmp_path))
    assert [record.payload for record in reader.read(0)] == [b"a", b"b"]
    assert reader.read(2) == []
    path = next(tmp_path.glob("*.log"))
    position = 40 + 40 + 2 * 5
    with path.open("r+b") as file:
        whole = file.read()[position - 50 : position]
        os.pwrite(file.fileno(), whole[:30], position)
        assert reader.read(2) == []
        assert reader.end_offset == 2
    log.append([b"c"])
    assert [record.payload for record in reader.read(2)] == [b"c"]
    assert list(follow(reader, 0)) == list(follow(log, 0))
    log.close()


def test_a_follower_finds_a_loss_by_looking_further_each_time(tmp_path: Path) -> None:
    log = LocalPartitionLog(str(tmp_path), ahead=0)
    payloads = [os.urandom(60_000) for _ in range(10)]
    for payload in payloads:
        log.append([payload])
    log.close()
    path = next(tmp_path.glob("*.log"))
    follower = LogReader(str(tmp_path), following=True)
    assert len(follower.read(3, 1)) == 1
    with path.open("r+b") as file:  # the frame of offset 4 is gone, and the next one is far away
        place = file.read().index(payloads[4])
        file.seek(place - 30)
        file.write(bytes(150))
    assert follower.read(4) == [], "it may just be about to be written"
    with pytest.raises(LogCorrupt, match="no frame for offset 4"):
        read_until_it_fails(follower, 4)
    with pytest.raises(LogCorrupt, match="no frame for offset 4"):
        LogReader(str(tmp_path)).read(4)


def read_until_it_fails(reader: LogReader, offset: int) -> None:
    for _ in range(20):
        assert reader.read(offset) == []


def test_a_follower_at_a_quiet_end_looks_again_and_again(tmp_path: Path) -> None:
    log = LocalPartitionLog(str(tmp_path), ahead=1 << 20, background=False)
    follower = LogReader(str(tmp_path), following=True)
    for number in range(40):
        assert follower.read(number) == []
        assert follower.read(number) == []
        log.append([b"%d" % number])
        assert [record.payload for record in follower.read(number)] == [b"%d" % number]
    for _ in range(100):
        assert follower.read(40) == []
    log.close()


def test_offsets_outside_are_refused(tmp_path: Path) -> None:
    reader = LogReader(str(tmp_path / "none"))
    with pytest.raises(OffsetOutOfRange, match="no log here"):
        reader.read(0)
    log = LocalPartitionLog(str(tmp_path), segment_size=200, ahead=0)
    for _ in range(9):
        log.append([bytes(60)])
    log.drop_before(5)
    reader = LogReader(str(tmp_path))
    assert reader.start_offset == log.start_offset > 0
    for offset in (0, 10):
        with pytest.raises(OffsetOutOfRange):
            reader.read(offset)
    log.close()


def test_damage_below_what_was_durable_is_corrupt(tmp_path: Path) -> None:
    log = LocalPartitionLog(str(tmp_path), ahead=0)
    log.append([b"first"])
    log.append([b"second"])
    path = next(tmp_path.glob("*.log"))
    with path.open("r+b") as file:
        os.pwrite(file.fileno(), b"F", 40 + 40 + 4)
    reader = LogReader(str(tmp_path))
    for refused in (lambda: reader.read(0), lambda: reader.end_offset, reader.verify, lambda: log.read(0)):
        with pytest.raises(LogCorrupt, match="byte 40"):
            refused()
    log.close()
