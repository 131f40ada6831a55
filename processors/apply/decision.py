"""What apply answers: rows to write, a receipt for the writer, a fact for everybody else."""

from typing import NamedTuple

import msgspec

from index.contract import Change
from schemas.events import Event, Origin
from schemas.facts import Fact, FactType
from schemas.manifest import Manifest
from schemas.receipts import RETRYABLE, Receipt, Refusal


class Decision(NamedTuple):
    """The outcome of one event. `changes` is empty when the event was refused."""

    changes: tuple[Change, ...]
    receipt: Receipt
    fact: Fact


class Moment(NamedTuple):
    """Where an event stands in the log, and its commit time in Unix milliseconds."""

    seq: int
    time: int


def holds_bytes(manifest: Manifest) -> bool:
    """Whether freeing the manifest would free anything outside the row itself."""
    return manifest.layout != "inline" or manifest.spill is not None or bool(manifest.holder)


def freed(*manifests: Manifest | None) -> tuple[Manifest, ...]:
    """Those of the manifests whose bytes a collector has to free."""
    return tuple(m for m in manifests if m is not None and holds_bytes(m))


def refuse(
    why: Refusal,
    moment: Moment,
    origin: Origin,
    bucket_id: bytes,
    key: str = "",
    bytes_of_event: tuple[Manifest, ...] = (),
) -> Decision:
    """Refuse an event. The bytes it brought are freed, unless the writer will try again with them."""
    released = () if why in RETRYABLE else bytes_of_event
    fact = Fact(moment.seq, moment.time, "refused", origin, bucket_id, key, outcome=why, freed=released)
    return Decision((), Receipt(moment.seq, moment.time, why), fact)


def answered(changes: tuple[Change, ...], receipt: Receipt, fact: Fact) -> Decision:
    """A decision whose receipt says more than its fact, which carries it therefore."""
    return Decision(changes, receipt, msgspec.structs.replace(fact, answer=receipt))


def nothing(moment: Moment, event: Event, bucket_id: bytes, key: str, version: str = "") -> Decision:
    """The event was applied, and there was nothing to change."""
    fact = Fact(moment.seq, moment.time, "nothing", event.origin, bucket_id, key, version)
    return Decision((), Receipt(moment.seq, moment.time, version=version), fact)


def bare_fact(kind: FactType, moment: Moment, origin: Origin, bucket_id: bytes) -> Fact:
    """A fact about a bucket as a whole."""
    return Fact(moment.seq, moment.time, kind, origin, bucket_id)
