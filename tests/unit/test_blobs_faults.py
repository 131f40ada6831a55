"""Faults by name: flipped bytes, lost pages, a full device, a device that fails."""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from access.keyring import KeyRing
from blobs.contract import BlobStore
from blobs.local import LocalBlobs
from blobs.scrub import Damage, scrub
from disk.files import Files
from schemas.errors import BlobCorrupt, BlobMissing, ServiceUnavailable, StorageFull
from schemas.manifest import Manifest
from tests.faults.full_files import FailingFiles, FullFiles
from tests.faults.lossy_files import LossyFiles


class Machine(LossyFiles):
    """A call that waits for the crash to end finds the machine off: no answer comes from beyond."""

    @contextmanager
    def _alive(self) -> Iterator[None]:  # type: ignore[override]
        with self._lock, super()._alive():
            yield


Scenario = Callable[[LocalBlobs, str], Awaitable[None]]


def run(
    root: Path, scenario: Scenario, files: Files | None = None, ahead: int = 65_536, **options: int
) -> None:
    async def main() -> None:
        keys = KeyRing(root.parent / "keys")
        blobs = LocalBlobs(root, keys, files=files, ahead=ahead, **options)  # type: ignore[arg-type]
        await blobs.start()
        try:
            await scenario(blobs, keys.new_bucket_key())
        finally:
            await blobs.close()

    asyncio.run(main())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.mkdir()
    return path


async def write(blobs: BlobStore, key: str, data: bytes) -> Manifest:
    writer = blobs.writer(key)
    try:
        for start in range(0, len(data), 300_000):
            await writer.write(data[start : start + 300_000])
        return Manifest("file", (await writer.finish(),))
    except BaseException:
        await writer.abort()
        raise


def files_of(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in (root / "zones").rglob("*") if path.is_file()}


def poke(path: Path, position: int, value: int) -> None:
    with open(path, "r+b") as file:
        file.seek(position)
        file.write(bytes([value]))


async def fill(blobs: BlobStore, key: str, kept: list[tuple[Manifest, bytes]]) -> None:
    while True:
        data = os.urandom(3000)
        kept.append((await blobs.put(key, data), data))


def damaged(root: Path) -> list[Damage]:
    return list(scrub(root))


@pytest.mark.parametrize("size", [700, 300_000])
def test_every_flipped_byte_is_named_and_never_served(root: Path, size: int) -> None:
    """Of a pack and of a blob file; of the long ones a sample of positions."""
    data = [os.urandom(size) for _ in range(3)]
    manifests: list[Manifest] = []

    async def store(blobs: LocalBlobs, key: str) -> None:
        manifests.extend([await blobs.put(key, piece) for piece in data[:2]])
        manifests.append(await write(blobs, key, data[2]))

    async def read(blobs: LocalBlobs, key: str) -> None:
        for path, whole in stored.items():
            positions = range(len(whole)) if size < 1000 else random.Random(1).sample(range(len(whole)), 40)
            for position in positions:
                poke(path, position, whole[position] ^ 0x10)
                found = damaged(root)
                assert found, (path, position)
                assert {Path(damage.path) for damage in found} == {path}
                served, named = 0, list[str]()
                for manifest, expected in zip(manifests, data, strict=True):
                    try:
                        assert await blobs.read(manifest, 0, size) == expected
                        served += 1
                    except BlobCorrupt as corrupt:
                        named.append(corrupt.message)
                assert served + len(named) == 3
                assert len(named) <= 1
                assert all(str(path) in message and "at byte" in message for message in named)
                poke(path, position, whole[position])

    run(root, store)
    assert damaged(root) == []
    stored = files_of(root)
    run(root, read)


def test_files_cut_short_are_named(root: Path) -> None:
    manifests: list[Manifest] = []

    async def store(blobs: LocalBlobs, key: str) -> None:
        manifests.append(await blobs.put(key, os.urandom(5000)))
        manifests.append(await write(blobs, key, os.urandom(600_000)))

    async def read(blobs: LocalBlobs, key: str) -> None:
        for manifest in manifests:
            path = Path(blobs._places.of(manifest.extents[0]))
            whole = path.read_bytes()
            for size in (0, 10, 64, 70, 4000, len(whole) - 50, len(whole) - 40):
                path.write_bytes(whole[:size])
                with pytest.raises(BlobCorrupt, match=path.name):
                    await blobs.read(manifest, 0, manifest.extents[0].length)
            path.write_bytes(whole)
            assert await blobs.read(manifest, 0, 10)
        os.unlink(path)
        with pytest.raises(BlobMissing, match=path.name):
            await blobs.read(manifests[1], 0, 10)

    run(root, store)
    run(root, read)


def test_a_flipped_reference_is_named(root: Path) -> None:
    async def store(blobs: LocalBlobs, key: str) -> None:
        source = await blobs.put(key, bytes(5000))
        await blobs.share(key, source, b"holder-of-a-copy")
        blobs._references._db.execute("UPDATE refs SET made = made + 1")

    run(root, store)
    (damage,) = damaged(root)
    assert "damaged reference" in str(damage)


