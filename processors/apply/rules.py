"""apply itself: which rule decides which event, after the checks that all of them share."""

from index.contract import KeyState, KeyWant
from processors.apply.buckets import apply_bucket_create, apply_bucket_update, apply_epoch_set
from processors.apply.configurations import apply_bucket_configure
from processors.apply.decision import Decision, Moment, freed, refuse
from processors.apply.delete import apply_delete
from processors.apply.put import apply_put, brought_by_put, spilled_only
from processors.apply.update import apply_update
from processors.apply.uploads import apply_part_put, apply_upload_abort, apply_upload_create
from schemas.events import (
    BucketCreate,
    BucketEvent,
    BucketUpdate,
    EpochSet,
    ObjectDelete,
    ObjectEvent,
    ObjectPut,
    ObjectUpdate,
    PartPut,
    UploadAbort,
    UploadCreate,
)
from schemas.manifest import Manifest
from schemas.receipts import Refusal
from schemas.rows import Bucket, BucketEpoch, Configuration

NO_STATE = KeyState()
_LEASED = (ObjectPut, PartPut)  # they bring bytes


def want(event: ObjectEvent) -> KeyWant | None:
    """Which key state the event needs; None for an event that is not about a key."""
    if type(event) is ObjectPut:
        return KeyWant(event.bucket_id, event.key, None, event.upload_id)
    if type(event) is ObjectDelete or type(event) is ObjectUpdate:
        return KeyWant(event.bucket_id, event.key, event.version)
    if type(event) is PartPut:
        return KeyWant(event.bucket_id, event.key, None, event.upload_id, event.number)
    if type(event) is UploadAbort:
        return KeyWant(event.bucket_id, event.key, None, event.upload_id)
    return None


def apply_object_event(
    event: ObjectEvent, state: KeyState, epoch: BucketEpoch | None, moment: Moment
) -> Decision:
    """Decide one event of `object-versions`."""
    if isinstance(event, EpochSet):
        return apply_epoch_set(event, epoch, moment)
    refusal = _epoch_refusal(event, epoch)
    if not refusal and type(event) in _LEASED and 0 < event.expires < moment.time:  # type: ignore[union-attr]
        refusal = "lease-ended"
    if refusal or epoch is None:
        return refuse(refusal, moment, event.origin, event.bucket_id, event.key, brought(event))
    if type(event) is ObjectPut:
        return apply_put(event, state, epoch.versioning, moment, epoch.lock)
    if type(event) is ObjectDelete:
        return apply_delete(event, state, epoch.versioning, moment)
    if type(event) is PartPut:
        return apply_part_put(event, state, moment)
    if type(event) is UploadCreate:
        return apply_upload_create(event, moment, epoch.lock)
    if type(event) is UploadAbort:
        return apply_upload_abort(event, state, moment)
    if type(event) is ObjectUpdate:
        return apply_update(event, state, moment, epoch.lock)
    raise TypeError(f"no rule for {type(event).__name__}")


def apply_bucket_event(
    event: BucketEvent, known: Bucket | None, present: Configuration | None, moment: Moment
) -> Decision:
    """Decide one event of `policies` about a bucket against the one that has its name now, and the
    configuration that the event replaces."""
    if isinstance(event, BucketCreate):
        return apply_bucket_create(event, known, moment)
    if isinstance(event, BucketUpdate):
        return apply_bucket_update(event, known, moment)
    return apply_bucket_configure(event, known, present, moment)


def bucket_name(event: BucketEvent) -> str:
    """The bucket name that the event is about."""
    return event.bucket.name if isinstance(event, BucketCreate) else event.name


def _epoch_refusal(event: ObjectEvent, epoch: BucketEpoch | None) -> Refusal:
    """An event resolved against another epoch of its bucket must be resolved anew; one that meets a
    bucket about to be deleted must wait, unless it gives an upload up: deletion itself does that."""
    if epoch is not None and epoch.status == "deleted":
        return "no-such-bucket"
    if epoch is None or event.epoch != epoch.epoch:
        return "stale-epoch"
    return "bucket-fenced" if epoch.status == "fenced" and type(event) is not UploadAbort else ""


def brought(event: ObjectEvent) -> tuple[Manifest, ...]:
    """The bytes that come with an event and nothing else refers to, should it be refused."""
    if isinstance(event, ObjectPut):
        return brought_by_put(event)
    if isinstance(event, PartPut):
        return freed(event.manifest)
    if isinstance(event, UploadAbort):
        return freed(spilled_only(event.discarded))
    return ()
