"""Take a body in: hash, encrypt and store it on the way, and check it against what was announced.

A body that ends early, is too long or does not match a digest leaves nothing behind.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import NamedTuple

from ingest.digests import Digested, Digests, digest_whole
from ingest.payload import Payload
from ingest.ports import Ports
from schemas.errors import EntityTooLarge, IncompleteBody
from schemas.manifest import NO_BYTES, Manifest
from schemas.pending import Pending
from schemas.rows import Checksum

MAX_PUT_BYTES = 5 * 1024**3  # one PutObject or UploadPart
HASH_ON_LOOP_BYTES = 64 * 1024  # hashing more than this would hold up other requests


class Stored(NamedTuple):
    """Bytes that are checked, not yet named by any event, and durable once `pending` has settled."""

    manifest: Manifest
    size: int
    etag: str
    checksum: Checksum | None
    pending: Pending | None = None


async def store_object(ports: Ports, key_id: str, payload: Payload) -> Stored:
    """Store an object's body: small ones together in packs, others in a file."""
    stored = await _store(ports, key_id, payload)
    return _protected(ports, stored, payload.object_key) if payload.object_key else stored


def _protected(ports: Ports, stored: Stored, object_key: bytes) -> Stored:
    """As stored, with data keys that the object key wraps too. Its ETag is no digest then (Amazon S3 API
    Reference, Object): the MD5 of the plaintext, kept beside it, would tell of it."""
    manifest = ports.blobs.seal(stored.manifest, object_key)
    return stored._replace(manifest=manifest, etag=secrets.token_hex(16))


async def _store(ports: Ports, key_id: str, payload: Payload) -> Stored:
    body = payload.chunks
    if not isinstance(body, bytes):
        return await _stream(ports, key_id, payload, body)
    if len(body) > HASH_ON_LOOP_BYTES:
        etag, checksum, size = await _digest_in_thread(ports, payload, body)
    else:
        etag, checksum, size = digest_whole(payload, body)
    manifest, pending = await ports.blobs.put_soon(key_id, body, sealed=bool(payload.object_key))
    return Stored(manifest, size, etag, checksum, pending)


async def _digest_in_thread(ports: Ports, payload: Payload, body: bytes) -> Digested:
    digests = Digests(payload, ports.hashing)
    try:
        await digests.update(body)
        await digests.finish()
        return digests.verify(payload)
    finally:
        digests.close()


async def store_part(ports: Ports, key_id: str, payload: Payload) -> Stored:
    """Store a part's body in a blob file."""
    chunks = payload.chunks
    body = _once(chunks) if isinstance(chunks, bytes) else chunks
    stored = await _stream(ports, key_id, payload, body)
    return _protected(ports, stored, payload.object_key) if payload.object_key else stored


async def _stream(ports: Ports, key_id: str, payload: Payload, chunks: AsyncIterator[bytes]) -> Stored:
    digests = Digests(payload, ports.hashing)
    announced = payload.size
    limit = MAX_PUT_BYTES if announced is None else announced
    writer = ports.blobs.writer(key_id)
    size = 0
    try:
        async for chunk in chunks:
            size += len(chunk)
            if size > limit:
                raise _too_long(announced)
            await digests.update(chunk)
            await writer.write(chunk)
        # The last slices are hashed and stored at the same time.
        hashed = asyncio.create_task(digests.finish())
        try:
            extent = await writer.finish()
            await hashed
        finally:
            hashed.cancel()
        etag, checksum, size = digests.verify(payload)
    except BaseException:
        await writer.abort()
        raise
    finally:
        digests.close()
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
