"""CopyObject: a new version that refers to the source's bytes, or has its own where other keys protect it."""

from collections.abc import AsyncIterator

from blobs.contract import BlobStore
from ingest.checksums import ALGORITHMS, Hasher, full_object
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
    owner: str = "",
    *,
    by_reference: bool = True,
) -> PutResult:
    """A new version with the source's bytes. The second reference to its blobs is durable before the
    event is appended, and the data keys are wrapped anew under the key of the bucket copied to."""
    expires = ports.lease_end()
    if by_reference:
        stored = await _referred_to(ports, bucket, source, checksum_algorithm, object_key)
    else:
        stored = await _encrypted_anew(ports, bucket, source, checksum_algorithm, object_key)
    event = ObjectPut(
        origin, bucket.bucket_id, bucket.epoch, key, ports.new_nonce(), owner or bucket.owner_id, source.size,
        stored.etag, attributes, stored.manifest, stored.checksum, condition, expires=expires,
    )  # fmt: skip
    receipt = await submit_with_bytes(ports, bucket, event, stored.pending)
    return PutResult(receipt.version, stored.etag, source.size, receipt.time, stored.checksum)


async def _referred_to(
    ports: Ports, bucket: Bucket, source: ObjectVersion, algorithm: str | None, object_key: bytes
) -> Stored:
    checksum = await _checksum(ports.blobs, source, algorithm)
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


async def _checksum(blobs: BlobStore, source: ObjectVersion, asked: str | None) -> Checksum | None:
    """The checksum of the copy: of the algorithm asked for, else of the source's. It is that of the whole
    object (FULL_OBJECT) whatever the source's was, since a copy is written in one piece: a composite is put
    together anew from its parts where the algorithm allows it, and computed over the bytes where not."""
    kept = source.checksum
    algorithm = asked or (kept.algorithm if kept is not None else None)
    if algorithm is None or (kept is not None and kept.algorithm == algorithm and kept.type != "COMPOSITE"):
        return kept
    if kept is not None and kept.algorithm == algorithm and source.manifest is not None:
        parts = (await blobs.expand(source.manifest)).parts
        values = [(part.checksum, part.size) for part in parts if part.checksum is not None]
        if ALGORITHMS[algorithm].combine is not None and 0 < len(values) == len(parts):
            return Checksum(algorithm, full_object(algorithm, values))
    return await _checksum_of(blobs, source, algorithm)


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
