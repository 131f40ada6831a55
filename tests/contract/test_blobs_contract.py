"""The contract of the bytes, on every engine."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from access.keyring import KeyRing
from blobs.contract import BlobStore
from blobs.local import LocalBlobs
from compose.native.minio import Zone
from schemas.errors import BlobMissing, KeyMissing
from schemas.manifest import NO_BYTES, Manifest
from tests.cluster.zone_blobs import endpoints_of, open_blobs, stored
from tests.server import ACCESS_KEY, SECRET_KEY, Server

Scenario = Callable[[BlobStore, str], Awaitable[None]]


class Engine(Protocol):
    """An engine with a place of its own."""

    def open(self, keys: KeyRing) -> AbstractAsyncContextManager[BlobStore]: ...

    def stored(self) -> object:
        """Everything that is stored, to be compared."""


class Local:
    def __init__(self, root: Path) -> None:
        self._root = root

    @asynccontextmanager
    async def open(self, keys: KeyRing) -> AsyncIterator[BlobStore]:
        blobs = LocalBlobs(self._root, keys, ahead=1024 * 1024)
        await blobs.start()
        try:
            yield blobs
        finally:
            await blobs.close()

    def stored(self) -> object:
        return sorted(self._root.rglob("*"))


class InZones:
    """`zones` are three, each with a bucket that no other test has."""

    def __init__(self, zones: Iterable[Zone]) -> None:
        self._endpoints = endpoints_of(zones)

    def open(self, keys: KeyRing) -> AbstractAsyncContextManager[BlobStore]:
        return open_blobs(self._endpoints, keys)

    def stored(self) -> object:
        return [stored(endpoint) for endpoint in self._endpoints]


@pytest.fixture(scope="session")
def own_zones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Zone]]:
    """Three zones in an embedded Strandline."""
    folder = tmp_path_factory.mktemp("zone-store")
    server = Server(folder / "data", folder / "log", "--no-audit")
    server.start()
    try:
        yield [Zone(name, server.endpoint, ACCESS_KEY, SECRET_KEY) for name in ("zone-a", "zone-b", "zone-c")]
    finally:
        server.stop()


@pytest.fixture(
    params=[
        "local",
        pytest.param("s3 in MinIO", marks=pytest.mark.cluster),
        pytest.param("s3 in Strandline", marks=pytest.mark.cluster),
    ]
)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    if request.param == "local":
        return Local(tmp_path)
    if request.param == "s3 in Strandline":
        return InZones(request.getfixturevalue("own_zones"))
    return InZones(request.getfixturevalue("zones").zones)


@pytest.fixture
def run(engine: Engine, tmp_path: Path) -> Callable[[Scenario], None]:
    def run_scenario(scenario: Scenario) -> None:
        async def main() -> None:
            keys = KeyRing(tmp_path / "keys")
            async with engine.open(keys) as blobs:
                await scenario(blobs, keys.new_bucket_key())

        asyncio.run(main())

    return run_scenario


async def stream(blobs: BlobStore, manifest: Manifest, start: int, length: int) -> bytes:
    chunks = [chunk async for chunk in blobs.stream(manifest, start, length)]
    assert all(0 < len(chunk) <= 1024 * 1024 for chunk in chunks)
    whole = b"".join(chunks)
    assert b"".join([bytes(chunk) async for chunk in blobs.lend(manifest, start, length)]) == whole
    return whole


async def write(blobs: BlobStore, key: str, data: bytes, step: int = 300_000) -> Manifest:
    writer = blobs.writer(key)
    for start in range(0, len(data), step):
        await writer.write(data[start : start + step])
    return Manifest("file", (await writer.finish(),))


@pytest.mark.parametrize("size", [0, 1, 512, 513, 4096, 262_144, 262_145, 1_048_576, 1_048_577, 5_000_000])
def test_put_and_read(run: Callable[[Scenario], None], size: int) -> None:
    async def scenario(blobs: BlobStore, key: str) -> None:
        data = os.urandom(size)
        manifest = await blobs.put(key, data)
        assert (manifest == NO_BYTES) == (size == 0)
        assert await blobs.read(manifest, 0, size) == data
        assert await stream(blobs, manifest, 0, size) == data
        start, length = size // 3, size // 2
        assert await blobs.read(manifest, start, length) == data[start : start + length]
        assert blobs.read_now(manifest, start, length) in (None, data[start : start + length])

    run(scenario)


@pytest.mark.parametrize("step", [1000, 300_000, 262_144, 1_048_576, 10_000_000])
@pytest.mark.parametrize("size", [0, 1, 262_144, 1_048_576, 2_097_152, 3_333_333])
def test_writer(run: Callable[[Scenario], None], size: int, step: int) -> None:
    async def scenario(blobs: BlobStore, key: str) -> None:
        data = os.urandom(size)
        writer = blobs.writer(key)
        for start in range(0, size, step):
            await writer.write(data[start : start + step])
        manifest = Manifest("file", (await writer.finish(),))
        assert await stream(blobs, manifest, 0, size) == data

    run(scenario)


def test_any_range_of_any_extents_is_the_slice(run: Callable[[Scenario], None]) -> None:
    async def scenario(blobs: BlobStore, key: str) -> None:
        loop = asyncio.get_running_loop()
        sizes = [600, 700_000, 262_144, 1, 262_145, 1_100_000]
        data = [os.urandom(size) for size in sizes]
        stored = [await blobs.put(key, data[0]), await blobs.put(key, data[1])]
        stored += [await write(blobs, key, piece) for piece in data[2:]]

        @settings(max_examples=150, deadline=None, database=None)
        @given(st.lists(st.integers(0, 5), max_size=5), st.integers(0, 3_000_000), st.integers(0, 3_000_000))
        def check(order: list[int], start: int, length: int) -> None:
            manifest = Manifest("file", tuple(stored[n].extents[0] for n in order))
            whole = b"".join(data[n] for n in order)
            expected = whole[start : start + length]
            got = asyncio.run_coroutine_threadsafe(blobs.read(manifest, start, length), loop).result(30)
            assert got == expected

        await asyncio.to_thread(check)

    run(scenario)


def test_abort_leaves_nothing(run: Callable[[Scenario], None], engine: Engine) -> None:
    async def scenario(blobs: BlobStore, key: str) -> None:
        before = await asyncio.to_thread(engine.stored)
        for size in (0, 1000, 3_000_000):
            writer = blobs.writer(key)
            await writer.write(bytes(size))
            await writer.abort()
            finished = blobs.writer(key)
            await finished.write(bytes(size))
            await finished.finish()
            await finished.abort()
        assert await asyncio.to_thread(engine.stored) == before

    run(scenario)


def test_a_cancelled_writer_can_be_aborted(run: Callable[[Scenario], None], engine: Engine) -> None:
    async def scenario(blobs: BlobStore, key: str) -> None:
        before = await asyncio.to_thread(engine.stored)
        writer = blobs.writer(key)

        async def send() -> None:
            try:
                while True:
                    await writer.write(bytes(300_000))
            except asyncio.CancelledError:
                await writer.abort()
                raise

        task = asyncio.create_task(send())
        for _ in range(20):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(engine.stored) == before

    run(scenario)


def test_shared_bytes_outlive_their_primary(run: Callable[[Scenario], None]) -> None:
    async def scenario(blobs: BlobStore, key: str) -> None:
        for size in (100, 5000, 2_000_000):
            data = os.urandom(size)
            source = await blobs.put(key, data)
            first = await blobs.share(key, source, os.urandom(16))
            second = await blobs.share(key, first, os.urandom(16))
            assert first.extents[0].data_key != source.extents[0].data_key
            assert await blobs.free(source) == 0
            assert await blobs.free(source) == 0
            assert await blobs.free(second) == 0
            assert await blobs.read(first, 0, size) == data
            freed = await blobs.free(first)
            assert freed >= size or size == 100
            assert await blobs.free(first) == 0
            if size > 100:
                if size > 1_000_000:  # freed bytes inside a pack may linger until their pages go
                    with pytest.raises(BlobMissing):
                        await blobs.read(first, 0, size)
                with pytest.raises(BlobMissing):
                    await blobs.share(key, source, os.urandom(16))

    run(scenario)


def test_an_unknown_key_stores_and_reads_nothing(run: Callable[[Scenario], None]) -> None:
    async def scenario(blobs: BlobStore, key: str) -> None:
        with pytest.raises(KeyMissing):
            await blobs.put("0" * 32, b"data")
        with pytest.raises(KeyMissing):
            blobs.writer("0" * 32)

    run(scenario)


def test_many_at_once(run: Callable[[Scenario], None]) -> None:
    async def scenario(blobs: BlobStore, key: str) -> None:
        async def one(number: int) -> None:
            data = os.urandom(1 + number * 7919 % 40_000)
            manifest = await blobs.put(key, data) if number % 4 else await write(blobs, key, data)
            assert await blobs.read(manifest, 0, len(data)) == data

        await asyncio.gather(*(one(number) for number in range(200)))

    run(scenario)
