"""References and freeing over zones: copies and frees at the same time, zones away, crashes, sweeps."""

import asyncio
import io
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from access.keyring import KeyRing
from blobs.s3 import names
from blobs.s3.endpoint import ZoneEndpoint
from blobs.s3.store import S3Blobs
from schemas.errors import BlobMissing, ServiceUnavailable
from schemas.ids import uuid7, uuid7_milliseconds
from schemas.manifest import Manifest, PartInfo
from tests.cluster.services import Zones
from tests.cluster.zone_blobs import (
    back,
    client,
    endpoints_of,
    in_zones,
    notes,
    open_blobs,
    run,
    stored,
    until,
    write,
)

pytestmark = pytest.mark.cluster

SIZE = 300_000
FAR = 1 << 47  # Unix milliseconds, far in the future


async def everything(endpoints: list[ZoneEndpoint]) -> list[dict[str, int]]:
    return [await asyncio.to_thread(stored, endpoint) for endpoint in endpoints]


async def live(*manifests: Manifest) -> AsyncIterator[list[Manifest]]:
    yield list(manifests)


def empty(endpoint: ZoneEndpoint) -> None:
    with client(endpoint) as zone:
        for name in stored(endpoint):
            zone.remove_object(endpoint.bucket, name)


def put(endpoint: ZoneEndpoint, name: str) -> None:
    with client(endpoint) as zone:
        zone.put_object(endpoint.bucket, name, io.BytesIO(), 0)


def test_a_copy_and_a_free_at_the_same_time_agree(zones: Zones, tmp_path: Path) -> None:
    async def body(keys: KeyRing, key: str) -> None:
        endpoints = endpoints_of(zones.zones)
        async with open_blobs(endpoints, keys) as gateway, open_blobs(endpoints, keys) as collector:
            data = os.urandom(SIZE)

            async def copy(manifest: Manifest, delay: float) -> Manifest | None:
                await asyncio.sleep(delay)
                try:
                    return await gateway.share(key, manifest, uuid7())
                except BlobMissing:
                    return None

            won, lost = 0, 0
            for number in range(40):
                manifest = await write(gateway, key, data)
                shared, freed = await asyncio.gather(
                    copy(manifest, number / 40 * 0.05), collector.free(manifest)
                )
                if shared is None:
                    lost += 1
                    assert freed >= SIZE
                else:
                    won += 1
                    assert freed == 0
                    assert await gateway.read(shared, 0, SIZE) == data
                    assert await collector.free(shared) >= SIZE
            assert won
            assert lost
            assert await everything(endpoints) == [{}, {}, {}]

    run(tmp_path, body)


def test_two_who_free_the_same_at_once_do_no_harm(zones: Zones, tmp_path: Path) -> None:
    async def body(keys: KeyRing, key: str) -> None:
        endpoints = endpoints_of(zones.zones)
        async with open_blobs(endpoints, keys) as one, open_blobs(endpoints, keys) as other:
            kept, unneeded = await write(one, key, bytes(SIZE)), await write(one, key, bytes(SIZE))
            shared = await one.share(key, kept, uuid7())
            await asyncio.gather(
                *(blobs.free_many((kept, unneeded)) for blobs in (one, other) for _ in range(3))
            )
            assert await one.read(shared, 0, SIZE) == bytes(SIZE)
            with pytest.raises(BlobMissing):
                await one.read(unneeded, 0, SIZE)
            await one.free(shared)
            assert await everything(endpoints) == [{}, {}, {}]

    run(tmp_path, body)


def test_all_holders_that_let_go_at_the_same_time_free_the_blob(zones: Zones, tmp_path: Path) -> None:
    async def scenario(blobs: S3Blobs, key: str, endpoints: list[ZoneEndpoint]) -> None:
        for _ in range(10):
            source = await write(blobs, key, bytes(SIZE))
            holders = [await blobs.share(key, source, uuid7()) for _ in range(3)]
            assert await blobs.free_many((source, *holders)) >= SIZE
        assert await everything(endpoints) == [{}, {}, {}]

    in_zones(tmp_path, zones, scenario)


def test_a_free_with_a_zone_away_is_finished_there_later(hurt_zones: Zones, tmp_path: Path) -> None:
    async def scenario(blobs: S3Blobs, key: str, endpoints: list[ZoneEndpoint]) -> None:
        data = os.urandom(SIZE)
        source = await write(blobs, key, data)
        hurt_zones.processes[2].kill()
        shared = await blobs.share(key, source, uuid7())
        assert await blobs.free(source) == 0
        assert await blobs.read(shared, 0, SIZE) == data
        assert await blobs.free(shared) >= SIZE
        await back(blobs, hurt_zones.processes[2])
        assert await asyncio.to_thread(stored, endpoints[2])  # its copy is still there, and useless
        with pytest.raises((BlobMissing, ServiceUnavailable)):
            await blobs.share(key, source, uuid7())
        repaired = await blobs.repairer.repair_noted()
        assert (repaired.blocks, repaired.later) == (0, 0)
        assert await everything(endpoints) == [{}, {}, {}]

    in_zones(tmp_path, hurt_zones, scenario)


