"""A zone that is killed or paused while others write and read: what was acknowledged stays readable."""

import os
import time
from pathlib import Path

import pytest

from access.keyring import KeyRing
from blobs.s3.endpoint import ZoneEndpoint
from blobs.s3.store import S3Blobs
from compose.native.minio import Zone
from compose.native.process import Process
from schemas.errors import ServiceUnavailable, StorageFull
from schemas.manifest import Manifest
from tests.cluster.services import Zones
from tests.cluster.zone_blobs import (
    TIMING,
    back,
    blocks,
    endpoints_of,
    in_zones,
    notes,
    one_map,
    open_blobs,
    run,
    write,
)
from tests.server import ACCESS_KEY, SECRET_KEY, Server

pytestmark = pytest.mark.cluster

HURTS = {"killed": Process.kill, "paused": Process.pause}
SIZE = 5_000_000  # two blocks


@pytest.mark.parametrize("hurt", HURTS)
def test_with_one_zone_away_writes_and_reads_go_on_and_the_copies_are_made_later(
    hurt_zones: Zones, tmp_path: Path, hurt: str
) -> None:
    async def scenario(blobs: S3Blobs, key: str, endpoints: list[ZoneEndpoint]) -> None:
        before = os.urandom(SIZE)
        first = await write(blobs, key, before)
        HURTS[hurt](hurt_zones.processes[2])
        while not blobs.zones_away():
            data = os.urandom(SIZE)
            manifest = await write(blobs, key, data)
            assert await blobs.read(manifest, 0, SIZE) == data
        assert list(blobs.zones_away()) == ["zone-c"]

        # Once it is known to be away, nobody waits for it any more.
        begun = time.monotonic()
        data = os.urandom(SIZE)
        second = await write(blobs, key, data)
        assert await blobs.read(second, 0, SIZE) == data
        assert await blobs.read(first, 100, 3_000_000) == before[100:3_000_100]
        assert time.monotonic() - begun < TIMING.deadline
        noted = f"repair/zone-c/{second.extents[0].blob.hex()}"
        assert all(noted in notes(endpoint) for endpoint in endpoints[:2])

        await back(blobs, hurt_zones.processes[2])
        repaired = await blobs.repairer.repair_noted()
        assert repaired.blocks >= 2
        assert (repaired.lost, repaired.later) == (0, 0)
        assert not any(notes(endpoint) for endpoint in endpoints)
        here, *others = [blocks(endpoint, second) for endpoint in endpoints]
        assert len(here) == 2
        assert others == [here, here]

        hurt_zones.processes[0].kill()
        hurt_zones.processes[1].kill()
        assert await blobs.read(second, 0, SIZE) == data

    in_zones(tmp_path, hurt_zones, scenario)


@pytest.mark.parametrize("hurt", HURTS)
def test_a_zone_lost_in_mid_write_costs_no_acknowledged_byte(
    hurt_zones: Zones, tmp_path: Path, hurt: str
) -> None:
    async def scenario(blobs: S3Blobs, key: str, endpoints: list[ZoneEndpoint]) -> None:
        data = os.urandom(13_000_000)
        writer = blobs.writer(key)
        for number, start in enumerate(range(0, len(data), 300_000)):
            if number == 25:
                HURTS[hurt](hurt_zones.processes[0])
            await writer.write(data[start : start + 300_000])
        manifest = Manifest("file", (await writer.finish(),))
        assert await blobs.read(manifest, 0, len(data)) == data
        await back(blobs, hurt_zones.processes[0])
        assert (await blobs.repairer.repair_noted()).lost == 0
        assert len(blocks(endpoints[0], manifest)) == 4

    in_zones(tmp_path, hurt_zones, scenario)


@pytest.mark.parametrize("hurt", HURTS)
def test_with_two_zones_away_writes_are_refused_in_time_and_resume_by_themselves(
    hurt_zones: Zones, tmp_path: Path, hurt: str
) -> None:
    async def scenario(blobs: S3Blobs, key: str, endpoints: list[ZoneEndpoint]) -> None:
        data = os.urandom(SIZE)
        manifest = await write(blobs, key, data)
        for process in hurt_zones.processes[:2]:
            HURTS[hurt](process)
        begun = time.monotonic()
        with pytest.raises(ServiceUnavailable, match="zone-a"):
            await write(blobs, key, data)
        assert time.monotonic() - begun < 2 * TIMING.deadline
        assert await blobs.read(manifest, 0, SIZE) == data
        with pytest.raises(ServiceUnavailable):
            await blobs.share(key, manifest, os.urandom(16))
        with pytest.raises(ServiceUnavailable):
            await blobs.free(manifest)
        await back(blobs, *hurt_zones.processes[:2])
        second = await write(blobs, key, data)
        assert await blobs.read(second, 0, SIZE) == data
        assert await blobs.free(manifest) >= SIZE

    in_zones(tmp_path, hurt_zones, scenario)


