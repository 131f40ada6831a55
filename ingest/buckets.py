"""Create, delete and change buckets: events of `policies`, then a new epoch in every object partition."""

import asyncio
import contextlib
from typing import Literal

import msgspec

from ingest.multipart import abort_upload
from ingest.ports import Ports
from ingest.submission import announce_everywhere
from schemas.errors import (
    BucketAlreadyExists,
    BucketAlreadyOwnedByYou,
    BucketNotEmpty,
    ConditionalRequestConflict,
    InvalidBucketState,
    NoSuchBucket,
    NoSuchUpload,
)
from schemas.events import POLICIES, BucketCreate, BucketUpdate, Origin, PolicyEvent, encode_event
from schemas.ids import uuid7
from schemas.partitioning import policy_partition_of
from schemas.receipts import Receipt
from schemas.rows import Bucket, BucketLock, BucketStatus, Versioning

UPLOADS_PAGE = 1000
ATTEMPTS = 8


async def create_bucket(
    ports: Ports, name: str, owner_id: str, origin: Origin, locked: bool = False
) -> Bucket:
    """Make a bucket; its key is made first, so that no object is ever without one. Object Lock comes with
    it in one event: cut short, there is no bucket that only seems to be the one asked for."""
    existing = await ports.directory.refresh(name)
    if existing is not None:
        raise _taken(existing, owner_id)
    key_id = ports.keys.new_bucket_key()
    wanted = Bucket(uuid7(), name, owner_id, ports.region, 0, 1, key_id=key_id)
    if locked:
        wanted = msgspec.structs.replace(wanted, versioning="enabled", lock=BucketLock())
    receipt = await submit_policy_event(ports, name, BucketCreate(origin, wanted))
    bucket = await ports.directory.refresh(name)
    if receipt.refusal:
        ports.keys.erase(key_id)
        if bucket is None:
            raise ConditionalRequestConflict(
                "A conflicting conditional operation is currently in progress against this resource. "
                "Please try again."
            )
        raise _taken(bucket, owner_id)
    if bucket is None:
        raise NoSuchBucket("The bucket was deleted while it was being created", BucketName=name)
    await announce_everywhere(ports, bucket, origin)
    return bucket


async def set_versioning(
    ports: Ports, bucket: Bucket, versioning: Literal["enabled", "suspended"], origin: Origin
) -> Bucket:
    """Change the versioning state; returned once no partition can decide by the old one any more."""
    if bucket.versioning == versioning:
        return bucket
    changed = await _update(ports, bucket, versioning, "open", origin)
    await _make_known(ports, changed, origin)
    return changed


async def delete_bucket(ports: Ports, bucket: Bucket, origin: Origin) -> None:
    """Delete a bucket without versions: check, fence every partition, check again, then commit or reopen.
    Uploads in progress are aborted with it."""
    await _check_empty(ports, bucket)
    fenced = await _update(ports, bucket, bucket.versioning, "fenced", origin)
    await finish_deletion(ports, fenced, origin)


async def finish_deletion(ports: Ports, fenced: Bucket, origin: Origin) -> None:
    """The second half of a deletion, also after a crash in between: commit if the fenced bucket is
    empty, else reopen it and raise BucketNotEmpty."""
    await announce_everywhere(ports, fenced, origin)
    try:
        await _check_empty(ports, fenced)
    except BucketNotEmpty:
        reopened = await _update(ports, fenced, fenced.versioning, "open", origin)
        await announce_everywhere(ports, reopened, origin)
        raise
    await _abort_uploads(ports, fenced, origin)
    ended = await _update(ports, fenced, fenced.versioning, "deleted", origin)
    await _make_known(ports, ended, origin)


async def _make_known(ports: Ports, bucket: Bucket, origin: Origin) -> None:
    """Return once no partition decides, and no gateway answers, by what the bucket was before."""
    await asyncio.gather(announce_everywhere(ports, bucket, origin), ports.directory.settle())


async def _update(
    ports: Ports, bucket: Bucket, versioning: Versioning, status: BucketStatus, origin: Origin
) -> Bucket:
    """Compare and set on the bucket's epoch; a lost race is tried again on what the winner left."""
    for _ in range(ATTEMPTS):
        event = BucketUpdate(origin, bucket.name, bucket.bucket_id, bucket.epoch, versioning, status)
        receipt = await submit_policy_event(ports, bucket.name, event)
        if not receipt.refusal:
            return msgspec.structs.replace(bucket, epoch=receipt.epoch, versioning=versioning, status=status)
        fresh = await ports.directory.refresh(bucket.name)
        if receipt.refusal == "invalid-bucket-state":
            raise InvalidBucketState(
                "The bucket's replication or Object Lock configuration needs its versioning to be enabled."
            )
        if receipt.refusal == "no-such-bucket" or fresh is None or fresh.bucket_id != bucket.bucket_id:
            raise NoSuchBucket("The specified bucket does not exist", BucketName=bucket.name)
        if fresh.status != bucket.status:
            break
        if status in ("fenced", "open") and fresh.versioning != bucket.versioning:
            versioning = fresh.versioning if versioning == bucket.versioning else versioning
        bucket = fresh
    raise ConditionalRequestConflict(
        "A conflicting conditional operation is currently in progress against this resource. "
        "Please try again."
    )


async def submit_policy_event(ports: Ports, name: str, event: PolicyEvent) -> Receipt:
    """Append an event about the bucket of that name; returns what became of it."""
    partition = policy_partition_of(name, ports.submitter.partitions(POLICIES))
    return await ports.submitter.submit(POLICIES, partition, encode_event(event))


async def _abort_uploads(ports: Ports, fenced: Bucket, origin: Origin) -> None:
    """Give up every upload, which frees its parts. Behind the fence no new one can begin."""
    while page := await ports.index.list_uploads(fenced.bucket_id, "", None, None, UPLOADS_PAGE):
        for upload in page:
            with contextlib.suppress(NoSuchUpload):  # its own client aborted it meanwhile
                await abort_upload(ports, fenced, upload.key, upload.upload_id, origin)


async def _check_empty(ports: Ports, bucket: Bucket) -> None:
    if await ports.index.has_versions(bucket.bucket_id):
        raise BucketNotEmpty(
            "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
            if bucket.versioning != "unversioned"
            else "The bucket you tried to delete is not empty",
            BucketName=bucket.name,
        )


def _taken(existing: Bucket, owner_id: str) -> BucketAlreadyOwnedByYou | BucketAlreadyExists:
    if existing.owner_id == owner_id:
        return BucketAlreadyOwnedByYou(
            "Your previous request to create the named bucket succeeded and you already own it.",
            BucketName=existing.name,
        )
    return BucketAlreadyExists(
        "The requested bucket name is not available. The bucket namespace is shared by all users of the "
        "system. Please select a different name and try again.",
        BucketName=existing.name,
    )
