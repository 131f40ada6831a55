"""Collects what every request did and hands it to the audit topic in batches: records for the audit trail,
and of requests to buckets that have an access log, records for that.

`observe` is on the way of every request, so it only appends a tuple; encoding happens per batch. The
queue is bounded: records beyond it are not kept, and the count of them goes into the next batch.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import structs

from schemas.access_record import AccessRecord, weight
from schemas.errors import StrandlineError

log = logging.getLogger(__name__)

BATCH_SECONDS = 0.25
BATCH_RECORDS = 2000  # of at most about 3 KiB each, so a batch stays far below what the log takes at once
QUEUE_RECORDS = 200_000
AGENT_LIMIT = 256  # characters kept of what a client says that it is
# Of access logs: bytes of one batch, beside the last record in it, and of all that wait.
ACCESS_BATCH_BYTES = 256 * 1024
ACCESS_QUEUE_BYTES = 32 * 1024 * 1024


class RequestRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One finished request. Time in Unix milliseconds, duration in seconds, sizes in bytes; who sent it as
    `access.identity.Principal` has it: the account's canonical id, ARN, unique id and access key.

    The fields are in the order in which `RequestLog.observe` takes them, after `time`.
    """

    time: int
    operation: str
    bucket: str
    key: str
    status: int
    bytes_in: int
    bytes_out: int
    duration: float
    principal: str
    source: str
    request_id: str
    error: str
    arn: str = ""
    unique_id: str = ""
    access_key: str = ""
    agent: str = ""


class RequestBatch(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One record of the audit topic. `lost` counts the requests that could not be kept before it; `access` is
    for access logs."""

    records: list[RequestRecord]
    lost: int = 0
    access: list[AccessRecord] = []


class _AccessBatch(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The same, read for access logs only."""

    records: msgspec.Raw
    lost: int = 0
    access: list[AccessRecord] = []


_Record = tuple[object, ...]  # the fields of a RequestRecord

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(RequestBatch)
_access_decoder = msgspec.msgpack.Decoder(_AccessBatch)


def decode_batch(payload: bytes) -> RequestBatch:
    return _decoder.decode(payload)


def decode_access(payload: bytes) -> list[AccessRecord]:
    """What a batch says for access logs."""
    return _access_decoder.decode(payload).access


class RequestLog:
    """`publish` appends one encoded batch to the audit topic; what it raises is told, and the records are
    kept for the next time.

    audited  there is an audit trail; else only records for access logs are kept
    """

    def __init__(
        self, publish: Callable[[bytes], None], now: Callable[[], float] = time.time, audited: bool = True
    ) -> None:
        self._publish = publish
        self._now = now
        self.audited = audited
        self._records: list[_Record] = []
        self._access: list[AccessRecord] = []
        self._access_bytes = 0
        self._access_lost = 0
        self._lost = 0
        self._waiting = False  # records could not be published the last time
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._flush_regularly(), name="request-log")

    def observe(
        self,
        operation: str,
        bucket: str,
        key: str,
        status: int,
        bytes_in: int,
        bytes_out: int,
        duration: float,
        principal: str,
        source: str,
        request_id: str,
        error: str,
        arn: str = "",
        unique_id: str = "",
        access_key: str = "",
        agent: str = "",
    ) -> None:
        """A request is finished; `duration` in seconds, `error` its S3 code or "", `agent` what the client
        says that it is."""
        if len(self._records) >= QUEUE_RECORDS:
            self._lost += 1
            return
        self._records.append(
            (
                int(self._now() * 1000), operation, bucket, key, status, bytes_in, bytes_out, duration,
                principal, source, request_id, error, arn, unique_id, access_key, agent[:AGENT_LIMIT],
            )
        )  # fmt: skip

    def access(self, record: AccessRecord) -> None:
        """A request to a bucket with an access log is finished. S3 promises its logs on a best-effort basis:
        what finds no place in the queue is left out."""
        if self._access_bytes >= ACCESS_QUEUE_BYTES:
            self._access_lost += 1
            return
        self._access.append(record)
        self._access_bytes += weight(record)

    def flush(self) -> None:
        """Publish what was collected; what cannot be published now is kept for the next time."""
        if self._access_lost:
            log.error("%d requests are missing from access logs: too many waited", self._access_lost)
            self._access_lost = 0
        while self._records or self._lost or self._access:
            batch, access = self._records[:BATCH_RECORDS], self._next_access()
            try:
                self._publish(_encoded(batch, self._lost, access))
            except StrandlineError as error:
                if not self._waiting:
                    log.error("audit records wait in memory: %s", error.message)
                self._waiting = True
                return
            del self._records[: len(batch)]
            del self._access[: len(access)]
            self._access_bytes -= sum(map(weight, access))
            self._lost = 0
            if self._waiting:
                log.warning("audit records are written again")
                self._waiting = False

    def _next_access(self) -> list[AccessRecord]:
        size = 0
        for number, record in enumerate(self._access):
            if size >= ACCESS_BATCH_BYTES:
                return self._access[:number]
            size += weight(record)
        return self._access[:]

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.flush()

    async def _flush_regularly(self) -> None:
        while True:
            await asyncio.sleep(BATCH_SECONDS)
            try:
                self.flush()
            except Exception:  # nobody looks after this task, and requests must be recorded after it too
                log.exception("audit records wait in memory")


def _encoded(records: list[_Record], lost: int, access: list[AccessRecord]) -> bytes:
    try:
        return _encode(records, lost, access)
    except UnicodeEncodeError:
        # Whoever let a text in that has no UTF-8: one record must not hold up all that come after it.
        plain = [tuple(map(_plain, record)) for record in records]
        return _encode(plain, lost, [AccessRecord(*map(_plain, structs.astuple(one))) for one in access])


def _encode(records: list[_Record], lost: int, access: list[AccessRecord]) -> bytes:
    return _encoder.encode((records, lost, access) if access else (records, lost))


def _plain(value: Any) -> Any:
    return value.encode(errors="replace").decode() if isinstance(value, str) else value
