"""Snapshots, verification and rebuild: a live index is proven, lost and made anew."""

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import processors.facts_publisher
from bus.contract import follow
from index.sqlite.digest import digest_index
from ingest.payload import Payload
from schemas.errors import ConfigurationError, IndexCorrupt, LogCorrupt, OffsetOutOfRange
from schemas.events import FACTS, OBJECT_VERSIONS, POLICIES
from schemas.facts import decode_fact
from schemas.rows import Attributes, Bucket
from strandline.data_dir import DataDir
from strandline.services import index_file
from strandline.snapshots import (
    DESCRIPTION,
    WORKSHOP,
    Snapshot,
    check_file,
    describe,
    keep_newest,
    read_snapshots,
    workshop,
)
from strandline.verification import open_log, rebuild, take_snapshot, verify
from tests.store import ORIGIN, Store, embedded_store

MIB = 1024 * 1024


@pytest.fixture
def data(tmp_path: Path) -> DataDir:
    found = DataDir(tmp_path / "data")
    found.create()
    return found


async def bucket_of(store: Store) -> Bucket:
    for bucket in await store.reader.buckets():
        return bucket
    return await store.producer.create_bucket("photos", "owner", ORIGIN)


async def fill(store: Store, count: int, start: int = 0, size: int = 100) -> None:
    """Objects, overwrites and deletes; metadata makes the events of a given size."""
    bucket = await bucket_of(store)
    attributes = Attributes(metadata={"filler": "x" * size})

    async def one(i: int) -> None:
        key = f"k{i % 97}"
        await store.producer.put_object(bucket, key, Payload(b"%d" % i, len(str(i))), attributes, ORIGIN)
        if i % 5 == 0:
            await store.producer.delete_object(bucket, key, ORIGIN)

    for first in range(start, start + count, 200):
        await asyncio.gather(*(one(i) for i in range(first, min(first + 200, start + count))))


def lose_index(data: DataDir) -> None:
    shutil.rmtree(data.index)
    data.create()


def content(data: DataDir) -> str:
    return digest_index(index_file(data)).digest


# --- snapshots -------------------------------------------------------------------------------------------
def test_a_snapshot_taken_while_writes_go_on_is_that_of_one_moment(data: DataDir) -> None:
    async def main() -> None:
        async with embedded_store(data.root) as store:
            await fill(store, 200)
            writing = asyncio.create_task(fill(store, 3000, 200))
            snapshots = []
            while not writing.done():
                snapshots.append(await take_snapshot(data))
                await asyncio.sleep(0.01)
            await writing
            assert len(snapshots) >= 2
            last = await take_snapshot(data)
            assert last.positions == await store.engine.applied()
            assert (await verify(data)).base == str(last.folder)
        assert (await verify(data)).equal

    asyncio.run(main())
    kept, problems = read_snapshots(data)
    assert (len(kept), problems) == (2, [])
    assert kept[-1].content == content(data)
    assert not list(data.snapshots.glob(f"{WORKSHOP}*"))


async def two_snapshots(data: DataDir, cut: bool = True) -> None:
    """A store whose log begins at the last snapshot but one, with writes after the last."""
    async with embedded_store(data.root) as store:
        for turn in range(3):
            await fill(store, 1200, turn * 1200, size=1500)
            if turn < 2:
                await take_snapshot(data)
        snapshots, _ = read_snapshots(data)
        if cut:
            for topic in (OBJECT_VERSIONS, POLICIES):
                await store.engine.drop_log(topic, snapshots[0].positions[topic])
            assert store.engine.logs[OBJECT_VERSIONS].start_offset > 0


def test_rebuild_from_snapshot_and_the_tail_of_the_log(data: DataDir) -> None:
    asyncio.run(two_snapshots(data))
    before = content(data)
    lose_index(data)

    async def main() -> None:
        # A start says what to do instead of serving an empty store.
        with pytest.raises(IndexCorrupt, match="strandline index rebuild"):
            async with embedded_store(data.root):
                pass
        base, events = await rebuild(data)
        assert base == str(read_snapshots(data)[0][-1].folder)
        assert 0 < events < 3000
        assert content(data) == before
        async with embedded_store(data.root) as store:
            bucket = await bucket_of(store)
            page = await store.reader.list_objects(bucket, "", "", "", 5)
            found = await store.reader.find(bucket, page.entries[0].key)
            assert await store.reader.read(found, 0, found.size)
            await fill(store, 50)
        assert (await verify(data)).equal

    asyncio.run(main())


