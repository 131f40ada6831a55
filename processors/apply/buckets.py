"""apply EpochSet (in every object partition), BucketCreate and BucketUpdate (in `policies`)."""

import msgspec

from index.contract import PutBucket, PutEpoch, RemoveBucket
from processors.apply.decision import Decision, Moment, answered, bare_fact, refuse
from schemas.configurations.kinds import NEED_VERSIONING
from schemas.events import BucketCreate, BucketUpdate, EpochSet
from schemas.receipts import Receipt
from schemas.rows import Bucket, BucketEpoch


def apply_epoch_set(event: EpochSet, known: BucketEpoch | None, moment: Moment) -> Decision:
    """Raise the partition's idea of the bucket; an epoch that is not newer changes nothing. The last epoch of
    a deleted bucket stays, so that one announced late cannot bring the bucket back."""
    if known is not None and known.epoch >= event.epoch:
        fact = bare_fact("nothing", moment, event.origin, event.bucket_id)
        return answered((), Receipt(moment.seq, moment.time, epoch=known.epoch), fact)
    row = BucketEpoch(event.bucket_id, event.epoch, event.versioning, event.status, event.lock)
    fact = bare_fact("epoch.set", moment, event.origin, event.bucket_id)
    return answered((PutEpoch(row),), Receipt(moment.seq, moment.time, epoch=event.epoch), fact)


def apply_bucket_create(event: BucketCreate, known: Bucket | None, moment: Moment) -> Decision:
    if known is not None:
        return refuse("bucket-exists", moment, event.origin, event.bucket.bucket_id)
    row = msgspec.structs.replace(event.bucket, created_at=moment.time)
    fact = bare_fact("bucket.created", moment, event.origin, row.bucket_id)
    return answered((PutBucket(row),), Receipt(moment.seq, moment.time, epoch=row.epoch), fact)


def apply_bucket_update(event: BucketUpdate, known: Bucket | None, moment: Moment) -> Decision:
    """Change a bucket whose epoch is the expected one: compare and set."""
    if known is None or known.bucket_id != event.bucket_id:
        return refuse("no-such-bucket", moment, event.origin, event.bucket_id)
    if known.epoch != event.expected_epoch:
        return refuse("stale-epoch", moment, event.origin, event.bucket_id)
    needed = known.lock is not None or not NEED_VERSIONING.isdisjoint(known.configurations)
    if needed and event.versioning != "enabled":
        return refuse("invalid-bucket-state", moment, event.origin, event.bucket_id)
    row = msgspec.structs.replace(
        known, versioning=event.versioning, status=event.status, epoch=known.epoch + 1
    )
    if event.status == "deleted":
        fact = bare_fact("bucket.deleted", moment, event.origin, event.bucket_id)
        return answered((RemoveBucket(known),), Receipt(moment.seq, moment.time, epoch=row.epoch), fact)
    fact = bare_fact("bucket.updated", moment, event.origin, event.bucket_id)
    return answered((PutBucket(row),), Receipt(moment.seq, moment.time, epoch=row.epoch), fact)
