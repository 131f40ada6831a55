"""Copies that are missing or damaged in one zone: read from another one, noted, and made again."""

import asyncio
import io
import os
from pathlib import Path

import pytest

from access.keyring import KeyRing
from blobs.placement import Placement, ZoneMap
from blobs.s3 import names
from blobs.s3.endpoint import ZoneEndpoint
from blobs.s3.store import S3Blobs
from schemas.errors import BlobCorrupt, BlobMissing
from schemas.ids import uuid7
from schemas.manifest import Manifest
from tests.cluster.services import Zones
from tests.cluster.zone_blobs import (
    blocks,
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

SIZE = 5_000_000  # two blocks


def old_id() -> bytes:
    """An id made two hours ago: a comparison leaves younger blobs alone."""
    return uuid7(lambda: 1_700_000_000.0)


def zone_of(endpoints: list[ZoneEndpoint], name: str) -> ZoneEndpoint:
    return next(endpoint for endpoint in endpoints if endpoint.name == name)


def first_zone(endpoints: list[ZoneEndpoint], manifest: Manifest) -> ZoneEndpoint:
    """The zone that reads ask first."""
    zones = ZoneMap(1, {endpoint.name: 1.0 for endpoint in endpoints})
    return zone_of(endpoints, zones.places(manifest.extents[0].blob)[0])


def content(endpoint: ZoneEndpoint, name: str) -> bytes:
    with client(endpoint) as zone:
        response = zone.get_object(endpoint.bucket, name)
        try:
            return response.read()
        finally:
            response.release_conn()


def flip(endpoint: ZoneEndpoint, name: str, position: int) -> None:
    damaged = bytearray(content(endpoint, name))
    damaged[position] ^= 0x40
    overwrite(endpoint, name, bytes(damaged))


def overwrite(endpoint: ZoneEndpoint, name: str, data: bytes) -> None:
    with client(endpoint) as zone:
        zone.put_object(endpoint.bucket, name, io.BytesIO(data), len(data))


def remove(endpoint: ZoneEndpoint, *gone: str) -> None:
    with client(endpoint) as zone:
        for name in gone:
            zone.remove_object(endpoint.bucket, name)


DAMAGES = {
    "a flipped bit": lambda endpoint, name: flip(endpoint, name, 300_000),
    "a flipped bit in the last tag": lambda endpoint, name: flip(endpoint, name, -5),
    "a short block": lambda endpoint, name: overwrite(endpoint, name, content(endpoint, name)[:-1]),
    "an empty block": lambda endpoint, name: overwrite(endpoint, name, b""),
    "another block in its place": lambda endpoint, name: overwrite(
        endpoint, name, content(endpoint, name[:-1] + "1")
    ),
    "no block": lambda endpoint, name: remove(endpoint, name),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_bad_copy_is_never_served_and_made_again(zones: Zones, tmp_path: Path, damage: str) -> None:
    async def scenario(blobs: S3Blobs, key: str, endpoints: list[ZoneEndpoint]) -> None:
        data = os.urandom(SIZE)
        manifest = await write(blobs, key, data)
        bad = first_zone(endpoints, manifest)
        block = names.block(manifest.extents[0].blob, 0)
        good = await asyncio.to_thread(content, bad, block)
        await asyncio.to_thread(DAMAGES[damage], bad, block)
        assert await blobs.read(manifest, 0, SIZE) == data
        note = names.note(bad.name, manifest.extents[0].blob)
        others = [endpoint for endpoint in endpoints if endpoint is not bad]
        await until(lambda: all(note in notes(endpoint) for endpoint in others))
        repaired = await blobs.repairer.repair_noted()
        if damage == "another block in its place":
            # Its checksums match: only a reader with the key can tell. See docs/design/zones.md.
            assert repaired.blocks in (0, 1)
        else:
            assert (repaired.blocks, repaired.bytes) == (1, len(good))
            assert await asyncio.to_thread(content, bad, block) == good
        assert not notes(endpoints[0]) | notes(endpoints[1]) | notes(endpoints[2])

    in_zones(tmp_path, zones, scenario)


def test_a_range_touches_only_the_frames_that_hold_it(zones: Zones, tmp_path: Path) -> None:
    async def scenario(blobs: S3Blobs, key: str, endpoints: list[ZoneEndpoint]) -> None:
        data = os.urandom(SIZE)
        manifest = await write(blobs, key, data)
        block = names.block(manifest.extents[0].blob, 0)
        for endpoint in endpoints:
            await asyncio.to_thread(flip, endpoint, block, 300_000)  # the second frame
        assert await blobs.read(manifest, 0, 262_144) == data[:262_144]
        assert await blobs.read(manifest, 524_288, SIZE) == data[524_288:]
        with pytest.raises(BlobCorrupt, match="frame 1 does not match its checksum"):
            await blobs.read(manifest, 262_143, 2)

    in_zones(tmp_path, zones, scenario)


def test_a_block_that_no_zone_has_is_missing_and_the_others_are_mended(zones: Zones, tmp_path: Path) -> None:
    async def scenario(blobs: S3Blobs, key: str, endpoints: list[ZoneEndpoint]) -> None:
        data = os.urandom(SIZE)
        manifest = await write(blobs, key, data)
        blob = manifest.extents[0].blob
        for endpoint in endpoints:
            await asyncio.to_thread(remove, endpoint, names.block(blob, 0))
        with pytest.raises(BlobMissing):
            await blobs.read(manifest, 0, 10)
        for endpoint in endpoints[1:]:
            await asyncio.to_thread(flip, endpoint, names.block(blob, 1), 100)
            await asyncio.to_thread(overwrite, endpoints[0], names.note(endpoint.name, blob), b"")
        assert (await blobs.repairer.repair_noted()).blocks == 2
        await asyncio.to_thread(remove, endpoints[0], names.block(blob, 1))
        assert await blobs.read(manifest, 4_194_304, SIZE) == data[4_194_304:]
        with pytest.raises(BlobMissing):
            await blobs.read(manifest, 0, 10)

    in_zones(tmp_path, zones, scenario)


def test_an_undamaged_copy_nowhere_is_reported_and_stays_noted(zones: Zones, tmp_path: Path) -> None:
    lines: list[str] = []

    async def scenario(blobs: S3Blobs, key: str, endpoints: list[ZoneEndpoint]) -> None:
        manifest = await write(blobs, key, os.urandom(SIZE))
        block = names.block(manifest.extents[0].blob, 1)
        for endpoint in endpoints:
            await asyncio.to_thread(flip, endpoint, block, 100)
        note = names.note("zone-a", manifest.extents[0].blob)
        await asyncio.to_thread(overwrite, endpoints[1], note, b"")
        repaired = await blobs.repairer.repair_noted()
        assert (repaired.lost, repaired.later, repaired.blocks) == (1, 1, 0)
        assert lines == [f"{block} has no undamaged copy outside zone zone-a"]
        assert notes(endpoints[1]) == {note}

    in_zones(tmp_path, zones, scenario, report=lines.append)


def test_comparing_the_zones_fills_an_empty_one(zones: Zones, tmp_path: Path) -> None:
    async def body(keys: KeyRing, key: str) -> None:
        endpoints = endpoints_of(zones.zones)
        data = [os.urandom(SIZE), os.urandom(1000), os.urandom(300_000)]
        async with open_blobs(endpoints, keys, new_id=old_id) as blobs:
            manifests = [await write(blobs, key, one) for one in data]
        full = await asyncio.to_thread(stored, endpoints[1])
        await asyncio.to_thread(remove, endpoints[1], *full)  # as a zone with new disks
        async with open_blobs(endpoints, keys) as blobs:
            repaired = await blobs.repairer.compare_zones()
            assert (repaired.blocks, repaired.lost, repaired.later) == (4, 0, 0)
            assert await asyncio.to_thread(stored, endpoints[1]) == full
            again = await blobs.repairer.compare_zones()
            assert (again.blobs, again.blocks) == (0, 0)
            assert [await blobs.read(one, 0, SIZE) for one in manifests] == data

    run(tmp_path, body)


def test_a_fresh_blob_is_not_compared(zones: Zones, tmp_path: Path) -> None:
    async def scenario(blobs: S3Blobs, key: str, endpoints: list[ZoneEndpoint]) -> None:
        manifest = await write(blobs, key, os.urandom(1000))
        await asyncio.to_thread(remove, endpoints[1], *blocks(endpoints[1], manifest))
        assert (await blobs.repairer.compare_zones()).blobs == 0

    in_zones(tmp_path, zones, scenario)


def test_a_changed_map_reads_the_old_places_and_the_copies_move(zones: Zones, tmp_path: Path) -> None:
    async def body(keys: KeyRing, key: str) -> None:
        endpoints = endpoints_of(zones.zones)
        more = endpoints_of(zones.zones[:1])[0]
        endpoints.append(ZoneEndpoint("zone-d", more.url, more.access_key, more.secret_key, more.bucket))
        old = ZoneMap(1, {"zone-a": 1.0, "zone-b": 1.0, "zone-c": 1.0})
        new = ZoneMap(2, {"zone-b": 1.0, "zone-c": 1.0, "zone-d": 1.0})
        data = os.urandom(SIZE)
        async with open_blobs(endpoints, keys, Placement((old,)), new_id=old_id) as blobs:
            manifest = await write(blobs, key, data)
            shared = await blobs.share(key, manifest, os.urandom(16))
        # The reader may note, beside its answer, that the new zone has nothing yet.
        async with open_blobs(endpoints, keys, Placement((new, old))) as blobs:
            assert await blobs.read(manifest, 0, SIZE) == data
        async with open_blobs(endpoints, keys, Placement((new, old))) as blobs:
            moved = await blobs.repairer.compare_zones()
            assert (moved.blocks, moved.moved, moved.lost, moved.later) == (2, 1, 0, 0)
            assert len(await asyncio.to_thread(blocks, endpoints[3], manifest)) == 2
            await blobs.repairer.repair_noted()  # what the reader noted
            assert not await asyncio.to_thread(stored, endpoints[0])
        async with open_blobs(endpoints, keys, Placement((new,))) as blobs:
            assert await blobs.free(manifest) == 0
            assert await blobs.read(shared, 0, SIZE) == data
            assert await blobs.free(shared) >= SIZE
            for endpoint in endpoints:
                assert not await asyncio.to_thread(stored, endpoint)

    run(tmp_path, body)
