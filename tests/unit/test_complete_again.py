"""Complete asked for again, because its answer got lost: the same result, and nothing freed."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from index.contract import KeyState
from ingest.payload import Payload
from ingest.results import CompletedPart, PutResult
from processors.apply.decision import Moment
from processors.apply.put import apply_put
from schemas.errors import BadDigest, InvalidPartOrder, InvalidRequest, NoSuchUpload
from schemas.events import Condition, ObjectPut
from schemas.manifest import Extent, Manifest
from schemas.rows import Attributes, Bucket, ObjectVersion, Upload, Versioning
from tests.store import ORIGIN, Store, embedded_store

PIECES = [os.urandom(5 * 1024 * 1024), b"end"]


class Uploaded:
    """A bucket with an upload whose two parts have been stored."""

    def __init__(self, store: Store, bucket: Bucket, upload: Upload, named: list[CompletedPart]) -> None:
        self.store, self.bucket, self.upload, self.named = store, bucket, upload, named

    async def complete(self, named: list[CompletedPart] | None = None, **more: Any) -> PutResult:
        return await self.store.producer.complete_upload(
            self.bucket, "k", self.upload.upload_id, named or self.named, ORIGIN, **more
        )

    async def put(self, data: bytes) -> None:
        payload = Payload(data, len(data))
        await self.store.producer.put_object(self.bucket, "k", payload, Attributes(), ORIGIN)

    async def read(self) -> bytes:
        version = await self.store.reader.find(self.bucket, "k")
        return b"".join([chunk async for chunk in self.store.reader.stream(version, 0, version.size)])

    async def versions(self) -> int:
        return len((await self.store.reader.list_versions(self.bucket, "", "", "", "", 100)).versions)


def with_upload(
    folder: Path, scenario: Callable[[Uploaded], Awaitable[None]], versioning: Versioning = "unversioned"
) -> None:
    async def run() -> None:
        async with embedded_store(folder) as store:
            bucket = await store.producer.create_bucket("bucket", "owner", ORIGIN)
            if versioning == "enabled":
                bucket = await store.producer.set_versioning(bucket, "enabled", ORIGIN)
            upload = await store.producer.create_upload(bucket, "k", Attributes(), ORIGIN)
            named = []
            for number, piece in enumerate(PIECES, 1):
                payload = Payload(piece, len(piece))
                stored = await store.producer.put_part(bucket, upload, number, payload, ORIGIN)
                named.append(CompletedPart(number, stored.etag))
            await scenario(Uploaded(store, bucket, upload, named))

    asyncio.run(asyncio.wait_for(run(), 60))


@pytest.mark.parametrize("versioning", ["unversioned", "enabled"])
def test_the_answer_is_the_same_again(tmp_path: Path, versioning: Versioning) -> None:
    async def scenario(uploaded: Uploaded) -> None:
        first = await uploaded.complete()
        assert await uploaded.complete() == first
        # Its own object is no reason to refuse the repetition.
        assert await uploaded.complete(condition=Condition(if_none_match="*")) == first
        assert await uploaded.complete(object_size=first.size) == first
        assert await uploaded.read() == b"".join(PIECES)
        assert await uploaded.versions() == 1

    with_upload(tmp_path, scenario, versioning)


def test_only_the_same_parts_get_it(tmp_path: Path) -> None:
    async def scenario(uploaded: Uploaded) -> None:
        one, two = uploaded.named
        await uploaded.complete()
        for named in (
            [one],
            [one, CompletedPart(3, two.etag)],
            [one, CompletedPart(2, one.etag)],
            [one, CompletedPart(2, "no etag")],
        ):
            with pytest.raises(NoSuchUpload):
                await uploaded.complete(named)
        with pytest.raises((NoSuchUpload, InvalidPartOrder)):
            await uploaded.complete([two, one])
        with pytest.raises(InvalidRequest):
            await uploaded.complete(object_size=1)
        with pytest.raises((InvalidRequest, BadDigest)):
            await uploaded.complete(checksum=("CRC32", "AAAAAA=="))

    with_upload(tmp_path, scenario)


@pytest.mark.parametrize("versioning", ["unversioned", "enabled"])
def test_no_more_once_something_else_stands_there(tmp_path: Path, versioning: Versioning) -> None:
    async def scenario(uploaded: Uploaded) -> None:
        await uploaded.complete()
        await uploaded.put(b"newer")
        with pytest.raises(NoSuchUpload):
            await uploaded.complete()
        assert await uploaded.read() == b"newer"
        await uploaded.store.producer.delete_object(uploaded.bucket, "k", ORIGIN)
        with pytest.raises(NoSuchUpload):
            await uploaded.complete()

    with_upload(tmp_path, scenario, versioning)


def test_not_after_an_abort(tmp_path: Path) -> None:
    async def scenario(uploaded: Uploaded) -> None:
        await uploaded.store.producer.abort_upload(uploaded.bucket, "k", uploaded.upload.upload_id, ORIGIN)
        with pytest.raises(NoSuchUpload):
            await uploaded.complete()

    with_upload(tmp_path, scenario)


def test_all_of_many_at_once_get_the_same_answer(tmp_path: Path) -> None:
    async def scenario(uploaded: Uploaded) -> None:
        results = await asyncio.gather(*(uploaded.complete() for _ in range(8)))
        assert len(set(results)) == 1
        assert await uploaded.read() == b"".join(PIECES)
        assert await uploaded.versions() == 1

    with_upload(tmp_path, scenario, "enabled")


def test_one_that_reads_the_parts_when_another_is_done_gets_the_same_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(uploaded: Uploaded) -> None:
        index = uploaded.store.ports.index
        read, first = index.parts, []

        async def after_another(*asked: Any) -> Any:
            monkeypatch.undo()
            first.append(await uploaded.complete())
            return await read(*asked)

        monkeypatch.setattr(index, "parts", after_another)
        assert [await uploaded.complete()] == first
        assert await uploaded.versions() == 1

    with_upload(tmp_path, scenario)


def test_one_that_reads_the_parts_after_an_abort_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(uploaded: Uploaded) -> None:
        index, producer = uploaded.store.ports.index, uploaded.store.producer
        read = index.parts

        async def after_abort(*asked: Any) -> Any:
            monkeypatch.undo()
            await producer.abort_upload(uploaded.bucket, "k", uploaded.upload.upload_id, ORIGIN)
            return await read(*asked)

        monkeypatch.setattr(index, "parts", after_abort)
        with pytest.raises(NoSuchUpload):
            await uploaded.complete()

    with_upload(tmp_path, scenario)


# --- apply itself -------------------------------------------------------------------------------------
UPLOAD_ID = "0" * 32
SPILLED, ITS_DISCARDED = (Extent(bytes([n]) * 16, 0, 100, 80, "key", b"d" * 60) for n in (1, 2))
PART = Extent(b"p" * 16, 0, 100, 80, "key", b"d" * 60)


def event(**changes: Any) -> ObjectPut:
    complete = ObjectPut(
        ORIGIN, b"b" * 16, 1, "k", b"n" * 8, "owner", 80, "e" * 32 + "-1", Attributes(),
        Manifest("file", (PART,)), upload_id=UPLOAD_ID, upload_seq=7,
    )  # fmt: skip
    return msgspec.structs.replace(complete, **changes)


def head_of(first: ObjectPut) -> ObjectVersion:
    upload = Upload("k", UPLOAD_ID, 1, 5, "owner", "owner", Attributes(), part_seq=7)
    decision = apply_put(first, KeyState(upload=upload), "unversioned", Moment(10, 1000))
    row: ObjectVersion = decision.changes[0].row  # type: ignore[union-attr,assignment]
    assert row.upload_id == UPLOAD_ID
    return row


def test_apply_frees_only_what_the_repetition_itself_spilled() -> None:
    head = head_of(event())
    again = event(
        manifest=Manifest("file", spill=SPILLED), discarded=Manifest("file", spill=ITS_DISCARDED),
        condition=Condition(if_none_match="*"),
    )  # fmt: skip
    decision = apply_put(again, KeyState(head=head, null=head), "unversioned", Moment(11, 2000))
    assert decision.changes == ()
    assert (decision.fact.type, decision.fact.version) == ("nothing", "null")
    assert decision.fact.freed == (Manifest("file", (SPILLED,)), Manifest("file", (ITS_DISCARDED,)))
    receipt = decision.receipt
    assert (receipt.refusal, receipt.version, receipt.time, receipt.seq) == ("", "null", 1000, 11)
    plain = apply_put(event(), KeyState(head=head, null=head), "unversioned", Moment(11, 2000))
    assert plain.fact.freed == ()


@pytest.mark.parametrize(
    "changes", [{"upload_id": "1" * 32}, {"etag": "f" * 32 + "-1"}, {"size": 81}], ids=lambda c: next(iter(c))
)
def test_apply_refuses_what_is_not_a_repetition(changes: dict[str, Any]) -> None:
    head = head_of(event())
    decision = apply_put(event(**changes), KeyState(head=head, null=head), "unversioned", Moment(11, 2000))
    assert (decision.receipt.refusal, decision.fact.freed) == ("no-such-upload", ())
