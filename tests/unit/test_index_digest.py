"""The digest and the differences of two index files: equal contents, equal digests, and every row named."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from index.comparison import Difference
from index.contract import (
    PendingFacts,
    PutBucket,
    PutConfiguration,
    PutEpoch,
    PutIdentity,
    PutPart,
    PutUpload,
    PutVersion,
    SetHead,
)
from index.sqlite.differences import diff
from index.sqlite.digest import digest_index
from index.sqlite.writer import SqliteWriter
from schemas.errors import ConfigurationError
from schemas.events import OBJECT_VERSIONS, POLICIES
from schemas.rows import BucketEpoch, Configuration, Identity
from tests.contract.test_index_contract import BUCKET, KEYS, bucket, part, upload, version

ROWS: list[Any] = [
    *[PutVersion(BUCKET, version(key, 3, inline=b"i" * 300)) for key in KEYS],
    *[PutVersion(BUCKET, version(key, 2, b"12345678", ended_seq=5)) for key in KEYS],
    *[SetHead(BUCKET, version(key, 3)) for key in KEYS],
    PutUpload(BUCKET, upload("k", "u")),
    PutPart("u", part(1)),
    PutBucket(bucket("photos")),
    PutConfiguration(BUCKET, Configuration("cors", "", 1, b"{}")),
    PutIdentity(Identity("1" * 12, "user", "ann", 4, 9, b"{}")),
    PutEpoch(BucketEpoch(BUCKET, 1, "enabled", "open")),
]


def build(path: Path, changes: list[Any], batch: int = 1000, position: int = 5) -> Path:
    async def body() -> None:
        writer = SqliteWriter(path)
        for start in range(0, len(changes), batch):
            await writer.write(0, changes[start : start + batch])
            await writer.commit(POLICIES, 0, start, None)
        await writer.commit(OBJECT_VERSIONS, 0, position, PendingFacts(0, position, (b"f",)))
        await writer.close()

    asyncio.run(body())
    return path


def test_equal_contents_have_equal_digests_however_they_came_about(tmp_path: Path) -> None:
    first = build(tmp_path / "a.db", ROWS)
    second = build(tmp_path / "b.db", ROWS[::-1], batch=3, position=77)
    a, b = digest_index(first), digest_index(second, check_rows=False, integrity=True)
    assert a.digest == b.digest
    assert a.tables["objects"].rows == 2 * len(KEYS)
    assert a.positions[OBJECT_VERSIONS, 0] == 5
    assert b.positions[OBJECT_VERSIONS, 0] == 77
    assert (a.damaged, b.damaged) == (0, 0)
    assert diff(first, second) == []


@pytest.mark.parametrize("index", range(0, len(ROWS), 7))
def test_a_missing_row_changes_the_digest_and_is_named(tmp_path: Path, index: int) -> None:
    first = build(tmp_path / "a.db", ROWS)
    second = build(tmp_path / "b.db", ROWS[:index] + ROWS[index + 1 :])
    assert digest_index(first).digest != digest_index(second).digest
    found = diff(first, second)
    assert {d.kind for d in found} == {"only in the first"}
    assert diff(second, first) == [Difference(d.table, d.row, "only in the second") for d in found]
    named = getattr(ROWS[index], "row", None)
    assert all(repr(named.key) in d.row for d in found if d.table in ("objects", "current"))


def test_a_changed_row_is_named(tmp_path: Path) -> None:
    first = build(tmp_path / "a.db", ROWS)
    second = build(
        tmp_path / "b.db", [*ROWS, PutVersion(BUCKET, version(KEYS[3], 3, size=1, inline=b"i" * 300))]
    )
    found = diff(first, second)
    assert [(d.table, d.kind) for d in found] == [("objects", "differs")]
    assert repr(KEYS[3]) in found[0].row


def test_differences_stop_at_the_limit(tmp_path: Path) -> None:
    first = build(tmp_path / "a.db", ROWS)
    assert len(diff(first, build(tmp_path / "b.db", []), limit=4)) == 4


def test_there_must_be_an_index(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no index"):
        digest_index(tmp_path / "none.db")


def test_a_digest_sees_one_moment_while_the_writer_goes_on(tmp_path: Path) -> None:
    path = build(tmp_path / "a.db", ROWS)

    async def body() -> None:
        writer = SqliteWriter(path)
        before = digest_index(path)
        await writer.write(0, [SetHead(BUCKET, version("later", 9))])
        assert digest_index(path) == before
        await writer.commit(OBJECT_VERSIONS, 0, 6, None)
        after = digest_index(path)
        assert after.digest != before.digest
        assert after.positions[OBJECT_VERSIONS, 0] == 6
        await writer.close()

    asyncio.run(body())
