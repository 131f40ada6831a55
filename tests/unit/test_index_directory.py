"""The bucket directory: cached rows, and no old row after a change was acknowledged in any process."""

import asyncio
import multiprocessing
import time
from pathlib import Path
from typing import Any

from index.contract import PutBucket, RemoveBucket
from index.directory import AGE_SECONDS, Age, BucketDirectory, GenerationCounter
from index.sqlite.reader import SqliteReader
from index.sqlite.writer import SqliteWriter
from schemas.events import POLICIES
from tests.contract.test_index_contract import bucket


async def put(writer: SqliteWriter, *changes: Any) -> None:
    await writer.write(0, changes)
    await writer.commit(POLICIES, 0, 1, None)


def test_rows_are_kept_until_the_counter_moves(tmp_path: Path) -> None:
    async def body() -> None:
        writer, reader = SqliteWriter(tmp_path / "index.db"), SqliteReader(tmp_path / "index.db")
        counter = GenerationCounter(tmp_path / "buckets.generation")
        elsewhere = GenerationCounter(tmp_path / "buckets.generation")
        directory = BucketDirectory(reader, counter)
        assert await directory.get("photos") is None
        await put(writer, PutBucket(bucket("photos")))
        first = await directory.get("photos")
        assert first == bucket("photos")
        fenced = bucket("photos", status="fenced", epoch=2)
        await put(writer, PutBucket(fenced))
        assert await directory.get("photos") is first
        elsewhere.bump()
        assert await directory.get("photos") == fenced
        await put(writer, PutBucket(bucket("photos", epoch=3)))
        assert await directory.refresh("photos") == bucket("photos", epoch=3)
        assert await directory.get("photos") == bucket("photos", epoch=3)
        await put(writer, PutBucket(bucket("photos", status="deleted")))
        elsewhere.bump()
        assert await directory.get("photos") is None
        await put(writer, RemoveBucket(bucket("photos")))
        assert await directory.refresh("photos") is None
        reader.close()
        await writer.close()
        counter.close()
        elsewhere.close()

    asyncio.run(body())


def test_a_change_while_a_row_is_read_is_not_cached(tmp_path: Path) -> None:
    async def body() -> None:
        writer, inner = SqliteWriter(tmp_path / "index.db"), SqliteReader(tmp_path / "index.db")
        counter = GenerationCounter(tmp_path / "generation")
        await put(writer, PutBucket(bucket("photos")))

        class Slow:
            async def bucket(self, name: str) -> Any:
                row = await inner.bucket(name)
                if row.epoch == 1:
                    await put(writer, PutBucket(bucket("photos", epoch=2)))
                    counter.bump()
                return row

        directory = BucketDirectory(Slow(), counter)  # type: ignore[arg-type]
        await directory.get("photos")
        assert await directory.get("photos") == bucket("photos", epoch=2)
        inner.close()
        await writer.close()
        counter.close()

    asyncio.run(body())


def test_in_a_cluster_a_row_is_in_nobodys_use_once_its_change_has_settled(tmp_path: Path) -> None:
    async def body() -> None:
        writer, reader = SqliteWriter(tmp_path / "index.db"), SqliteReader(tmp_path / "index.db")
        gateways = [BucketDirectory(reader, Age()) for _ in range(2)]
        await put(writer, PutBucket(bucket("photos")))
        for gateway in gateways:
            assert await gateway.get("photos") == bucket("photos")
        await put(writer, PutBucket(bucket("photos", epoch=2)))
        started = time.monotonic()
        await gateways[0].settle()
        assert time.monotonic() - started >= AGE_SECONDS
        for gateway in gateways:
            assert await gateway.get("photos") == bucket("photos", epoch=2)
        reader.close()
        await writer.close()

    asyncio.run(body())


def _bump(path: Path, times: int) -> None:
    counter = GenerationCounter(path)
    for _ in range(times):
        counter.bump()
    counter.close()


def test_no_bump_of_several_processes_is_lost(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_bump, args=(tmp_path / "generation", 500)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    counter = GenerationCounter(tmp_path / "generation")
    assert counter.read() == 1500
    assert (tmp_path / "generation").read_bytes() == (1500).to_bytes(8, "little")
    counter.close()
