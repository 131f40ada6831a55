"""The usage of a bucket is what the index holds, whatever was done; after a replay, and after an upgrade."""

import asyncio
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from index.records import key_seed, open_upload, seal_row
from index.sqlite.digest import digest_index
from index.sqlite.reader import SqliteReader
from index.sqlite.schema import schema_version
from index.sqlite.writer import SqliteWriter
from schemas.errors import LogCorrupt
from schemas.events import Event, PartPut, encode_event
from schemas.rows import Usage, Versioning
from tests.unit.applying import BUCKET, ORIGIN, Partition, abort, delete, epoch, put, stored, update, upload

KEYS = ("a", "b", "c")
VERSIONINGS: tuple[Versioning, ...] = ("unversioned", "enabled", "suspended")


async def held(reader: SqliteReader) -> Usage:
    """Counted one by one."""
    found = Usage()
    async for versions in reader.all_versions():
        for _, row in versions:
            found += Usage(row.size, 0, 1)
    async for parts in reader.all_parts():
        found += Usage(sum(part.size for part in parts))
    return found + Usage(0, len(await reader.list_current(BUCKET, "", True, None, 1000)))


class Doing:
    """Turns drawn steps into events of a partition, batch by batch."""

    def __init__(self, partition: Partition) -> None:
        self.partition = partition
        self.batch: list[Event] = []
        self.epoch = 1
        self.blobs = 0
        self.uploads = dict.fromkeys(KEYS, 0)  # how many were begun; the last of them is meant
        self.log: list[tuple[int, bytes]] = []

    async def step(self, kind: str, key: str, number: int) -> None:
        self.blobs += 1
        match kind:
            case "put":
                made = put(key, self.blobs, at=self.epoch)
                self.batch.append(_sized(made, number))
            case "delete":
                self.batch.append(delete(key, at=self.epoch))
            case "delete a version":
                await self.flush()
                rows = await self.partition.versions(key)
                if rows:
                    self.batch.append(delete(key, rows[number % len(rows)].version, at=self.epoch))
            case "tags":
                self.batch.append(update(key, at=self.epoch, tags={"n": str(number)}))
            case "stale":
                self.batch.append(put(key, self.blobs, at=self.epoch - 1))
            case "versioning" if number % 3:
                self.epoch += 1
                self.batch.append(epoch(self.epoch, VERSIONINGS[number % 3]))
            case "upload":
                self.uploads[key] += 1
                self.batch.append(upload(key, self.upload(key), at=self.epoch))
            case "part":
                event = PartPut(
                    ORIGIN, BUCKET, self.epoch, key, self.upload(key), number % 3 + 1, number, "e",
                    stored(self.blobs),
                )  # fmt: skip
                self.batch.append(event)
            case "complete" | "abort":
                await self.flush()
                there = await self.partition.reader.upload(BUCKET, key, self.upload(key))
                seq = 0 if there is None else there.part_seq
                if kind == "abort":
                    self.batch.append(abort(seq, key=key, name=self.upload(key), at=self.epoch))
                else:
                    made = put(key, self.blobs, at=self.epoch, upload_id=self.upload(key), upload_seq=seq)
                    self.batch.append(_sized(made, number))

    def upload(self, key: str) -> str:
        return f"u-{key}-{self.uploads[key]}"

    async def flush(self) -> None:
        if self.batch:
            self.log += [(self.partition.time + 1, encode_event(event)) for event in self.batch]
            await self.partition.apply(*self.batch)
            self.batch = []


def _sized(event: Any, size: int) -> Any:
    return replace(event, size=size)


STEPS = st.tuples(
    st.sampled_from([
        "put", "put", "put", "delete", "delete a version", "delete a version", "tags", "stale", "versioning",
        "upload", "part", "part", "complete", "abort", "flush",
    ]),
    st.sampled_from(KEYS),
    st.integers(0, 1000),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(VERSIONINGS), st.lists(STEPS, max_size=60))
def test_usage_is_what_the_index_holds(versioning: Versioning, steps: list[tuple[str, str, int]]) -> None:
    async def main(folder: Path) -> None:
        p = Partition(folder / "live.sqlite")
        doing = Doing(p)
        doing.batch.append(epoch(1, versioning))
        for kind, key, number in steps:
            await (doing.flush() if kind == "flush" else doing.step(kind, key, number))
        await doing.flush()
        found = await p.reader.usage(BUCKET)
        assert found == await held(p.reader)
        live = digest_index(p.path)
        assert not live.damaged
        await p.close()

        # One by one instead of in batches, from the log.
        again = Partition(folder / "again.sqlite")
        for time, payload in doing.log:
            await again.apply_at([time], [payload])
        assert await again.reader.usage(BUCKET) == found
        assert digest_index(again.path).digest == live.digest
        await again.close()

        # And counted by the upgrade of an index that did not know of it.
        _make_version_4(folder / "again.sqlite")
        upgraded = SqliteWriter(folder / "again.sqlite")
        assert await upgraded.usage(0, BUCKET) == found
        await upgraded.close()
        assert digest_index(folder / "again.sqlite").digest == live.digest

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder)))


def _make_version_4(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    assert schema_version(connection) == 5
    connection.execute("DROP TABLE usage")
    rows = connection.execute("SELECT rowid, bucket_id, key, upload_id, record FROM uploads").fetchall()
    for place, bucket_id, key, upload_id, record in rows:
        row = replace(open_upload(bucket_id, key, upload_id, record), size=0)
        older = seal_row(row, key_seed(bucket_id, key))
        connection.execute("UPDATE uploads SET record = ? WHERE rowid = ?", (older, place))
    connection.execute("PRAGMA user_version = 4")
    connection.close()


def test_a_batch_that_failed_does_not_count(tmp_path: Path) -> None:
    async def main() -> None:
        p = Partition(tmp_path / "index.sqlite")
        await p.apply(epoch(1), put("a", 1))
        with pytest.raises(LogCorrupt):
            await p.apply_at([5, 5], [encode_event(put("b", 2)), b"no event"])
        await p.apply(put("b", 2))
        assert await p.reader.usage(BUCKET) == Usage(200, 2, 2)
        await p.apply(delete("a"), delete("b"))
        assert await p.reader.usage(BUCKET) == Usage()
        connection = sqlite3.connect(p.path)
        assert connection.execute("SELECT count(*) FROM usage").fetchone() == (0,)
        connection.close()
        await p.close()

    asyncio.run(main())
