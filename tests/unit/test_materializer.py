"""The materializer stops loudly at what it cannot apply, and leaves nothing of the batch behind."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from index.sqlite.digest import digest_index
from processors.materializer import Materializer
from schemas.errors import LogCorrupt
from schemas.events import OBJECT_VERSIONS, POLICIES, RULES_VERSION, BucketCreate, BucketUpdate, encode_event
from schemas.receipts import decode_receipt
from schemas.rows import Bucket
from tests.unit.applying import BUCKET, ORIGIN, Partition, epoch, put


def bucket(name: str = "photos", identifier: bytes = BUCKET) -> Bucket:
    return Bucket(identifier, name, "owner", "us-east-1", 0, 1)


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        (b"", "cannot be decoded"),
        (b"\xc1", "cannot be decoded"),
        (msgspec.msgpack.encode(["object.put/9", 1, 2]), "cannot be decoded"),
        (encode_event(put())[:-3], "cannot be decoded"),
        (encode_event(put(rules=RULES_VERSION + 1)), "upgrade it before it reads this log"),
        (encode_event(BucketCreate(ORIGIN, bucket())), "does not belong in this topic"),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_event_that_cannot_be_applied_stops_the_partition(
    tmp_path: Path, payload: bytes, told: str, place: int
) -> None:
    async def main() -> None:
        p = Partition(tmp_path / "index.sqlite")
        await p.one(epoch(1))
        before = digest_index(p.path)
        batch = [encode_event(put("a", 1)), encode_event(epoch(2, "enabled"))]
        batch.insert(place, payload)
        with pytest.raises(LogCorrupt, match=told) as raised:
            await p.apply_at([5, 5, 5], batch)
        assert f"object-versions/0 at offset {1 + place}" in raised.value.message
        assert await p.materializer.position() == 1
        assert digest_index(p.path) == before
        # Nor is anything of it remembered: the epoch of the batch that failed does not count.
        del batch[place]
        outcomes = await p.apply_at([5, 5], batch)
        assert [receipt.refusal for receipt, _ in outcomes] == ["", ""]
        await p.close()

    asyncio.run(main())


def test_object_events_do_not_belong_among_policies(tmp_path: Path) -> None:
    async def main() -> None:
        p = Partition(tmp_path / "index.sqlite", POLICIES)
        with pytest.raises(LogCorrupt, match="ObjectPut in policies/0 at offset 0 does not belong"):
            await p.one(put())
        await p.close()

    asyncio.run(main())


def test_buckets_are_made_changed_and_deleted_by_compare_and_set(tmp_path: Path) -> None:
    async def main() -> None:
        p = Partition(tmp_path / "index.sqlite", POLICIES)
        update = BucketUpdate(ORIGIN, "photos", BUCKET, 1, "enabled", "open")
        assert (await p.one(update))[0].refusal == "no-such-bucket"
        created, fact = await p.one(BucketCreate(ORIGIN, bucket()))
        assert (created.refusal, created.epoch, fact.type) == ("", 1, "bucket.created")
        row = await p.reader.bucket("photos")
        assert row is not None
        assert row.created_at == created.time
        # The name is taken, for the same batch too.
        outcomes = await p.apply(
            BucketCreate(ORIGIN, bucket("other", b"x" * 16)), BucketCreate(ORIGIN, bucket("other", b"y" * 16))
        )
        assert [receipt.refusal for receipt, _ in outcomes] == ["", "bucket-exists"]

        assert (await p.one(update))[0].epoch == 2
        assert (await p.one(update))[0].refusal == "stale-epoch"
        other = msgspec.structs.replace(update, bucket_id=b"z" * 16, expected_epoch=2)
        assert (await p.one(other))[0].refusal == "no-such-bucket"
        fence = msgspec.structs.replace(update, expected_epoch=2, status="fenced")
        assert (await p.one(fence))[0].epoch == 3
        end = msgspec.structs.replace(update, expected_epoch=3, status="deleted")
        receipt, fact = await p.one(end)
        assert (receipt.epoch, fact.type) == (4, "bucket.deleted")
        assert await p.reader.bucket("photos") is None
        # The name is free again, for another bucket.
        assert (await p.one(BucketCreate(ORIGIN, bucket(identifier=b"n" * 16))))[0].refusal == ""
        assert (await p.one(end))[0].refusal == "no-such-bucket"
        await p.close()

    asyncio.run(main())


def test_commit_time_stands_still_where_the_clocks_of_the_log_go_back(tmp_path: Path) -> None:
    async def main() -> None:
        p = Partition(tmp_path / "index.sqlite")
        events = [encode_event(event) for event in (epoch(1), put("a"), put("b"), put("c"))]
        receipts = [receipt for receipt, _ in await p.apply_at([1000, 900, 1100, 1050], events)]
        assert [receipt.time for receipt in receipts] == [1000, 1000, 1100, 1100]
        # Also across a restart: the floor is in the index.
        p.materializer = Materializer(p.index, OBJECT_VERSIONS)
        ((receipt, _),) = await p.apply_at([500], [encode_event(put("d"))])
        assert receipt.time == 1100
        await p.close()

    asyncio.run(main())


def test_receipts_are_kept_where_a_successor_shall_give_them(tmp_path: Path) -> None:
    async def main() -> None:
        p = Partition(tmp_path / "index.sqlite")
        p.materializer = Materializer(p.index, OBJECT_VERSIONS, keep_receipts=True)
        outcomes = await p.apply(epoch(1), put("a"), put("b", at=7))
        (pending,) = await p.index.pending_facts(OBJECT_VERSIONS, 0)
        assert [decode_receipt(kept) for kept in pending.receipts] == [receipt for receipt, _ in outcomes]
        assert pending.time == outcomes[-1][0].time
        await p.close()

    asyncio.run(main())


def test_seqs_of_the_two_topics_never_meet(tmp_path: Path) -> None:
    async def main() -> None:
        objects = Partition(tmp_path / "a.sqlite")
        policies = Partition(tmp_path / "b.sqlite", POLICIES)
        one, _ = await objects.one(epoch(1))
        two, _ = await policies.one(BucketCreate(ORIGIN, bucket()))
        assert one.seq != two.seq
        await objects.close()
        await policies.close()

    asyncio.run(main())
