"""What a decision changes of a bucket's usage: counted from the rows it writes and what was there before."""

from index.contract import ClearHead, KeyState, PutPart, PutVersion, RemoveUpload, RemoveVersion, SetHead
from processors.apply.decision import Decision
from schemas.rows import Usage

NONE = Usage()


def usage_of(decision: Decision, state: KeyState, seq: int) -> Usage:
    """The difference that the event of that seq makes. A row that it only writes anew (a head that ended, a
    version with other tags) has an earlier seq, and counts as it did."""
    size = objects = versions = 0
    for change in decision.changes:  # most frequent first: this runs for every write
        if type(change) is PutVersion:
            if change.row.seq == seq:
                versions += 1
                size += change.row.size
        elif type(change) is SetHead:
            objects = 1 - _listed(state)
        elif type(change) is RemoveVersion:
            versions -= 1
            size -= _size_at(state, change.rank)
        elif type(change) is ClearHead:
            objects = -_listed(state)
        elif type(change) is PutPart:
            size += change.row.size - (state.part.size if state.part is not None else 0)
        elif type(change) is RemoveUpload:
            size -= state.upload.size if state.upload is not None else 0
    return Usage(size, objects, versions) if size or objects or versions else NONE


def _listed(state: KeyState) -> int:
    return int(state.head is not None and not state.head.delete_marker)


def _size_at(state: KeyState, rank: int) -> int:
    """Of the version of that rank, which apply has been told of: it removes no other."""
    return next(
        row.size for row in (state.head, state.null, state.target) if row is not None and row.rank == rank
    )
