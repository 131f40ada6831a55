"""The orphan sweeper over real zones and an index of its own: slices, resumption, events on their way."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

import processors.orphan_sweeper
from access.keyring import KeyRing
from blobs.s3.endpoint import ZoneEndpoint
from blobs.s3.names import blob_of
from blobs.s3.store import S3Blobs
from blobs.sweep_contract import SHARDS
from processors.orphan_sweeper import OrphanSweeper, Swept
from schemas.errors import ConfigurationError, ServiceUnavailable
from schemas.events import OBJECT_VERSIONS
from schemas.ids import uuid7
from schemas.manifest import Manifest
from tests.cluster.services import Zones
from tests.cluster.zone_blobs import endpoints_of, open_blobs, run, stored
from tests.unit.applying import Partition, delete, epoch, put

pytestmark = pytest.mark.cluster

SIZE = 2_000
LEASE = 600.0
HOUR = 3600.0


class World:
    """Zones, and one partition of the log with its index. `old` writes blobs of an hour ago."""

    def __init__(self, blobs: S3Blobs, old: S3Blobs, key: str, partition: Partition) -> None:
        self.blobs, self.old, self.key, self.partition = blobs, old, key, partition
        self.end = 0  # of the log, with what is not applied yet

    def sweeper(self, **options: Any) -> OrphanSweeper:
        async def ends() -> dict[tuple[str, int], int]:
            return {(OBJECT_VERSIONS, 0): max(self.end, self.partition.offset)}

        options = {"lease": LEASE, "grace": 0.0, **options}
        return OrphanSweeper(self.blobs.sweeping, self.partition.reader, ends, **options)

    async def orphan(self) -> Manifest:
        return await self.old.put(self.key, os.urandom(SIZE))

    async def named(self, key: str) -> Manifest:
        manifest = await self.orphan()
        await self.partition.one(put(key, manifest=manifest))
        return manifest

    async def round(self, sweeper: OrphanSweeper) -> list[Swept]:
        steps = [await sweeper.step(sweeper.first())]
        while not steps[-1].place.done:
            steps.append(await sweeper.step(steps[-1].place))
        return steps


def in_world(
    tmp_path: Path, zones: Zones, scenario: Callable[[World, list[ZoneEndpoint]], Awaitable[None]]
) -> None:
    async def body(keys: KeyRing, key: str) -> None:
        endpoints = endpoints_of(zones.zones)
        hour_ago = time.time() - HOUR
        async with (
            open_blobs(endpoints, keys) as blobs,
            open_blobs(endpoints, keys, new_id=lambda: uuid7(lambda: hour_ago)) as old,
        ):
            partition = Partition(tmp_path / "index")
            await partition.one(epoch(1, "enabled"))
            await scenario(World(blobs, old, key, partition), endpoints)
            await partition.index.close()
            partition.reader.close()

    run(tmp_path, body)


def in_zones(endpoints: list[ZoneEndpoint]) -> set[bytes]:
    """The blobs that any zone has anything of."""
    names = [name for endpoint in endpoints for name in stored(endpoint)]
    return {blob for name in names if (blob := blob_of(name)) is not None}


def blobs_of(*manifests: Manifest) -> set[bytes]:
    return {extent.blob for manifest in manifests for extent in manifest.extents}


def test_a_sweeper_that_dies_is_followed_by_one_that_goes_on(zones: Zones, tmp_path: Path) -> None:
    async def scenario(world: World, endpoints: list[ZoneEndpoint]) -> None:
        named = [await world.named(f"k{number}") for number in range(12)]
        orphans = [await world.orphan() for _ in range(12)]
        fresh = await world.blobs.put(world.key, os.urandom(SIZE))
        assert in_zones(endpoints) == blobs_of(*named, *orphans, fresh)
        first = world.sweeper(slice_blobs=4)
        place = await first.due()
        assert place is not None
        assert place.shard == 0
        begun = await first.step(place)
        assert 0 < begun.place.shard < SHARDS
        assert 4 <= begun.blobs < 24

        looked = await world.sweeper().step(world.sweeper().first(), only_look=True)
        assert (looked.orphans, looked.bytes) == (12 - begun.orphans, 0)
        second = world.sweeper(slice_blobs=4)
        place = await second.due()
        assert place == begun.place
        steps = [begun]
        while not steps[-1].place.done:
            steps.append(await second.step(steps[-1].place))
        assert [step.place.began for step in steps] == [place.began] * len(steps)
        assert sum(step.blobs for step in steps) == 24
        assert sum(step.orphans for step in steps) == 12
        assert sum(step.bytes for step in steps) >= 12 * SIZE
        assert in_zones(endpoints) == blobs_of(*named, fresh)
        # The round is done: the next one is due a lease later, for whoever asks.
        assert await world.sweeper().due() is None
        later = await world.sweeper(now=lambda: time.time() + LEASE).due()
        assert later is not None
        assert later.shard == 0

    in_world(tmp_path, zones, scenario)


def test_what_an_event_on_its_way_names_is_kept(zones: Zones, tmp_path: Path) -> None:
    """It is in the log, and not applied yet: the walk over the index waits for it."""

    async def scenario(world: World, endpoints: list[ZoneEndpoint]) -> None:
        pending, orphan = await world.orphan(), await world.orphan()
        world.end = world.partition.offset + 1
        sweeping = asyncio.create_task(world.round(world.sweeper()))
        done, _ = await asyncio.wait([sweeping], timeout=1.0)
        assert not done
        assert in_zones(endpoints) == blobs_of(pending, orphan)
        await world.partition.one(put("late", manifest=pending))
        await sweeping
        assert in_zones(endpoints) == blobs_of(pending)
        # What is appended after the sweep would have been refused.
        gone = msgspec.structs.replace(put("later", manifest=orphan), expires=1)
        assert (await world.partition.one(gone))[0].refusal == "lease-ended"

    in_world(tmp_path, zones, scenario)


def test_events_that_are_not_applied_in_time_end_it_with_nothing_freed(
    zones: Zones, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processors.orphan_sweeper, "APPLIED_SECONDS", 0.5)

    async def scenario(world: World, endpoints: list[ZoneEndpoint]) -> None:
        orphan = await world.orphan()
        world.end = world.partition.offset + 3
        with pytest.raises(ServiceUnavailable, match="applied up to offset 1 and has events up to 4"):
            await world.sweeper().step(world.sweeper().first())
        assert in_zones(endpoints) == blobs_of(orphan)
        place = await world.sweeper().due()
        assert place is not None
        assert place.shard == 0

    in_world(tmp_path, zones, scenario)


def test_reads_of_what_was_just_deleted_have_their_grace(zones: Zones, tmp_path: Path) -> None:
    async def scenario(world: World, endpoints: list[ZoneEndpoint]) -> None:
        manifest = await world.named("k")
        (version,) = await world.partition.versions()
        await world.partition.one(delete("k", version.version))
        sweeping = asyncio.create_task(world.round(world.sweeper(grace=1.5)))
        done, _ = await asyncio.wait([sweeping], timeout=1.0)
        assert not done
        assert len(await world.blobs.read(manifest, 0, SIZE)) == SIZE
        await sweeping
        assert in_zones(endpoints) == set()

    in_world(tmp_path, zones, scenario)


def test_zones_of_which_the_index_names_nothing_are_left_alone(
    zones: Zones, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processors.orphan_sweeper, "SUSPICIOUS", 5)

    async def scenario(world: World, endpoints: list[ZoneEndpoint]) -> None:
        orphans = [await world.orphan() for _ in range(6)]
        with pytest.raises(ConfigurationError, match="names none of 6 blobs"):
            await world.sweeper().step(world.sweeper().first())
        assert in_zones(endpoints) == blobs_of(*orphans)

    in_world(tmp_path, zones, scenario)
