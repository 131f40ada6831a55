"""The SQLite engine beyond the contract: full device, checkpoints, schema versions, listings as a law."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from disk.room import Room
from index.contract import ClearHead, KeyWant, PendingFacts, PutVersion, RemoveVersion, SetHead
from index.records import key_seed
from index.sqlite import connection as connections
from index.sqlite.reader import SqliteReader
from index.sqlite.rows import DETACH_BYTES, listing, listing_crc, open_version, seal_version
from index.sqlite.schema import SCHEMA_VERSION
from index.sqlite.writer import SqliteWriter
from schemas.errors import ConfigurationError, IndexCorrupt, StorageFull
from schemas.events import OBJECT_VERSIONS
from schemas.rows import ObjectVersion
from tests.contract.test_index_contract import BUCKET, bare, entry, head, version


def test_a_full_device_changes_nothing_and_the_index_goes_on(tmp_path: Path) -> None:
    async def body() -> None:
        writer = SqliteWriter(tmp_path / "index.db")
        reader = SqliteReader(tmp_path / "index.db")
        kept = version("kept", 1)
        await writer.write(0, head(kept))
        await writer.commit(OBJECT_VERSIONS, 0, 1, PendingFacts(0, 0, (b"f",)))
        pages = writer._connection.execute("PRAGMA page_count").fetchone()[0]
        writer._connection.execute(f"PRAGMA max_page_count = {pages}")
        batch: list[Any] = [change for n in range(500) for change in head(version(f"new-{n}", 1))]
        with pytest.raises(StorageFull, match=r"index\.db"):
            await writer.write(0, batch)
        await writer.rollback()
        with pytest.raises(StorageFull):
            await writer.commit(OBJECT_VERSIONS, 0, 2, PendingFacts(1, 1, (b"f" * 100_000,)))
        await writer.rollback()
        assert await writer.position(OBJECT_VERSIONS, 0) == 1
        assert [e.key for e in await reader.list_current(BUCKET, "", True, None, 9)] == ["kept"]
        writer._connection.execute("PRAGMA max_page_count = 1000000")
        await writer.write(0, batch)
        await writer.commit(OBJECT_VERSIONS, 0, 501, None)
        assert len(await reader.list_current(BUCKET, "", True, None, 1000)) == 501
        reader.close()
        await writer.close()

    asyncio.run(body())


def test_the_write_ahead_log_stays_bounded(tmp_path: Path) -> None:
    """A checkpoint starts by itself once the log is long, and batches go on meanwhile."""

    async def body() -> None:
        limit = 256 * 1024
        writer = SqliteWriter(tmp_path / "index.db", wal_limit=limit)
        for batch in range(60):
            rows = [version(f"key-{batch}-{n}", 1) for n in range(100)]
            await writer.write(0, [change for row in rows for change in head(row)])
            await writer.commit(OBJECT_VERSIONS, 0, batch + 1, None)
            if writer._background is not None:
                await asyncio.wait([writer._background])
            assert writer._checkpointer.wal_bytes() < 2 * limit
        assert await writer.position(OBJECT_VERSIONS, 0) == 60
        await writer.close()

    asyncio.run(body())


def test_batches_wait_for_a_truncation_and_then_go_on(tmp_path: Path) -> None:
    async def body() -> None:
        writer = SqliteWriter(tmp_path / "index.db", wal_limit=1)

        async def write(number: int) -> None:
            await writer.write(0, head(version(f"key-{number}", 1)))
            await writer.commit(OBJECT_VERSIONS, number, 1, None)

        await write(0)
        await asyncio.gather(writer.checkpoint(), *[write(number) for number in range(1, 30)])
        await writer.close()
        reader = SqliteReader(tmp_path / "index.db")
        assert len(await reader.list_current(BUCKET, "", True, None, 100)) == 30
        reader.close()

    asyncio.run(body())


def test_a_checkpoint_with_a_reader_in_the_way_still_makes_commits_durable(tmp_path: Path) -> None:
    async def body() -> None:
        writer = SqliteWriter(tmp_path / "index.db", wal_limit=1)
        old = sqlite3.connect(tmp_path / "index.db", isolation_level=None)
        old.execute("BEGIN")
        assert old.execute("SELECT count(*) FROM current").fetchone() == (0,)
        await writer.write(0, head(version("k", 1)))
        await writer.commit(OBJECT_VERSIONS, 0, 1, None)
        await writer.checkpoint()
        assert old.execute("SELECT count(*) FROM current").fetchone() == (0,)
        old.close()
        await writer.checkpoint()
        assert writer._checkpointer.wal_bytes() == 0
        await writer.close()

    asyncio.run(body())


def test_a_checkpoint_leaves_the_last_space_to_commits(tmp_path: Path) -> None:
    async def body() -> None:
        path = tmp_path / "index.db"
        writer = SqliteWriter(path, wal_limit=1, room=Room(tmp_path, 1 << 62))
        await writer.checkpoint()
        size = path.stat().st_size
        for number in range(50):
            await writer.write(0, head(version(f"key-{number}", 1)))
            await writer.commit(OBJECT_VERSIONS, 0, number + 1, None)
        await writer.checkpoint()
        assert path.stat().st_size == size
        assert writer._checkpointer.wal_bytes() > 0
        reader = SqliteReader(path)
        assert len(await reader.list_current(BUCKET, "", True, None, 100)) == 50
        reader.close()
        await writer.close()

    asyncio.run(body())


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    asyncio.run(_make(path))
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    for opener in (SqliteWriter, SqliteReader):
        with pytest.raises(ConfigurationError, match=f"schema version {SCHEMA_VERSION + 1}"):
            opener(path)


def test_a_database_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    for opener in (SqliteWriter, SqliteReader):
        with pytest.raises(IndexCorrupt, match="is not an index"):
            opener(path)


def test_a_reader_needs_an_index(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no index"):
        SqliteReader(tmp_path / "index.db")


def test_readers_cannot_write(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    asyncio.run(_make(path))
    reader = connections.open_reader(path)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("DELETE FROM objects")
    reader.close()


async def _make(path: Path) -> None:
    await SqliteWriter(path).close()


def test_a_page_of_versions_is_one_statement(tmp_path: Path) -> None:
    """Whatever lies inline in its versions: a SELECT for each payload made a page of small objects take
    more than twice as long as one of larger ones."""

    async def body() -> None:
        writer = SqliteWriter(tmp_path / "index.db")
        rows = [version("k", rank, b"12345678", b"i" * (DETACH_BYTES + 1)) for rank in range(20, 0, -1)]
        await writer.write(0, [PutVersion(BUCKET, row) for row in rows])
        await writer.commit(OBJECT_VERSIONS, 0, 1, PendingFacts(0, 0, ()))
        reader = SqliteReader(tmp_path / "index.db")
        statements: list[str] = []
        reader._connection.set_trace_callback(statements.append)
        listed = await reader.list_versions(BUCKET, "", None, None, 1000)
        assert len(statements) == 1
        assert bare(listed) == bare(rows)
        assert [await reader.version(BUCKET, row.key, row.version) for row in listed] == rows
        reader.close()
        await writer.close()

    asyncio.run(body())


def test_stored_rows_have_these_bytes() -> None:
    """Golden bytes: a change of them is a new schema version."""
    row = version("ключ", 5, inline=b"i" * (DETACH_BYTES + 1))
    record, payload = seal_version(row, key_seed(BUCKET, row.key))
    assert payload == b"i" * (DETACH_BYTES + 1)
    assert record.hex() == GOLDEN_RECORD
    assert listing_crc(BUCKET, row.key, listing(row)) == GOLDEN_LISTING_CRC
    for stored in (record, bytes.fromhex(BEFORE_ENCRYPTION), bytes.fromhex(BEFORE_TAGS)):
        assert open_version(stored, "objects", BUCKET, row.key) == msgspec.structs.replace(
            row, manifest=msgspec.structs.replace(row.manifest, inline=b"")
        )


GOLDEN_RECORD = (
    "dc0010a8d0bad0bbd18ed187a46e756c6c050ccf0000018bcfe56805d940616161616161616161616161616161616161"
    "61616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161cd10"
    "05d92030303030303030303030303030303030303030303030303030303030303030359781ac636f6e74656e742d7479"
    "7065aa746578742f706c61696e81a8d0bad0bbd18ed187b0d0b7d0bdd0b0d187d0b5d0bdd0b8d0b5ab5354414e444152"
    "445f494180c0c0c093a943524336344e564d45ac41414141414141414141413dab46554c4c5f4f424a45435496a6696e"
    "6c696e659196c4107070707070707070707070707070707005cd1068cd1000a56b65792d31c43c777777777777777777"
    "777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777"
    "777777919301cd1000a461626364c400c400c0c20000c00001d6cc346b"
)
# Written before attributes told an encryption, and before there were tags, locks and restores: read for ever.
BEFORE_ENCRYPTION = (
    "dc0010a8d0bad0bbd18ed187a46e756c6c050ccf0000018bcfe56805d940616161616161616161616161616161616161"
    "61616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161cd10"
    "05d92030303030303030303030303030303030303030303030303030303030303030359681ac636f6e74656e742d7479"
    "7065aa746578742f706c61696e81a8d0bad0bbd18ed187b0d0b7d0bdd0b0d187d0b5d0bdd0b8d0b5ab5354414e444152"
    "445f494180c0c093a943524336344e564d45ac41414141414141414141413dab46554c4c5f4f424a45435496a6696e6c"
    "696e659196c4107070707070707070707070707070707005cd1068cd1000a56b65792d31c43c77777777777777777777"
    "777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777"
    "7777919301cd1000a461626364c400c400c0c20000c00001e6b05198"
)
BEFORE_TAGS = (
    "9fa8d0bad0bbd18ed187a46e756c6c050ccf0000018bcfe56805d9406161616161616161616161616161616161616161"
    "6161616161616161616161616161616161616161616161616161616161616161616161616161616161616161cd1005d9"
    "2030303030303030303030303030303030303030303030303030303030303030359381ac636f6e74656e742d74797065"
    "aa746578742f706c61696e81a8d0bad0bbd18ed187b0d0b7d0bdd0b0d187d0b5d0bdd0b8d0b5ab5354414e444152445f"
    "494193a943524336344e564d45ac41414141414141414141413dab46554c4c5f4f424a45435496a6696e6c696e659196"
    "c4107070707070707070707070707070707005cd1068cd1000a56b65792d31c43c777777777777777777777777777777"
    "777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777919301"
    "cd1000a461626364c400c400c0c20000c001e2564f14"
)
GOLDEN_LISTING_CRC = 856547001

keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4) | st.text(
    "a/b\0", min_size=1, max_size=4
)
operations = st.lists(st.tuples(st.sampled_from(["put", "remove", "commit", "rollback"]), keys), max_size=40)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations, st.lists(st.tuples(keys, keys | st.none(), st.booleans(), st.integers(1, 5)), max_size=8))
def test_listings_agree_with_a_sorted_dictionary(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str]], queries: list[Any]
) -> None:
    path = tmp_path_factory.mktemp("law") / "index.db"

    async def body() -> None:
        writer, reader = SqliteWriter(path), SqliteReader(path)
        live: dict[str, list[ObjectVersion]] = {}
        seen: dict[str, list[ObjectVersion]] = {}
        for rank, (step, key) in enumerate(steps, 1):
            if step == "commit":
                await writer.commit(OBJECT_VERSIONS, 0, rank, None)
                seen = {k: list(v) for k, v in live.items()}
            elif step == "rollback":
                await writer.rollback()
                live = {k: list(v) for k, v in seen.items()}
            else:
                await _step(writer, live, step, key, rank)
        for start, stop, inclusive, limit in queries:
            within = [k for k in sorted(seen) if (k > start or (inclusive and k == start))]
            within = [k for k in within if stop is None or k < stop]
            page = await reader.list_current(BUCKET, start, inclusive, stop, limit)
            assert page == [entry(seen[k][0]) for k in within][:limit]
            versions = [
                row for k in sorted(seen) if k >= start and (stop is None or k < stop) for row in seen[k]
            ]
            listed = await reader.list_versions(BUCKET, start, None, stop, limit)
            assert bare(listed) == bare(versions[:limit])
            below = [row for row in versions if row.key > start or row.rank < 9]
            listed = await reader.list_versions(BUCKET, start, 9, stop, limit)
            assert bare(listed) == bare(below[:limit])
        assert await reader.has_versions(BUCKET) == bool(seen)
        reader.close()
        await writer.close()

    asyncio.run(body())


async def _step(
    writer: SqliteWriter, live: dict[str, list[ObjectVersion]], step: str, key: str, rank: int
) -> None:
    """Put a version on top of the key or remove the newest, as apply would, and keep the model in step."""
    rows = live.setdefault(key, [])
    state = (await writer.load([KeyWant(BUCKET, key)]))[0]
    assert state.head == (rows[0] if rows else None)
    changes: list[Any]
    if step == "put":
        row = version(key, rank, rank.to_bytes(8, "big"), b"i" * (rank * 20))
        changes = [PutVersion(BUCKET, row), SetHead(BUCKET, row)]
        if rows:
            rows[0] = msgspec.structs.replace(rows[0], ended_seq=rank, ended_at=rank)
            changes.append(PutVersion(BUCKET, rows[0]))
        rows.insert(0, row)
    else:
        changes = [ClearHead(BUCKET, key)]
        if rows:
            gone = rows.pop(0)
            changes.append(RemoveVersion(BUCKET, key, gone.rank, gone.version))
        if rows:
            rows[0] = msgspec.structs.replace(rows[0], ended_seq=0, ended_at=0)
            changes += [PutVersion(BUCKET, rows[0]), SetHead(BUCKET, rows[0])]
    if not rows:
        del live[key]
    await writer.write(0, changes)
