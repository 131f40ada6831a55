"""Deleting buckets: uploads go with them, and a deletion cut short is finished or undone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import ingest.buckets
from bus.contract import follow
from ingest.buckets import _update, finish_deletion
from ingest.payload import Payload
from ingest.ports import Ports
from ingest.submission import announce_everywhere
from processors.bucket_keeper import BucketKeeper
from schemas.errors import BucketNotEmpty, LogUnavailable, NoSuchBucket, NoSuchUpload, ServiceUnavailable
from schemas.events import FACTS
from schemas.facts import Fact, decode_fact
from schemas.rows import Attributes, Bucket
from tests.store import ORIGIN, Store, embedded_store

Scenario = Callable[[Store, Bucket], Awaitable[None]]


@pytest.fixture
def run(tmp_path: Path) -> Any:
    def runner(scenario: Scenario) -> None:
        async def main() -> None:
            async with embedded_store(tmp_path / "data") as store:
                await scenario(store, await store.producer.create_bucket("photos", "owner", ORIGIN))

        asyncio.run(main())

    return runner


def keeper(store: Store) -> BucketKeeper:
    @contextlib.asynccontextmanager
    async def open_ports() -> AsyncIterator[Ports]:
        yield store.ports

    return BucketKeeper(store.ports.index, open_ports)


def facts(store: Store) -> list[Fact]:
    return [decode_fact(record.payload) for record in follow(store.engine.logs[FACTS], 0)]


async def put(store: Store, bucket: Bucket, key: str = "k") -> None:
    await store.producer.put_object(bucket, key, Payload(b"x" * 1000, 1000), Attributes(), ORIGIN)


async def begin_upload(store: Store, bucket: Bucket, key: str, parts: int) -> str:
    upload = await store.producer.create_upload(bucket, key, Attributes(), ORIGIN)
    for number in range(1, parts + 1):
        await store.producer.put_part(bucket, upload, number, Payload(b"part", 4), ORIGIN)
    return upload.upload_id


def test_uploads_in_progress_are_aborted_with_the_bucket(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest.buckets, "UPLOADS_PAGE", 2)

    async def scenario(store: Store, bucket: Bucket) -> None:
        uploads = {key: await begin_upload(store, bucket, key, 2) for key in ("a", "b", "c")}
        await begin_upload(store, bucket, "a", 0)
        await store.producer.delete_bucket(bucket, ORIGIN)
        with pytest.raises(NoSuchBucket):
            await store.reader.bucket("photos")
        aborted = [fact for fact in facts(store) if fact.type == "upload.aborted"]
        assert len(aborted) == 4
        assert sum(len(m.extents) for fact in aborted for m in fact.freed) == 6
        assert await store.ports.index.list_uploads(bucket.bucket_id, "", None, None, 9) == []
        assert await store.ports.index.parts(uploads["a"], 0, 9) == []
        with pytest.raises((NoSuchBucket, NoSuchUpload)):
            await store.producer.abort_upload(bucket, "a", uploads["a"], ORIGIN)

    run(scenario)


def test_a_bucket_with_objects_keeps_its_uploads(run: Any) -> None:
    async def scenario(store: Store, bucket: Bucket) -> None:
        upload = await begin_upload(store, bucket, "a", 1)
        await put(store, bucket)
        with pytest.raises(BucketNotEmpty):
            await store.producer.delete_bucket(bucket, ORIGIN)
        assert len(await store.ports.index.parts(upload, 0, 9)) == 1
        assert (await store.reader.bucket("photos")).status == "open"

    run(scenario)


def test_writes_wait_at_the_fence_and_then_learn_the_bucket_is_gone(run: Any) -> None:
    async def scenario(store: Store, bucket: Bucket) -> None:
        fenced = await _update(store.ports, bucket, bucket.versioning, "fenced", ORIGIN)
        await announce_everywhere(store.ports, fenced, ORIGIN)
        waiting = asyncio.create_task(put(store, bucket))
        while not any(fact.outcome == "bucket-fenced" for fact in facts(store)):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        await finish_deletion(store.ports, fenced, ORIGIN)
        with pytest.raises(NoSuchBucket):
            await waiting
        # Whoever still has the row of the deleted bucket is told the same, and its bytes are freed.
        with pytest.raises(NoSuchBucket):
            await put(store, bucket)
        assert [fact.outcome for fact in facts(store) if fact.freed] == ["no-such-bucket"]

    run(scenario)


async def fence(store: Store, bucket: Bucket, announced: bool) -> Bucket:
    """What a gateway that dies in the middle of a deletion leaves."""
    fenced = await _update(store.ports, bucket, bucket.versioning, "fenced", ORIGIN)
    if announced:
        await announce_everywhere(store.ports, fenced, ORIGIN)
    return fenced


@pytest.mark.parametrize("announced", [False, True])
def test_the_deletion_of_an_empty_bucket_is_finished(run: Any, announced: bool) -> None:
    async def scenario(store: Store, bucket: Bucket) -> None:
        await begin_upload(store, bucket, "a", 1)
        await fence(store, bucket, announced)
        assert await keeper(store).settle() == 1
        with pytest.raises(NoSuchBucket):
            await store.reader.bucket("photos")
        new = await store.producer.create_bucket("photos", "owner", ORIGIN)
        await put(store, new)
        assert await keeper(store).settle() == 0

    run(scenario)


@pytest.mark.parametrize("announced", [False, True])
def test_a_bucket_that_is_not_empty_is_opened_again(run: Any, announced: bool) -> None:
    async def scenario(store: Store, bucket: Bucket) -> None:
        await put(store, bucket)
        await fence(store, bucket, announced)
        assert await keeper(store).settle() == 1
        assert (await store.reader.bucket("photos")).status == "open"
        await put(store, bucket, "another")

    run(scenario)


def test_a_write_that_waits_is_let_through_when_the_bucket_opens(run: Any) -> None:
    async def scenario(store: Store, bucket: Bucket) -> None:
        await put(store, bucket)
        await fence(store, bucket, True)
        waiting = asyncio.create_task(put(store, bucket, "waits"))
        await asyncio.sleep(0)
        assert await keeper(store).settle() == 1
        await waiting
        assert await store.reader.find(await store.reader.bucket("photos"), "waits")

    run(scenario)


def test_a_running_deletion_is_left_alone(run: Any) -> None:
    async def scenario(store: Store, bucket: Bucket) -> None:
        looking = keeper(store)
        assert await looking.look() == 0
        await fence(store, bucket, True)
        assert await looking.look() == 0  # it may be at work
        assert await looking.look() == 1  # it is not
        with pytest.raises(NoSuchBucket):
            await store.reader.bucket("photos")
        assert await looking.look() == 0

    run(scenario)


def test_what_cannot_be_done_now_is_done_later(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(store: Store, bucket: Bucket) -> None:
        await fence(store, bucket, True)
        submitter = store.ports.submitter

        async def refuse(topic: str, partition: int, payload: bytes) -> Any:
            raise LogUnavailable("no space left")

        with monkeypatch.context() as broken:
            broken.setattr(submitter, "submit", refuse)
            await keeper(store).settle()
        assert (await store.reader.bucket("photos")).status == "fenced"
        await keeper(store).settle()
        with pytest.raises(NoSuchBucket):
            await store.reader.bucket("photos")

    run(scenario)


def test_a_fence_that_stays_is_told_to_writers(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.submission.FENCE_WAIT", 0.0)

    async def scenario(store: Store, bucket: Bucket) -> None:
        await fence(store, bucket, True)
        with pytest.raises(ServiceUnavailable, match="being changed"):
            await put(store, bucket)
        await keeper(store).settle()

    run(scenario)
