"""Logs for tests of the index in Cassandra, and connections whose process dies or stands still."""

import asyncio
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from bus.contract import Record
from index.cassandra.client import Client
from index.contract import IndexReader, IndexWriter
from index.sqlite.reader import SqliteReader
from index.sqlite.writer import SqliteWriter
from processors.materializer import Materializer
from schemas.events import OBJECT_VERSIONS, decode_event, encode_event
from schemas.receipts import encode_receipt
from tests.unit.test_replay import KEYS, any_log

WORLDS = itertools.count(1)
UPLOADS = ("u", "v")

Outcome = tuple[bytes, bytes]  # fact, receipt


class Died(Exception):
    """The process is gone."""


class MortalClient(Client):
    """A connection whose process dies at its n-th request, which still reaches Cassandra, or not."""

    left = 1 << 60
    lands = False

    async def _send(self, statement: Any, paging_state: bytes | None) -> Any:
        self.left -= 1
        if self.left < 0 or (self.left == 0 and not self.lands):
            raise Died
        answer = await super()._send(statement, paging_state)
        if self.left == 0:
            raise Died
        return answer


class PausedClient(Client):
    """A connection whose process stands still before its n-th request, until it is let go."""

    def __init__(self, session: Any, before: int) -> None:
        super().__init__(session)
        self.left = before
        self.standing = asyncio.Event()
        self.let_go = asyncio.Event()

    async def _send(self, statement: Any, paging_state: bytes | None) -> Any:
        self.left -= 1
        if self.left == 0:
            self.standing.set()
            await self.let_go.wait()
        return await super()._send(statement, paging_state)


class World:
    """A log of its own: a bucket, a partition and uploads that no other example has."""

    def __init__(self, seed: int, length: int) -> None:
        self.number = next(WORLDS)
        self.bucket = self.number.to_bytes(16, "big")
        self.uploads = [f"{self.number}-{name}" for name in UPLOADS]
        self.records = [self._mine(record) for record in any_log(seed, length)]

    def _mine(self, record: Record) -> Record:
        event = decode_event(record.payload)
        changed: dict[str, Any] = {"bucket_id": self.bucket}
        if getattr(event, "upload_id", None) is not None:
            changed["upload_id"] = f"{self.number}-{event.upload_id}"  # type: ignore[union-attr]
        return record._replace(payload=encode_event(msgspec.structs.replace(event, **changed)))

    async def clean(self, path: Path) -> tuple[list[Outcome], Any]:
        """What one replay on SQLite makes of the log."""
        writer = SqliteWriter(path)
        reader = SqliteReader(path)
        try:
            outcomes = await apply(writer, self.number, 0, self.records)
            return outcomes, await self.dump(reader, writer)
        finally:
            reader.close()
            await writer.close()

    async def dump(self, reader: IndexReader, writer: IndexWriter) -> Any:
        """All that the port tells of the bucket."""
        return (
            await reader.list_versions(self.bucket, "", None, None, 1000),
            await reader.list_current(self.bucket, "", True, None, 1000),
            await reader.list_uploads(self.bucket, "", None, None, 1000),
            [await reader.parts(upload, 0, 1000) for upload in self.uploads],
            [await reader.newest(self.bucket, key) for key in KEYS],
            [await reader.current(self.bucket, key) for key in KEYS],
            [await reader.version(self.bucket, key, "null") for key in KEYS],
            await writer.epoch(self.number, self.bucket),
            await writer.position(OBJECT_VERSIONS, self.number),
        )


async def apply(index: IndexWriter, partition: int, offset: int, records: Sequence[Record]) -> list[Outcome]:
    materializer = Materializer(index, OBJECT_VERSIONS, partition, keep_receipts=True)
    applied = await materializer.apply(offset, [r.time for r in records], [r.payload for r in records])
    return list(zip(applied.facts, map(encode_receipt, applied.receipts), strict=True))


async def pending(index: IndexWriter, partition: int) -> dict[int, Outcome]:
    """The outcomes that a worker finds when it takes the partition over."""
    found: dict[int, Outcome] = {}
    for batch in await index.pending_facts(OBJECT_VERSIONS, partition):
        for i, outcome in enumerate(zip(batch.facts, batch.receipts, strict=True)):
            found[batch.first + i] = outcome
    return found
