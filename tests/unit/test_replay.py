"""Laws of apply: replay equals live, whatever the batches; apply twice equals apply once."""

import asyncio
import random
import shutil
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.contract import Record
from index.sqlite.digest import digest_index
from index.sqlite.writer import SqliteWriter
from processors.materializer import Materializer
from processors.replay import replay
from schemas.errors import OffsetOutOfRange
from schemas.events import OBJECT_VERSIONS, Condition, Event, encode_event
from tests.unit.applying import Partition, abort, delete, epoch, part, put, spilled, stored, update, upload

KEYS = ("a", "b", "c")
QUIET = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


class Recorded:
    """A log as a list: what `replay` reads."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records
        self.start_offset, self.end_offset = 0, len(records)

    def read(self, offset: int, limit: int = 1024) -> list[Record]:
        if offset < self.start_offset:
            raise OffsetOutOfRange(f"{offset}")
        return list(self.records[offset : offset + limit])


def any_event(choose: random.Random, seen: list[int]) -> Event:
    """An event of a small world, where most of them meet what others left. `seen` are offsets so far."""
    key, blob = choose.choice(KEYS), len(seen) + 10
    at = choose.choice((1, 1, 2, 2, 2, 3))
    name = choose.choice("uv")
    seq = choose.choice(seen[-6:]) if seen else 0
    condition = choose.choice((None, None, Condition(if_none_match="*"), Condition(if_match="e")))
    versioning = choose.choice(("enabled", "suspended"))  # there is no way back to unversioned
    return choose.choice(
        (
            put(key, blob, at=at, condition=condition),
            put(key, blob, at=at, expires=1_000 + 2 * len(seen)),
            put(
                key,
                blob,
                at=at,
                manifest=spilled(blob),
                upload_id=name,
                upload_seq=seq,
                discarded=stored(blob),
            ),
            delete(key, at=at, condition=condition),
            delete(key, choose.choice(("null", f"{1_000 + blob:016x}{blob:016x}")), at=at),
            update(key, at=at, tags={"n": str(blob)}),
            update(key, choose.choice(("null", f"{1_000 + blob:016x}{blob:016x}")), at=at, tags={}),
            update(key, at=at, days=blob),
            upload(key, name, at=at),
            part(choose.randint(1, 3), blob, key, name, at=at),
            abort(seq, stored(blob), key, name, at=at),
            epoch(choose.randint(1, 3), versioning, choose.choice(("open", "open", "open", "fenced"))),
        )
    )


def any_log(seed: int, length: int) -> list[Record]:
    choose = random.Random(seed)
    events: list[Event] = [epoch(1)]
    offsets = [0]
    while len(events) < length:
        events.append(any_event(choose, offsets))
        offsets.append(len(events) - 1)
    time, records = 1_000, []
    for offset, event in enumerate(events):
        time += choose.choice((0, 0, 1, 5))
        records.append(Record(offset, time, encode_event(event)))
    return records


def cuts(seed: int, length: int) -> list[int]:
    choose = random.Random(seed)
    return sorted({0, length, *(choose.randrange(length + 1) for _ in range(choose.randint(0, 12)))})


async def apply_in_batches(path: Path, records: list[Record], places: list[int]) -> list[object]:
    """Apply, one batch between every two places; every receipt and fact in order."""
    partition = Partition(path)
    outcomes: list[object] = []
    for start, stop in pairwise(places):
        batch = records[start:stop]
        outcomes += await partition.apply_at([r.time for r in batch], [r.payload for r in batch])
    await partition.close()
    return outcomes


@given(seed=st.integers(0, 2**32), length=st.integers(2, 60), first=st.integers(), second=st.integers())
@QUIET
def test_replay_equals_live_whatever_the_batches(
    tmp_path_factory: pytest.TempPathFactory, seed: int, length: int, first: int, second: int
) -> None:
    folder = tmp_path_factory.mktemp("laws")
    records = any_log(seed, length)

    async def main() -> None:
        one = await apply_in_batches(folder / "a", records, cuts(first, length))
        two = await apply_in_batches(folder / "b", records, cuts(second, length))
        each = await apply_in_batches(folder / "c", records, list(range(length + 1)))
        assert one == two == each
        index = SqliteWriter(folder / "d")
        assert await replay(index, OBJECT_VERSIONS, 0, Recorded(records)) == length
        await index.close()
        digests = {digest_index(folder / name).digest for name in "abcd"}
        assert len(digests) == 1
        assert not digest_index(folder / "a", integrity=True).damage

    asyncio.run(main())


@given(seed=st.integers(0, 2**32), length=st.integers(2, 40), crash=st.integers(), commit=st.booleans())
@QUIET
def test_apply_twice_equals_apply_once(
    tmp_path_factory: pytest.TempPathFactory, seed: int, length: int, crash: int, commit: bool
) -> None:
    """A crash before a batch's commit leaves nothing of it; one after it leaves all, and the position."""
    folder = tmp_path_factory.mktemp("laws")
    records = any_log(seed, length)
    stop = crash % length

    async def main() -> None:
        straight = await apply_in_batches(folder / "once", records, [0, length])
        live = Partition(folder / "live")
        before = records[:stop]
        if before:
            await live.apply_at([r.time for r in before], [r.payload for r in before])
        batch = records[stop:]
        if commit:
            await live.apply_at([r.time for r in batch], [r.payload for r in batch])
        else:
            await live.materializer._decide(stop, [r.time for r in batch], [r.payload for r in batch])
        copy_index(folder / "live", folder / "crashed")  # the files as a killed process leaves them
        await live.close()

        again = Partition(folder / "crashed")
        again.offset = await again.materializer.position()
        assert again.offset == (length if commit else stop)
        rest = records[again.offset :]
        times, payloads = [r.time for r in rest], [r.payload for r in rest]
        outcomes = await again.apply_at(times, payloads) if rest else []
        assert outcomes == straight[length - len(rest) :]
        await again.close()
        assert digest_index(folder / "crashed").digest == digest_index(folder / "once").digest

    asyncio.run(main())


