"""The rules of apply, one by one: what becomes of an event, what its fact says, which bytes it frees."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.events import Condition
from schemas.facts import Fact
from schemas.manifest import NO_BYTES
from schemas.rows import Versioning
from tests.unit.applying import BUCKET, Partition, abort, delete, epoch, part, put, spilled, stored, upload

Body = Callable[[Partition], Awaitable[None]]


@pytest.fixture
def run(tmp_path: Path) -> Callable[[Body], None]:
    """Run a body over a partition whose bucket is at epoch 1, unversioned."""

    def runner(body: Body) -> None:
        async def main() -> None:
            partition = Partition(tmp_path / "index.sqlite")
            try:
                await partition.one(epoch(1))
                await body(partition)
            finally:
                await partition.close()

        asyncio.run(main())

    return runner


def refusal(outcome: tuple[Any, Fact]) -> tuple[str, tuple[Any, ...]]:
    """Why it was refused and which bytes that frees; the receipt and the fact must agree."""
    receipt, fact = outcome
    assert receipt.refusal == fact.outcome
    assert (fact.type == "refused") == bool(receipt.refusal)
    return fact.outcome, fact.freed


# --- put ---------------------------------------------------------------------------------------------------
def test_put_replaces_and_frees_in_an_unversioned_bucket(run: Any) -> None:
    async def body(p: Partition) -> None:
        receipt, fact = await p.one(put(blob=1))
        assert (receipt.version, fact.type, fact.freed) == ("null", "object.created", ())
        receipt, fact = await p.one(put(blob=2))
        assert fact.freed == (stored(1),)
        (row,) = await p.versions()
        assert (row.manifest, row.seq, row.created_at) == (stored(2), receipt.seq, receipt.time)
        assert await p.listed() == ["k"]

    run(body)


def test_two_puts_of_a_key_in_one_batch_see_each_other(run: Any) -> None:
    async def body(p: Partition) -> None:
        first, second, third = await p.apply(put(blob=1), put(blob=2), put(blob=3))
        assert [fact.freed for _, fact in (first, second, third)] == [(), (stored(1),), (stored(2),)]
        (row,) = await p.versions()
        assert row.manifest == stored(3)
        assert row.rank > third[0].time  # the same millisecond three times: ranks go on

    run(body)


def test_puts_keep_versions_where_versioning_is_enabled(run: Any) -> None:
    async def body(p: Partition) -> None:
        await p.one(put(blob=1))
        await p.one(epoch(2, "enabled"))
        second, fact = await p.one(put(blob=2, at=2))
        assert (len(second.version), fact.freed) == (32, ())
        newest, null = await p.versions()
        assert (newest.version, null.version) == (second.version, "null")
        assert (null.ended_seq, null.ended_at) == (second.seq, second.time)
        assert newest.ended_seq == 0

    run(body)


def test_a_suspended_bucket_replaces_only_its_null_version(run: Any) -> None:
    async def body(p: Partition) -> None:
        await p.one(put(blob=1))
        await p.one(epoch(2, "enabled"))
        kept, _ = await p.one(put(blob=2, at=2))
        await p.one(epoch(3, "suspended"))
        receipt, fact = await p.one(put(blob=3, at=3))
        assert (receipt.version, fact.freed) == ("null", (stored(1),))
        assert [row.version for row in await p.versions()] == ["null", kept.version]
        _, fact = await p.one(put(blob=4, at=3))
        assert fact.freed == (stored(3),)
        assert [row.version for row in await p.versions()] == ["null", kept.version]

    run(body)


def test_inline_bytes_need_no_freeing(run: Any) -> None:
    async def body(p: Partition) -> None:
        await p.one(put(blob=0))
        assert (await p.one(put(blob=1)))[1].freed == ()

    run(body)


# --- conditions ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("condition", "on_nothing", "on_object"),
    [
        (Condition(if_none_match="*"), "", "precondition-failed"),
        (Condition(if_none_match="e"), "", "precondition-failed"),
        (Condition(if_none_match="other"), "", ""),
        (Condition(if_match="*"), "no-such-key", ""),
        (Condition(if_match="e"), "no-such-key", ""),
        (Condition(if_match="other"), "no-such-key", "precondition-failed"),
        (Condition("e", "other"), "no-such-key", ""),
        (Condition("e", "e"), "no-such-key", "precondition-failed"),
    ],
)
@pytest.mark.parametrize("versioning", ["unversioned", "enabled"])
def test_conditions_are_decided_by_the_head(
    run: Any, condition: Condition, on_nothing: str, on_object: str, versioning: Versioning
) -> None:
    async def body(p: Partition) -> None:
        await p.one(epoch(2, versioning))
        assert (await p.one(put("x", 7, at=2, condition=condition)))[0].refusal == on_nothing
        await p.one(put(blob=1, at=2))
        outcome = await p.one(put(blob=2, at=2, condition=condition))
        assert refusal(outcome) == (
            (on_object, (stored(2),)) if on_object else ("", (stored(1),) if versioning != "enabled" else ())
        )
        assert (await p.versions())[0].manifest == stored(1 if on_object else 2)
        # A delete marker counts as no object.
        await p.one(delete(at=2))
        outcome = await p.one(put(blob=3, at=2, condition=condition))
        assert refusal(outcome)[0] == on_nothing
        assert outcome[1].freed == ((stored(3),) if on_nothing else ())

    run(body)


def test_conditions_of_a_delete(run: Any) -> None:
    async def body(p: Partition) -> None:
        await p.one(put(blob=1))
        assert refusal(await p.one(delete(condition=Condition(if_match="other")))) == (
            "precondition-failed",
            (),
        )
        assert refusal(await p.one(delete("no", condition=Condition(if_match="*")))) == ("no-such-key", ())
        assert refusal(await p.one(delete(condition=Condition(if_match="e")))) == ("", (stored(1),))

    run(body)


# --- delete ----------------------------------------------------------------------------------------------
def test_delete_of_nothing_is_nothing(run: Any) -> None:
    async def body(p: Partition) -> None:
        for event in (delete(), delete(version="null"), delete(version="0" * 32)):
            receipt, fact = await p.one(event)
            assert (receipt.refusal, fact.type, fact.freed) == ("", "nothing", ())
        assert await p.versions() == []

    run(body)


def test_delete_removes_for_good_in_an_unversioned_bucket(run: Any) -> None:
    async def body(p: Partition) -> None:
        await p.one(put(blob=1))
        receipt, fact = await p.one(delete())
        assert (fact.type, fact.freed, receipt.delete_marker) == ("object.deleted", (stored(1),), False)
        assert await p.versions() == await p.listed() == []

    run(body)


def test_delete_marks_where_versioning_is_enabled(run: Any) -> None:
    async def body(p: Partition) -> None:
        await p.one(epoch(2, "enabled"))
        await p.one(put(blob=1, at=2))
        receipt, fact = await p.one(delete(at=2))
        assert (receipt.delete_marker, fact.type, fact.freed) == (True, "object.marked", ())
        marker, old = await p.versions()
        assert (marker.delete_marker, marker.version, old.ended_seq) == (True, receipt.version, receipt.seq)
        assert await p.listed() == []
        # The marker removed, the version below it is there again.
        receipt, fact = await p.one(delete(version=marker.version, at=2))
        assert (receipt.delete_marker, fact.type) == (True, "object.deleted")
        (row,) = await p.versions()
        assert (row.ended_seq, row.ended_at) == (0, 0)
        assert await p.listed() == ["k"]

    run(body)


def test_a_marker_in_a_suspended_bucket_replaces_the_null_version(run: Any) -> None:
    async def body(p: Partition) -> None:
        await p.one(put(blob=1))
        await p.one(epoch(2, "suspended"))
        receipt, fact = await p.one(delete(at=2))
        assert (receipt.version, fact.freed) == ("null", (stored(1),))
        (marker,) = await p.versions()
        assert marker.delete_marker
        await p.one(delete(at=2))
        assert len(await p.versions()) == 1

    run(body)


def test_removing_versions_promotes_the_next_only_when_the_head_goes(run: Any) -> None:
    async def body(p: Partition) -> None:
        await p.one(epoch(2, "enabled"))
        names = [(await p.one(put(blob=blob, at=2)))[0].version for blob in (1, 2, 3)]
        assert (await p.one(delete(version=names[1], at=2)))[1].freed == (stored(2),)
        assert [row.version for row in await p.versions()] == [names[2], names[0]]
        assert (await p.versions())[1].ended_seq  # not the head
        assert (await p.one(delete(version=names[2], at=2)))[1].freed == (stored(3),)
        (row,) = await p.versions()
        assert (row.version, row.ended_seq) == (names[0], 0)
        assert await p.listed() == ["k"]
        await p.one(delete(version=names[0], at=2))
        assert await p.versions() == await p.listed() == []

    run(body)


def test_removing_a_head_above_a_marker_leaves_the_key_hidden(run: Any) -> None:
    async def body(p: Partition) -> None:
        await p.one(epoch(2, "enabled"))
        await p.one(put(blob=1, at=2))
        await p.one(delete(at=2))
        top, _ = await p.one(put(blob=2, at=2))
        await p.one(delete(version=top.version, at=2))
        assert (await p.versions())[0].delete_marker
        assert await p.listed() == []

    run(body)


# --- uploads ---------------------------------------------------------------------------------------------
def test_a_part_replaces_one_of_its_number(run: Any) -> None:
    async def body(p: Partition) -> None:
        await p.one(upload())
        assert (await p.one(part(1, 1)))[1].freed == ()
        assert (await p.one(part(2, 2)))[1].freed == ()
        receipt, fact = await p.one(part(1, 3))
        assert fact.freed == (stored(1),)
        row = await p.reader.upload(BUCKET, "k", "u")
        assert row is not None
        assert row.part_seq == receipt.seq
        assert [r.manifest for r in await p.reader.parts("u", 0, 9)] == [stored(3), stored(2)]

    run(body)


def test_a_part_without_its_upload_is_freed(run: Any) -> None:
    async def body(p: Partition) -> None:
        assert refusal(await p.one(part(1, 1))) == ("no-such-upload", (stored(1),))

    run(body)


def test_complete_takes_the_upload_away_and_frees_what_it_leaves_out(run: Any) -> None:
    async def body(p: Partition) -> None:
        await p.one(put(blob=9))
        await p.one(upload())
        await p.one(part(1, 1))
        last, _ = await p.one(part(2, 2))
        complete = put(blob=1, upload_id="u", upload_seq=last.seq, discarded=stored(2))
        _, fact = await p.one(complete)
        assert (fact.type, fact.upload_id, fact.freed) == ("object.created", "u", (stored(9), stored(2)))
        assert await p.reader.upload(BUCKET, "k", "u") is None
        assert await p.reader.parts("u", 0, 9) == []
        # Once more: the parts belong to the object now, so nothing of it may be freed.
        first = (await p.versions())[0].version
        receipt, fact = await p.one(complete)
        assert (receipt.version, fact.type, fact.outcome, fact.freed) == (first, "nothing", "", ())
        other = put(blob=1, etag="other", manifest=spilled(5), upload_id="u", upload_seq=last.seq)
        assert refusal(await p.one(other)) == ("no-such-upload", (stored(5),))

    run(body)


def test_complete_and_abort_are_refused_when_a_part_has_landed_since(run: Any) -> None:
    async def body(p: Partition) -> None:
        await p.one(upload())
        before, _ = await p.one(part(1, 1))
        last, _ = await p.one(part(2, 2))
        # The parts stay; what the manifests were spilled to was made for this event alone.
        early = put(manifest=spilled(5), upload_id="u", upload_seq=before.seq, discarded=spilled(6))
        assert refusal(await p.one(early)) == ("part-landed-since", (stored(5), stored(6)))
        assert refusal(await p.one(abort(before.seq, spilled(7)))) == ("part-landed-since", (stored(7),))
        assert len(await p.reader.parts("u", 0, 9)) == 2
        _, fact = await p.one(abort(last.seq, spilled(8)))
        assert (fact.type, fact.freed) == ("upload.aborted", (spilled(8),))
        assert await p.reader.parts("u", 0, 9) == []
        assert refusal(await p.one(abort(last.seq, spilled(9)))) == ("no-such-upload", (stored(9),))

    run(body)


def test_a_refused_condition_leaves_the_upload_as_it_is(run: Any) -> None:
    async def body(p: Partition) -> None:
        await p.one(put(blob=9))
        await p.one(upload())
        last, _ = await p.one(part(1, 1))
        event = put(
            blob=1, upload_id="u", upload_seq=last.seq, discarded=stored(2),
            condition=Condition(if_none_match="*"),
        )  # fmt: skip
        assert refusal(await p.one(event)) == ("precondition-failed", ())
        assert len(await p.reader.parts("u", 0, 9)) == 1

    run(body)


# --- epochs ----------------------------------------------------------------------------------------------
EVENTS = [put(blob=1), delete(), upload(), part(1, 1), abort(0, spilled(2))]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_of_another_epoch_is_to_be_tried_again_with_its_bytes(run: Any, event: Any) -> None:
    async def body(p: Partition) -> None:
        await p.one(epoch(2))
        assert refusal(await p.one(event)) == ("stale-epoch", ())
        assert await p.versions() == []

    run(body)


@pytest.mark.parametrize(
    "event",
    [put(blob=7), part(1, 7), put(manifest=spilled(7), upload_id="u")],
    ids=("put", "part", "complete"),
)
def test_a_write_whose_lease_has_ended_is_refused_and_its_bytes_freed(run: Any, event: Any) -> None:
    """By commit time alone: the last moment of the lease still counts."""

    async def body(p: Partition) -> None:
        await p.apply(epoch(1), upload())
        late = msgspec.structs.replace(event, expires=p.time)
        assert refusal(await p.one(late)) == ("lease-ended", (stored(7),))
        assert await p.versions() == []
        in_time = msgspec.structs.replace(event, expires=p.time + 1)
        assert (await p.one(in_time))[0].refusal == ""

    run(body)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_a_fence_holds_everything_but_aborts(run: Any, event: Any) -> None:
    async def body(p: Partition) -> None:
        await p.one(epoch(1))
        await p.one(epoch(2, status="fenced"))
        event_then = type(event)(**{**{f: getattr(event, f) for f in event.__struct_fields__}, "epoch": 2})
        why, freed = refusal(await p.one(event_then))
        if type(event).__name__ == "UploadAbort":
            assert (why, freed) == ("no-such-upload", (stored(2),))
        else:
            assert (why, freed) == ("bucket-fenced", ())

    run(body)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_a_deleted_bucket_turns_everything_away_and_frees_it(run: Any, event: Any) -> None:
    async def body(p: Partition) -> None:
        await p.one(epoch(3, status="deleted"))
        await p.one(epoch(1))  # announced late: it must not bring the bucket back
        why, freed = refusal(await p.one(event))
        assert why == "no-such-bucket"
        assert freed == {"ObjectPut": (stored(1),), "PartPut": (stored(1),), "UploadAbort": (stored(2),)}.get(
            type(event).__name__, ()
        )

    run(body)


def test_an_older_epoch_changes_nothing(run: Any) -> None:
    async def body(p: Partition) -> None:
        await p.one(epoch(3, "enabled"))
        for number in (1, 3):
            receipt, fact = await p.one(epoch(number, "suspended"))
            assert (receipt.epoch, fact.type) == (3, "nothing")
        assert len((await p.one(put(at=3)))[0].version) == 32

    run(body)


def test_an_epoch_counts_from_its_place_in_a_batch_on(run: Any) -> None:
    async def body(p: Partition) -> None:
        outcomes = await p.apply(put("a", 1), epoch(2, "enabled"), put("b", 2, at=2), put("c", 3, at=1))
        assert [receipt.refusal for receipt, _ in outcomes] == ["", "", "", "stale-epoch"]
        assert [len(receipt.version) for receipt, _ in outcomes] == [4, 0, 32, 0]

    run(body)


def test_an_unknown_bucket_takes_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        partition = Partition(tmp_path / "index.sqlite")
        assert refusal(await partition.one(put(manifest=NO_BYTES))) == ("stale-epoch", ())
        await partition.close()

    asyncio.run(main())
