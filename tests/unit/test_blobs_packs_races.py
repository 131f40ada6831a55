"""Packs between an event loop and threads: requests given up, lost wake-ups, devices that fail meanwhile."""

import asyncio
import contextlib
import errno
import os
import random
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from queue import SimpleQueue

import pytest

from blobs.packs import Append, Packs
from blobs.places import Places
from disk.files import FILE_MODE, Files, SystemFiles
from schemas.errors import ServiceUnavailable, StorageFull
from tests.faults.full_files import FailingFiles, FullFiles

Scenario = Callable[[Packs], Awaitable[None]]
PACK = 64 * 1024
SECONDS = 30.0


@pytest.fixture
def places(tmp_path: Path) -> Places:
    places = Places(tmp_path)
    places.prepare(SystemFiles())
    return places


def run(places: Places, scenario: Scenario, files: Files | None = None, ahead: int = 16 * 1024) -> None:
    """The scenario on packs of 64 KiB; afterwards every pack is sealed, and no descriptor was left open."""

    async def main() -> None:
        packs = Packs(files or SystemFiles(), places, pack_size=PACK, ahead=ahead)
        packs.start(asyncio.get_running_loop())
        async with asyncio.timeout(SECONDS):
            try:
                await scenario(packs)
            finally:
                await packs.close()

    asyncio.run(main())
    assert [os.path.basename(path) for path in open_files() if path.startswith(places.packs)] == []


def open_files() -> list[str]:
    paths = []
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the one that lists them
            paths.append(os.readlink(f"/proc/self/fd/{fd}"))
    return paths


class SlowCreation(SystemFiles):
    """Files are made only while `allowed` is set."""

    def __init__(self) -> None:
        self.allowed = threading.Event()

    def open(self, path: str, flags: int = os.O_RDONLY, mode: int = FILE_MODE) -> int:
        if flags & os.O_CREAT:
            assert self.allowed.wait(SECONDS)
        return super().open(path, flags, mode)


@pytest.mark.parametrize("made", [False, True], ids=["while it waits", "and then it is made"])
def test_a_pack_outlives_the_request_that_waited_for_it(places: Places, made: bool) -> None:
    files = SlowCreation()

    async def scenario(packs: Packs) -> None:
        impatient = [asyncio.create_task(packs.append([b"x"], 1)) for _ in range(3)]
        await asyncio.sleep(0)
        impatient[0].cancel()
        impatient[2].cancel()
        await asyncio.wait([impatient[0], impatient[2]])
        if not made:
            impatient[1].cancel()
            await asyncio.wait([impatient[1]])
        files.allowed.set()
        if made:
            await (await impatient[1])
        await (await packs.append([b"y"], 1))

    run(places, scenario, files)
    assert len(os.listdir(places.packs)) == 1


def test_the_store_closes_while_a_pack_is_made(places: Places) -> None:
    files = SlowCreation()

    async def scenario(packs: Packs) -> None:
        waiting = asyncio.create_task(packs.append([b"x"], 1))
        await asyncio.sleep(0)
        closing = asyncio.create_task(packs.close())
        await asyncio.sleep(0)
        files.allowed.set()
        await closing
        with pytest.raises(ServiceUnavailable):
            await waiting

    run(places, scenario, files)
    assert os.listdir(places.packs) == []


class Quicker(SimpleQueue[bool]):
    """A flusher that is done before whoever wakes it takes its next step."""

    packs: Packs

    def put(self, item: bool, block: bool = True, timeout: float | None = None) -> None:
        if item:
            self.packs.flush()
        else:
            super().put(item)


