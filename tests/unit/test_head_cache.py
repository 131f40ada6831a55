"""Heads kept in memory are what the index would answer, in every process that maps the stamps."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.contract import ClearHead, PutVersion, RemoveVersion, SetHead
from index.head_cache import LONGEST_MANIFEST, HeadCache, HeadStamps
from index.sqlite.reader import SqliteReader
from index.sqlite.writer import SqliteWriter
from schemas.manifest import Extent, Manifest
from schemas.rows import ObjectVersion

BUCKET = bytes(16)


def version(key: str, rank: int, manifest: Manifest | None = None) -> ObjectVersion:
    return ObjectVersion(key, "null", rank, rank, rank, "owner", 1, "e", manifest=manifest)


@pytest.fixture
def stamps(tmp_path: Path) -> Iterator[HeadStamps]:
    opened = HeadStamps(tmp_path / "stamps")
    yield opened
    opened.close()


def test_a_row_is_kept_until_its_key_is_bumped(stamps: HeadStamps) -> None:
    cache = HeadCache(stamps)
    stamp, missing = cache.get(BUCKET, "a")
    assert missing is None
    cache.keep(stamp, BUCKET, version("a", 1))
    assert cache.get(BUCKET, "a")[1] == version("a", 1)
    stamps.bump(BUCKET, "a")
    assert cache.get(BUCKET, "a")[1] is None


def test_a_row_read_before_a_bump_is_never_served_after_it(stamps: HeadStamps) -> None:
    cache = HeadCache(stamps)
    stamp, _ = cache.get(BUCKET, "a")
    stamps.bump(BUCKET, "a")  # the writer came in between
    cache.keep(stamp, BUCKET, version("a", 1))
    assert cache.get(BUCKET, "a")[1] is None


def test_another_process_sees_the_bump(stamps: HeadStamps, tmp_path: Path) -> None:
    other = HeadStamps(tmp_path / "stamps")
    try:
        cache = HeadCache(other)
        cache.keep(cache.get(BUCKET, "a")[0], BUCKET, version("a", 1))
        stamps.bump(BUCKET, "a")
        assert cache.get(BUCKET, "a")[1] is None
    finally:
        other.close()


def test_long_manifests_are_left_out(stamps: HeadStamps) -> None:
    cache = HeadCache(stamps)
    extents = tuple(Extent(bytes(16), 64, 1, 1, "k", b"") for _ in range(LONGEST_MANIFEST + 1))
    cache.keep(cache.get(BUCKET, "a")[0], BUCKET, version("a", 1, Manifest("file", extents)))
    assert cache.get(BUCKET, "a")[1] is None


def test_a_cached_reader_agrees_with_a_plain_one_at_every_commit(stamps: HeadStamps, tmp_path: Path) -> None:
    async def scenario() -> None:
        writer = SqliteWriter(tmp_path / "index.sqlite", stamps=stamps)
        cached = SqliteReader(tmp_path / "index.sqlite", stamps)
        plain = SqliteReader(tmp_path / "index.sqlite")
        keys = ["a", "b", "c"]
        for step in range(1, 60):
            key = keys[step % 3]
            if step % 7 == 0:
                old = await plain.current(BUCKET, key)
                if old is not None:
                    await writer.write(
                        0, [RemoveVersion(BUCKET, key, old.rank, old.version), ClearHead(BUCKET, key)]
                    )
            else:
                old = await plain.current(BUCKET, key)
                removed = [RemoveVersion(BUCKET, key, old.rank, old.version)] if old is not None else []
                row = version(key, step)
                await writer.write(0, [*removed, PutVersion(BUCKET, row), SetHead(BUCKET, row)])
            for other in keys:  # uncommitted: both still see the old state
                assert await cached.current(BUCKET, other) == await plain.current(BUCKET, other)
            await writer.commit("object-versions", 0, step, None)
            for other in keys * 2:
                assert await cached.current(BUCKET, other) == await plain.current(BUCKET, other)
        cached.close()
        plain.close()
        await writer.close()

    asyncio.run(scenario())
