"""Reading ranges: streams side by side through one buffer, files cut under a reader, file systems that cannot
tell what is in the page cache."""

import asyncio
import errno
import os
import random
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from access.keyring import KeyRing
from blobs.frames import FRAME_SIZE, STORED_FRAME
from blobs.local import LocalBlobs
from schemas.errors import BlobCorrupt
from schemas.manifest import Manifest

Scenario = Callable[[LocalBlobs, str], Awaitable[None]]


@pytest.fixture
def run(tmp_path: Path) -> Callable[[Scenario], None]:
    def runner(scenario: Scenario) -> None:
        async def main() -> None:
            keys = KeyRing(tmp_path / "keys")
            blobs = LocalBlobs(tmp_path / "data", keys, ahead=65_536)
            await blobs.start()
            try:
                await scenario(blobs, keys.new_bucket_key())
            finally:
                await blobs.close()

        (tmp_path / "data").mkdir()
        asyncio.run(main())

    return runner


async def store(blobs: LocalBlobs, key: str, data: bytes) -> Manifest:
    if len(data) <= blobs.pack_limit:
        return await blobs.put(key, data)
    writer = blobs.writer(key)
    await writer.write(data)
    return Manifest("file", (await writer.finish(),))


def path_of(blobs: LocalBlobs, manifest: Manifest) -> str:
    return blobs._places.of(manifest.extents[0])


def evict(path: str) -> None:
    """Out of the page cache, as far as the system likes to."""
    fd = os.open(path, os.O_RDONLY)
    os.fdatasync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def damage(path: str, offset: int) -> None:
    """Flip a bit."""
    fd = os.open(path, os.O_RDWR)
    os.pwrite(fd, bytes([os.pread(fd, 1, offset)[0] ^ 4]), offset)
    os.close(fd)


def test_streams_side_by_side_give_each_its_own_bytes(run: Callable[[Scenario], None]) -> None:
    async def scenario(blobs: LocalBlobs, key: str) -> None:
        chance = random.Random(1)
        sizes = [1, 5000, FRAME_SIZE, FRAME_SIZE + 1, 3 * FRAME_SIZE, 1_500_000, 9 * FRAME_SIZE - 1]
        stored = [(await store(blobs, key, data), data) for data in map(os.urandom, sizes)]

        async def reader() -> None:
            for _ in range(6):
                manifest, data = chance.choice(stored)
                start = chance.randrange(len(data))
                length = chance.randrange(1, len(data) - start + 1)
                if manifest.extents[0].blob and chance.random() < 0.3:
                    evict(path_of(blobs, manifest))
                pieces = []
                chunks = chance.choice([blobs.stream, blobs.lend])(manifest, start, length)
                async for piece in chunks:
                    pieces.append(bytes(piece))
                    await asyncio.sleep(0)
                assert b"".join(pieces) == data[start : start + length]

        await asyncio.gather(*(reader() for _ in range(20)))

    run(scenario)


def test_what_is_lent_is_one_buffer_again_and_again(run: Callable[[Scenario], None]) -> None:
    async def scenario(blobs: LocalBlobs, key: str) -> None:
        data = os.urandom(6 * FRAME_SIZE)
        manifest = await store(blobs, key, data)
        places = {id(piece) async for piece in blobs.lend(manifest, 0, len(data))}
        assert len(places) == 1
        streamed = [piece async for piece in blobs.stream(manifest, 0, len(data))]
        assert b"".join(streamed) == data

    run(scenario)


@pytest.mark.parametrize("frame", [0, 1, 3])
def test_a_damaged_frame_is_never_lent(run: Callable[[Scenario], None], frame: int) -> None:
    async def scenario(blobs: LocalBlobs, key: str) -> None:
        data = os.urandom(4 * FRAME_SIZE)
        manifest = await store(blobs, key, data)
        damage(path_of(blobs, manifest), 64 + frame * STORED_FRAME + 1000)
        got = bytearray()

        async def read() -> None:
            async for piece in blobs.lend(manifest, 0, len(data)):
                got.extend(piece)

        with pytest.raises(BlobCorrupt):
            await read()
        assert got == data[: frame * FRAME_SIZE]

    run(scenario)


@pytest.mark.parametrize("cut", [0, 100, 64 + STORED_FRAME, 64 + 2 * STORED_FRAME + 9, 64 + 7 * STORED_FRAME])
@pytest.mark.parametrize("cached", [True, False])
def test_a_file_cut_under_a_reader_ends_in_an_error(
    run: Callable[[Scenario], None], cut: int, cached: bool
) -> None:
    """Nothing but right bytes before it, and never a short answer."""

    async def scenario(blobs: LocalBlobs, key: str) -> None:
        data = os.urandom(8 * FRAME_SIZE)
        manifest = await store(blobs, key, data)
        path = path_of(blobs, manifest)
        if not cached:
            evict(path)
        got = bytearray()

        async def read() -> None:
            async for piece in blobs.stream(manifest, 0, len(data)):
                got.extend(piece)
                os.truncate(path, cut)

        with pytest.raises(BlobCorrupt, match="ends after"):
            await read()
        assert FRAME_SIZE <= len(got) < len(data)
        assert data.startswith(got)

    run(scenario)


def test_a_file_system_that_cannot_tell_is_read_in_threads(
    run: Callable[[Scenario], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    preadv = os.preadv
    on_loop: list[int] = []

    def cannot_tell(fd: int, buffers: Sequence[bytearray], offset: int, flags: int = 0) -> int:
        if flags:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        if threading.current_thread() is threading.main_thread():
            on_loop.append(offset)
        return preadv(fd, buffers, offset)

    async def scenario(blobs: LocalBlobs, key: str) -> None:
        data, small = os.urandom(9 * FRAME_SIZE), os.urandom(5000)
        manifest, packed = await store(blobs, key, data), await store(blobs, key, small)
        monkeypatch.setattr(os, "preadv", cannot_tell)
        for _ in range(3):
            assert await blobs.read(manifest, 0, len(data)) == data
        assert len(on_loop) <= 1  # by which it found out
        assert await blobs.read(packed, 0, len(small)) == small

    run(scenario)
