"""Take a body in: hash, encrypt and store it on the way, and check it against what was announced.

A body that ends early, is too long or does not match a digest leaves nothing behind.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple

from ingest.checksums import Digests
from ingest.payload import Payload
from ingest.ports import Ports
from schemas.errors import EntityTooLarge, IncompleteBody
from schemas.manifest import NO_BYTES, Manifest
from schemas.rows import Checksum

MAX_PUT_BYTES = 5 * 1024**3  # one PutObject or UploadPart
HASH_ON_LOOP_BYTES = 64 * 1024  # hashing more than this would hold up other requests
DEFAULT_ALGORITHM = "CRC64NVME"  # what S3 computes when the client names no checksum


class Stored(NamedTuple):
    """Bytes that are durable and checked, not yet named by any event."""

    manifest: Manifest
    size: int
    etag: str
    checksum: Checksum | None


async def store_object(ports: Ports, key_id: str, payload: Payload) -> Stored:
    """Store an object's body: small ones together in packs, others in a file."""
    digests = Digests(payload, DEFAULT_ALGORITHM)
    chunks = payload.chunks
    if isinstance(chunks, bytes):
        size = len(chunks)
        if size > HASH_ON_LOOP_BYTES:
            await asyncio.get_running_loop().run_in_executor(None, digests.update, chunks)
        else:
            digests.update(chunks)
        etag, checksum = digests.verify(payload, size)
        manifest = await ports.blobs.put(key_id, chunks) if size else NO_BYTES
        return Stored(manifest, size, etag, checksum)
    return await _stream(ports, key_id, payload, chunks, digests)


async def store_part(
    ports: Ports, key_id: str, payload: Payload, algorithm: str | None
) -> Stored:
    """Store a part's body in a blob file, with the checksum its upload was created for."""
    digests = Digests(payload, algorithm or DEFAULT_ALGORITHM)
    chunks = payload.chunks
    if isinstance(chunks, bytes):
        chunks = _once(chunks)
    return await _stream(ports, key_id, payload, chunks, digests)


async def _stream(
    ports: Ports, key_id: str, payload: Payload, chunks: AsyncIterator[bytes], digests: Digests
) -> Stored:
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
        if announced is not None and size < announced:
            raise IncompleteBody(
                "You did not provide the number of bytes specified by the Content-Length HTTP header",
                ExpectedBytes=str(announced),
                ReceivedBytes=str(size),
            )
        extent = await writer.finish()
        etag, checksum = digests.verify(payload, size)
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
