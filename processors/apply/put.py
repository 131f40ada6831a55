"""apply ObjectPut: a new version of a key, decided against its head."""

import msgspec

from index.contract import Change, KeyState, PutVersion, RemoveUpload, RemoveVersion, SetHead
from processors.apply.decision import Decision, Moment, answered, freed, refuse
from processors.apply.lock import lock_of_new
from schemas.events import Condition, ObjectPut
from schemas.facts import Fact
from schemas.ids import NULL_VERSION, version_id
from schemas.manifest import NO_BYTES, Manifest
from schemas.receipts import Receipt, Refusal
from schemas.rows import BucketLock, ObjectVersion, Versioning


def apply_put(
    event: ObjectPut,
    state: KeyState,
    versioning: Versioning,
    moment: Moment,
    bucket_lock: BucketLock | None = None,
) -> Decision:
    """Put a version on top of the key; in an unversioned or suspended bucket it replaces the null one."""
    head = state.head
    if event.upload_id is not None and state.upload is None and head is not None and _made(event, head):
        return _repeated(event, head, moment)
    refusal = _refusal(event, state, bucket_lock)
    if refusal:
        return refuse(refusal, moment, event.origin, event.bucket_id, event.key, brought_by_put(event))

    rank = next_rank(head, moment.time)
    keeps_versions = versioning == "enabled"
    attributes = event.attributes
    if bucket_lock is not None:
        lock = lock_of_new(attributes.lock, bucket_lock, moment)
        attributes = msgspec.structs.replace(attributes, lock=lock)
    row = ObjectVersion(
        key=event.key,
        version=version_id(rank, event.nonce) if keeps_versions else NULL_VERSION,
        rank=rank,
        seq=moment.seq,
        created_at=moment.time,
        owner_id=event.owner_id,
        size=event.size,
        etag=event.etag,
        attributes=attributes,
        checksum=event.checksum,
        manifest=event.manifest,
        upload_id=event.upload_id,
    )
    changes: list[Change] = [PutVersion(event.bucket_id, row), SetHead(event.bucket_id, row)]
    replaced = None if keeps_versions else state.null
    changes += supersede(event.bucket_id, head, replaced, moment)
    if event.upload_id is not None:
        changes.append(RemoveUpload(event.bucket_id, event.key, event.upload_id))
    fact = Fact(
        moment.seq, moment.time, "object.created", event.origin, event.bucket_id, event.key, row.version,
        event.size, event.etag, "", event.upload_id or "",
        freed(replaced.manifest if replaced else None, event.discarded),
    )  # fmt: skip
    return Decision(tuple(changes), Receipt(moment.seq, moment.time, version=row.version), fact)


def next_rank(head: ObjectVersion | None, time: int) -> int:
    """The rank of the version after `head`: the commit time, or one more than the head's."""
    return time if head is None or head.rank < time else head.rank + 1


def supersede(
    bucket_id: bytes, head: ObjectVersion | None, replaced: ObjectVersion | None, moment: Moment
) -> list[Change]:
    """What happens to the old head and to the null version that is replaced, when a new head arrives."""
    changes: list[Change] = []
    if replaced is not None:
        changes.append(RemoveVersion(bucket_id, replaced.key, replaced.rank, replaced.version))
    if head is not None and (replaced is None or replaced.rank != head.rank):
        ended = msgspec.structs.replace(head, ended_seq=moment.seq, ended_at=moment.time)
        changes.append(PutVersion(bucket_id, ended))
    return changes


def check_condition(condition: Condition | None, head: ObjectVersion | None) -> Refusal:
    """Decide If-Match and If-None-Match against the head; a delete marker counts as no object."""
    if condition is None:
        return ""
    exists = head is not None and not head.delete_marker
    etag = head.etag if head is not None and exists else None
    if condition.if_match is not None:
        if not exists:
            return "no-such-key"
        if condition.if_match not in ("*", etag):
            return "precondition-failed"
    if condition.if_none_match is not None and exists and condition.if_none_match in ("*", etag):
        return "precondition-failed"
    return ""


def _made(event: ObjectPut, head: ObjectVersion) -> bool:
    """Whether the head is what this Complete asks for: its client did not get the answer to the first."""
    return (head.upload_id, head.etag, head.size) == (event.upload_id, event.etag, event.size)


def _repeated(event: ObjectPut, head: ObjectVersion, moment: Moment) -> Decision:
    """A Complete that was applied before: the same answer again. The parts' bytes are the head's, so only
    where this event's own manifests were spilled to is freed; its condition was decided the first time."""
    fact = Fact(
        moment.seq, moment.time, "nothing", event.origin, event.bucket_id, event.key, head.version,
        upload_id=event.upload_id or "",
        freed=() if event.manifest == head.manifest else brought_by_put(event),
    )  # fmt: skip
    return answered((), Receipt(moment.seq, head.created_at, version=head.version), fact)


def _refusal(event: ObjectPut, state: KeyState, bucket_lock: BucketLock | None) -> Refusal:
    if event.attributes.lock is not None and bucket_lock is None:
        return "invalid-bucket-state"
    if event.upload_id is not None:
        if state.upload is None:
            return "no-such-upload"
        if state.upload.part_seq != event.upload_seq:
            return "part-landed-since"
    return check_condition(event.condition, state.head)


def brought_by_put(event: ObjectPut) -> tuple[Manifest, ...]:
    """The bytes that come with the event. Those of a Complete belong to the upload until it is applied;
    only where its manifests were spilled to is its own."""
    if event.upload_id is None:
        return freed(event.manifest)
    return freed(spilled_only(event.manifest), spilled_only(event.discarded))


def spilled_only(manifest: Manifest) -> Manifest:
    """A manifest of nothing but the blob that the given one was spilled to."""
    if manifest.spill is None:
        return NO_BYTES
    return Manifest("file", (manifest.spill,))