@pytest.mark.parametrize("seed", range(15))
def test_a_crash_that_loses_unsynced_pages_loses_nothing_acknowledged(root: Path, seed: int) -> None:
    """Power fails while clients write: all that was answered reads back, and no file is damaged."""
    chance = random.Random(seed)
    kept: list[tuple[Manifest, bytes]] = []
    run(root, _nothing)
    lossy = Machine(root, seed)

    async def write_until_the_crash() -> None:
        keys = KeyRing(root.parent / "keys")
        key = keys.new_bucket_key()
        blobs = LocalBlobs(root, keys, files=lossy, ahead=32_768, pack_size=200_000)
        await blobs.start()
        enough = asyncio.Event()

        async def client() -> None:
            while True:
                data = os.urandom(chance.choice([600, 3000, 9000, 300_000]))
                large = chance.random() < 0.3
                manifest = await (write(blobs, key, data) if large else blobs.put(key, data))
                kept.append((manifest, data))
                if len(kept) > 40:
                    enough.set()

        clients = [asyncio.create_task(client()) for _ in range(6)]
        await enough.wait()
        lossy.crash()
        results = await asyncio.gather(*clients, return_exceptions=True)
        assert not any(isinstance(result, AssertionError) for result in results)
        await blobs.close()

    async def check(blobs: LocalBlobs, key: str) -> None:
        for manifest, data in kept:
            assert await blobs.read(manifest, 0, len(data)) == data

    asyncio.run(write_until_the_crash())
    run(root, check)
    assert damaged(root) == []


async def _nothing(blobs: LocalBlobs, key: str) -> None:
    return None


def test_a_full_device_refuses_and_recovers(root: Path) -> None:
    """What does not fit is refused and leaves nothing; what was there stays; with room, work goes on."""
    files = FullFiles(400_000)

    async def scenario(blobs: LocalBlobs, key: str) -> None:
        kept = [(await blobs.put(key, data), data) for data in (os.urandom(2000) for _ in range(5))]
        with pytest.raises(StorageFull):
            await write(blobs, key, bytes(3_000_000))
        assert not [path for path in files_of(root) if "blobs" in path.parts]
        files.room = 0
        with pytest.raises(StorageFull):
            await fill(blobs, key, kept)
        for manifest, data in kept:
            assert await blobs.read(manifest, 0, len(data)) == data
        files.room = 1_000_000
        for _ in range(20):
            data = os.urandom(9000)
            kept.append((await blobs.put(key, data), data))
        for manifest, data in kept:
            assert await blobs.read(manifest, 0, len(data)) == data

    run(root, scenario, files)
    assert damaged(root) == []


def test_what_has_its_place_behind_a_lost_batch_is_lost_with_it(root: Path) -> None:
    files = FailingFiles()

    async def scenario(blobs: LocalBlobs, key: str) -> None:
        first = await blobs.put(key, b"x" * 1000)
        files.failing = "pwrite"
        lost = [await blobs.put_soon(key, bytes(1000)) for _ in range(3)]
        with pytest.raises(ServiceUnavailable):
            await asyncio.to_thread(lost[0][1].settle)  # type: ignore[union-attr]
        files.failing = ""
        for _, pending in lost:
            assert pending is not None
            with pytest.raises(ServiceUnavailable):
                await pending
            with pytest.raises(ServiceUnavailable):  # and stays lost
                pending.settle()
        later = [await blobs.put_soon(key, b"y" * 1000) for _ in range(3)]
        for manifest, pending in later:
            assert pending is not None
            await pending
            pending.settle()
            assert await blobs.read(manifest, 0, 1000) == b"y" * 1000
        assert await blobs.read(first, 0, 1000) == b"x" * 1000

    run(root, scenario, files)
    run(root, _nothing)
    assert damaged(root) == []


@pytest.mark.parametrize("call", ["pwrite", "fdatasync", "fsync_dir", "rename"])
def test_a_failing_device_acknowledges_nothing(root: Path, call: str) -> None:
    files = FailingFiles()

    async def scenario(blobs: LocalBlobs, key: str) -> None:
        first = await blobs.put(key, b"x" * 1000)
        files.failing = call
        if call in ("pwrite", "fdatasync"):
            with pytest.raises(ServiceUnavailable):
                await blobs.put(key, bytes(1000))
        with pytest.raises(OSError, match="Input/output"):
            await write(blobs, key, bytes(1_000_000))
        files.failing = ""
        assert not [path for path in files_of(root) if "blobs" in path.parts]
        later = await blobs.put(key, b"y" * 1000)
        assert await blobs.read(first, 0, 1000) == b"x" * 1000
        assert await blobs.read(later, 0, 1000) == b"y" * 1000

    run(root, scenario, files)
    run(root, _nothing)
    assert damaged(root) == []
