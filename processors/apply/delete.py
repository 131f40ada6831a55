"""apply ObjectDelete: remove a key, mark it deleted, or remove one version for good."""

import msgspec

from index.contract import Change, ClearHead, KeyState, PutVersion, RemoveVersion, SetHead
from processors.apply.decision import Decision, Moment, freed, nothing, refuse
from processors.apply.lock import may_remove
from processors.apply.put import check_condition, next_rank, supersede
from schemas.events import ObjectDelete
from schemas.facts import Fact
from schemas.ids import NULL_VERSION, version_id
from schemas.receipts import Receipt
from schemas.rows import ObjectVersion, Versioning


def apply_delete(event: ObjectDelete, state: KeyState, versioning: Versioning, moment: Moment) -> Decision:
    judged = state.head if event.version is None else state.target
    refusal = check_condition(event.condition, judged)
    if refusal:
        return refuse(refusal, moment, event.origin, event.bucket_id, event.key)
    if event.version is not None:
        return _remove_version(event, state, moment)
    if versioning == "unversioned":
        return _remove_object(event, state, moment)
    return _mark(event, state, versioning, moment)


def _remove_object(event: ObjectDelete, state: KeyState, moment: Moment) -> Decision:
    head = state.head
    if head is None:
        return nothing(moment, event, event.bucket_id, event.key)
    changes = (
        RemoveVersion(event.bucket_id, event.key, head.rank, head.version),
        ClearHead(event.bucket_id, event.key),
    )
    receipt = Receipt(moment.seq, moment.time)
    return Decision(changes, receipt, _deleted(event, head, moment, receipt))


def _mark(event: ObjectDelete, state: KeyState, versioning: Versioning, moment: Moment) -> Decision:
    """Put a delete marker on top; in a suspended bucket it is the null version and replaces it."""
    rank = next_rank(state.head, moment.time)
    keeps_versions = versioning == "enabled"
    marker = ObjectVersion(
        key=event.key,
        version=version_id(rank, event.nonce) if keeps_versions else NULL_VERSION,
        rank=rank,
        seq=moment.seq,
        created_at=moment.time,
        owner_id=event.owner_id,
        delete_marker=True,
    )
    replaced = None if keeps_versions else state.null
    changes: list[Change] = [PutVersion(event.bucket_id, marker), ClearHead(event.bucket_id, event.key)]
    changes += supersede(event.bucket_id, state.head, replaced, moment)
    receipt = Receipt(moment.seq, moment.time, version=marker.version, delete_marker=True)
    fact = Fact(
        moment.seq, moment.time, "object.marked", event.origin, event.bucket_id, event.key, marker.version,
        freed=freed(replaced.manifest if replaced else None), answer=receipt,
    )  # fmt: skip
    return Decision(tuple(changes), receipt, fact)


def _remove_version(event: ObjectDelete, state: KeyState, moment: Moment) -> Decision:
    target = state.target
    if target is None:
        return nothing(moment, event, event.bucket_id, event.key, event.version or "")
    if not may_remove(target, event.bypass_governance, moment):
        return refuse("object-locked", moment, event.origin, event.bucket_id, event.key)
    changes: list[Change] = [RemoveVersion(event.bucket_id, event.key, target.rank, target.version)]
    if state.head is not None and state.head.rank == target.rank:
        changes += _promote(event, state.successor)
    receipt = Receipt(moment.seq, moment.time, version=target.version, delete_marker=target.delete_marker)
    return Decision(tuple(changes), receipt, _deleted(event, target, moment, receipt))


def _promote(event: ObjectDelete, successor: ObjectVersion | None) -> list[Change]:
    """The version below a removed head becomes the head."""
    if successor is None:
        return [ClearHead(event.bucket_id, event.key)]
    head = msgspec.structs.replace(successor, ended_seq=0, ended_at=0)
    if head.delete_marker:
        return [PutVersion(event.bucket_id, head), ClearHead(event.bucket_id, event.key)]
    return [PutVersion(event.bucket_id, head), SetHead(event.bucket_id, head)]


def _deleted(event: ObjectDelete, row: ObjectVersion, moment: Moment, receipt: Receipt) -> Fact:
    return Fact(
        moment.seq, moment.time, "object.deleted", event.origin, event.bucket_id, event.key, row.version,
        row.size, row.etag, freed=freed(row.manifest), answer=receipt,
    )  # fmt: skip
