"""Bytes of a write that is given up: freed at once where no event can name them, kept where one might."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ingest.payload import Payload
from ingest.producer import CompletedPart, Producer
from schemas.errors import (
    LogUnavailable,
    NoSuchBucket,
    RequestTimeout,
    StorageFull,
    StrandlineError,
    SubmitTimeout,
)
from schemas.manifest import Manifest
from schemas.rows import Attributes, Bucket
from tests.store import ORIGIN, Store, embedded_store

LARGE = 3 * 1024 * 1024
Scenario = Callable[[Store, Bucket], Awaitable[None]]


def run(folder: Path, scenario: Scenario) -> None:
    async def main() -> None:
        async with embedded_store(folder) as store:
            await scenario(store, await store.producer.create_bucket("photos", "owner", ORIGIN))

    asyncio.run(main())


def put(store: Store, bucket: Bucket, size: int) -> Awaitable[Any]:
    return store.producer.put_object(bucket, "key", Payload(bytes(size), size), Attributes(), ORIGIN)


def answer_with(monkeypatch: pytest.MonkeyPatch, store: Store, error: StrandlineError) -> None:
    async def refuse(topic: str, partition: int, payload: bytes, pending: Any = None) -> Any:
        raise error

    monkeypatch.setattr(store.ports.submitter, "submit", refuse)


async def leftovers(store: Store) -> int:
    """Bytes that are stored and that nothing names, as the next start's sweep would find them."""

    async def nothing() -> AsyncIterator[list[Manifest]]:
        for manifests in ():
            yield manifests

    return (await store.ports.blobs.sweep(nothing(), int(time.time() * 1000) + 1000)).freed


def blob_files(folder: Path) -> list[Path]:
    return [path for path in (folder / "blobs" / "zones" / "a" / "blobs").rglob("*") if path.is_file()]


@pytest.mark.parametrize("error", [LogUnavailable("shutting down"), StorageFull("no space")])
def test_a_large_object_that_the_log_does_not_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: StrandlineError
) -> None:
    async def scenario(store: Store, bucket: Bucket) -> None:
        answer_with(monkeypatch, store, error)
        with pytest.raises(type(error)):
            await put(store, bucket, LARGE)
        assert blob_files(tmp_path) == []

    run(tmp_path, scenario)


def test_a_part_that_the_log_does_not_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(store: Store, bucket: Bucket) -> None:
        upload = await store.producer.create_upload(bucket, "key", Attributes(), ORIGIN)
        answer_with(monkeypatch, store, LogUnavailable("shutting down"))
        with pytest.raises(LogUnavailable):
            await store.producer.put_part(bucket, upload, 1, Payload(bytes(100_000), 100_000), ORIGIN)
        assert blob_files(tmp_path) == []

    run(tmp_path, scenario)


def test_a_copy_that_the_log_does_not_take_leaves_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(store: Store, bucket: Bucket) -> None:
        await put(store, bucket, LARGE)
        source = await store.reader.find(bucket, "key")
        with monkeypatch.context() as broken:
            answer_with(broken, store, LogUnavailable("shutting down"))
            with pytest.raises(LogUnavailable):
                await store.producer.copy_object(bucket, "copy", source, Attributes(), ORIGIN)
        assert len(blob_files(tmp_path)) == 1
        assert await store.reader.read(source, 0, LARGE) == bytes(LARGE)
        # The source's own reference is the only one left: with it the bytes go.
        assert await store.ports.blobs.free(source.manifest or Manifest("inline")) >= LARGE

    run(tmp_path, scenario)


def test_a_bucket_that_is_gone_when_the_bytes_have_arrived(tmp_path: Path) -> None:
    async def scenario(store: Store, bucket: Bucket) -> None:
        await store.producer.delete_bucket(bucket, ORIGIN)
        again = await store.producer.create_bucket("photos", "owner", ORIGIN)
        assert again.bucket_id != bucket.bucket_id
        with pytest.raises(NoSuchBucket):
            await put(store, bucket, LARGE)
        assert blob_files(tmp_path) == []

    run(tmp_path, scenario)


def test_a_write_that_took_longer_than_its_lease(tmp_path: Path) -> None:
    """Refused whatever it is, for a sweep may have freed its bytes; in time, it counts."""

    async def scenario(store: Store, bucket: Bucket) -> None:
        now = int(time.time() * 1000)
        late = Producer(replace(store.ports, lease_end=lambda: now - 1000))
        in_time = Producer(replace(store.ports, lease_end=lambda: now + 600_000))
        body = Payload(bytes(LARGE), LARGE)
        upload = await in_time.create_upload(bucket, "parts", Attributes(), ORIGIN)
        await in_time.put_object(bucket, "source", body, Attributes(), ORIGIN)
        source = await store.reader.find(bucket, "source")
        with pytest.raises(RequestTimeout, match="took so long"):
            await late.put_object(bucket, "key", body, Attributes(), ORIGIN)
        with pytest.raises(RequestTimeout):
            await late.copy_object(bucket, "key", source, Attributes(), ORIGIN)
        with pytest.raises(RequestTimeout):
            await late.put_part(bucket, upload, 1, body, ORIGIN)
        part = await in_time.put_part(bucket, upload, 1, body, ORIGIN)
        parts = [CompletedPart(1, part.etag)]
        with pytest.raises(RequestTimeout):
            await late.complete_upload(bucket, "parts", upload.upload_id, parts, ORIGIN)
        await in_time.complete_upload(bucket, "parts", upload.upload_id, parts, ORIGIN)
        listed = await store.ports.index.list_current(bucket.bucket_id, "", True, None, 9)
        assert [one.key for one in listed] == ["parts", "source"]

    run(tmp_path, scenario)


def test_an_unknown_outcome_keeps_the_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(store: Store, bucket: Bucket) -> None:
        with monkeypatch.context() as broken:
            answer_with(broken, store, SubmitTimeout("no receipt"))
            with pytest.raises(SubmitTimeout):
                await put(store, bucket, LARGE)
        assert len(blob_files(tmp_path)) == 1
        assert await leftovers(store) >= LARGE
        assert blob_files(tmp_path) == []

    run(tmp_path, scenario)
