"""The collector: what facts name is freed, in order, after the grace, as often as it takes."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from blobs.contract import BlobStore
from bus.contract import Record
from bus.positions import Positions
from processors.collecting import COLLECTOR, LOOK_SECONDS, CollectorPartition
from processors.collector import Collector
from schemas.errors import BlobCorrupt, BlobMissing, StorageFull, StrandlineError
from schemas.events import FACTS
from schemas.facts import Fact, encode_fact
from schemas.manifest import Manifest
from tests.unit.applying import BUCKET, ORIGIN, stored


class Freed:
    """The freeing side of a blob store: remembers what it was told. A port of one call, not of our engine."""

    def __init__(self) -> None:
        self.freed: list[Manifest] = []
        self.errors: dict[Manifest, StrandlineError] = {}

    async def free(self, manifest: Manifest) -> int:
        return await self.free_many((manifest,))

    async def free_many(self, manifests: Sequence[Manifest]) -> int:
        for manifest in manifests:
            if manifest in self.errors:
                raise self.errors[manifest]
        self.freed += manifests
        return 10 * len(manifests)


def fact(offset: int, seconds: float, *freed: Manifest) -> Record:
    payload = encode_fact(Fact(offset, 0, "object.deleted", ORIGIN, BUCKET, f"k{offset}", freed=freed))
    return Record(offset, int(seconds * 1000), payload)


def collector(blobs: Freed, now: float, grace: float = 60.0) -> tuple[Collector, list[str]]:
    told: list[str] = []
    return Collector(cast(BlobStore, blobs), grace, lambda: now, told.append), told


def test_only_what_is_older_than_the_grace_is_freed() -> None:
    blobs = Freed()
    keeper, _ = collector(blobs, now=100.0)
    records = [fact(0, 10, stored(1)), fact(1, 40, stored(2), stored(3)), fact(2, 40.001, stored(4))]
    assert asyncio.run(keeper.collect(records)) == 2
    assert blobs.freed == [stored(1), stored(2), stored(3)]
    assert keeper.freed_bytes == 30
    assert asyncio.run(keeper.collect(records[2:])) is None


def test_facts_that_free_nothing_are_passed() -> None:
    blobs = Freed()
    keeper, _ = collector(blobs, now=100.0)
    assert asyncio.run(keeper.collect([fact(0, 1), fact(1, 2)])) == 2
    assert blobs.freed == []


def test_collecting_again_is_harmless_and_told_in_the_same_order() -> None:
    blobs = Freed()
    keeper, _ = collector(blobs, now=100.0)
    records = [fact(i, 1, stored(i)) for i in range(5)]
    for _ in range(2):
        assert asyncio.run(keeper.collect(records)) == 5
    assert blobs.freed == [stored(i) for i in range(5)] * 2


@pytest.mark.parametrize("error", [BlobCorrupt("unreadable"), BlobMissing("not there")])
def test_one_that_cannot_be_freed_does_not_hold_up_the_others(error: StrandlineError) -> None:
    blobs = Freed()
    blobs.errors[stored(1)] = error
    keeper, told = collector(blobs, now=100.0)
    records = [fact(i, 1, stored(i)) for i in range(3)]
    assert asyncio.run(keeper.collect(records)) == 3
    assert blobs.freed == [stored(0), stored(2)]
    assert told == [f"bytes of 'k1' (seq 1) cannot be freed: {error.message}"]


def test_a_full_device_is_raised_so_that_all_is_collected_again() -> None:
    blobs = Freed()
    blobs.errors[stored(1)] = StorageFull("full")
    keeper, _ = collector(blobs, now=100.0)
    records = [fact(i, 1, stored(i)) for i in range(2)]
    with pytest.raises(StorageFull):
        asyncio.run(keeper.collect(records))
    blobs.errors.clear()
    assert asyncio.run(keeper.collect(records)) == 2


def test_facts_that_ripen_one_after_the_other_are_collected_once_a_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time the place is synced: under constant load the next fact is always old enough already."""
    clock, waits, committed = [70.0], [], []

    async def look_later(seconds: float) -> None:
        waits.append(seconds)
        clock[0] += seconds

    blobs = Freed()
    keeper = Collector(cast(BlobStore, blobs), 60.0, lambda: clock[0], lambda _: None)
    positions = Positions(str(tmp_path))
    partition = CollectorPartition(keeper, positions, asyncio.Event(), 0)
    monkeypatch.setattr("processors.collecting.asyncio.sleep", look_later)
    commit = positions.commit

    def count(consumer: str, topic: str, partition: int, offset: int) -> None:
        committed.append(offset)
        clock[0] += 0.01  # ten of them have ripened meanwhile
        commit(consumer, topic, partition, offset)

    monkeypatch.setattr(positions, "commit", count)
    asyncio.run(partition.handle([fact(i, 9 + i / 1000, stored(i)) for i in range(3000)]))
    assert len(blobs.freed) == 3000
    assert committed[-1] == positions.get(COLLECTOR, FACTS, 0) == 3000
    assert committed == [1001, 2011, 3000]
    assert waits == [LOOK_SECONDS] * 2
