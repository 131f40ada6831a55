"""All zones listed side by side, blob by blob, with a page of each in memory."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from blobs.s3 import names
from blobs.s3.blob_state import BlobState
from blobs.s3.failures import ZoneFailed, unavailable
from blobs.s3.zone import PAGE, Listed, Zone

Blob = tuple[bytes, list[Listed]]  # its id, and what one zone has of it


async def compare(zones: Sequence[Zone]) -> AsyncIterator[tuple[bytes, BlobState]]:
    """Every blob that any zone has something of, with what each has. Raises ServiceUnavailable when a zone
    cannot be listed."""
    try:
        for shard in names.SHARDS:
            async for blob, state in _compare_shard(zones, f"{names.BLOBS}{shard}/"):
                yield blob, state
    except ZoneFailed as failure:
        raise unavailable("comparing zones", [failure]) from failure


async def _compare_shard(zones: Sequence[Zone], prefix: str) -> AsyncIterator[tuple[bytes, BlobState]]:
    listings = {zone.name: _by_blob(zone, prefix) for zone in zones}
    first = await asyncio.gather(*(anext(listing, None) for listing in listings.values()))
    heads = dict(zip(listings, first, strict=True))
    while waiting := [head[0] for head in heads.values() if head is not None]:
        blob = min(waiting)
        listed: dict[str, list[Listed]] = {}
        for name, head in heads.items():
            listed[name] = []
            if head is not None and head[0] == blob:
                listed[name] = head[1]
                heads[name] = await anext(listings[name], None)
        yield blob, BlobState.of(blob, listed)


async def _by_blob(zone: Zone, prefix: str) -> AsyncIterator[Blob]:
    blob: bytes | None = None
    objects: list[Listed] = []
    async for one in _objects(zone, prefix):
        following = names.blob_of(one.name)
        if following is None:
            continue
        if following != blob:
            if blob is not None:
                yield blob, objects
            blob, objects = following, []
        objects.append(one)
    if blob is not None:
        yield blob, objects


async def _objects(zone: Zone, prefix: str) -> AsyncIterator[Listed]:
    after = ""
    while True:
        page = await zone.list_page(prefix, after)
        for one in page:
            yield one
        if len(page) < PAGE:
            return
        after = page[-1].name
