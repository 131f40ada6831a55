"""The space that writers leave alone: counted, looked at now and then, never used up."""

from pathlib import Path

import pytest

from disk import room
from disk.room import LOOK_SECONDS, NEAR_BYTES, Room
from schemas.errors import StorageFull

PATH = Path("/data")


class Device:
    """Free space and the time, as the test sets them."""

    def __init__(self, free: int) -> None:
        self.free = free
        self.now = 1.0
        self.looks = 0

    def free_bytes(self, path: Path | str) -> int:
        assert path == PATH
        self.looks += 1
        return self.free

    def clock(self) -> float:
        return self.now


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Device:
    made = Device(100 + NEAR_BYTES + 1000)
    monkeypatch.setattr(room, "free_bytes", made.free_bytes)
    return made


def test_writers_count_down_from_what_was_seen(device: Device) -> None:
    space = Room(PATH, 100, device.clock)
    for _ in range(10):
        space.take(100)
    assert device.looks == 1
    device.free = 100  # what they have written since
    with pytest.raises(StorageFull, match="100 bytes are free"):
        space.take(1)
    assert device.looks == 2


def test_what_others_write_is_seen_in_time(device: Device) -> None:
    space = Room(PATH, 100, device.clock)
    space.take(1)
    device.free = 50
    space.take(1)
    device.now += LOOK_SECONDS
    with pytest.raises(StorageFull):
        space.take(1)


def test_near_the_reserve_what_others_write_is_seen_at_once(device: Device) -> None:
    """An index grows by far more than the log whose events it takes."""
    device.free = 100 + NEAR_BYTES
    space = Room(PATH, 100, device.clock)
    space.take(1)
    device.free = 100
    with pytest.raises(StorageFull):
        space.take(1)


def test_space_that_comes_back_is_seen_at_once(device: Device) -> None:
    space = Room(PATH, 100, device.clock)
    device.free = 50
    with pytest.raises(StorageFull):
        space.take(1)
    device.free = 1000
    space.take(900)
    with pytest.raises(StorageFull):
        space.take(901)


def test_without_a_reserve_only_what_cannot_fit_is_refused(device: Device) -> None:
    device.free = 1000
    space = Room(PATH, 0, device.clock)
    space.take(1000)
    device.free = 0
    with pytest.raises(StorageFull):
        space.take(1)


def test_a_real_device(tmp_path: Path) -> None:
    free = room.free_bytes(tmp_path)
    assert free > 0
    Room(tmp_path, 0).take(0)
    with pytest.raises(StorageFull):
        Room(tmp_path, 1 << 62).take(1)
