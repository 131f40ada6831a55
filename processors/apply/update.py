"""apply ObjectUpdate: a version stays what and where it is, and something said about it changes."""

import msgspec

from index.contract import Change, KeyState, PutVersion, SetHead
from processors.apply.decision import Decision, Moment, refuse
from processors.apply.lock import may_retain
from schemas.archive import is_archived, term_end
from schemas.events import ObjectUpdate
from schemas.facts import Fact
from schemas.receipts import Receipt, Refusal
from schemas.rows import BucketLock, ObjectLock, ObjectVersion


def apply_update(
    event: ObjectUpdate, state: KeyState, moment: Moment, bucket_lock: BucketLock | None = None
) -> Decision:
    """Change the head, or the version named. A delete marker says nothing, so it counts as none."""
    row = state.head if event.version is None else state.target
    if row is None or row.delete_marker:
        refusal: Refusal = "no-such-key" if event.version is None else "no-such-version"
        return refuse(refusal, moment, event.origin, event.bucket_id, event.key)
    if event.restore_days is not None and not is_archived(row):
        return refuse("not-archived", moment, event.origin, event.bucket_id, event.key)
    if event.retention is not None or event.legal_hold is not None:
        if bucket_lock is None:
            return refuse("invalid-bucket-state", moment, event.origin, event.bucket_id, event.key)
        if event.retention is not None and not may_retain(
            row.attributes.lock, event.retention, event.bypass_governance, moment
        ):
            return refuse("object-locked", moment, event.origin, event.bucket_id, event.key)
    changed = _changed(row, event, moment)
    changes: list[Change] = [PutVersion(event.bucket_id, changed)]
    if state.head is not None and state.head.rank == row.rank:
        changes.append(SetHead(event.bucket_id, changed))
    fact = Fact(
        moment.seq, moment.time, "object.updated", event.origin, event.bucket_id, event.key, row.version,
        row.size, row.etag,
    )  # fmt: skip
    return Decision(tuple(changes), Receipt(moment.seq, moment.time, version=row.version), fact)


def _changed(row: ObjectVersion, event: ObjectUpdate, moment: Moment) -> ObjectVersion:
    said = row.attributes
    if event.tags is not None:
        said = msgspec.structs.replace(said, tags=event.tags)
    if event.acl is not None:
        said = msgspec.structs.replace(said, acl=event.acl)
    lock = said.lock or ObjectLock()
    if event.retention is not None:
        lock = msgspec.structs.replace(event.retention, legal_hold=lock.legal_hold)
        said = msgspec.structs.replace(said, lock=lock)
    if event.legal_hold is not None:
        said = msgspec.structs.replace(said, lock=msgspec.structs.replace(lock, legal_hold=event.legal_hold))
    row = msgspec.structs.replace(row, attributes=said)
    if event.restore_days is not None:
        row = msgspec.structs.replace(row, restored_until=term_end(moment.time, event.restore_days))
    return row
