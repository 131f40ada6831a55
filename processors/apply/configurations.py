"""apply BucketConfigure: the document becomes a row, and the bucket's row tells that there is one."""

import msgspec

from index.contract import Change, PutBucket, PutConfiguration, RemoveConfiguration
from processors.apply.decision import Decision, Moment, answered, bare_fact, refuse
from schemas.configurations.kinds import LIMITS, NEED_VERSIONING
from schemas.events import BucketConfigure
from schemas.receipts import Receipt, Refusal
from schemas.rows import Bucket, Configuration, Configured

NONE = Configured(0, 0)


def apply_bucket_configure(
    event: BucketConfigure, known: Bucket | None, present: Configuration | None, moment: Moment
) -> Decision:
    """Set or remove a configuration; `present` is the one that it replaces.

    The bucket's epoch stays, since objects are decided as before; except by an Object Lock, which cannot be
    removed. Removing what is not there changes nothing.
    """
    if known is None or known.bucket_id != event.bucket_id:
        return refuse("no-such-bucket", moment, event.origin, event.bucket_id)
    if refusal := _refusal(event, known, present):
        return refuse(refusal, moment, event.origin, event.bucket_id)
    told = _told(event, known, present, moment)
    receipt = Receipt(moment.seq, moment.time, epoch=told.epoch)
    if event.document is None and present is None:
        return answered((), receipt, bare_fact("nothing", moment, event.origin, event.bucket_id))
    changes = _change(event, moment), PutBucket(told)
    fact = bare_fact("bucket.configured", moment, event.origin, event.bucket_id)
    return answered(changes, receipt, msgspec.structs.replace(fact, configuration=event.kind))


def _refusal(event: BucketConfigure, known: Bucket, present: Configuration | None) -> Refusal:
    if any(known.configurations.get(kind, NONE).seq != seq for kind, seq in event.seen.items()):
        return "configuration-changed"
    if event.replaces is not None and event.replaces != (0 if present is None else present.seq):
        return "configuration-changed"
    if event.document is None:
        return "invalid-bucket-state" if event.kind == "object-lock" else ""
    if event.kind in NEED_VERSIONING and known.versioning != "enabled":
        return "invalid-bucket-state"
    if present is None and known.configurations.get(event.kind, NONE).count >= LIMITS.get(event.kind, 1):
        return "too-many-configurations"
    return ""


def _change(event: BucketConfigure, moment: Moment) -> Change:
    if event.document is None:
        return RemoveConfiguration(event.bucket_id, event.kind, event.identifier)
    row = Configuration(event.kind, event.identifier, moment.seq, event.document)
    return PutConfiguration(event.bucket_id, row)


def _told(event: BucketConfigure, known: Bucket, present: Configuration | None, moment: Moment) -> Bucket:
    """The bucket's row, with what there is of this kind now."""
    count = known.configurations.get(event.kind, NONE).count
    count += (event.document is not None) - (present is not None)
    kinds = {kind: what for kind, what in known.configurations.items() if kind != event.kind}
    if count:
        kinds[event.kind] = Configured(moment.seq, count)
    row = msgspec.structs.replace(known, configurations=dict(sorted(kinds.items())))
    if event.lock is None:
        return row
    return msgspec.structs.replace(row, lock=event.lock, epoch=known.epoch + 1)
