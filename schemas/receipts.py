"""Receipts: the materializer's answer to the writer that waits for its event."""

from typing import Literal

import msgspec

# Why apply refused an event.
Refusal = Literal[
    "",  # applied
    "stale-epoch",  # the bucket changed since ingest read it: resolve anew and try again
    "bucket-fenced",  # the bucket is about to be deleted: wait and try again
    "no-such-bucket",
    "bucket-exists",
    "precondition-failed",  # If-Match or If-None-Match
    "no-such-key",  # If-Match on a key that is not there
    "no-such-version",
    "no-such-upload",
    "not-archived",  # a restore of an object whose storage class needs none
    "too-many-configurations",  # of that kind, in this bucket
    "configuration-changed",  # one that the new one was checked against
    "identities-changed",  # the account, since ingest read it: read it anew and try again
    "invalid-bucket-state",  # the versioning and the configurations of the bucket do not go together
    "object-locked",  # retention or a legal hold is in the way
    "lease-ended",  # the write took so long that its bytes may have been swept
    "part-landed-since",  # Complete or Abort raced with a part: read the parts anew and try again
]


# Refusals that ingest answers by trying again with the same bytes, so their fact frees nothing.
RETRYABLE: frozenset[str] = frozenset({"stale-epoch", "bucket-fenced"})


class Receipt(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The outcome of one event, for its writer.

    seq, time      the event's place in the log and its commit time, Unix milliseconds; of a Complete that
                   was repeated, the time of the version that stands
    version        of the version made, removed or marked; "" when there is none
    delete_marker  the version made or removed is a delete marker
    epoch          of a bucket event: the bucket's epoch now
    """

    seq: int
    time: int
    refusal: Refusal = ""
    version: str = ""
    delete_marker: bool = False
    epoch: int = 0


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Receipt)


def encode_receipt(receipt: Receipt) -> bytes:
    return _encoder.encode(receipt)


def decode_receipt(payload: bytes) -> Receipt:
    return _decoder.decode(payload)
