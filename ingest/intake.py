"""Take a body in: hash, encrypt and store it on the way, and check it against what was announced.

A body that ends early, is too long or does not match a digest leaves nothing behind.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple

from ingest.digests import Digests, digest_whole
from ingest.payload import Payload
from ingest.ports import Ports
from schemas.errors import EntityTooLarge, IncompleteBody
from schemas.manifest import NO_BYTES, Manifest
from schemas.rows import Checksum

MAX_PUT_BYTES = 5 * 1024**3  # one PutObject or UploadPart
HASH_ON_LOOP_BYTES = 64 * 1024  # hashing more than this would hold up other requests


class Stored(NamedTuple):
    """Bytes that are durable and checked, not yet named by any event."""

    manifest: Manifest
    size: int
    etag: str
    checksum: Checksum


async def store_object(ports: Ports, key_id: str, payload: Payload) -> Stored:
    """Store an object's body: small ones together in packs, others in a file."""
    body = payload.chunks
    if not isinstance(body, bytes):
        return await _stream(ports, key_id, payload, body)
    if len(body) > HASH_ON_LOOP_BYTES:
        loop = asyncio.get_running_loop()
        etag, checksum, size = await loop.run_in_executor(None, digest_whole, payload, body)
    else:
        etag, checksum, size = digest_whole(payload, body)
    return Stored(await ports.blobs.put(key_id, body), size, etag, checksum)


async def store_part(ports: Ports, key_id: str, payload: Payload) -> Stored:
    """Store a part's body in a blob file."""
    chunks = payload.chunks
    return await _stream(ports, key_id, payload, _once(chunks) if isinstance(chunks, bytes) else chunks)


async def _stream(ports: Ports, key_id: str, payload: Payload, chunks: AsyncIterator[bytes]) -> Stored:
    digests = Digests(payload)
    announced = payload.size
    limit = MAX_PUT_BYTES if announced is None else announced
    writer = ports.blobs.writer(key_id, digests.update)
    size = 0
    try:
        async for chunk in chunks:
            size += len(chunk)
            if size > limit:
                raise _too_long(announced)
            await writer.write(chunk)
        extent = await writer.finish()
        etag, checksum, size = digests.verify(payload)
    except BaseException:
        await writer.abort()
        raise
    manifest = Manifest("file", (extent,)) if size else NO_BYTES
    if not size:
        await writer.abort()
    return Stored(manifest, size, etag, checksum)


def _too_long(announced: int | None) -> IncompleteBody | EntityTooLarge:
    if announced is not None:
        return IncompleteBody("The request body is longer than the length that was announced")
    return EntityTooLarge(
        "Your proposed upload exceeds the maximum allowed size", MaxSizeAllowed=str(MAX_PUT_BYTES)
    )


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
