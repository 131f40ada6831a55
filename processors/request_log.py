"""Collects what every request did and hands it to the audit topic in batches.

`observe` is on the way of every request, so it only appends a tuple; encoding happens per batch. The
queue is bounded: records beyond it are not kept, and the count of them goes into the next batch.
"""

import asyncio
import logging
import time
from collections.abc import Callable

import msgspec

from schemas.errors import StrandlineError

log = logging.getLogger(__name__)

BATCH_SECONDS = 0.25
BATCH_RECORDS = 2000  # of at most about 3 KiB each, so a batch stays far below what the log takes at once
QUEUE_RECORDS = 200_000


class RequestRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One finished request. Time in Unix milliseconds, duration in seconds, sizes in bytes.

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


class RequestBatch(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One record of the audit topic. `lost` counts the requests that could not be kept before it."""

    records: list[RequestRecord]
    lost: int = 0


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(RequestBatch)


def decode_batch(payload: bytes) -> RequestBatch:
    return _decoder.decode(payload)


class RequestLog:
    """`publish` appends one encoded batch to the audit topic; what it raises is told, and the records are
    kept for the next time."""

    def __init__(self, publish: Callable[[bytes], None], now: Callable[[], float] = time.time) -> None:
        self._publish = publish
        self._now = now
        self._records: list[tuple[object, ...]] = []
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
    ) -> None:
        """A request is finished; `duration` in seconds, `error` its S3 code or ""."""
        if len(self._records) >= QUEUE_RECORDS:
            self._lost += 1
            return
        self._records.append(
            (
                int(self._now() * 1000), operation, bucket, key, status, bytes_in, bytes_out, duration,
                principal, source, request_id, error,
            )
        )  # fmt: skip

    def flush(self) -> None:
        """Publish what was collected; what cannot be published now is kept for the next time."""
        while self._records or self._lost:
            batch = self._records[:BATCH_RECORDS]
            try:
                self._publish(_encoder.encode((batch, self._lost)))
            except StrandlineError as error:
                if not self._waiting:
                    log.error("audit records wait in memory: %s", error.message)
                self._waiting = True
                return
            del self._records[: len(batch)]
            self._lost = 0
            if self._waiting:
                log.warning("audit records are written again")
                self._waiting = False

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.flush()

    async def _flush_regularly(self) -> None:
        while True:
            await asyncio.sleep(BATCH_SECONDS)
            self.flush()
