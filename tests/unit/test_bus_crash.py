"""The log on a disk that loses everything unsynced: what was acknowledged survives, and it is a prefix."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.local import LocalPartitionLog, LogReader
from bus.positions import Positions
from tests.faults.lossy_files import LossyFiles

append = st.tuples(st.just("append"), st.lists(st.integers(0, 3000), min_size=1, max_size=4), st.booleans())
step = st.one_of(append, append, append, st.just(("sync",)), st.tuples(st.just("drop"), st.integers(0, 40)))
END = ["power cut", "power cut", "kill", "close", "close and power cut"]
life = st.tuples(st.lists(step, max_size=14), st.integers(0, 2**32), st.sampled_from(END))


def payload(offset: int, size: int) -> bytes:
    return (b"%d:" % offset + bytes([offset % 255 + 1]) * size)[: max(size, 8)]


@given(
    lives=st.lists(life, min_size=1, max_size=4),
    segment_size=st.sampled_from([3000, 10_000, 100_000]),
    ahead=st.sampled_from([0, 8192]),
)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_everything_synced_survives_and_the_rest_is_a_prefix(
    tmp_path_factory: pytest.TempPathFactory,
    lives: list[tuple[list[tuple], int, str]],  # type: ignore[type-arg]
    segment_size: int,
    ahead: int,
) -> None:
    """Several lives of one log; a kill leaves the unsynced to the next life, a power cut loses some of it."""
    root = tmp_path_factory.mktemp("disk")
    folder = str(root / "log")
    records: list[bytes] = []
    durable = start = 0
    files = LossyFiles(root, lives[0][1])
    for steps, seed, end in lives:
        log = LocalPartitionLog(
            folder, segment_size=segment_size, ahead=ahead, background=False, files=files,
            durable_offset=durable,
        )  # fmt: skip
        assert durable <= log.end_offset <= len(records)
        assert log.start_offset <= start
        start = log.start_offset
        del records[log.end_offset :]
        durable = log.end_offset  # opening makes what it keeps durable
        assert read_all(log) == records[start:]
        for name, *arguments in steps:
            if name == "append":
                sizes, sync = arguments
                batch = [payload(len(records) + i, size) for i, size in enumerate(sizes)]
                log.append(batch, sync=sync)
                records += batch
                durable = max(durable, log.durable_offset)
                assert durable == len(records) or not sync
            elif name == "sync":
                durable = log.sync()
                assert durable == len(records)
            else:
                start = log.drop_before(min(arguments[0], durable))
        assert read_all(log) == records[start:]
        if "close" in end:
            log.close()
            durable = len(records)
        if "power cut" in end:
            files.crash()
            files = LossyFiles(root, seed)
    files.crash()
    log = LocalPartitionLog(folder, segment_size=segment_size, durable_offset=durable)
    assert durable <= log.end_offset <= len(records)
    assert read_all(log) == records[log.start_offset : log.end_offset]
    log.close()
    assert LogReader(folder).verify() == log.end_offset


def read_all(log: LocalPartitionLog) -> list[bytes]:
    found: list[bytes] = []
    offset = log.start_offset
    while batch := log.read(offset):
        found += [record.payload for record in batch]
        offset = batch[-1].offset + 1
    return found


@given(commits=st.lists(st.integers(0, 100), min_size=1, max_size=6), seed=st.integers(0, 2**32))
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_committed_position_survives(
    tmp_path_factory: pytest.TempPathFactory, commits: list[int], seed: int
) -> None:
    root = tmp_path_factory.mktemp("disk")
    files = LossyFiles(root, seed)
    positions = Positions(str(root / "positions"), files)
    for offset in commits:
        positions.commit("auditor", "facts", 0, offset)
    files.crash()
    assert Positions(str(root / "positions")).get("auditor", "facts", 0) == commits[-1]


def test_the_lossy_disk_does_lose_what_was_not_synced(tmp_path: Path) -> None:
    """The harness itself: over some seeds, an unsynced page is sometimes lost, a synced one never."""
    outcomes = set()
    for seed in range(40):
        root = tmp_path / str(seed)
        root.mkdir()
        files = LossyFiles(root, seed)
        fd = files.open(str(root / "a"), 0o102)  # O_RDWR | O_CREAT
        files.pwrite(fd, b"s" * 8192, 0)
        files.fdatasync(fd)
        files.fsync_dir(str(root))
        files.pwrite(fd, b"n" * 8192, 4096)
        other = files.open(str(root / "b"), 0o102)
        files.close(fd)
        files.close(other)
        files.crash()
        data = (root / "a").read_bytes()
        assert data[:4096] == b"s" * 4096
        outcomes.add((data[4096:4097], data[8192:8193], (root / "b").exists()))
        with pytest.raises(OSError, match="machine is off"):
            files.open(str(root / "a"))
    assert {first for first, _, _ in outcomes} == {b"s", b"n"}
    assert {last for _, last, _ in outcomes} == {b"", b"n", b"\0"}
    assert {name for _, _, name in outcomes} == {True, False}
