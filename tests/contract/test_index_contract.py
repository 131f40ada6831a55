"""The contract of the index, run on every engine. A new engine joins by a factory in `index_engines`."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from index.contract import (
    FIRST_PLACE,
    ClearHead,
    IdentityPlace,
    KeyWant,
    ListEntry,
    PendingFacts,
    PutBucket,
    PutConfiguration,
    PutEpoch,
    PutIdentity,
    PutPart,
    PutUpload,
    PutUsage,
    PutVersion,
    RemoveBucket,
    RemoveConfiguration,
    RemoveUpload,
    RemoveVersion,
    SetHead,
)
from schemas.events import OBJECT_VERSIONS, POLICIES
from schemas.ids import version_id
from schemas.manifest import Extent, Manifest, PartInfo
from schemas.rows import (
    Attributes,
    Bucket,
    BucketEpoch,
    Checksum,
    Configuration,
    Configured,
    Identity,
    ObjectVersion,
    Part,
    Upload,
    Usage,
)
from tests.cluster.keyspaces import fresh_keyspace
from tests.cluster.services import Cassandra
from tests.contract.index_engines import CassandraEngines, Engine, Factory, sqlite_engine

BUCKET = b"b" * 16
OTHER = b"c" * 16

# In order of their UTF-8 bytes: control characters, prefixes of each other, every plane of Unicode.
KEYS = sorted(
    [
        "\0", "\0\0", "\x01", "\t", "\n", " ", "%2F", "'; DROP TABLE objects; --", "..", "../x", "/", "//",
        "a", "a\0", "a\0b", "a ", "a/", "a//", "a/b", "a/b/", "a/b/c", "ab", "b", "\x7f", "\x80", "é",
        "e\u0301",
        "ÿ", "߿", "ࠀ", "ｚ", "\ud7ff", "\ue000", "\uffff", "\U00010000", "😀", "😀/a", "\U0010ffff",
        "z" * 1024,
    ],
    key=str.encode,
)  # fmt: skip


@pytest.fixture(scope="module")
def cassandra_engines(cassandra: Cassandra) -> Iterator[CassandraEngines]:
    with fresh_keyspace(cassandra) as connection:
        yield CassandraEngines(connection)


@pytest.fixture(params=["sqlite", pytest.param("cassandra", marks=pytest.mark.cluster)])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., None]:
    """Runs a coroutine function with a fresh engine, or with the data that a folder holds."""
    make: Factory = sqlite_engine
    if request.param == "cassandra":
        make = request.getfixturevalue("cassandra_engines").open

    def runner(body: Callable[[Engine], Awaitable[None]], folder: Path = tmp_path) -> None:
        async def main() -> None:
            async with make(folder) as engine:
                await body(engine)

        asyncio.run(main())

    return runner


def version(
    key: str, rank: int, nonce: bytes | None = None, inline: bytes = b"", **changes: Any
) -> ObjectVersion:
    """A version as apply makes it: null, or with `nonce` one of a versioned bucket."""
    row = ObjectVersion(
        key=key,
        version="null" if nonce is None else version_id(rank, nonce),
        rank=rank,
        seq=rank + 7,
        created_at=1_700_000_000_000 + rank,
        owner_id="a" * 64,
        size=4096 + rank,
        etag=f"{rank:032x}",
        attributes=Attributes({"content-type": "text/plain"}, {"ключ": "значение"}, "STANDARD_IA"),
        checksum=Checksum("CRC64NVME", "AAAAAAAAAAA="),
        manifest=Manifest(
            "inline" if inline else "packed",
            (Extent(b"p" * 16, rank, 4200, 4096, "key-1", b"w" * 60),),
            (PartInfo(1, 4096, "abcd"),),
            inline,
        ),
    )
    return msgspec.structs.replace(row, **changes)


def bare(rows: list[ObjectVersion]) -> list[ObjectVersion]:
    """Rows without inline bytes, which listings may leave out."""
    return [
        msgspec.structs.replace(
            row, manifest=row.manifest and msgspec.structs.replace(row.manifest, inline=b"")
        )
        for row in rows
    ]


def marker(key: str, rank: int, nonce: bytes) -> ObjectVersion:
    return ObjectVersion(key, version_id(rank, nonce), rank, rank, rank, "a" * 64, delete_marker=True)


def bucket(name: str, **changes: Any) -> Bucket:
    row = Bucket(name.encode().ljust(16, b"."), name, "a" * 64, "eu-1", 1_700_000_000_000, 1, key_id="k1")
    return msgspec.structs.replace(row, **changes)


def upload(key: str, upload_id: str, **changes: Any) -> Upload:
    row = Upload(
        key, upload_id, 5, 6, "a" * 64, "b" * 64, Attributes({"expires": "0"}), "SHA256", "COMPOSITE"
    )
    return msgspec.structs.replace(row, **changes)


def part(number: int, seq: int = 1) -> Part:
    manifest = Manifest("file", (Extent(b"q" * 16, 0, 9, 5, "key-1", b"w" * 60),))
    return Part(number, 5 << 20, "e" * 32, 77, manifest, seq, Checksum("SHA256", "c2hh"))


async def put(engine: Engine, *changes: Any, at: int | None = None) -> None:
    engine.offset = engine.offset + 1 if at is None else at
    await engine.writer.write(0, changes)
    await engine.writer.commit(OBJECT_VERSIONS, 0, engine.offset, None)


async def applied(engine: Engine, topic: str, partition: int, offset: int) -> bool:
    """Whether readers come to know that position: at once, or a moment after the commit."""
    for _ in range(500):
        if await engine.reader.applied(topic, partition) == offset:
            return True
        await asyncio.sleep(0.01)
    return False


def head(row: ObjectVersion) -> list[Any]:
    return [PutVersion(BUCKET, row), SetHead(BUCKET, row)]


def test_a_new_index_is_empty(run: Any) -> None:
    async def body(engine: Engine) -> None:
        reader, writer = engine.reader, engine.writer
        assert await writer.position(OBJECT_VERSIONS, 0) == 0
        assert await reader.applied(OBJECT_VERSIONS, 0) == 0
        assert await reader.current(BUCKET, "k") is None
        assert await reader.newest(BUCKET, "k") is None
        assert await reader.version(BUCKET, "k", "null") is None
        assert await reader.version(BUCKET, "k", version_id(1, b"12345678")) is None
        assert await reader.list_current(BUCKET, "", True, None, 10) == []
        assert await reader.list_versions(BUCKET, "", None, None, 10) == []
        assert await reader.list_uploads(BUCKET, "", None, None, 10) == []
        assert await reader.parts("u", 0, 10) == []
        assert await reader.upload(BUCKET, "k", "u") is None
        assert await reader.bucket("b") is None
        assert await writer.bucket("b") is None
        assert await reader.buckets("", "", 10) == []
        assert await writer.epoch(0, BUCKET) is None
        assert not await reader.has_versions(BUCKET)
        assert await writer.pending_facts(OBJECT_VERSIONS, 0) == []
        assert (await writer.load([KeyWant(BUCKET, "k", "null", "u", 1)]))[0] == (None,) * 6
        assert [page async for page in reader.all_versions()] == []
        assert [page async for page in reader.all_parts()] == []

    run(body)


@pytest.mark.parametrize("inline", [b"", b"i" * 60, b"i" * 100, b"i" * 101, b"i" * 600])
def test_a_version_comes_back_whole(run: Any, inline: bytes) -> None:
    async def body(engine: Engine) -> None:
        row = version("k", 5, inline=inline)
        await put(engine, *head(row))
        assert await engine.reader.current(BUCKET, "k") == row
        assert await engine.reader.newest(BUCKET, "k") == row
        assert await engine.reader.version(BUCKET, "k", "null") == row
        assert bare(await engine.reader.list_versions(BUCKET, "", None, None, 9)) == bare([row])
        assert [page async for page in engine.reader.all_versions()] == [[(BUCKET, row)]]
        state = (await engine.writer.load([KeyWant(BUCKET, "k")]))[0]
        assert state.head == row == state.null
        assert await engine.reader.current(OTHER, "k") is None

    run(body)


@pytest.mark.parametrize("inline", [b"", b"i" * 60, b"i" * 600])
def test_a_version_is_written_again_in_place(run: Any, inline: bytes) -> None:
    """What is said about a version changes: its seq and rank stay, so neither tells the later row."""

    async def body(engine: Engine) -> None:
        old, new = version("k", 5, b"1" * 8, inline), version("k", 6, b"2" * 8, inline)
        await put(engine, *head(old))
        await put(engine, *head(new), PutVersion(BUCKET, msgspec.structs.replace(old, ended_seq=13)))
        assert await engine.reader.current(BUCKET, "k") == new  # and is remembered, where an engine does
        for tags in ({"a": "1"}, {"b": "2"}, {}):
            rows = []
            for row in (msgspec.structs.replace(old, ended_seq=13), new):
                attributes = msgspec.structs.replace(row.attributes, tags=tags)
                rows.append(msgspec.structs.replace(row, attributes=attributes, restored_until=len(tags)))
            await put(engine, PutVersion(BUCKET, rows[0]), *head(rows[1]))
            assert await engine.reader.current(BUCKET, "k") == rows[1]
            assert await engine.reader.newest(BUCKET, "k") == rows[1]
            assert await engine.reader.version(BUCKET, "k", old.version) == rows[0]
            assert bare(await engine.reader.list_versions(BUCKET, "", None, None, 9)) == bare(rows[::-1])
            state = (await engine.writer.load([KeyWant(BUCKET, "k", old.version)]))[0]
            assert (state.head, state.target) == (rows[1], rows[0])

    run(body)


def test_nothing_is_visible_before_commit_and_everything_after(run: Any) -> None:
    async def body(engine: Engine) -> None:
        reader, writer = engine.reader, engine.writer
        row = version("k", 5, inline=b"i" * 300)
        await writer.write(0, [*head(row), PutEpoch(BucketEpoch(BUCKET, 1, "enabled", "open"))])
        await writer.write(0, [PutBucket(bucket("photos")), PutUpload(BUCKET, upload("k", "u"))])
        await writer.write(0, [PutPart("u", part(1))])
        # The writer sees it all, a reader nothing.
        state = (await writer.load([KeyWant(BUCKET, "k", "null", "u", 1)]))[0]
        assert state == (row, row, row, None, upload("k", "u"), part(1))
        assert await writer.bucket("photos") == bucket("photos")
        assert await writer.epoch(0, BUCKET) == BucketEpoch(BUCKET, 1, "enabled", "open")
        assert await writer.epoch(1, BUCKET) is None
        assert await reader.current(BUCKET, "k") is None
        assert await reader.bucket("photos") is None
        assert await reader.upload(BUCKET, "k", "u") is None
        assert await reader.parts("u", 0, 9) == []
        assert await reader.applied(OBJECT_VERSIONS, 0) == 0
        facts = PendingFacts(0, 2, (b"f0", b"f1", b""))
        await writer.commit(OBJECT_VERSIONS, 0, 3, facts)
        assert await reader.current(BUCKET, "k") == row
        assert await reader.bucket("photos") == bucket("photos")
        assert await reader.upload(BUCKET, "k", "u") == upload("k", "u")
        assert await reader.parts("u", 0, 9) == [part(1)]
        assert await applied(engine, OBJECT_VERSIONS, 0, 3)
        assert await writer.position(OBJECT_VERSIONS, 0) == 3
        assert await writer.pending_facts(OBJECT_VERSIONS, 0) == [facts]

    run(body)


def test_rollback_forgets_the_batch(run: Any) -> None:
    async def body(engine: Engine) -> None:
        reader, writer = engine.reader, engine.writer
        kept = version("kept", 1)
        await put(engine, *head(kept), at=1)
        await writer.write(
            0,
            [*head(version("lost", 2)), RemoveVersion(BUCKET, "kept", 1, "null"), ClearHead(BUCKET, "kept")],
        )
        await writer.rollback()
        await writer.rollback()  # with nothing written it does nothing
        assert (await writer.load([KeyWant(BUCKET, "lost")]))[0].head is None
        await writer.commit(OBJECT_VERSIONS, 0, 2, None)
        assert await reader.current(BUCKET, "kept") == kept
        assert await reader.current(BUCKET, "lost") is None
        assert await applied(engine, OBJECT_VERSIONS, 0, 2)

    run(body)


def test_positions_and_facts_belong_to_a_partition(run: Any) -> None:
    async def body(engine: Engine) -> None:
        places = [(OBJECT_VERSIONS, 0), (OBJECT_VERSIONS, 1), (POLICIES, 0)]
        writers = {place: await engine.open_writer(*place) for place in places}
        for number, (place, writer) in enumerate(writers.items()):
            await writer.commit(*place, 10 + number, PendingFacts(number, 9 + number, (b"x%d" % number,)))
        for number, (place, writer) in enumerate(writers.items()):
            assert await writer.position(*place) == 10 + number
            pending = PendingFacts(number, 9 + number, (b"x%d" % number,))
            assert await writer.pending_facts(*place) == [pending]
        await writers[places[0]].trim_facts(*places[0], 1000)
        assert [len(await writers[place].pending_facts(*place)) for place in places] == [0, 1, 1]

    run(body)


def test_the_last_commit_time_outlives_its_facts(run: Any) -> None:
    async def body(engine: Engine) -> None:
        writer = engine.writer
        assert await writer.last_time(OBJECT_VERSIONS, 0) == 0
        await writer.commit(OBJECT_VERSIONS, 0, 2, PendingFacts(0, 1, (b"a", b"b"), 7_000, (b"r", b"s")))
        assert await writer.pending_facts(OBJECT_VERSIONS, 0) == [
            PendingFacts(0, 1, (b"a", b"b"), 7_000, (b"r", b"s"))
        ]
        await writer.trim_facts(OBJECT_VERSIONS, 0, 1)
        await writer.commit(OBJECT_VERSIONS, 0, 3, PendingFacts(2, 2, (b"c",), 7_001))
        assert await writer.last_time(OBJECT_VERSIONS, 0) == 7_001
        other = await engine.open_writer(OBJECT_VERSIONS, 1)
        assert await other.last_time(OBJECT_VERSIONS, 1) == 0

    run(body)


def test_facts_stay_until_trimmed_through_their_last_offset(run: Any) -> None:
    async def body(engine: Engine) -> None:
        writer = engine.writer
        batches = [
            PendingFacts(0, 4, (b"a",) * 5),
            PendingFacts(5, 5, (b"b",)),
            PendingFacts(6, 9, (b"c",) * 4),
        ]
        for batch in batches:
            await writer.commit(OBJECT_VERSIONS, 0, batch.last + 1, batch)
        assert await writer.pending_facts(OBJECT_VERSIONS, 0) == batches
        await writer.trim_facts(OBJECT_VERSIONS, 0, 3)
        assert await writer.pending_facts(OBJECT_VERSIONS, 0) == batches
        await writer.trim_facts(OBJECT_VERSIONS, 0, 5)
        await writer.trim_facts(OBJECT_VERSIONS, 0, 2)  # an older trim takes nothing back
        assert await writer.pending_facts(OBJECT_VERSIONS, 0) == batches[2:]
        await writer.commit(OBJECT_VERSIONS, 0, 11, None)
        assert await writer.pending_facts(OBJECT_VERSIONS, 0) == batches[2:]

    run(body)


def test_trimmed_facts_stay_trimmed_after_a_clean_close(run: Any) -> None:
    async def first(engine: Engine) -> None:
        await engine.writer.commit(OBJECT_VERSIONS, 0, 1, PendingFacts(0, 0, (b"a",)))
        await engine.writer.trim_facts(OBJECT_VERSIONS, 0, 0)

    async def second(engine: Engine) -> None:
        assert await engine.writer.pending_facts(OBJECT_VERSIONS, 0) == []
        assert await engine.writer.position(OBJECT_VERSIONS, 0) == 1

    run(first)
    run(second)


def test_key_state_holds_head_null_target_and_successor(run: Any) -> None:
    async def body(engine: Engine) -> None:
        null = version("k", 10, ended_seq=11, ended_at=11, inline=b"n" * 200)
        second = version("k", 20, b"22222222", ended_seq=21, ended_at=21)
        third = marker("k", 30, b"33333333")
        others = [version(key, 15, b"99999999") for key in ("j", "k\0", "ka")]
        rows = [null, second, third, *others]
        await put(engine, *[PutVersion(BUCKET, row) for row in rows], PutVersion(OTHER, version("k", 40)))
        wants = {
            None: (third, null, None, None),
            "null": (third, null, null, None),
            second.version: (third, null, second, null),
            third.version: (third, null, third, second),
            version_id(20, b"00000000"): (third, null, None, None),
            version_id(25, b"00000000"): (third, null, None, None),
            version_id((1 << 64) - 1, b"00000000"): (third, null, None, None),
            "nonsense": (third, null, None, None),
        }
        states = await engine.writer.load([KeyWant(BUCKET, "k", named) for named in wants])
        assert [state[:4] for state in states] == list(wants.values())
        for row in (null, second, third):
            assert await engine.reader.version(BUCKET, "k", row.version) == row
        for absent in (version_id(20, b"00000000"), version_id((1 << 64) - 1, b"0" * 8), "nonsense", ""):
            assert await engine.reader.version(BUCKET, "k", absent) is None
        assert await engine.reader.newest(BUCKET, "k") == third
        assert await engine.reader.current(BUCKET, "k") is None

    run(body)


def test_the_null_version_is_found_under_newer_ones_and_after_promotion(run: Any) -> None:
    async def body(engine: Engine) -> None:
        writer, reader = engine.writer, engine.reader
        null = version("k", 10)
        newer = version("k", 20, b"22222222")
        await put(engine, *head(null))
        ended = msgspec.structs.replace(null, ended_seq=9, ended_at=9)
        await put(engine, *head(newer), PutVersion(BUCKET, ended))
        assert (await writer.load([KeyWant(BUCKET, "k")]))[0].null == ended
        assert await reader.version(BUCKET, "k", "null") == ended
        # The newer one is removed for good: the null version is the head again.
        await put(engine, RemoveVersion(BUCKET, "k", 20, newer.version), *head(null))
        assert await reader.version(BUCKET, "k", "null") == null == await reader.current(BUCKET, "k")
        assert await reader.version(BUCKET, "k", newer.version) is None
        await put(engine, RemoveVersion(BUCKET, "k", 10, "null"), ClearHead(BUCKET, "k"))
        assert await reader.version(BUCKET, "k", "null") is None
        assert not await reader.has_versions(BUCKET)

    run(body)


def test_changes_of_one_write_take_effect_in_order(run: Any) -> None:
    async def body(engine: Engine) -> None:
        first, second = version("k", 1), version("k", 1, size=99, inline=b"i" * 200)
        await put(
            engine, *head(first),
            RemoveVersion(BUCKET, "k", 1, "null"), ClearHead(BUCKET, "k"), *head(second),
            PutVersion(BUCKET, version("gone", 3)), RemoveVersion(BUCKET, "gone", 3, "null"),
            PutUpload(BUCKET, upload("k", "u")), PutPart("u", part(1)), RemoveUpload(BUCKET, "k", "u"),
            PutUpload(BUCKET, upload("k", "v")), PutPart("v", part(1)), PutPart("v", part(1, seq=2)),
            PutUpload(BUCKET, upload("k", "w")), PutPart("w", part(1)), RemoveUpload(BUCKET, "k", "w"),
            PutUpload(BUCKET, upload("k", "w")), PutPart("w", part(2)),
        )  # fmt: skip
        reader = engine.reader
        assert await reader.current(BUCKET, "k") == second == await reader.newest(BUCKET, "k")
        assert await reader.newest(BUCKET, "gone") is None
        assert await reader.upload(BUCKET, "k", "u") is None
        assert await reader.parts("u", 0, 9) == []
        assert await reader.upload(BUCKET, "k", "v") == upload("k", "v")
        assert await reader.parts("v", 0, 9) == [part(1, seq=2)]
        assert await reader.upload(BUCKET, "k", "w") == upload("k", "w")
        assert await reader.parts("w", 0, 9) == [part(2)]

    run(body)


def test_writing_the_same_batch_again_changes_nothing(run: Any) -> None:
    async def body(engine: Engine) -> None:
        row = version("k", 7, inline=b"i" * 300)
        changes = [
            *head(row),
            PutUpload(BUCKET, upload("k", "u")),
            PutPart("u", part(3)),
            PutBucket(bucket("bb")),
        ]
        for _ in range(2):
            await put(engine, *changes)
        assert bare(await engine.reader.list_versions(BUCKET, "", None, None, 9)) == bare([row])
        assert len(await engine.reader.list_current(BUCKET, "", True, None, 9)) == 1
        assert await engine.reader.parts("u", 0, 9) == [part(3)]
        assert await engine.reader.buckets("", "", 9) == [bucket("bb")]

    run(body)


def test_removing_what_is_not_there_is_harmless(run: Any) -> None:
    async def body(engine: Engine) -> None:
        await put(
            engine, RemoveVersion(BUCKET, "k", 1, "null"), ClearHead(BUCKET, "k"),
            RemoveUpload(BUCKET, "k", "u"),
            RemoveBucket(bucket("none")), PutEpoch(BucketEpoch(BUCKET, 1, "enabled", "deleted")),
        )  # fmt: skip
        assert await applied(engine, OBJECT_VERSIONS, 0, 1)

    run(body)


def entry(row: ObjectVersion) -> ListEntry:
    assert row.checksum is not None
    return ListEntry(
        row.key, row.size, row.etag, row.created_at, row.attributes.storage_class, row.owner_id,
        row.checksum.algorithm, row.checksum.type,
    )  # fmt: skip


@pytest.mark.parametrize("limit", [1, 2, 7, 1000])
def test_listings_page_through_every_key_in_byte_order(run: Any, limit: int) -> None:
    async def body(engine: Engine) -> None:
        rows = {key: version(key, 1) for key in KEYS}
        shuffled = sorted(KEYS, key=lambda key: key[::-1])
        await put(engine, *[change for key in shuffled for change in head(rows[key])])
        await put(engine, SetHead(OTHER, version("intruder", 1)), PutVersion(OTHER, version("intruder", 1)))
        joined: list[ListEntry] = []
        start, inclusive = "", True
        while page := await engine.reader.list_current(BUCKET, start, inclusive, None, limit):
            assert len(page) <= limit
            joined += page
            start, inclusive = page[-1].key, False
        assert joined == [entry(rows[key]) for key in KEYS]
        versions: list[ObjectVersion] = []
        start, below = "", None
        while found := await engine.reader.list_versions(BUCKET, start, below, None, limit):
            versions += found
            start, below = found[-1].key, found[-1].rank
        assert [row.key for row in versions] == KEYS

    run(body)


def test_listings_keep_to_their_bounds(run: Any) -> None:
    async def body(engine: Engine) -> None:
        await put(engine, *[change for key in KEYS for change in head(version(key, 1))])
        for start in KEYS[::3]:
            for stop in (*KEYS[::4], None):
                for inclusive in (True, False):
                    found = await engine.reader.list_current(BUCKET, start, inclusive, stop, 1000)
                    low = KEYS.index(start) + (not inclusive)
                    high = len(KEYS) if stop is None else KEYS.index(stop)
                    assert [e.key for e in found] == KEYS[low:high]
        assert await engine.reader.list_current(BUCKET, "", True, None, 0) == []

    run(body)


def test_versions_are_listed_newest_first_and_below_a_rank(run: Any) -> None:
    async def body(engine: Engine) -> None:
        rows = [version(key, rank, b"12345678") for key in ("a", "a\0", "b") for rank in (3, 2, 1)]
        await put(engine, *[PutVersion(BUCKET, row) for row in reversed(rows)])
        listed = engine.reader.list_versions
        assert await listed(BUCKET, "", None, None, 100) == rows
        assert await listed(BUCKET, "a", None, None, 100) == rows
        assert await listed(BUCKET, "a", 3, None, 100) == rows[1:]
        assert await listed(BUCKET, "a", 2, None, 2) == rows[2:4]
        assert await listed(BUCKET, "a", 1, None, 100) == rows[3:]
        assert await listed(BUCKET, "a", 0, None, 100) == rows[3:]
        assert await listed(BUCKET, "a\0", 2, "b", 100) == rows[5:6]
        assert await listed(BUCKET, "a", None, "a", 100) == []
        assert await listed(BUCKET, "a", 3, "a", 100) == []
        assert await listed(BUCKET, "b", 0, None, 100) == []

    run(body)


@pytest.mark.parametrize("batch", [1, 3, 1000])
def test_every_version_and_part_is_walked(run: Any, batch: int) -> None:
    async def body(engine: Engine) -> None:
        rows = [
            (bucket_id, version(key, rank, b"12345678", b"i" * 150 if rank == 2 else b""))
            for bucket_id in (b"\0" * 16, BUCKET, OTHER)
            for key in KEYS[:9]
            for rank in (2, 1)
        ]
        await put(engine, *[PutVersion(*row) for row in rows])
        await put(engine, *[PutPart(upload_id, part(n)) for upload_id in ("u", "v") for n in (1, 2, 3)])
        walked = [row async for page in engine.reader.all_versions(batch) for row in page]
        assert sorted(walked, key=lambda row: (row[0], row[1].key, -row[1].rank)) == rows
        parts = [row async for page in engine.reader.all_parts(batch) for row in page]
        assert parts == [part(n) for _ in "uv" for n in (1, 2, 3)]

    run(body)


def test_uploads_are_listed_by_key_and_id(run: Any) -> None:
    async def body(engine: Engine) -> None:
        rows = [upload(key, upload_id) for key in KEYS for upload_id in ("00", "01", "ff")]
        await put(
            engine, *[PutUpload(BUCKET, row) for row in reversed(rows)], PutUpload(OTHER, upload("k", "1"))
        )
        joined: list[Upload] = []
        start, after = "", None
        while page := await engine.reader.list_uploads(BUCKET, start, after, None, 4):
            joined += page
            start, after = page[-1].key, page[-1].upload_id
        assert joined == rows
        listed = engine.reader.list_uploads
        first = [row for row in rows if row.key == "a"]
        assert await listed(BUCKET, "a", None, "a\0", 9) == first
        assert await listed(BUCKET, "a", "00", "a\0", 9) == first[1:]
        assert await listed(BUCKET, "a", "00", "a", 9) == []
        changed = msgspec.structs.replace(first[0], part_seq=44)
        await put(engine, PutUpload(BUCKET, changed))
        assert await engine.reader.upload(BUCKET, "a", "00") == changed

    run(body)


def test_parts_are_listed_by_number_and_go_with_their_upload(run: Any) -> None:
    async def body(engine: Engine) -> None:
        numbers = [1, 2, 9, 10, 100, 9999, 10000]
        await put(engine, PutUpload(BUCKET, upload("k", "u")), PutUpload(BUCKET, upload("k", "v")))
        await put(engine, *[PutPart("u", part(n)) for n in reversed(numbers)], PutPart("v", part(5)))
        assert [p.number for p in await engine.reader.parts("u", 0, 1000)] == numbers
        assert [p.number for p in await engine.reader.parts("u", 2, 3)] == [9, 10, 100]
        assert await engine.reader.parts("u", 10000, 3) == []
        await put(engine, RemoveUpload(BUCKET, "k", "u"))
        assert await engine.reader.upload(BUCKET, "k", "u") is None
        assert await engine.reader.parts("u", 0, 1000) == []
        assert await engine.reader.parts("v", 0, 1000) == [part(5)]

    run(body)


def test_buckets_by_name(run: Any) -> None:
    async def body(engine: Engine) -> None:
        reader = engine.reader
        names = ["a", "alpha", "alpha-2", "alpha.3", "beta", "zz"]
        await put(engine, *[PutBucket(bucket(name)) for name in reversed(names)])
        assert [row.name for row in await reader.buckets("", "", 100)] == names
        assert [row.name for row in await reader.buckets("alpha", "", 100)] == names[1:4]
        assert [row.name for row in await reader.buckets("alpha", "alpha", 1)] == ["alpha-2"]
        assert [row.name for row in await reader.buckets("", "alpha.3", 100)] == names[4:]
        assert await reader.buckets("nothing", "", 100) == []
        fenced = bucket("beta", status="fenced", epoch=2, versioning="suspended")
        await put(engine, PutBucket(fenced))
        assert await reader.bucket("beta") == fenced == await engine.writer.bucket("beta")
        await put(engine, RemoveBucket(bucket("beta", bucket_id=OTHER)))  # another bucket of that name
        assert await reader.bucket("beta") == fenced
        await put(engine, RemoveBucket(fenced))
        assert await reader.bucket("beta") is None

    run(body)


def test_usage_is_of_a_partition_and_read_as_a_whole(run: Any) -> None:
    async def body(engine: Engine) -> None:
        writer, reader = engine.writer, engine.reader
        other = await engine.open_writer(OBJECT_VERSIONS, 7)
        assert await writer.usage(0, BUCKET) == await reader.usage(BUCKET) == Usage()
        await writer.write(0, [PutUsage(BUCKET, Usage(10, 1, 2)), PutUsage(OTHER, Usage(5, 1, 1))])
        assert await writer.usage(0, BUCKET) == Usage(10, 1, 2)
        await writer.rollback()
        assert await writer.usage(0, BUCKET) == Usage()
        await writer.write(0, [PutUsage(BUCKET, Usage(10, 1, 2)), PutUsage(OTHER, Usage(5, 1, 1))])
        await writer.write(0, [PutUsage(BUCKET, Usage(20, 2, 3))])
        await writer.commit(OBJECT_VERSIONS, 0, 1, None)
        await other.write(7, [PutUsage(BUCKET, Usage(2**52, 1, 1))])
        await other.commit(OBJECT_VERSIONS, 7, 1, None)
        assert await reader.usage(BUCKET) == Usage(2**52 + 20, 3, 4)
        assert await reader.usage(OTHER) == Usage(5, 1, 1)
        assert await other.usage(7, BUCKET) == Usage(2**52, 1, 1)
        await writer.write(0, [PutUsage(BUCKET, Usage())])
        await writer.commit(OBJECT_VERSIONS, 0, 2, None)
        assert await writer.usage(0, BUCKET) == Usage()
        assert await reader.usage(BUCKET) == Usage(2**52, 1, 1)

    run(body)


def test_epochs_belong_to_a_partition(run: Any) -> None:
    async def body(engine: Engine) -> None:
        writer, other = engine.writer, await engine.open_writer(OBJECT_VERSIONS, 7)
        first = BucketEpoch(BUCKET, 1, "unversioned", "open")
        await writer.write(0, [PutEpoch(first)])
        await writer.commit(OBJECT_VERSIONS, 0, 1, None)
        await other.write(7, [PutEpoch(msgspec.structs.replace(first, epoch=2))])
        await other.commit(OBJECT_VERSIONS, 7, 1, None)
        assert await writer.epoch(0, BUCKET) == first
        assert await other.epoch(7, BUCKET) == msgspec.structs.replace(first, epoch=2)
        last = msgspec.structs.replace(first, epoch=3, status="deleted")
        await other.write(7, [PutEpoch(last)])
        assert await other.epoch(7, BUCKET) == last
        assert await other.epoch(0, BUCKET) == first

    run(body)


def test_a_crash_keeps_commits_and_drops_the_open_batch(run: Any, tmp_path: Path) -> None:
    left_behind: list[Path] = []

    async def body(engine: Engine) -> None:
        await put(engine, *head(version("old", 1)), at=4)
        await engine.writer.checkpoint()
        await put(engine, *head(version("new", 1)), at=5)
        await engine.writer.write(0, [*head(version("unfinished", 1)), ClearHead(BUCKET, "old")])
        left_behind.append(engine.crash(tmp_path / "crashed"))

    async def after(engine: Engine) -> None:
        assert await engine.writer.position(OBJECT_VERSIONS, 0) == 5
        listed = await engine.reader.list_current(BUCKET, "", True, None, 9)
        assert [e.key for e in listed] == ["new", "old"]
        assert await engine.reader.newest(BUCKET, "unfinished") is None
        await put(engine, *head(version("unfinished", 1)), at=6)
        assert await applied(engine, OBJECT_VERSIONS, 0, 6)

    home = tmp_path / "live"
    home.mkdir()
    run(body, home)
    run(after, *left_behind)


def test_readers_go_on_while_the_writer_checkpoints(run: Any) -> None:
    async def body(engine: Engine) -> None:
        for rank in range(1, 40):
            checkpoint = asyncio.create_task(engine.writer.checkpoint())  # type: ignore[arg-type]
            await put(
                engine, *head(version("k", rank)), RemoveVersion(BUCKET, "k", rank - 1, "null"), at=rank
            )
            found = await engine.reader.current(BUCKET, "k")
            assert found == version("k", rank)
            await checkpoint
        assert await engine.reader.list_versions(BUCKET, "", None, None, 9) == [version("k", 39)]

    run(body)


def test_configurations_of_a_bucket(run: Any) -> None:
    async def body(engine: Engine) -> None:
        reader, writer = engine.reader, engine.writer
        photos = bucket("photos", configurations={"cors": Configured(7, 1)})
        cors = Configuration("cors", "", 7, b"{}" * 50_000)
        reports = [Configuration("inventory", name, 8, name.encode()) for name in ("a", "b", "b.c", "ü")]
        await writer.write(0, [PutBucket(photos), PutConfiguration(photos.bucket_id, cors)])
        assert await writer.configuration(photos.bucket_id, "cors", "") == cors
        assert await reader.configuration(photos.bucket_id, "cors", "") is None
        await put(engine, *[PutConfiguration(photos.bucket_id, row) for row in reversed(reports)])
        assert await reader.bucket("photos") == photos
        assert await reader.configuration(photos.bucket_id, "cors", "") == cors
        assert await reader.configuration(photos.bucket_id, "cors", "x") is None
        assert await reader.configuration(OTHER, "cors", "") is None
        assert await reader.configurations(photos.bucket_id, "inventory", None, 9) == reports
        assert await reader.configurations(photos.bucket_id, "inventory", "a", 2) == reports[1:3]
        assert await reader.configurations(photos.bucket_id, "metrics", None, 9) == []

        newer = msgspec.structs.replace(cors, seq=9, document=b"[]")
        await put(
            engine, PutConfiguration(photos.bucket_id, newer),
            RemoveConfiguration(photos.bucket_id, "inventory", "b"),
            RemoveConfiguration(photos.bucket_id, "inventory", "b"),
        )  # fmt: skip
        assert await reader.configuration(photos.bucket_id, "cors", "") == newer
        left = await reader.configurations(photos.bucket_id, "inventory", None, 9)
        assert [row.identifier for row in left] == ["a", "b.c", "ü"]

        # They go with their bucket, and only with it.
        await put(engine, RemoveBucket(bucket("others")))
        assert await reader.configuration(photos.bucket_id, "cors", "") == newer
        await put(engine, RemoveBucket(photos))
        assert await reader.configuration(photos.bucket_id, "cors", "") is None
        assert await reader.configurations(photos.bucket_id, "inventory", None, 9) == []
        assert await writer.configuration(photos.bucket_id, "cors", "") is None

    run(body)


def test_identities_by_name_and_in_the_order_of_their_changes(run: Any) -> None:
    async def body(engine: Engine) -> None:
        reader, writer = engine.reader, engine.writer
        ann, ben = (Identity("1" * 12, "user", name, 5, 9, name.encode()) for name in ("ann", "ben"))
        other = Identity("2" * 12, "user", "ann", 3, 8, b"{}" * 50_000)
        await writer.write(0, [PutIdentity(ann), PutIdentity(ben), PutIdentity(other)])
        assert await writer.identity("1" * 12, "user", "ann") == ann
        assert await reader.identities(FIRST_PLACE, 9) == []
        await put(engine)
        assert await writer.identity("1" * 12, "user", "carl") is None
        assert await writer.identity("1" * 12, "group", "ann") is None
        assert await reader.identities(FIRST_PLACE, 9) == [other, ann, ben]
        assert await reader.identities(FIRST_PLACE, 2) == [other, ann]
        assert await reader.identities(IdentityPlace(5, "1" * 12, "user", "ann"), 9) == [ben]
        assert await reader.identities(IdentityPlace(5), 9) == [ann, ben]
        assert await reader.identities(IdentityPlace(6), 9) == []

        # A row has one place, that of its last change; a removed one stays to tell of it.
        twice = [msgspec.structs.replace(ann, seq=seq, document=b"%d" % seq) for seq in (6, 7)]
        gone = msgspec.structs.replace(other, seq=8, document=None)
        await put(engine, PutIdentity(twice[0], 5), PutIdentity(twice[1], 6), PutIdentity(gone, 3))
        assert await writer.identity("1" * 12, "user", "ann") == twice[1]
        assert await writer.identity("2" * 12, "user", "ann") == gone
        assert await reader.identities(FIRST_PLACE, 9) == [ben, twice[1], gone]

    run(body)
