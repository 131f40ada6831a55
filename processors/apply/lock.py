"""Object Lock: what a new version is kept by, and what may be done to one that is kept.

Decided here, by the partition's single writer, so no race gets past it. Source: Amazon S3 User Guide,
"Locking objects with Object Lock".
"""

from processors.apply.decision import Moment
from schemas.rows import BucketLock, ObjectLock, ObjectVersion

DAY = 24 * 60 * 60 * 1000  # milliseconds


def lock_of_new(asked: ObjectLock | None, bucket: BucketLock, moment: Moment) -> ObjectLock | None:
    """The lock of a version made now: the retention asked for, else the bucket's default."""
    if bucket.mode is None or (asked is not None and asked.mode is not None):
        return asked
    held = None if asked is None else asked.legal_hold
    return ObjectLock(bucket.mode, moment.time + bucket.days * DAY, held)


def may_remove(row: ObjectVersion, bypass: bool, moment: Moment) -> bool:
    """Whether the version may be removed for good. `bypass` lifts GOVERNANCE; nothing lifts COMPLIANCE."""
    lock = row.attributes.lock
    if lock is None:
        return True
    if lock.legal_hold:
        return False
    return not _in_force(lock, moment) or (bypass and lock.mode == "GOVERNANCE")


def may_retain(old: ObjectLock | None, new: ObjectLock, bypass: bool, moment: Moment) -> bool:
    """Whether the retention may become that of `new`: always for longer, in the same mode; for shorter, or
    in another mode, only with `bypass` of GOVERNANCE."""
    if old is None or not _in_force(old, moment):
        return True
    if new.mode == old.mode and new.retain_until >= old.retain_until:
        return True
    return bypass and old.mode == "GOVERNANCE"


def _in_force(lock: ObjectLock, moment: Moment) -> bool:
    return lock.mode is not None and lock.retain_until > moment.time
