"""Submit an event about a key until apply has decided it: resolve a stale bucket anew, wait at a fence."""

import asyncio
import logging
import random
from typing import TypeVar

import msgspec

from ingest.ports import Ports
from schemas.errors import (
    ConditionalRequestConflict,
    InvalidObjectState,
    InvalidRequest,
    LogUnavailable,
    NoSuchBucket,
    NoSuchKey,
    NoSuchUpload,
    NoSuchVersion,
    ObjectLocked,
    PreconditionFailed,
    RequestTimeout,
    ServiceUnavailable,
    StorageFull,
    StrandlineError,
)
from schemas.events import (
    OBJECT_VERSIONS,
    EpochSet,
    ObjectDelete,
    ObjectPut,
    ObjectUpdate,
    Origin,
    PartPut,
    UploadAbort,
    UploadCreate,
    encode_event,
)
from schemas.partitioning import partition_of
from schemas.pending import Pending
from schemas.receipts import Receipt
from schemas.rows import Bucket

log = logging.getLogger(__name__)

KeyEvent = ObjectPut | ObjectDelete | ObjectUpdate | UploadCreate | PartPut | UploadAbort
KeyEventT = TypeVar("KeyEventT", bound=KeyEvent)

ATTEMPTS = 12
FENCE_WAIT = 0.05  # seconds before the first retry at a fence; doubles up to FENCE_WAIT_LIMIT
FENCE_WAIT_LIMIT = 1.0


class PartLandedSince(StrandlineError):
    """A part landed between reading the parts and applying Complete or Abort: read them anew."""


async def submit_key_event(
    ports: Ports, bucket: Bucket, event: KeyEventT, pending: Pending | None = None
) -> Receipt:
    """Append the event, once the bytes that it names have settled; return the receipt of its application.

    Raises the domain error of a refusal, LogUnavailable, SubmitTimeout, or ServiceUnavailable when the
    bucket stays fenced.
    """
    submitter = ports.submitter
    partition = partition_of(event.bucket_id, event.key, submitter.partitions(OBJECT_VERSIONS))
    wait = FENCE_WAIT
    for _ in range(ATTEMPTS):
        receipt = await submitter.submit(OBJECT_VERSIONS, partition, encode_event(event), pending)
        if not receipt.refusal:
            return receipt
        if receipt.refusal == "bucket-fenced":
            await asyncio.sleep(wait * (0.5 + random.random()))
            wait = min(wait * 2, FENCE_WAIT_LIMIT)
        elif receipt.refusal != "stale-epoch":
            raise refusal_error(receipt.refusal, event)
        event = await _resolve_anew(ports, bucket, event, partition)
    raise ServiceUnavailable(f"The bucket {bucket.name} is being changed; please try again.")


async def submit_with_bytes(
    ports: Ports, bucket: Bucket, event: ObjectPut | PartPut, pending: Pending | None = None
) -> Receipt:
    """As `submit_key_event`, for an event that brings bytes which nothing else names: where it is certain
    that they never will be named, they are freed at once. Where apply refused them, its fact has them freed;
    where the outcome is unknown, they stay. Bytes that were still pending may not even be stored: those are
    left to the sweep of the next start."""
    try:
        return await submit_key_event(ports, bucket, event, pending)
    except (LogUnavailable, StorageFull, NoSuchBucket, ServiceUnavailable):
        # Not appended, or appended and refused in a way that left the bytes to another attempt.
        if pending is None:
            await _take_back(ports, event)
        raise


async def _take_back(ports: Ports, event: ObjectPut | PartPut) -> None:
    try:
        await ports.blobs.free(event.manifest)
    except (StrandlineError, OSError) as error:
        # A full device, perhaps: the sweep of the next start finds them.
        log.warning("bytes of a write that was given up are freed later: %s", error)


async def _resolve_anew(ports: Ports, bucket: Bucket, event: KeyEventT, partition: int) -> KeyEventT:
    """The event under the bucket's present epoch."""
    fresh = await ports.directory.refresh(bucket.name)
    if fresh is None or fresh.bucket_id != event.bucket_id:
        raise NoSuchBucket("The specified bucket does not exist", BucketName=bucket.name)
    if fresh.epoch == event.epoch:
        # The gateway that changed the bucket died before it told this partition, or is just doing so.
        await announce_epoch(ports, fresh, event.origin, partition)
    return msgspec.structs.replace(event, epoch=fresh.epoch)


async def announce_epoch(ports: Ports, bucket: Bucket, origin: Origin, partition: int) -> None:
    """Tell one object partition the bucket's epoch; harmless when it knows it already."""
    event = EpochSet(
        origin, bucket.bucket_id, bucket.epoch, bucket.versioning, bucket.status, lock=bucket.lock
    )
    await ports.submitter.submit(OBJECT_VERSIONS, partition, encode_event(event))


async def announce_everywhere(ports: Ports, bucket: Bucket, origin: Origin) -> None:
    """Tell every object partition; returns once all of them have applied it."""
    partitions = range(ports.submitter.partitions(OBJECT_VERSIONS))
    await asyncio.gather(*(announce_epoch(ports, bucket, origin, p) for p in partitions))


def refusal_error(refusal: str, event: KeyEvent) -> StrandlineError:
    """The domain error for what apply refused."""
    if refusal == "precondition-failed":
        return PreconditionFailed(
            "At least one of the pre-conditions you specified did not hold", Condition=_condition_of(event)
        )
    if refusal == "no-such-key":
        return NoSuchKey("The specified key does not exist.", Key=event.key)
    if refusal == "no-such-version":
        return NoSuchVersion("The specified version does not exist.", Key=event.key)
    if refusal == "no-such-upload":
        return NoSuchUpload(
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have "
            "been aborted or completed."
        )
    if refusal == "not-archived":
        return InvalidObjectState("Restore is not allowed for the object's current storage class")
    if refusal == "part-landed-since":
        return PartLandedSince("A part of the upload landed while it was being ended.")
    if refusal == "lease-ended":
        return RequestTimeout("The write took so long that its bytes may have been removed meanwhile.")
    if refusal == "object-locked":
        return ObjectLocked("Access Denied because object protected by object lock.", Key=event.key)
    if refusal == "invalid-bucket-state":
        return InvalidRequest("Bucket is missing Object Lock Configuration")
    if refusal == "no-such-bucket":
        return NoSuchBucket("The specified bucket does not exist")
    return ConditionalRequestConflict(f"The write was refused: {refusal}.")


def _condition_of(event: KeyEvent) -> str:
    """The header with the condition of a refused write: the two exclude each other."""
    condition = event.condition if isinstance(event, ObjectPut | ObjectDelete) else None
    return "If-None-Match" if condition is not None and condition.if_match is None else "If-Match"
