"""The bytes over real zone stores, in buckets that no other test has, and what the zones then hold."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from minio import Minio

from access.keyring import KeyRing
from blobs.placement import Placement, ZoneMap
from blobs.s3.endpoint import Timing, ZoneEndpoint, open_client, open_pool
from blobs.s3.store import S3Blobs
from compose.native.minio import Zone
from compose.native.process import Process
from schemas.manifest import Manifest
from tests.cluster.services import Zones

INLINE_LIMIT = 512
CHUNK = 300_000
RECOVERY_SECONDS = 30
# Short enough for tests with a zone away, long enough for three zones and a client on a busy machine.
TIMING = Timing(connect=1.0, answer=4.0, deadline=8.0, patience=1.0, probe=0.1, probe_longest=0.5)


Scenario = Callable[[S3Blobs, str, list[ZoneEndpoint]], Awaitable[None]]


def endpoints_of(zones: Iterable[Zone], **changes: Any) -> list[ZoneEndpoint]:
    """Those zones, with a bucket of their own for one test."""
    bucket = f"t{uuid.uuid4().hex}"
    return [
        replace(
            ZoneEndpoint(zone.name, zone.endpoint, zone.access_key, zone.secret_key, f"{bucket}-{zone.name}"),
            **changes,
        )
        for zone in zones
    ]


def one_map(endpoints: Iterable[ZoneEndpoint]) -> Placement:
    """Every zone, all alike."""
    return Placement((ZoneMap(1, {endpoint.name: 1.0 for endpoint in endpoints}),))


@asynccontextmanager
async def open_blobs(
    endpoints: list[ZoneEndpoint], keys: KeyRing, placement: Placement | None = None, **options: Any
) -> AsyncIterator[S3Blobs]:
    """The engine over these zones, started; closed at the end."""
    options = {"inline_limit": INLINE_LIMIT, "timing": TIMING, **options}
    blobs = S3Blobs(endpoints, placement or one_map(endpoints), keys, **options)
    await blobs.start()
    try:
        yield blobs
    finally:
        await blobs.close()


@contextmanager
def client(endpoint: ZoneEndpoint) -> Iterator[Minio]:
    """A client that looks into a zone from outside."""
    pool = open_pool(endpoint, 4, Timing(answer=30.0))
    try:
        yield open_client(endpoint, pool)
    finally:
        pool.clear()


def stored(endpoint: ZoneEndpoint) -> dict[str, int]:
    """Every object of a zone: its size by its name."""
    with client(endpoint) as zone:
        objects = zone.list_objects(endpoint.bucket, recursive=True)
        return {str(one.object_name): one.size or 0 for one in objects}


def run(tmp_path: Path, scenario: Callable[[KeyRing, str], Awaitable[None]]) -> None:
    """Run a scenario with a key ring and a bucket key of its own."""

    async def main() -> None:
        keys = KeyRing(tmp_path / "keys")
        await scenario(keys, keys.new_bucket_key())

    asyncio.run(main())


def in_zones(tmp_path: Path, zones: Zones, scenario: Scenario, **options: Any) -> None:
    """Run a scenario over these zones, in buckets of its own."""

    async def body(keys: KeyRing, key: str) -> None:
        endpoints = endpoints_of(zones.zones)
        async with open_blobs(endpoints, keys, **options) as blobs:
            await scenario(blobs, key, endpoints)

    run(tmp_path, body)


async def write(blobs: S3Blobs, key: str, data: bytes) -> Manifest:
    """Stream an object in; aborted, as ingest does, when that fails."""
    writer = blobs.writer(key)
    try:
        for start in range(0, len(data), CHUNK):
            await writer.write(data[start : start + CHUNK])
        return Manifest("file", (await writer.finish(),))
    except BaseException:
        await writer.abort()
        raise


async def until(condition: Callable[[], bool]) -> None:
    """Wait until it holds."""
    limit = time.monotonic() + RECOVERY_SECONDS
    while not condition():
        assert time.monotonic() < limit, "it did not happen in time"
        await asyncio.sleep(0.05)


async def back(blobs: S3Blobs, *processes: Process) -> None:
    """Heal the zones, and wait until the store knows."""
    for process in processes:
        process.resume()
        process.start()
    for process in processes:
        await asyncio.to_thread(process.wait)
    await until(lambda: not blobs.zones_away())


def blocks(endpoint: ZoneEndpoint, manifest: Manifest) -> list[str]:
    """The blocks of an object's first extent in a zone."""
    return [name for name in stored(endpoint) if f"/{manifest.extents[0].blob.hex()}/b" in name]


def notes(endpoint: ZoneEndpoint) -> set[str]:
    """The notes for the repairer in a zone."""
    return {name for name in stored(endpoint) if name.startswith("repair/")}
