"""Records of the log as people and jq read them: one JSON object a line. Read-only; keys are left out."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from bus.contract import Record
from processors.request_log import decode_batch
from schemas.errors import LogCorrupt
from schemas.events import (
    AUDIT,
    FACTS,
    OBJECT_VERSIONS,
    POLICIES,
    BucketCreate,
    IdentitiesChange,
    Origin,
    decode_event,
)
from schemas.facts import decode_fact
from schemas.manifest import Manifest

TOPICS = (OBJECT_VERSIONS, POLICIES, FACTS, AUDIT)

# Of little use to a reader: told elsewhere in the line, or the same in every event.
_LEFT_OUT = frozenset({"origin", "nonce", "rules", "bucket_id"})


class Lines:
    """Turns records of one topic into lines. `names` maps bucket ids to names, as far as they are known."""

    def __init__(self, topic: str, names: dict[bytes, str]) -> None:
        self._topic = topic
        self._names = names

    def of(self, record: Record) -> Iterator[str]:
        """The record's lines: one, but for the audit topic, whose records hold a batch each."""
        place = {"position": record.offset, "time": utc(record.time), "topic": self._topic}
        try:
            for fields in self._fields(record.payload):
                yield json.dumps({**place, **fields}, ensure_ascii=False)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise LogCorrupt(f"position {record.offset} of {self._topic} cannot be read: {error}") from error

    def _fields(self, payload: bytes) -> Iterator[dict[str, Any]]:
        if self._topic == AUDIT:
            batch = decode_batch(payload)
            if batch.lost:
                yield {"type": "lost", "records": batch.lost}
            for request in batch.records:
                yield {"type": "request", **plain(request), "time": utc(request.time)}
        elif self._topic == FACTS:
            fact = decode_fact(payload)
            yield {**self._who(fact.type, fact.bucket_id, fact.origin), **plain(fact, {"type", "time"})}
        else:
            yield self._event(decode_event(payload))

    def _event(self, event: Any) -> dict[str, Any]:
        kind = str(event.__struct_config__.tag).partition("/")[0]
        if isinstance(event, BucketCreate):
            self._names[event.bucket.bucket_id] = event.bucket.name
            return {**self._who(kind, event.bucket.bucket_id, event.origin), "row": plain(event.bucket)}
        bucket_id = b"" if isinstance(event, IdentitiesChange) else event.bucket_id
        return {**self._who(kind, bucket_id, event.origin), **plain(event)}

    def _who(self, kind: str, bucket_id: bytes, origin: Origin) -> dict[str, Any]:
        return {
            "type": kind,
            "bucket": self._names.get(bucket_id),
            "bucket_id": bucket_id.hex(),
            "operation": origin.operation,
            "actor": origin.actor,
            "source": origin.source,
            "request_id": origin.request_id.hex(),
        }


def bucket_names(records: Iterator[Record]) -> dict[bytes, str]:
    """Names of all buckets that the topic `policies` tells of, deleted ones too."""
    names = {}
    for record in records:
        event = decode_event(record.payload)
        if isinstance(event, BucketCreate):
            names[event.bucket.bucket_id] = event.bucket.name
    return names


def utc(milliseconds: int) -> str:
    """Unix milliseconds as `2026-01-02T03:04:05.678Z`."""
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def plain(value: msgspec.Struct, left_out: set[str] | frozenset[str] = frozenset()) -> dict[str, Any]:
    """The fields of a struct in JSON's types."""
    return {
        name: _plain(getattr(value, name))
        for name in value.__struct_fields__
        if name not in _LEFT_OUT and name not in left_out
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Manifest):
        # Where the bytes are, without the bytes themselves and without the keys that open them.
        blobs = [extent.blob.hex() for extent in value.extents if extent.blob]
        return {"layout": value.layout, "length": sum(e.length for e in value.extents), "blobs": blobs}
    if isinstance(value, msgspec.Struct):
        return plain(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value