def copy_index(source: Path, target: Path) -> None:
    for suffix in ("", "-wal"):
        if source.with_name(source.name + suffix).exists():
            shutil.copyfile(source.with_name(source.name + suffix), target.with_name(target.name + suffix))


def test_replay_keeps_the_facts_that_are_not_published(tmp_path: Path) -> None:
    records = any_log(7, 30)

    async def main() -> None:
        index = SqliteWriter(tmp_path / "index.sqlite")
        assert await replay(index, OBJECT_VERSIONS, 0, Recorded(records), until=20, published=12) == 20
        pending = await index.pending_facts(OBJECT_VERSIONS, 0)
        assert pending[-1].last == 19
        assert pending[0].first <= 12
        # Published meanwhile: dropped even when nothing more is applied.
        assert await replay(index, OBJECT_VERSIONS, 0, Recorded(records), until=20, published=None) == 0
        assert await index.pending_facts(OBJECT_VERSIONS, 0) == []
        await index.close()

    asyncio.run(main())


def test_replay_refuses_a_log_that_begins_too_late_or_ends_too_early(tmp_path: Path) -> None:
    records = any_log(7, 10)

    async def main() -> None:
        index = SqliteWriter(tmp_path / "index.sqlite")
        late = Recorded(records)
        late.start_offset = 5
        with pytest.raises(OffsetOutOfRange, match="begins at offset 5, and the index ends at 0"):
            await replay(index, OBJECT_VERSIONS, 0, late)
        with pytest.raises(OffsetOutOfRange, match="ends at offset 10, but events up to 11"):
            await replay(index, OBJECT_VERSIONS, 0, Recorded(records), until=11)
        assert await Materializer(index, OBJECT_VERSIONS).position() == 10
        await index.close()

    asyncio.run(main())