def test_what_a_zone_missed_of_a_reference_another_quorum_still_tells(
    hurt_zones: Zones, tmp_path: Path
) -> None:
    async def scenario(blobs: S3Blobs, key: str, endpoints: list[ZoneEndpoint]) -> None:
        data = os.urandom(SIZE)
        source = await write(blobs, key, data)
        hurt_zones.processes[0].kill()
        shared = await blobs.share(key, source, uuid7())
        await back(blobs, hurt_zones.processes[0])
        hurt_zones.processes[1].kill()
        assert await blobs.free(source) == 0  # zone-c knows
        assert await blobs.read(shared, 0, SIZE) == data
        await back(blobs, hurt_zones.processes[1])

        # Once repaired, zone-a knows too, so that zone-c may be lost.
        assert (await blobs.repairer.repair_noted()).later == 0
        await asyncio.to_thread(empty, endpoints[2])
        assert await blobs.free(source) == 0
        assert await blobs.read(shared, 0, SIZE) == data
        assert await blobs.free(shared) >= SIZE
        assert (await blobs.repairer.repair_noted()).later == 0  # a zone may have lagged on a busy machine
        assert await everything(endpoints) == [{}, {}, {}]

    in_zones(tmp_path, hurt_zones, scenario)


def test_a_copy_waits_for_a_free_under_way_and_not_for_one_that_crashed(zones: Zones, tmp_path: Path) -> None:
    async def scenario(blobs: S3Blobs, key: str, endpoints: list[ZoneEndpoint]) -> None:
        source = await write(blobs, key, bytes(SIZE))
        blob = source.extents[0].blob
        crashed = names.freeing(blob, uuid7(lambda: time.time() - 3600))
        under_way = names.freeing(blob, uuid7())
        for endpoint in endpoints:
            await asyncio.to_thread(put, endpoint, crashed)
        assert await blobs.share(key, source, uuid7())
        await asyncio.to_thread(put, endpoints[2], under_way)  # in one zone alone it is not in force
        assert await blobs.share(key, source, uuid7())
        await asyncio.to_thread(put, endpoints[0], under_way)
        with pytest.raises(ServiceUnavailable, match="about to be freed, or not"):
            await blobs.share(key, source, uuid7())

    in_zones(tmp_path, zones, scenario)


def test_sweep_frees_what_nothing_names(hurt_zones: Zones, tmp_path: Path) -> None:
    async def scenario(blobs: S3Blobs, key: str, endpoints: list[ZoneEndpoint]) -> None:
        kept = [await write(blobs, key, os.urandom(size)) for size in (600, SIZE, 5_000_000)]
        parts = tuple(PartInfo(number, 1, "x" * 44) for number in range(2000))
        extents = tuple(extent for manifest in kept for extent in manifest.extents)
        spilled = await blobs.spill(key, Manifest("file", extents, parts))
        assert spilled.spill is not None
        before = await everything(endpoints)

        await write(blobs, key, os.urandom(5_000_000))
        unfinished = blobs.writer(key)  # of a process that dies while it streams
        for _ in range(20):
            await unfinished.write(bytes(300_000))
        await until(lambda: len(stored(endpoints[0])) > len(before[0]) + 2)
        await unfinished._slices.abort()
        leftover = await write(blobs, key, os.urandom(SIZE))
        await blobs.share(key, leftover, uuid7())

        past = uuid7_milliseconds(uuid7(lambda: time.time() - 60))
        assert (await blobs.sweep(live(spilled), past)).freed == 0
        assert (await blobs.sweep(live(spilled), FAR)).freed > 2 * 5_000_000 - 2_000_000 + SIZE
        assert await everything(endpoints) == before
        assert (await blobs.sweep(live(spilled), FAR)).freed == 0
        assert await blobs.read(kept[2], 0, 100)

        hurt_zones.processes[1].kill()
        await write(blobs, key, os.urandom(SIZE))
        assert (await blobs.sweep(live(spilled), FAR)).freed >= SIZE
        await back(blobs, hurt_zones.processes[1])
        assert (await blobs.repairer.repair_noted()).later == 0
        assert await everything(endpoints) == before

    in_zones(tmp_path, hurt_zones, scenario)


def test_sweep_leaves_a_blob_that_a_copy_refers_to_since(zones: Zones, tmp_path: Path) -> None:
    async def body(keys: KeyRing, key: str) -> None:
        endpoints = endpoints_of(zones.zones)
        hour_ago = time.time() - 3600
        async with open_blobs(endpoints, keys, new_id=lambda: uuid7(lambda: hour_ago)) as blobs:
            recent = await write(blobs, key, os.urandom(SIZE))
            stale = await write(blobs, key, os.urandom(SIZE))
            await blobs.share(key, stale, uuid7())
        async with open_blobs(endpoints, keys) as blobs:
            shared = await blobs.share(key, recent, uuid7())
            before = int((time.time() - 60) * 1000)
            swept = (await blobs.sweep(live(), before)).freed
            assert SIZE < swept < 2 * SIZE
            assert await blobs.read(shared, 0, 10)
            assert await blobs.free(shared) >= SIZE  # the sweep saw that its primary has gone
            assert await everything(endpoints) == [{}, {}, {}]

    run(tmp_path, body)


def test_a_writer_that_ends_while_a_zone_is_away_leaves_what_the_sweep_finds(
    hurt_zones: Zones, tmp_path: Path
) -> None:
    async def scenario(blobs: S3Blobs, key: str, endpoints: list[ZoneEndpoint]) -> None:
        writer = blobs.writer(key)
        for _ in range(20):
            await writer.write(bytes(300_000))
        await until(lambda: bool(stored(endpoints[2])))
        hurt_zones.processes[2].kill()
        await writer.abort()
        await back(blobs, hurt_zones.processes[2])
        assert not await asyncio.to_thread(stored, endpoints[0])
        assert await asyncio.to_thread(stored, endpoints[2])
        assert (await blobs.sweep(live(), FAR)).freed > 4_000_000
        assert await everything(endpoints) == [{}, {}, {}]
        assert not any(notes(endpoint) for endpoint in endpoints)

    in_zones(tmp_path, hurt_zones, scenario)
