"""CopyObject: a new version that refers to the source's bytes; nothing is read unless a checksum asks."""

from collections.abc import AsyncIterator

from blobs.contract import BlobStore
from ingest.checksums import Hasher
from ingest.ports import Ports
from ingest.results import PutResult
from ingest.submission import submit_with_bytes
from schemas.events import Condition, ObjectPut, Origin
from schemas.ids import uuid7
from schemas.manifest import NO_BYTES, Manifest
from schemas.rows import Attributes, Bucket, Checksum, ObjectVersion


async def copy_object(
    ports: Ports,
    bucket: Bucket,
    key: str,
    source: ObjectVersion,
    attributes: Attributes,
    origin: Origin,
    checksum_algorithm: str | None = None,
    condition: Condition | None = None,
) -> PutResult:
    """A new version with the source's bytes. The second reference to its blobs is durable before the
    event is appended, and the data keys are wrapped anew under the key of the bucket copied to."""
    checksum = source.checksum
    if checksum_algorithm is not None and (checksum is None or checksum.algorithm != checksum_algorithm):
        checksum = await _checksum_of(ports.blobs, source, checksum_algorithm)
    manifest = await _share(ports, bucket, source.manifest or NO_BYTES)
    event = ObjectPut(
        origin, bucket.bucket_id, bucket.epoch, key, ports.new_nonce(), bucket.owner_id, source.size,
        source.etag, attributes, manifest, checksum, condition,
    )  # fmt: skip
    receipt = await submit_with_bytes(ports, bucket, event)
    return PutResult(receipt.version, source.etag, source.size, receipt.time, checksum)


async def _share(ports: Ports, bucket: Bucket, manifest: Manifest) -> Manifest:
    if manifest == NO_BYTES:
        return manifest
    whole = await ports.blobs.expand(manifest)
    shared = await ports.blobs.share(bucket.key_id, whole, uuid7())
    return await ports.blobs.spill(bucket.key_id, shared)


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
