"""Packing: bytes that came along with an event are in a pack, durably, before the event is in the log."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from access.keyring import KeyRing
from blobs.local import LocalBlobs
from bus.local import LocalPartitionLog
from disk.files import Files
from index.sqlite.reader import SqliteReader
from index.sqlite.writer import SqliteWriter
from processors.materializer import Materializer
from processors.packing import Packing
from processors.sequencer import Sequencer
from schemas.errors import LogUnavailable, ServiceUnavailable, StorageFull
from schemas.events import OBJECT_VERSIONS, ObjectPut, decode_event, encode_event
from schemas.manifest import Manifest
from tests.faults.full_files import FailingFiles, FullFiles
from tests.unit.applying import BUCKET, epoch, put

CARRIED = 16 * 1024


class Store:
    """A worker's bytes, and the sequencer with its own, over one data folder."""

    def __init__(self, folder: Path, files: Files | None = None) -> None:
        self._folder = folder
        keys = KeyRing(folder / "keys")
        self.key = keys.new_bucket_key()
        self.worker = LocalBlobs(folder / "blobs", keys, carry_limit=CARRIED)
        self.blobs = LocalBlobs(folder / "blobs", keys, files=files, ahead=65_536, pack_size=256 * 1024)
        self.index = SqliteWriter(folder / "index.sqlite")
        self.log = LocalPartitionLog(str(folder / "log"), segment_size=1 << 20, ahead=0)
        self.sequencer = Sequencer(
            self.log, Materializer(self.index, OBJECT_VERSIONS), lambda last, facts: None, "objects"
        )
        self.packing = Packing({OBJECT_VERSIONS: self.sequencer}, self.blobs)

    async def put(self, key: str, data: bytes) -> str:
        """Store it as a worker does; the refusal, if it was refused."""
        manifest, pending = await self.worker.put_soon(self.key, data)
        assert pending is None
        return await self.append(key, manifest)

    async def append(self, key: str, manifest: Manifest) -> str:
        event = put(key, manifest=manifest)
        return (await self.packing.append(OBJECT_VERSIONS, encode_event(event))).refusal

    async def read(self, key: str) -> bytes:
        reader = SqliteReader(self._folder / "index.sqlite")
        row = await reader.current(BUCKET, key)
        reader.close()
        assert row is not None
        assert row.manifest is not None
        assert row.manifest.layout == "packed"
        return await self.worker.read(row.manifest, 0, row.manifest.extents[0].length)

    def logged(self) -> list[ObjectPut]:
        events = [decode_event(record.payload) for record in self.log.read(0, 10_000)]
        return [event for event in events if isinstance(event, ObjectPut)]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., None]:
    def runner(scenario: Callable[[Store], Awaitable[None]], files: Files | None = None) -> None:
        async def main() -> None:
            store = Store(tmp_path, files)
            await store.worker.start()
            await store.blobs.start()
            store.sequencer.start()
            try:
                assert not (await store.sequencer.submit(encode_event(epoch(1)))).refusal
                await scenario(store)
            finally:
                await store.blobs.close()
                await store.worker.close()
                await store.sequencer.stop()
                await store.index.close()
                store.log.close()

        asyncio.run(main())

    return runner


def test_carried_bytes_are_packed_before_their_event_is_logged(run: Callable[..., None]) -> None:
    async def scenario(store: Store) -> None:
        bodies = {f"k{i}": bytes([i % 256]) * (513 + 41 * i) for i in range(300)}  # several packs of them
        assert set(await asyncio.gather(*(store.put(*item) for item in bodies.items()))) == {""}
        for key, body in bodies.items():
            assert await store.read(key) == body
        assert {event.manifest.layout for event in store.logged()} == {"packed"}
        assert not any(event.manifest.inline for event in store.logged())

    run(scenario)


def test_what_carries_nothing_is_appended_as_it_is(run: Callable[..., None]) -> None:
    async def scenario(store: Store) -> None:
        small, _ = await store.worker.put_soon(store.key, b"inline")
        assert await store.append("carried", small) == ""
        assert store.logged() == [put("carried", manifest=small)]
        assert small.layout == "inline"

    run(scenario)


def test_bytes_that_need_their_place_at_once_are_not_carried(run: Callable[..., None]) -> None:
    async def scenario(store: Store) -> None:
        for data, options in ((bytes(5000), {"sealed": True}), (bytes(CARRIED + 1), {})):
            manifest, pending = await store.worker.put_soon(store.key, data, **options)
            assert manifest.layout == "packed"
            assert pending is not None
            await pending
        assert (await store.worker.put(store.key, bytes(5000))).layout == "packed"

    run(scenario)


@pytest.mark.parametrize(
    ("files", "error"), [(FailingFiles(), ServiceUnavailable), (FullFiles(10**9), StorageFull)]
)
def test_an_event_whose_bytes_are_lost_is_not_logged(
    run: Callable[..., None], files: FailingFiles | FullFiles, error: type[Exception]
) -> None:
    async def scenario(store: Store) -> None:
        assert await store.put("before", bytes(1000)) == ""
        stored = ["before"]
        if isinstance(files, FailingFiles):
            files.failing = "pwrite"
        else:
            files.room = 0

        async def go_on() -> None:
            for i in range(100):  # there are zeros ahead, into which some still go
                assert await store.put(f"k{i}", bytes(CARRIED)) == ""
                stored.append(f"k{i}")

        with pytest.raises(error):
            await go_on()
        if isinstance(files, FailingFiles):
            files.failing = ""
        else:
            files.room = 10**9
        assert await store.put("after", b"a" * 1000) == ""
        assert [event.key for event in store.logged()] == [*stored, "after"]
        assert await store.read("after") == b"a" * 1000

    run(scenario, files)


def test_a_store_that_is_closing_takes_nothing(run: Callable[..., None]) -> None:
    async def scenario(store: Store) -> None:
        await store.blobs._packs.close()
        with pytest.raises(ServiceUnavailable):
            await store.put("k", bytes(1000))
        await store.sequencer.stop()
        with pytest.raises(LogUnavailable):
            await store.append("k", Manifest("inline"))

    run(scenario)