def test_a_damaged_snapshot_gives_way_to_the_one_before_it(data: DataDir) -> None:
    asyncio.run(two_snapshots(data))
    before = content(data)
    older, newer = read_snapshots(data)[0]
    damage(newer)
    with pytest.raises(IndexCorrupt, match="damaged"):
        check_file(newer)
    lose_index(data)
    base, _ = asyncio.run(rebuild(data))
    assert base == str(older.folder)
    assert content(data) == before


@pytest.mark.parametrize("how", ["damaged", "deleted"])
def test_without_a_good_snapshot_a_cut_log_is_refused(data: DataDir, how: str) -> None:
    asyncio.run(two_snapshots(data))
    for snapshot in read_snapshots(data)[0]:
        damage(snapshot) if how == "damaged" else shutil.rmtree(snapshot.folder)
    before = content(data)
    with pytest.raises(OffsetOutOfRange, match="what was before is lost") as raised:
        asyncio.run(rebuild(data))
    assert ("damaged" if how == "damaged" else "there is no snapshot") in raised.value.message
    assert content(data) == before  # the old index is still there
    assert not list(data.snapshots.glob(f"{WORKSHOP}*"))


def damage(snapshot: Snapshot) -> None:
    with snapshot.index.open("r+b") as file:
        file.seek(5000)
        byte = file.read(1)
        file.seek(5000)
        file.write(bytes([byte[0] ^ 1]))


def test_a_snapshot_is_not_made_of_a_live_index_that_differs(data: DataDir) -> None:
    async def main() -> None:
        async with embedded_store(data.root) as store:
            await fill(store, 20)
        with closing(sqlite3.connect(index_file(data))) as index:
            index.execute("DELETE FROM objects WHERE key = 'k1'")
            index.commit()
        with pytest.raises(IndexCorrupt, match=r"no snapshot was made: objects .*k1.* only in the second"):
            await take_snapshot(data)

    asyncio.run(main())
    assert read_snapshots(data) == ([], [])


def test_every_changed_byte_of_a_description_is_noticed(data: DataDir) -> None:
    asyncio.run(two_snapshots(data, cut=False))
    older, newer = read_snapshots(data)[0]
    path = newer.folder / DESCRIPTION
    whole = path.read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(changed)
        found, problems = read_snapshots(data)
        # White space between the fields says nothing.
        assert (
            found == [older, newer] if json.loads(whole) == _json(changed) else found == [older] and problems
        )
    path.write_bytes(whole)
    assert read_snapshots(data) == ([older, newer], [])


def _json(text: bytearray) -> object:
    try:
        return json.loads(bytes(text))
    except ValueError:
        return None


def test_what_an_attempt_left_behind_is_no_snapshot_and_goes(data: DataDir) -> None:
    leftover = data.snapshots / f"{WORKSHOP}12345"
    leftover.mkdir()
    (leftover / DESCRIPTION).write_text(describe({OBJECT_VERSIONS: 9, POLICIES: 9}, "c", "s"))
    assert read_snapshots(data) == ([], [])
    with workshop(data) as busy:
        keep_newest(data, 2)
        assert busy.exists()
        assert not leftover.exists()
    assert not busy.exists()


# --- verification ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("statement", "table", "kind"),
    [
        ("UPDATE objects SET size = size + 1 WHERE key = 'k1'", "objects", "differs"),
        ("DELETE FROM objects WHERE key = 'k2'", "objects", "only in the second"),
        ("DELETE FROM current WHERE key = 'k3'", "current", "only in the second"),
        ("UPDATE current SET etag = 'x' WHERE key = 'k3'", "current", "differs"),
        ("UPDATE buckets SET owner_id = 'thief'", "buckets", "differs"),
        (
            "INSERT INTO objects SELECT bucket_id, 'zz', rank, version, seq, size, created_at, ended_seq, "
            "ended_at, record FROM objects WHERE key = 'k1'",
            "objects",
            "only in the first",
        ),
    ],
)
def test_a_row_tampered_with_is_found(data: DataDir, statement: str, table: str, kind: str) -> None:
    async def main() -> None:
        async with embedded_store(data.root) as store:
            await fill(store, 20)
        assert (await verify(data)).equal
        with closing(sqlite3.connect(index_file(data))) as index:
            assert index.execute(statement).rowcount > 0
            index.commit()
        found = await verify(data)
        assert not found.equal
        assert (table, kind) in [(d.table, d.kind) for d in found.differences]
        await rebuild(data)
        assert (await verify(data)).equal

    asyncio.run(main())


