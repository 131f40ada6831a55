"""Events for one partition, and a materializer over a real index to apply them to."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from index.sqlite.reader import SqliteReader
from index.sqlite.writer import SqliteWriter
from processors.materializer import Materializer
from schemas.events import (
    OBJECT_VERSIONS,
    Condition,
    EpochSet,
    Event,
    ObjectDelete,
    ObjectPut,
    ObjectUpdate,
    Origin,
    PartPut,
    UploadAbort,
    UploadCreate,
    encode_event,
)
from schemas.facts import Fact, decode_fact, receipt_of
from schemas.manifest import NO_BYTES, Extent, Manifest
from schemas.receipts import Receipt
from schemas.rows import Attributes, BucketStatus, ObjectVersion, Versioning

ORIGIN = Origin(bytes(16), "actor", "::1", "Test")
BUCKET = b"b" * 16


def stored(name: int) -> Manifest:
    """Bytes in a blob file of their own."""
    return Manifest("file", (Extent(name.to_bytes(16, "big"), 64, 120, 100, "key", b"k" * 60),))


def spilled(name: int) -> Manifest:
    """A manifest too long for an event."""
    return Manifest("file", spill=stored(name).extents[0])


def epoch(number: int, versioning: Versioning = "unversioned", status: BucketStatus = "open") -> EpochSet:
    return EpochSet(ORIGIN, BUCKET, number, versioning, status)


def put(
    key: str = "k",
    blob: int = 1,
    *,
    at: int = 1,
    etag: str = "e",
    condition: Condition | None = None,
    **more: Any,
) -> ObjectPut:
    manifest = more.pop("manifest", stored(blob) if blob else NO_BYTES)
    nonce = blob.to_bytes(8, "big")
    return ObjectPut(
        ORIGIN, BUCKET, at, key, nonce, "owner", 100, etag, Attributes(), manifest, None, condition, **more
    )


def delete(
    key: str = "k", version: str | None = None, *, at: int = 1, condition: Condition | None = None
) -> ObjectDelete:
    return ObjectDelete(ORIGIN, BUCKET, at, key, b"n" * 8, "owner", version, condition)


def update(
    key: str = "k", version: str | None = None, *, at: int = 1, tags: dict[str, str] | None = None,
    days: int | None = None,
) -> ObjectUpdate:  # fmt: skip
    return ObjectUpdate(ORIGIN, BUCKET, at, key, version, tags, days)


def upload(key: str = "k", name: str = "u", *, at: int = 1) -> UploadCreate:
    return UploadCreate(ORIGIN, BUCKET, at, key, name, "owner", Attributes())


def part(number: int, blob: int, key: str = "k", name: str = "u", *, at: int = 1) -> PartPut:
    return PartPut(ORIGIN, BUCKET, at, key, name, number, 100, f"p{blob}", stored(blob))


def abort(
    seq: int, discarded: Manifest = NO_BYTES, key: str = "k", name: str = "u", *, at: int = 1
) -> UploadAbort:
    return UploadAbort(ORIGIN, BUCKET, at, key, name, seq, discarded)


class Partition:
    """The log of one partition as a list, and the index that its events make."""

    def __init__(self, path: Path, topic: str = OBJECT_VERSIONS) -> None:
        self.path = path
        self.index = SqliteWriter(path)
        self.materializer = Materializer(self.index, topic)
        self.offset = 0
        self.time = 1_000
        self.reader = SqliteReader(path)

    async def apply(self, *events: Event) -> list[tuple[Receipt, Fact]]:
        """Apply the events as one batch; what became of each."""
        self.time += 1
        return await self.apply_at([self.time] * len(events), [encode_event(e) for e in events])

    async def apply_at(self, times: Sequence[int], payloads: Sequence[bytes]) -> list[tuple[Receipt, Fact]]:
        applied = await self.materializer.apply(self.offset, times, payloads)
        self.offset += len(payloads)
        outcomes = list(zip(applied.receipts, map(decode_fact, applied.facts), strict=True))
        for receipt, fact in outcomes:  # a law: who misses a receipt finds it in the fact
            assert receipt_of(fact) == receipt
        return outcomes

    async def one(self, event: Event) -> tuple[Receipt, Fact]:
        (outcome,) = await self.apply(event)
        return outcome

    async def versions(self, key: str = "k") -> list[ObjectVersion]:
        rows = await self.reader.list_versions(BUCKET, key, None, key + "\0", 100)
        return [row for row in rows if row.key == key]

    async def listed(self) -> list[str]:
        return [entry.key for entry in await self.reader.list_current(BUCKET, "", True, None, 100)]

    async def close(self) -> None:
        self.reader.close()
        await self.index.close()
