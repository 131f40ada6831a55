"""Facts: what became true when an event was applied. Consumers live on them; the source seq deduplicates."""

from typing import Literal

import msgspec

from schemas.events import Origin
from schemas.manifest import Manifest
from schemas.receipts import Receipt

FactType = Literal[
    "object.created",
    "object.deleted",  # the object was removed for good
    "object.marked",  # a delete marker was put on the key
    "object.updated",  # what is said about a version was changed; the origin's operation tells what
    "upload.created",
    "part.stored",
    "upload.aborted",
    "bucket.created",
    "bucket.updated",
    "bucket.configured",  # a configuration was set or removed
    "bucket.deleted",
    "identities.changed",  # of an account, whose number is the key
    "epoch.set",
    "refused",
    "nothing",  # applied, and nothing changed (delete of a key that is not there)
]

# Facts that say less than their receipts, and carry them therefore.
_WITH_ANSWER: frozenset[str] = frozenset(
    {
        "object.deleted",
        "object.marked",
        "bucket.created",
        "bucket.updated",
        "bucket.configured",
        "bucket.deleted",
        "epoch.set",
    }
)


class Fact(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The outcome of one event.

    seq, time  of the source event: its place in the log, its commit time in Unix milliseconds
    outcome    why the event was refused (schemas.receipts.Refusal), or ""
    freed      bytes that nothing refers to any more, for the collector
    configuration  of bucket.configured: which kind
    answer     the event's receipt, where it says more than the fact does without it
    """

    seq: int
    time: int
    type: FactType
    origin: Origin
    bucket_id: bytes
    key: str = ""
    version: str = ""
    size: int = 0
    etag: str = ""
    outcome: str = ""
    upload_id: str = ""
    freed: tuple[Manifest, ...] = ()
    configuration: str = ""
    answer: Receipt | None = None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Fact)


def encode_fact(fact: Fact) -> bytes:
    return _encoder.encode(fact)


def decode_fact(payload: bytes) -> Fact:
    return _decoder.decode(payload)


def receipt_of(fact: Fact) -> Receipt | None:
    """The receipt of the fact's event; None where the fact is of a time in which it did not say."""
    if fact.answer is not None or fact.type in _WITH_ANSWER:
        return fact.answer
    return Receipt(fact.seq, fact.time, fact.outcome, fact.version)  # type: ignore[arg-type]  # a Refusal