def test_nobody_waits_for_room_that_is_there(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blobs.packs.PENDING_LIMIT", 100)

    async def main() -> None:
        packs = Packs(SystemFiles(), places, pack_size=PACK)
        packs._wanted = Quicker()
        packs._wanted.packs = packs
        packs.start(asyncio.get_running_loop())
        async with asyncio.timeout(SECONDS):
            await packs.append([bytes(200)], 200)
            await (await packs.append([bytes(200)], 200))
            await packs.close()

    asyncio.run(main())


def test_a_pack_that_could_not_be_made_is_tried_again(places: Places) -> None:
    """The device was full when the next pack was prepared; it is not when that is needed."""
    files = FullFiles(1 << 20)

    async def scenario(packs: Packs) -> None:
        await (await packs.append([bytes(PACK // 4)], PACK // 4))
        files.room = 0
        last = await packs.append([bytes(PACK // 2)], PACK // 2)  # past the half: the next pack is made
        while not (packs._spare is not None and packs._spare.done()):  # noqa: ASYNC110 (it has no event)
            await asyncio.sleep(0.001)
        files.room = 1 << 20
        await asyncio.to_thread(last.settle)
        await (await packs.append([bytes(PACK // 2)], PACK // 2))

    run(places, scenario, files)


def test_a_device_that_fails_when_a_pack_is_made_is_unavailable(places: Places) -> None:
    files = FailingFiles()
    files.failing = "fsync_dir"

    async def scenario(packs: Packs) -> None:
        for _ in range(3):
            with pytest.raises(ServiceUnavailable, match="Input/output"):
                await packs.append([b"x"], 1)
        files.failing = ""
        await (await packs.append([b"x"], 1))

    run(places, scenario, files)
    assert len(os.listdir(places.packs)) == 1


class OncePerDescriptor(Files):
    """A device that loses a record as it is written back, and a kernel that tells each descriptor of it once.
    The sync of the zeros ahead is the first to hear of it."""

    def __init__(self) -> None:
        self.losses = 0
        self.armed = False
        self._told: dict[int, int] = {}
        self._lost, self._heard = threading.Event(), threading.Event()

    def open(self, path: str, flags: int = os.O_RDONLY, mode: int = FILE_MODE) -> int:
        fd = super().open(path, flags, mode)
        self._told[fd] = self.losses
        return fd

    def pwrite_sync(self, fd: int, data: bytes, position: int) -> int:
        written = os.pwrite(fd, data, position)
        if self.armed:
            self.losses += 1
            self._lost.set()
            assert self._heard.wait(SECONDS)
            self.armed = False
        self.fdatasync(fd)
        return written

    def fdatasync(self, fd: int) -> None:
        filler = threading.current_thread().name.startswith("pack-filler")
        if filler and self.armed:
            assert self._lost.wait(SECONDS)
        told, self._told[fd] = self._told[fd], self.losses
        if filler and self._lost.is_set():
            self._heard.set()
        if told != self.losses:
            raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_record_that_was_lost_beside_zeros_is_not_acknowledged(places: Places) -> None:
    files = OncePerDescriptor()

    async def scenario(packs: Packs) -> None:
        await (await packs.append([b"x"], 1))
        files.armed = True
        lost = await packs.append([bytes(20_000)], 20_000)  # beyond the zeros: new ones are written beside it
        with pytest.raises(ServiceUnavailable):
            await lost
        await (await packs.append([b"y"], 1))

    run(places, scenario, files)


def test_a_flush_ends_although_records_keep_coming(places: Places) -> None:
    class Busy(SystemFiles):
        packs: Packs
        more = 50

        def pwrite_sync(self, fd: int, data: bytes, position: int) -> int:
            if self.more:
                self.more -= 1
                asyncio.run_coroutine_threadsafe(self.packs.append([b"x"], 1), self.packs._loop).result(
                    SECONDS
                )
            return super().pwrite_sync(fd, data, position)

    files = Busy()

    async def scenario(packs: Packs) -> None:
        files.packs = packs
        first = await packs.append([b"x"], 1)
        await asyncio.to_thread(first.settle)
        assert files.more == 49

    run(places, scenario, files)


class Moody(Files):
    """Any call may fail, as `random` will have it; a write may be cut short first."""

    def __init__(self, chance: random.Random, share: float) -> None:
        self._chance, self.share = chance, share
        self._lock = threading.Lock()

    def pwrite(self, fd: int, data: bytes | bytearray | memoryview, position: int) -> int:
        if (error := self._mood()) is not None:
            os.pwrite(fd, memoryview(data)[: len(data) // 2], position)
            raise error
        return os.pwrite(fd, data, position)

    def fdatasync(self, fd: int) -> None:
        if (error := self._mood()) is not None:
            raise error
        os.fdatasync(fd)

    def fsync_dir(self, path: str) -> None:
        if (error := self._mood()) is not None:
            raise error
        super().fsync_dir(path)

    def ftruncate(self, fd: int, size: int) -> None:
        if (error := self._mood()) is not None:
            raise error
        os.ftruncate(fd, size)

    def open(self, path: str, flags: int = os.O_RDONLY, mode: int = FILE_MODE) -> int:
        if (error := self._mood()) is not None:
            raise error
        return super().open(path, flags, mode)

    def _mood(self) -> OSError | None:
        with self._lock:
            if self._chance.random() >= self.share:
                return None
            number = self._chance.choice([errno.ENOSPC, errno.EIO])
        return OSError(number, os.strerror(number))


@pytest.mark.parametrize("share", [0.0, 0.02, 0.2])
@pytest.mark.parametrize("seed", range(6))
def test_every_append_has_its_outcome_and_what_is_durable_is_there(
    places: Places, seed: int, share: float
) -> None:
    """Settled in threads, awaited, given up, with calls failing anywhere, the store closed at any time."""
    chance = random.Random(seed)
    files = Moody(random.Random(seed), share)
    durable: list[tuple[Append, bytes]] = []

    async def scenario(packs: Packs) -> None:
        async def client(number: int) -> None:
            for _ in range(30):
                data = bytes([number]) * chance.choice([1, 500, 4000, 20_000])
                with contextlib.suppress(StorageFull, ServiceUnavailable):
                    appended = await packs.append([data[:3], data[3:]], len(data))
                    if chance.random() < 0.5:
                        await appended
                    else:
                        await asyncio.to_thread(appended.settle)
                    assert appended.outcome is True
                    durable.append((appended, data))

        clients = [asyncio.create_task(client(number)) for number in range(12)]
        while not all(one.done() for one in clients[4:]):
            await asyncio.sleep(0.005)
            chance.choice(clients[:4]).cancel()
            if share and len(durable) > 100 and chance.random() < 0.1:
                await packs.close()
        results = await asyncio.gather(*clients, return_exceptions=True)
        assert [result for result in results if isinstance(result, Exception)] == []

    run(places, scenario, files)
    assert share or durable
    for appended, data in durable:
        with open(places.pack(appended.blob), "rb") as file:
            assert os.pread(file.fileno(), len(data), appended.offset) == data
