"""apply ObjectUpdate: what changes about a version, and what does not."""

import asyncio
from pathlib import Path

from index.contract import KeyState
from processors.apply.decision import Moment
from processors.apply.update import apply_update
from schemas.events import ObjectUpdate
from schemas.rows import ObjectVersion
from tests.unit.applying import BUCKET, ORIGIN, Partition, delete, epoch, put


def tag(version: str | None = None, at: int = 1, **tags: str) -> ObjectUpdate:
    return ObjectUpdate(ORIGIN, BUCKET, at, "k", version, tags)


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
