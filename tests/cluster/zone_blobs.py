"""The bytes over real zone stores, in buckets that no other test has, and what the zones then hold."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from minio import Minio

from access.keyring import KeyRing
from blobs.placement import Placement, ZoneMap
from blobs.s3.endpoint import Timing, ZoneEndpoint, open_client
from blobs.s3.store import S3Blobs
from compose.native.minio import Zone

INLINE_LIMIT = 512
# Short enough for tests with a zone away, long enough for three zones and a client on a busy machine.
TIMING = Timing(connect=1.0, answer=4.0, deadline=8.0, patience=1.0, probe=0.1, probe_longest=0.5)


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


def client(endpoint: ZoneEndpoint) -> Minio:
    """A client that looks into a zone from outside."""
    return open_client(endpoint, 4, Timing(answer=30.0))


def stored(endpoint: ZoneEndpoint) -> dict[str, int]:
    """Every object of a zone: its size by its name."""
    objects = client(endpoint).list_objects(endpoint.bucket, recursive=True)
    return {str(one.object_name): one.size or 0 for one in objects}


def run(tmp_path: Path, scenario: Callable[[KeyRing, str], Awaitable[None]]) -> None:
    """Run a scenario with a key ring and a bucket key of its own."""

    async def main() -> None:
        keys = KeyRing(tmp_path / "keys")
        await scenario(keys, keys.new_bucket_key())

    asyncio.run(main())
