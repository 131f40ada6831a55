"""Durable consumer positions."""

import threading
from pathlib import Path

import pytest

from bus.positions import POSITIONS_FILE, Place, Positions
from disk.files import Files
from schemas.errors import LogCorrupt, StorageFull
from tests.faults.full_files import FullFiles


def test_unknown_consumers_begin_at_zero(tmp_path: Path) -> None:
    assert Positions(str(tmp_path)).get("auditor", "facts", 0) == 0


def test_commits_survive_reopening_and_may_go_back(tmp_path: Path) -> None:
    positions = Positions(str(tmp_path / "deep" / "down"))
    positions.commit("auditor", "facts", 0, 10)
    positions.commit("auditor", "facts", 1, 20)
    positions.commit("notifier", "facts", 0, 2**40)
    positions.commit("auditor", "facts", 0, 5)
    again = Positions(str(tmp_path / "deep" / "down"))
    assert again.places() == positions.places() == [
        Place("auditor", "facts", 0, 5),
        Place("auditor", "facts", 1, 20),
        Place("notifier", "facts", 0, 2**40),
    ]  # fmt: skip
    again.forget("auditor")
    assert Positions(str(tmp_path / "deep" / "down")).places() == [Place("notifier", "facts", 0, 2**40)]


def test_golden_file(tmp_path: Path) -> None:
    Positions(str(tmp_path)).commit("auditor", "facts", 0, 1234)
    golden = (Path(__file__).parent / "golden" / "positions-1.bin").read_bytes()
    assert (tmp_path / POSITIONS_FILE).read_bytes() == golden


def test_any_flipped_bit_is_refused(tmp_path: Path) -> None:
    Positions(str(tmp_path)).commit("auditor", "facts", 0, 1234)
    path = tmp_path / POSITIONS_FILE
    data = path.read_bytes()
    for bit in range(len(data) * 8):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(LogCorrupt, match=POSITIONS_FILE):
            Positions(str(tmp_path))


def test_a_full_disk_keeps_the_old_position(tmp_path: Path) -> None:
    files = FullFiles(1000)
    positions = Positions(str(tmp_path), files)
    positions.commit("auditor", "facts", 0, 1)
    files.room = 0
    with pytest.raises(StorageFull):
        positions.commit("auditor", "facts", 0, 2)
    assert positions.get("auditor", "facts", 0) == 1
    assert Positions(str(tmp_path)).get("auditor", "facts", 0) == 1
    files.room = 1000
    positions.commit("other", "facts", 0, 3)
    assert Positions(str(tmp_path)).get("auditor", "facts", 0) == 2


def test_commits_made_during_a_write_share_the_next_one(tmp_path: Path) -> None:
    class Held(Files):
        def __init__(self) -> None:
            self.writes = 0
            self.started, self.go_on = threading.Event(), threading.Event()

        def fdatasync(self, fd: int) -> None:  # type: ignore[override]
            self.writes += 1
            self.started.set()
            assert self.go_on.wait(60)

    files = Held()
    positions = Positions(str(tmp_path), files)
    threads = [
        threading.Thread(target=positions.commit, args=(f"c{number}", "facts", 0, number))
        for number in range(1, 9)
    ]
    threads[0].start()
    assert files.started.wait(60)
    for thread in threads[1:]:
        thread.start()
    while positions._changes < 8:
        pass
    files.go_on.set()
    for thread in threads:
        thread.join(60)
    assert files.writes == 2
    assert {place.offset for place in Positions(str(tmp_path)).places()} == set(range(1, 9))
