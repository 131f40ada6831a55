"""apply BucketConfigure, through the materializer and a real index."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from index.sqlite.reader import SqliteReader
from index.sqlite.schema import CONFIGURATIONS
from index.sqlite.writer import SqliteWriter
from processors.apply import configurations as rules
from schemas.configurations.documents import DEFLATE_BYTES, decode_document, encode_document
from schemas.errors import ConfigurationError
from schemas.events import (
    POLICIES,
    BucketConfigure,
    BucketCreate,
    BucketUpdate,
    decode_event,
    encode_event,
)
from schemas.rows import Bucket, BucketLock, BucketStatus, Configured, Versioning
from tests.unit.applying import BUCKET, ORIGIN, Partition


def configure(
    kind: str, document: bytes | None, identifier: str = "", seen: dict[str, int] | None = None
) -> BucketConfigure:
    return BucketConfigure(ORIGIN, "photos", BUCKET, kind, identifier, document, seen or {})


def update(epoch: int, versioning: Versioning, status: BucketStatus = "open") -> BucketUpdate:
    return BucketUpdate(ORIGIN, "photos", BUCKET, epoch, versioning, status)


def run(tmp_path: Path, body: Callable[[Partition], Awaitable[None]], made: bool = True) -> None:
    async def main() -> None:
        partition = Partition(tmp_path / "index.sqlite", POLICIES)
        if made:
            await partition.one(BucketCreate(ORIGIN, Bucket(BUCKET, "photos", "owner", "us-east-1", 0, 1)))
        await body(partition)
        await partition.close()

    asyncio.run(main())


async def the_bucket(partition: Partition) -> Bucket:
    row = await partition.reader.bucket("photos")
    assert row is not None
    return row


def test_the_last_configuration_wins(tmp_path: Path) -> None:
    async def body(p: Partition) -> None:
        first, fact = await p.one(configure("cors", b"{1}"))
        assert (first.refusal, first.epoch, fact.type, fact.configuration) == (
            "",
            1,
            "bucket.configured",
            "cors",
        )
        assert (await the_bucket(p)).configurations == {"cors": Configured(first.seq, 1)}
        (_, _), (last, _) = await p.apply(configure("cors", b"{2}"), configure("cors", b"{3}"))
        row = await p.reader.configuration(BUCKET, "cors", "")
        assert row is not None
        assert (row.seq, row.document) == (last.seq, b"{3}")
        bucket = await the_bucket(p)
        assert bucket.configurations == {"cors": Configured(last.seq, 1)}
        assert bucket.epoch == 1

    run(tmp_path, body)


def test_removing_a_configuration(tmp_path: Path) -> None:
    async def body(p: Partition) -> None:
        await p.apply(configure("cors", b"{}"), configure("tagging", b"{}"))
        removed, fact = await p.one(configure("cors", None))
        assert (removed.refusal, fact.type) == ("", "bucket.configured")
        assert await p.reader.configuration(BUCKET, "cors", "") is None
        assert list((await the_bucket(p)).configurations) == ["tagging"]
        again, fact = await p.one(configure("cors", None))
        assert (again.refusal, fact.type) == ("", "nothing")

    run(tmp_path, body)


def test_a_bucket_that_is_not_there(tmp_path: Path) -> None:
    async def body(p: Partition) -> None:
        assert (await p.one(configure("cors", b"{}")))[0].refusal == "no-such-bucket"
        await p.one(BucketCreate(ORIGIN, Bucket(b"n" * 16, "photos", "owner", "us-east-1", 0, 1)))
        assert (await p.one(configure("cors", b"{}")))[0].refusal == "no-such-bucket"

    run(tmp_path, body, made=False)


def test_configurations_go_with_their_bucket(tmp_path: Path) -> None:
    async def body(p: Partition) -> None:
        await p.apply(configure("cors", b"{}"), configure("inventory", b"{}", "a"))
        await p.one(update(1, "unversioned", "deleted"))
        await p.one(BucketCreate(ORIGIN, Bucket(BUCKET, "photos", "owner", "us-east-1", 0, 1)))
        assert (await the_bucket(p)).configurations == {}
        assert await p.reader.configuration(BUCKET, "cors", "") is None
        assert await p.reader.configurations(BUCKET, "inventory", None, 9) == []

    run(tmp_path, body)


def test_a_bucket_has_so_many_of_a_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rules.LIMITS, "inventory", 2)

    async def body(p: Partition) -> None:
        outcomes = await p.apply(*[configure("inventory", b"{}", name) for name in "abcb"])
        assert [receipt.refusal for receipt, _ in outcomes] == ["", "", "too-many-configurations", ""]
        assert (await the_bucket(p)).configurations["inventory"].count == 2
        await p.one(configure("inventory", None, "a"))
        assert (await p.one(configure("inventory", b"{}", "c")))[0].refusal == ""

    run(tmp_path, body)


def test_one_checked_against_what_has_changed_since_is_refused(tmp_path: Path) -> None:
    async def body(p: Partition) -> None:
        unset = {"ownership": 0}
        assert (await p.one(configure("acl", b"{}", seen=unset)))[0].refusal == ""
        changed, _ = await p.one(configure("ownership", b"{}"))
        assert (await p.one(configure("acl", b"{}", seen=unset)))[0].refusal == "configuration-changed"
        now = {"ownership": changed.seq}
        assert (await p.one(configure("acl", b"{}", seen=now)))[0].refusal == ""

    run(tmp_path, body)


def test_replication_and_suspended_versioning_exclude_each_other(tmp_path: Path) -> None:
    async def body(p: Partition) -> None:
        assert (await p.one(configure("replication", b"{}")))[0].refusal == "invalid-bucket-state"
        await p.one(update(1, "enabled"))
        assert (await p.one(configure("replication", b"{}")))[0].refusal == ""
        assert (await p.one(update(2, "suspended")))[0].refusal == "invalid-bucket-state"
        await p.one(configure("replication", None))
        assert (await p.one(update(2, "suspended")))[0].refusal == ""

    run(tmp_path, body)


def test_the_event_has_these_bytes() -> None:
    """Golden bytes: a change of them is a new version of the event."""
    event = configure("inventory", b"{}", "all", {"acl": 3})
    golden = (
        "9b" "b2" + b"bucket.configure/1".hex() + "96" "c410" + "00" * 16 + "a5" + b"actor".hex()
        + "a3" + b"::1".hex() + "a4" + b"Test".hex() + "c0c0" "a6" + b"photos".hex() + "c410" + BUCKET.hex()
        + "a9" + b"inventory".hex() + "a3" + b"all".hex() + "c402" + b"{}".hex() + "81a3" + b"acl".hex()
        + "03c001" "c0"
    )  # fmt: skip
    assert encode_event(event).hex() == golden
    assert decode_event(bytes.fromhex(golden)) == event
    before = "9a" + golden[2:-2]  # as it was written before it could say what it replaces
    assert decode_event(bytes.fromhex(before)) == event


def test_long_documents_are_deflated() -> None:
    class Text(msgspec.Struct):
        text: str

    for text in ("short", "long " * DEFLATE_BYTES):
        document = encode_document(Text(text))
        assert len(document) < DEFLATE_BYTES
        assert decode_document(document, Text) == Text(text)


def test_an_index_of_the_version_before_is_upgraded_by_its_writer(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"

    async def opened() -> None:
        await SqliteWriter(path).close()

    asyncio.run(opened())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE configurations")
        connection.execute("DROP TABLE identities")
        connection.execute("DROP TABLE usage")
        connection.execute("ALTER TABLE positions DROP COLUMN last_time")
        connection.execute("PRAGMA user_version = 1")
    with pytest.raises(ConfigurationError, match="version 1"):
        SqliteReader(path)
    asyncio.run(opened())
    with closing(sqlite3.connect(path)) as connection:
        (made,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'configurations'").fetchone()
        assert made.split() == CONFIGURATIONS.split()


def test_an_object_lock_is_a_new_epoch_and_stays(tmp_path: Path) -> None:
    async def body(p: Partition) -> None:
        lock = msgspec.structs.replace(configure("object-lock", b"{}"), lock=BucketLock("COMPLIANCE", 7))
        assert (await p.one(lock))[0].refusal == "invalid-bucket-state"
        await p.one(update(1, "enabled"))
        assert (await p.one(lock))[0].epoch == 3
        bucket = await the_bucket(p)
        assert (bucket.epoch, bucket.lock) == (3, BucketLock("COMPLIANCE", 7))
        assert (await p.one(configure("object-lock", None)))[0].refusal == "invalid-bucket-state"
        assert (await p.one(update(3, "suspended")))[0].refusal == "invalid-bucket-state"
        # Other configurations leave it as it is.
        assert (await p.one(configure("cors", b"{}")))[0].epoch == 3
        assert (await the_bucket(p)).lock == BucketLock("COMPLIANCE", 7)

    run(tmp_path, body)


def test_a_configuration_that_takes_the_place_of_one_that_is_gone(tmp_path: Path) -> None:
    def replacing(document: bytes | None, seq: int) -> BucketConfigure:
        return msgspec.structs.replace(configure("link", document, "one"), replaces=seq)

    async def body(p: Partition) -> None:
        assert (await p.one(replacing(b"{0}", 7)))[0].refusal == "configuration-changed"
        first, _ = await p.one(replacing(b"{1}", 0))
        assert first.refusal == ""
        # Of two that saw the same one, the first in the log wins.
        (second, _), (third, _) = await p.apply(replacing(b"{2}", first.seq), replacing(b"{3}", first.seq))
        assert (second.refusal, third.refusal) == ("", "configuration-changed")
        row = await p.reader.configuration(BUCKET, "link", "one")
        assert row is not None
        assert (row.seq, row.document) == (second.seq, b"{2}")
        assert (await p.one(replacing(None, first.seq)))[0].refusal == "configuration-changed"
        assert (await p.one(replacing(None, second.seq)))[0].refusal == ""
        assert (await p.one(replacing(b"{4}", second.seq)))[0].refusal == "configuration-changed"
        assert (await the_bucket(p)).configurations == {}

    run(tmp_path, body)
