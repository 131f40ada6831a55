"""References: a model decides who still needs an extent, and the bytes must agree with it."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from access.keyring import KeyRing
from blobs.local import LocalBlobs
from blobs.scrub import scrub
from schemas.errors import BlobCorrupt, BlobMissing, ServiceUnavailable, StrandlineError
from schemas.ids import uuid7
from schemas.manifest import Manifest


class Copies(RuleBasedStateMachine):
    """Objects are put, copied and freed in any order: bytes live exactly as long as somebody holds them."""

    manifests = Bundle("manifests")
    freed = Bundle("freed")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.root = Path(os.environ["PYTEST_BLOBS"]) / os.urandom(8).hex()
        self.ring = KeyRing(self.root / "keys")
        self.key = self.ring.new_bucket_key()
        self.blobs = LocalBlobs(
            self.root, self.ring, inline_limit=10, pack_limit=3000, ahead=4096, fsync=False
        )
        self.runner.run(self.blobs.start())
        self.live: dict[Manifest, bytes] = {}

    @rule(target=manifests, size=st.sampled_from([0, 5, 100, 2000, 5000]))
    def put(self, size: int) -> Manifest:
        data = os.urandom(size)
        manifest = self.runner.run(self.blobs.put(self.key, data))
        self.live[manifest] = data
        return manifest

    @rule(target=manifests, source=manifests)
    def copy(self, source: Manifest) -> Manifest:
        copied = self.runner.run(self.blobs.share(self.key, source, os.urandom(16)))
        self.live[copied] = self.live.get(source, b"")
        return copied

    @rule(target=freed, manifest=consumes(manifests))
    def free(self, manifest: Manifest) -> Manifest:
        self.runner.run(self.blobs.free(manifest))
        self.live.pop(manifest, None)
        return manifest

    @rule(manifest=freed)
    def free_again(self, manifest: Manifest) -> None:
        assert manifest in self.live or self.runner.run(self.blobs.free(manifest)) == 0

    @rule(manifest=freed)
    def copy_what_was_freed(self, manifest: Manifest) -> None:
        needed = {extent.blob + bytes([extent.offset % 251]) for m in self.live for extent in m.extents}
        if any(extent.blob + bytes([extent.offset % 251]) in needed for extent in manifest.extents):
            return
        if any(extent.blob for extent in manifest.extents):
            with pytest.raises(BlobMissing):
                self.runner.run(self.blobs.share(self.key, manifest, os.urandom(16)))

    @rule()
    def reopen(self) -> None:
        self.runner.run(self.blobs.close())
        self.blobs = LocalBlobs(
            self.root, self.ring, inline_limit=10, pack_limit=3000, ahead=4096, fsync=False
        )
        self.runner.run(self.blobs.start())

    @invariant()
    def everything_live_reads_back(self) -> None:
        for manifest, data in self.live.items():
            assert self.runner.run(self.blobs.read(manifest, 0, len(data))) == data

    def teardown(self) -> None:
        assert list(scrub(self.root)) == []
        for manifest in list(self.live):
            self.runner.run(self.blobs.free(manifest))
        self.runner.run(self.blobs.close())
        left = [path for _, path in self.blobs._places.all_blob_files()]
        assert left == []
        self.runner.close()


@pytest.fixture(autouse=True)
def _root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_BLOBS", str(tmp_path))


class TestCopies(Copies.TestCase):  # type: ignore[name-defined,misc]
    settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


def run(root: Path, scenario: Callable[[LocalBlobs, str], object], **options: object) -> None:
    async def main() -> None:
        ring = KeyRing(root / "keys")
        blobs = LocalBlobs(root, ring, ahead=64 * 1024, **options)  # type: ignore[arg-type]
        await blobs.start()
        try:
            await scenario(blobs, ring.new_bucket_key())  # type: ignore[misc]
        finally:
            await blobs.close()

    asyncio.run(main())


async def listing(*manifests: Manifest) -> AsyncIterator[list[Manifest]]:
    for manifest in manifests:
        yield [manifest]


FAR = 1 << 47  # a moment after everything


def test_sweep_frees_what_nothing_names(tmp_path: Path) -> None:
    kept: list[tuple[Manifest, bytes]] = []
    lost: list[Manifest] = []

    async def write(blobs: LocalBlobs, key: str) -> None:
        for number, size in enumerate([600, 5000, 600, 20_000, 2_000_000, 3_000_000]):
            data = os.urandom(size)
            manifest = await blobs.put(key, data)
            if number % 2:
                kept.append((manifest, data))
            else:
                lost.append(manifest)
        writer = blobs.writer(key)  # a process that dies while it streams
        await writer.write(bytes(3_000_000))
        await asyncio.wait((writer._slices._running,))  # type: ignore[arg-type]
        os.close(writer._fd)

    async def sweep(blobs: LocalBlobs, key: str) -> None:
        live = [manifest for manifest, _ in kept]
        assert (await blobs.sweep(listing(*live), 0)).freed == 0
        freed = (await blobs.sweep(listing(*live), FAR)).freed
        assert freed > 600 + 600 + 2_000_000 + 1_500_000
        assert (await blobs.sweep(listing(*live), FAR)).freed == 0
        for manifest, data in kept:
            assert await blobs.read(manifest, 0, len(data)) == data
        for manifest in lost:
            with pytest.raises(BlobMissing):
                await blobs.share(key, manifest, os.urandom(16))

    run(tmp_path, write)
    run(tmp_path, sweep)
    assert list(scrub(tmp_path)) == []


def test_sweep_spares_a_copy_under_way(tmp_path: Path) -> None:
    """A reference recorded since `before`: its event may still be on its way."""
    clock = [1000.0]

    async def scenario(blobs: LocalBlobs, key: str) -> None:
        source = await blobs.put(key, bytes(2_000_000))
        clock[0] = 2000.0
        copied = await blobs.share(key, source, os.urandom(16))
        await blobs.free(source)
        assert (await blobs.sweep(listing(), 1_500_000)).freed == 0
        assert await blobs.read(copied, 0, 2_000_000) == bytes(2_000_000)
        assert (await blobs.sweep(listing(), 2_500_000)).freed > 2_000_000

    run(tmp_path, scenario, new_id=lambda: uuid7(now=lambda: clock[0]))


def test_spilled_manifests(tmp_path: Path) -> None:
    """Too long for an event: stored as a blob, expanded, shared and freed with all its extents."""

    async def scenario(blobs: LocalBlobs, key: str) -> None:
        pieces = [await blobs.put(key, os.urandom(600)) for _ in range(800)]
        whole = Manifest("file", tuple(extent for piece in pieces for extent in piece.extents))
        data = await blobs.read(whole, 0, 480_000)
        small = Manifest("file", whole.extents[:100])
        assert await blobs.spill(key, small) is small
        spilled = await blobs.spill(key, whole)
        assert spilled.extents == ()
        assert await blobs.expand(spilled) == whole
        assert await blobs.read(spilled, 1000, 2000) == data[1000:3000]
        assert b"".join([chunk async for chunk in blobs.stream(spilled, 0, 480_000)]) == data
        shared = await blobs.share(key, spilled, os.urandom(16))
        assert shared.spill is not None
        assert await blobs.free(spilled) > 0
        assert await blobs.free(spilled) == 0
        assert await blobs.read(shared, 0, 480_000) == data
        assert (await blobs.sweep(listing(shared), FAR)).freed == 0
        assert await blobs.free(shared) > 480_000
        assert await blobs.free(shared) == 0
        with pytest.raises(StrandlineError):
            await blobs.read(shared, 0, 480_000)

    run(tmp_path, scenario)


def test_pages_of_freed_extents_go_back_to_the_file_system(tmp_path: Path) -> None:
    kept: list[tuple[Manifest, bytes]] = []
    rest: list[Manifest] = []

    async def fill(blobs: LocalBlobs, key: str) -> None:
        for number in range(200):
            data = os.urandom(5000)
            manifest = await blobs.put(key, data)
            if number % 100 == 50:
                kept.append((manifest, data))
            else:
                rest.append(manifest)

    async def free(blobs: LocalBlobs, key: str) -> None:
        path = blobs._places.of(rest[0].extents[0])
        before = os.stat(path).st_blocks
        assert await blobs.free_many(rest[:150]) == 150 * 5020
        assert await blobs.free_many(rest) == (len(rest) - 150) * 5020
        for manifest, data in kept:
            assert await blobs.read(manifest, 0, 5000) == data
        if blobs._freeing._punches:
            assert os.stat(path).st_blocks < before // 10
        assert list(scrub(tmp_path)) == []
        assert await blobs.free_many([manifest for manifest, _ in kept]) == 2 * 5020
        assert not os.path.exists(path)

    run(tmp_path, fill)
    run(tmp_path, free)


@pytest.mark.parametrize("column", ["holder = randomblob(16)", "made = made + 1"])
def test_nothing_is_freed_by_a_damaged_reference(tmp_path: Path, column: str) -> None:
    async def scenario() -> None:
        ring = KeyRing(tmp_path / "keys")
        blobs = LocalBlobs(tmp_path, ring, pack_limit=1000)
        await blobs.start()
        key = ring.new_bucket_key()
        original = await blobs.put(key, bytes(5000))
        copied = await blobs.share(key, original, os.urandom(16))
        with closing(sqlite3.connect(tmp_path / "references.sqlite")) as table, table:
            assert table.execute(f"UPDATE refs SET {column}").rowcount == 1
        for manifest in (original, copied):
            with pytest.raises(BlobCorrupt, match=r"references\.sqlite: damaged reference"):
                await blobs.free(manifest)
        assert await blobs.read(copied, 0, 5000) == bytes(5000)
        await blobs.close()

    asyncio.run(scenario())


def test_nothing_is_punched_out_by_a_damaged_row_of_a_freed_extent(tmp_path: Path) -> None:
    async def scenario() -> None:
        ring = KeyRing(tmp_path / "keys")
        blobs = LocalBlobs(tmp_path, ring, inline_limit=10, ahead=0)
        await blobs.start()
        key = ring.new_bucket_key()
        freed, neighbour, kept = [await blobs.put(key, os.urandom(2000)) for _ in range(3)]
        before = await blobs.read(kept, 0, 2000)
        await blobs.free(freed)
        with closing(sqlite3.connect(tmp_path / "references.sqlite")) as table, table:
            assert table.execute("UPDATE dead SET stored = stored + 20000").rowcount == 1
        with pytest.raises(BlobCorrupt, match="damaged row of freed extent"):
            await blobs.free(neighbour)
        assert await blobs.read(kept, 0, 2000) == before
        await blobs.close()

    asyncio.run(scenario())


def test_copies_at_once_share_a_sync(tmp_path: Path) -> None:
    """What waits while others are synced is one transaction; a source that is gone fails its own copy."""

    async def scenario(blobs: LocalBlobs, key: str) -> None:
        data = os.urandom(5000)
        source, gone = await blobs.put(key, data), await blobs.put(key, bytes(2_000_000))
        await blobs.free(gone)
        statements: list[str] = []
        blobs._references._db.set_trace_callback(statements.append)
        with closing(sqlite3.connect(tmp_path / "references.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")  # the first waits for it, and all others for the first
            first, lost, *others, given_up = [
                asyncio.ensure_future(blobs.share(key, manifest, os.urandom(16)))
                for manifest in (source, gone, *[source] * 40)
            ]
            await asyncio.sleep(0)  # each begins
            given_up.cancel()
            other.execute("COMMIT")
        copied = await asyncio.gather(first, *others)
        with pytest.raises(BlobMissing):
            await lost
        assert statements.count("COMMIT") == 2
        assert sum(statement.startswith("INSERT") for statement in statements) == len(copied)
        assert await blobs.free(source) == 0
        for manifest in copied[1:]:
            assert await blobs.free(manifest) == 0
        assert await blobs.read(copied[0], 0, 5000) == data
        assert await blobs.free(copied[0]) > 5000

    run(tmp_path, scenario)


def test_copies_that_cannot_be_recorded_all_fail(tmp_path: Path) -> None:
    async def scenario(blobs: LocalBlobs, key: str) -> None:
        source = await blobs.put(key, bytes(5000))
        with closing(sqlite3.connect(tmp_path / "references.sqlite")) as other:
            other.execute("ALTER TABLE refs RENAME TO away")
        shares = [blobs.share(key, source, os.urandom(16)) for _ in range(5)]
        outcomes = await asyncio.gather(*shares, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [ServiceUnavailable] * 5
        with closing(sqlite3.connect(tmp_path / "references.sqlite")) as other:
            other.execute("ALTER TABLE away RENAME TO refs")
        copied = await blobs.share(key, source, os.urandom(16))
        assert await blobs.free(source) == 0
        assert await blobs.read(copied, 0, 5000) == bytes(5000)

    run(tmp_path, scenario)


def test_what_was_accepted_is_recorded_before_the_store_closes(tmp_path: Path) -> None:
    async def scenario() -> None:
        ring = KeyRing(tmp_path / "keys")
        blobs = LocalBlobs(tmp_path, ring, ahead=0)
        await blobs.start()
        key = ring.new_bucket_key()
        source = await blobs.put(key, bytes(5000))
        shares = [asyncio.ensure_future(blobs.share(key, source, os.urandom(16))) for _ in range(5)]
        await asyncio.sleep(0)
        await blobs.close()
        assert len({manifest.holder for manifest in await asyncio.gather(*shares)}) == 5

    asyncio.run(scenario())
