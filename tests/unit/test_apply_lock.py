"""apply under Object Lock: defaults, retention against commit time, stale gateways."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from processors.apply.decision import Moment
from processors.apply.lock import DAY, may_remove, may_retain
from schemas.events import EpochSet, ObjectUpdate
from schemas.rows import Attributes, BucketLock, LockMode, ObjectLock, ObjectVersion
from tests.unit.applying import BUCKET, ORIGIN, Partition, delete, epoch, put, stored, upload

NOW = 1_000_000


def run(tmp_path: Path, body: Callable[[Partition], Awaitable[None]]) -> None:
    async def main() -> None:
        partition = Partition(tmp_path / "index.sqlite")
        await body(partition)
        await partition.close()

    asyncio.run(main())


def locked_epoch(number: int, mode: LockMode | None = None, days: int = 0) -> EpochSet:
    return msgspec.structs.replace(epoch(number, "enabled"), lock=BucketLock(mode, days))


def update(retention: ObjectLock | None, held: bool | None = None, bypass: bool = False) -> ObjectUpdate:
    return ObjectUpdate(
        ORIGIN, BUCKET, 1, "k", retention=retention, legal_hold=held, bypass_governance=bypass
    )


def test_the_default_counts_from_commit_time(tmp_path: Path) -> None:
    async def body(p: Partition) -> None:
        await p.one(locked_epoch(1, "GOVERNANCE", 3))
        made, _ = await p.one(put())
        (row,) = await p.versions()
        assert row.attributes.lock == ObjectLock("GOVERNANCE", made.time + 3 * DAY)

    run(tmp_path, body)


def test_a_gateway_that_has_not_heard_of_the_lock_is_refused(tmp_path: Path) -> None:
    async def body(p: Partition) -> None:
        await p.one(epoch(1, "enabled"))
        (_, _), (late, _) = await p.apply(locked_epoch(2, "COMPLIANCE", 1), put(at=1))
        assert late.refusal == "stale-epoch"
        await p.one(put(at=2))
        (row,) = await p.versions()
        assert row.attributes.lock is not None
        assert (await p.one(delete(version=row.version, at=2)))[0].refusal == "object-locked"

    run(tmp_path, body)


def test_a_lock_asked_for_in_a_bucket_without_one_is_refused(tmp_path: Path) -> None:
    async def body(p: Partition) -> None:
        await p.one(epoch(1, "enabled"))
        asked = Attributes(lock=ObjectLock("COMPLIANCE", 10**15))
        refused, fact = await p.one(msgspec.structs.replace(put(), attributes=asked))
        assert (refused.refusal, fact.freed) == ("invalid-bucket-state", (stored(1),))
        begun = msgspec.structs.replace(upload(), attributes=asked)
        assert (await p.one(begun))[0].refusal == "invalid-bucket-state"
        assert await p.versions() == []
        await p.one(put())
        assert (await p.one(update(ObjectLock("COMPLIANCE", 10**15))))[0].refusal == "invalid-bucket-state"
        assert (await p.one(update(None, True)))[0].refusal == "invalid-bucket-state"

    run(tmp_path, body)


def test_retention_and_delete_in_one_batch(tmp_path: Path) -> None:
    async def body(p: Partition) -> None:
        await p.one(locked_epoch(1))
        made, _ = await p.one(put())
        (kept, _), (gone, _) = await p.apply(
            update(ObjectLock("COMPLIANCE", 10**15)), delete(version=made.version)
        )
        assert (kept.refusal, gone.refusal) == ("", "object-locked")
        marker, _ = await p.one(delete())
        assert (marker.refusal, marker.delete_marker) == ("", True)
        assert (await p.one(delete(version=marker.version)))[0].refusal == ""

    run(tmp_path, body)


def kept_by(lock: ObjectLock | None) -> ObjectVersion:
    return ObjectVersion("k", "v", 1, 1, 1, "owner", attributes=Attributes(lock=lock))


@pytest.mark.parametrize(
    ("lock", "plainly", "by_bypass"),
    [
        (None, True, True),
        (ObjectLock(), True, True),
        (ObjectLock("GOVERNANCE", NOW + 1), False, True),
        (ObjectLock("GOVERNANCE", NOW), True, True),
        (ObjectLock("COMPLIANCE", NOW + 1), False, False),
        (ObjectLock("COMPLIANCE", NOW), True, True),
        (ObjectLock(legal_hold=True), False, False),
        (ObjectLock("GOVERNANCE", NOW - 1, True), False, False),
    ],
)
def test_what_may_be_removed(lock: ObjectLock | None, plainly: bool, by_bypass: bool) -> None:
    moment = Moment(1, NOW)
    assert may_remove(kept_by(lock), False, moment) == plainly
    assert may_remove(kept_by(lock), True, moment) == by_bypass


@pytest.mark.parametrize(
    ("old", "new", "plainly", "by_bypass"),
    [
        (("GOVERNANCE", 10), ("GOVERNANCE", 11), True, True),
        (("GOVERNANCE", 10), ("GOVERNANCE", 9), False, True),
        (("GOVERNANCE", 10), ("COMPLIANCE", 11), False, True),
        (("GOVERNANCE", 10), (None, 0), False, True),
        (("COMPLIANCE", 10), ("COMPLIANCE", 11), True, True),
        (("COMPLIANCE", 10), ("COMPLIANCE", 9), False, False),
        (("COMPLIANCE", 10), ("GOVERNANCE", 11), False, False),
        (("COMPLIANCE", 10), (None, 0), False, False),
        (("COMPLIANCE", 0), (None, 0), True, True),
        ((None, 0), ("COMPLIANCE", 1), True, True),
    ],
)
def test_how_retention_may_change(
    old: tuple[LockMode | None, int], new: tuple[LockMode | None, int], plainly: bool, by_bypass: bool
) -> None:
    before, after = (ObjectLock(mode, NOW + more if mode else 0) for mode, more in (old, new))
    assert may_retain(before, after, False, Moment(1, NOW)) == plainly
    assert may_retain(before, after, True, Moment(1, NOW)) == by_bypass
