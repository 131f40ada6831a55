"""apply ObjectUpdate: what changes about a version, and what does not."""

import asyncio
from pathlib import Path

import msgspec

from gateway.dates import http_date
from index.contract import KeyState, PutVersion, SetHead
from processors.apply.decision import Moment
from processors.apply.update import apply_update
from schemas.archive import is_archived, is_restored
from schemas.events import ObjectUpdate
from schemas.rows import Attributes, ObjectVersion
from tests.unit.applying import BUCKET, Partition, delete, epoch, put, update


def tag(version: str | None = None, at: int = 1, **tags: str) -> ObjectUpdate:
    return update(version=version, at=at, tags=tags)


def test_the_head_is_changed_in_place(tmp_path: Path) -> None:
    async def main() -> None:
        p = Partition(tmp_path / "index.sqlite")
        await p.one(epoch(1))
        await p.one(put(blob=1))
        (before,) = await p.versions()
        receipt, fact = await p.one(tag(a="1"))
        (after,) = await p.versions()
        assert after.attributes.tags == {"a": "1"}
        assert (after.rank, after.seq, after.created_at) == (before.rank, before.seq, before.created_at)
        assert (after.manifest, after.etag) == (before.manifest, before.etag)
        assert (receipt.version, receipt.refusal) == ("null", "")
        assert (fact.type, fact.version, fact.freed) == ("object.updated", "null", ())
        current = await p.reader.current(BUCKET, "k")
        assert current is not None
        assert current.attributes.tags == {"a": "1"}
        await p.one(tag())
        (after,) = await p.versions()
        assert after.attributes.tags == {}
        await p.close()

    asyncio.run(main())


def test_an_old_version_is_changed_and_stays_old(tmp_path: Path) -> None:
    async def main() -> None:
        p = Partition(tmp_path / "index.sqlite")
        await p.one(epoch(1, "enabled"))
        first, _ = await p.one(put(blob=1))
        await p.one(put(blob=2))
        await p.one(tag(first.version, a="1"))
        newest, oldest = await p.versions()
        assert (oldest.version, oldest.attributes.tags) == (first.version, {"a": "1"})
        assert oldest.ended_seq
        assert newest.attributes.tags == {}
        current = await p.reader.current(BUCKET, "k")
        assert current == newest
        await p.close()

    asyncio.run(main())


def test_what_is_not_there_cannot_be_changed(tmp_path: Path) -> None:
    async def main() -> None:
        p = Partition(tmp_path / "index.sqlite")
        await p.one(epoch(1, "enabled"))
        assert (await p.one(tag(a="1")))[0].refusal == "no-such-key"
        assert (await p.one(tag("null", a="1")))[0].refusal == "no-such-version"
        marker, _ = await p.one(delete())
        assert (await p.one(tag(a="1")))[0].refusal == "no-such-key"
        assert (await p.one(tag(marker.version, a="1")))[0].refusal == "no-such-version"
        assert (await p.one(tag(at=9, a="1")))[0].refusal == "stale-epoch"
        await p.close()

    asyncio.run(main())


def test_a_version_under_the_head_does_not_become_the_head() -> None:
    head = ObjectVersion("k", "null", 2, 2, 2, "owner")
    old = ObjectVersion("k", "f" * 32, 1, 1, 1, "owner", ended_seq=2, ended_at=2)
    decision = apply_update(tag("f" * 32, a="1"), KeyState(head=head, target=old), Moment(3, 3))
    assert [type(change).__name__ for change in decision.changes] == ["PutVersion"]


# --- restore -------------------------------------------------------------------------------------------
GLACIER = Attributes(storage_class="GLACIER")
DAY = 86_400_000


def restore(days: int) -> ObjectUpdate:
    return update(days=days)


def test_a_restore_ends_at_the_midnight_after_its_days() -> None:
    head = ObjectVersion("k", "null", 1, 1, 1, "owner", attributes=GLACIER)
    for time, days, end in (
        (10 * DAY, 1, 12 * DAY),
        (10 * DAY + 1, 1, 12 * DAY),
        (11 * DAY - 1, 1, 12 * DAY),
        (10 * DAY, 7, 18 * DAY),
    ):
        decision = apply_update(restore(days), KeyState(head=head), Moment(2, time))
        put, set_head = decision.changes
        assert isinstance(put, PutVersion)
        assert isinstance(set_head, SetHead)
        assert put.row == set_head.row == msgspec.structs.replace(head, restored_until=end)


def test_the_longest_restore_ends_on_a_day_that_can_be_written() -> None:
    head = ObjectVersion("k", "null", 1, 1, 1, "owner", attributes=GLACIER)
    decision = apply_update(restore(2**31 - 1), KeyState(head=head), Moment(2, 10 * DAY))
    (put, _) = decision.changes
    assert isinstance(put, PutVersion)
    assert http_date(put.row.restored_until) == "Fri, 31 Dec 9999 00:00:00 GMT"


def test_what_is_not_archived_cannot_be_restored() -> None:
    for storage_class in ("STANDARD", "GLACIER_IR", "INTELLIGENT_TIERING"):
        head = ObjectVersion("k", "null", 1, 1, 1, "owner", attributes=Attributes({}, {}, storage_class))
        decision = apply_update(restore(1), KeyState(head=head), Moment(2, 10 * DAY))
        assert (decision.receipt.refusal, decision.changes) == ("not-archived", ())


def test_a_restore_is_in_force_until_its_end() -> None:
    row = ObjectVersion("k", "null", 1, 1, 1, "owner", attributes=GLACIER, restored_until=12 * DAY)
    assert is_archived(row)
    assert is_restored(row, 12 * DAY / 1000 - 1)
    assert not is_restored(row, 12 * DAY / 1000)


def test_tags_leave_a_restore_as_it_is() -> None:
    head = ObjectVersion("k", "null", 1, 1, 1, "owner", attributes=GLACIER, restored_until=12 * DAY)
    (put, _) = apply_update(tag(a="1"), KeyState(head=head), Moment(2, 3)).changes
    assert isinstance(put, PutVersion)
    assert put.row.restored_until == 12 * DAY
    assert put.row.attributes.storage_class == "GLACIER"