def test_a_paused_zone_costs_only_the_first_reads_its_patience(hurt_zones: Zones, tmp_path: Path) -> None:
    async def scenario(blobs: S3Blobs, key: str, endpoints: list[ZoneEndpoint]) -> None:
        data = os.urandom(100_000)
        places = one_map(endpoints).targets
        manifests: list[Manifest] = []
        while len(manifests) < 15:
            manifest = await write(blobs, key, data)
            if places(manifest.extents[0].blob)[0] == "zone-b":  # whom a read asks first
                manifests.append(manifest)
        hurt_zones.processes[1].pause()
        slow = 0
        for manifest in manifests:
            begun = time.monotonic()
            assert await blobs.read(manifest, 0, len(data)) == data
            slow += time.monotonic() - begun > TIMING.patience
        assert slow <= 5  # three open its breaker; the others are left to a busy machine
        assert list(blobs.zones_away()) == ["zone-b"]

    in_zones(tmp_path, hurt_zones, scenario)


def test_a_store_starts_and_serves_with_a_zone_away(hurt_zones: Zones, tmp_path: Path) -> None:
    async def body(keys: KeyRing, key: str) -> None:
        endpoints = endpoints_of(hurt_zones.zones)
        data = os.urandom(SIZE)
        lines: list[str] = []
        hurt_zones.processes[2].kill()
        async with open_blobs(endpoints, keys, report=lines.append) as blobs:
            manifest = await write(blobs, key, data)
            assert await blobs.read(manifest, 0, SIZE) == data
            await back(blobs, hurt_zones.processes[2])  # its bucket is made now
            assert (await blobs.repairer.repair_noted()).blocks == 2
        assert [line.partition(":")[0] for line in lines] == ["zone zone-c is away", "zone zone-c is back"]

    run(tmp_path, body)


def test_wrong_credentials_of_one_zone_are_told_and_the_others_serve(zones: Zones, tmp_path: Path) -> None:
    async def body(keys: KeyRing, key: str) -> None:
        good = endpoints_of(zones.zones)
        wrong = endpoints_of(zones.zones[2:], secret_key="not the secret")
        async with open_blobs([*good[:2], *wrong], keys) as blobs:
            data = os.urandom(SIZE)
            manifest = await write(blobs, key, data)
            assert await blobs.read(manifest, 0, SIZE) == data
            assert list(blobs.zones_away()) == ["zone-c"]
            assert "refuses" in blobs.zones_away()["zone-c"]

    run(tmp_path, body)


def test_full_zones_refuse_writes_as_full_and_go_on_reading(zones: Zones, tmp_path: Path) -> None:
    server = Server(tmp_path / "zone", tmp_path / "log", "--no-audit")
    full = Server(tmp_path / "zone", tmp_path / "log", "--no-audit", STRANDLINE_MIN_FREE_BYTES=str(1 << 60))
    full.port = server.port
    names = [zone.name for zone in zones.zones]
    here = endpoints_of([Zone(name, server.endpoint, ACCESS_KEY, SECRET_KEY) for name in names])
    data = os.urandom(SIZE)

    async def body(keys: KeyRing, key: str) -> None:
        server.start()
        async with open_blobs(here, keys) as blobs:
            manifest = await write(blobs, key, data)
        assert server.stop() == 0
        full.start()
        async with open_blobs(here, keys) as blobs:
            for _ in range(5):
                with pytest.raises(StorageFull):
                    await write(blobs, key, data)
            assert await blobs.read(manifest, 0, SIZE) == data
            assert blobs.zones_away() == {}
        mixed = [*here[:1], *endpoints_of(zones.zones)[1:]]
        async with open_blobs(mixed, keys) as blobs:
            second = await write(blobs, key, data)  # two have room
            assert await blobs.read(second, 0, SIZE) == data
            assert notes(mixed[1]) == {f"repair/zone-a/{second.extents[0].blob.hex()}"}
            assert blobs.zones_away() == {}

    try:
        run(tmp_path, body)
    finally:
        server.kill()
        full.kill()