def test_a_row_copied_from_elsewhere_with_its_checksum_is_found(data: DataDir) -> None:
    """Old rows of another index check by themselves: only the replay tells."""

    async def main() -> None:
        async with embedded_store(data.root) as store:
            await fill(store, 1, start=1)
        with closing(sqlite3.connect(index_file(data))) as index:
            old = index.execute("SELECT * FROM objects WHERE key = 'k1'").fetchone()
        async with embedded_store(data.root) as store:
            await fill(store, 1, start=98)  # overwrites k1
        with closing(sqlite3.connect(index_file(data))) as index:
            index.execute("DELETE FROM objects WHERE key = 'k1'")
            index.execute(f"INSERT INTO objects VALUES ({', '.join('?' * len(old))})", old)
            index.commit()
        found = await verify(data)
        assert not found.equal
        assert not found.damage
        assert {d.table for d in found.differences} == {"objects"}

    asyncio.run(main())


def test_verify_without_an_index_says_so(data: DataDir) -> None:
    async def main() -> None:
        async with embedded_store(data.root) as store:
            await fill(store, 1)
        lose_index(data)
        with pytest.raises(ConfigurationError, match="there is no index"):
            await verify(data)

    asyncio.run(main())


# --- rebuild ---------------------------------------------------------------------------------------------
def test_a_lost_index_is_made_anew_by_the_start_itself_where_the_log_is_whole(data: DataDir) -> None:
    async def main() -> None:
        async with embedded_store(data.root) as store:
            await fill(store, 300)
        before = content(data)
        lose_index(data)
        async with embedded_store(data.root) as store:
            assert any("applied again from the log" in line for line in store.engine.recovery)
        assert content(data) == before

    asyncio.run(main())


def test_rebuild_refuses_to_forget(data: DataDir) -> None:
    """A log that is missing, or ends before the index, must not become a smaller index."""

    async def main() -> None:
        async with embedded_store(data.root) as store:
            await fill(store, 50)
        before = content(data)
        objects = data.log / OBJECT_VERSIONS
        objects.rename(data.root / "aside")
        with pytest.raises(OffsetOutOfRange, match="there is no log here"):
            await rebuild(data)
        assert not objects.exists()
        (data.root / "aside").rename(objects)
        (segment,) = objects.rglob("*.log")
        whole = segment.read_bytes()
        segment.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(LogCorrupt, match="was durable"):
            await rebuild(data)
        assert content(data) == before
        segment.write_bytes(whole)
        await rebuild(data)
        assert content(data) == before

    asyncio.run(main())


@pytest.mark.parametrize("snapshot", [False, True])
def test_facts_not_yet_published_survive_a_rebuild(
    data: DataDir, monkeypatch: pytest.MonkeyPatch, snapshot: bool
) -> None:
    """Also those of events that are only in a snapshot any more."""
    monkeypatch.setattr(processors.facts_publisher, "SYNC_SECONDS", 3600.0)

    async def main() -> None:
        async with embedded_store(data.root) as store:
            await fill(store, 100)
            if snapshot:
                await take_snapshot(data)
            await fill(store, 100, 100)
            events = await store.engine.applied()
            # As after a power cut that took the whole unsynced facts log, and the index.
            (segment,) = (data.log / FACTS).rglob("0*.log")
            lost = segment.read_bytes()[:40]
        segment.write_bytes(lost)
        lose_index(data)
        base, _ = await rebuild(data)
        assert base.startswith(str(data.snapshots)) == snapshot
        async with embedded_store(data.root) as store:
            seqs = {decode_fact(record.payload).seq for record in follow(store.engine.logs[FACTS], 0)}
            assert len(seqs) == sum(events.values())
        assert open_log(data, FACTS).end_offset == len(seqs)

    asyncio.run(main())
