"""CopyObject: a new version that refers to the source's bytes, or has its own where other keys protect it."""

from collections.abc import AsyncIterator

from blobs.contract import BlobStore
from ingest.checksums import Hasher
from ingest.intake import Stored, store_object
from ingest.payload import Payload
from ingest.ports import Ports
from ingest.results import PutResult
from ingest.submission import submit_with_bytes
from schemas.events import Condition, ObjectPut, Origin
from schemas.ids import uuid7
from schemas.manifest import NO_BYTES, Manifest
from schemas.rows import Attributes, Bucket, Checksum, ObjectVersion

WHOLE_LIMIT = 1024**2  # bytes; up to here what is encrypted anew is stored at once, above it as it is read


async def copy_object(
    ports: Ports,
    bucket: Bucket,
    key: str,
    source: ObjectVersion,
    attributes: Attributes,
    origin: Origin,
    checksum_algorithm: str | None = None,
    condition: Condition | None = None,
    object_key: bytes = b"",
    *,
    by_reference: bool = True,
) -> PutResult:
    """A new version with the source's bytes. The second reference to its blobs is durable before the
    event is appended, and the data keys are wrapped anew under the key of the bucket copied to."""
    if by_reference:
        stored = await _referred_to(ports, bucket, source, checksum_algorithm, object_key)
    else:
        stored = await _encrypted_anew(ports, bucket, source, checksum_algorithm, object_key)
    event = ObjectPut(
        origin, bucket.bucket_id, bucket.epoch, key, ports.new_nonce(), bucket.owner_id, source.size,
        stored.etag, attributes, stored.manifest, stored.checksum, condition,
    )  # fmt: skip
    receipt = await submit_with_bytes(ports, bucket, event, stored.pending)
    return PutResult(receipt.version, stored.etag, source.size, receipt.time, stored.checksum)


async def _referred_to(
    ports: Ports, bucket: Bucket, source: ObjectVersion, algorithm: str | None, object_key: bytes
) -> Stored:
    checksum = source.checksum
    if algorithm is not None and (checksum is None or checksum.algorithm != algorithm):
        checksum = await _checksum_of(ports.blobs, source, algorithm)
    manifest = await _share(ports, bucket, source.manifest or NO_BYTES, object_key)
    return Stored(manifest, source.size, source.etag, checksum)


async def _share(ports: Ports, bucket: Bucket, manifest: Manifest, object_key: bytes) -> Manifest:
    if manifest == NO_BYTES:
        return manifest
    whole = await ports.blobs.expand(manifest)
    shared = await ports.blobs.share(bucket.key_id, whole, uuid7())
    if object_key:
        shared = ports.blobs.seal(shared, object_key)
    return await ports.blobs.spill(bucket.key_id, shared)


async def _encrypted_anew(
    ports: Ports, bucket: Bucket, source: ObjectVersion, algorithm: str | None, object_key: bytes
) -> Stored:
    chunks = _chunks(ports.blobs, source)
    body = b"".join([chunk async for chunk in chunks]) if source.size <= WHOLE_LIMIT else chunks
    kept = algorithm or (source.checksum.algorithm if source.checksum is not None else None)
    return await store_object(
        ports, bucket.key_id, Payload(body, source.size, checksum_algorithm=kept, object_key=object_key)
    )


async def _checksum_of(blobs: BlobStore, source: ObjectVersion, algorithm: str) -> Checksum:
    hasher = Hasher.new(algorithm)
    async for chunk in _chunks(blobs, source):
        hasher.update(chunk)
    return Checksum(algorithm, hasher.digest_base64())


async def _chunks(blobs: BlobStore, source: ObjectVersion) -> AsyncIterator[bytes]:
    if source.manifest is not None and source.size:
        manifest = await blobs.expand(source.manifest)
        async for chunk in blobs.stream(manifest, 0, source.size):
            yield chunk
