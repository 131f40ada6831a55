"""Delivers access logs: the records of requests to logged buckets become objects in their target buckets.

It lives on the topic `audit`. Records are collected for a while, or until they are many, and written as one
object for each logged bucket; only then does the place move on. So each record is delivered at least once: a
crash in between delivers some of them twice.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from time import monotonic
from typing import NamedTuple

from bus.contract import Record
from bus.positions import Positions
from ingest.payload import Payload
from ingest.producer import Producer
from processors.access_log import by_event_time, line, log_key
from processors.request_log import decode_access
from processors.runner import PASSING
from query.reader import Reader
from schemas.access_record import AccessRecord
from schemas.configurations.logging import LOGGING, LoggingEnabled
from schemas.errors import NoSuchBucket, StrandlineError
from schemas.events import AUDIT, Origin
from schemas.ids import uuid7
from schemas.rows import Attributes, Bucket

log = logging.getLogger(__name__)

ACCESS_LOGGER = "access-logger"
# When records are delivered before their time: there are many of them, or they lie far apart in the log, of
# which nothing is dropped meanwhile. Bytes as encoded.
COLLECTED_BYTES = 8 * 1024 * 1024
PASSED_BYTES = 64 * 1024 * 1024
DAY_MILLISECONDS = 24 * 3600 * 1000
OPERATION = "DeliverAccessLog"
_TEXT = {"content-type": "text/plain"}


class Delivery(NamedTuple):
    """Lines that go into one object, and when their first request came (Unix milliseconds)."""

    lines: list[str]
    event: int


class AccessLogger:
    """Writes access logs. `now` is Unix time, seconds."""

    def __init__(self, producer: Producer, reader: Reader, now: Callable[[], float]) -> None:
        self._producer, self._reader = producer, reader
        self._now = now

    async def deliver(self, records: dict[str, list[AccessRecord]]) -> None:
        """Write the records, by bucket, where the configurations of now say, and take out of `records` those
        of each bucket once they are written. What nobody wants any more goes too, and what can never be
        written. Raises one of PASSING.
        """
        for name in list(records):
            try:
                bucket = await self._reader.bucket(name)
                status = await self._reader.configuration(bucket, LOGGING)
                if status is not None and status.logging_enabled is not None:
                    await self._write(bucket, status.logging_enabled, records[name])
            except NoSuchBucket:
                pass  # it was deleted meanwhile
            except PASSING:
                raise
            except StrandlineError as error:
                log.error("the access log of bucket %s is not delivered: %s", name, error.message)
            del records[name]

    async def _write(self, bucket: Bucket, enabled: LoggingEnabled, records: list[AccessRecord]) -> None:
        try:
            target = await self._reader.bucket(enabled.target_bucket)
        except NoSuchBucket:
            target = None
        if target is None or target.owner_id != bucket.owner_id:
            log.warning(
                "the access log of bucket %s cannot be delivered: there is no bucket %s of its owner",
                bucket.name, enabled.target_bucket,
            )  # fmt: skip
            return
        for delivery in _deliveries(enabled, records):
            delivered = int(self._now() * 1000)
            key = log_key(
                enabled, records[0].account, bucket.region, bucket.name, delivery.event, delivered,
                secrets.token_hex(8).upper(),
            )  # fmt: skip
            body = ("\n".join(delivery.lines) + "\n").encode()
            origin = Origin(uuid7(), target.owner_id, "", OPERATION)
            await self._producer.put_object(
                target, key, Payload(body, len(body)), Attributes(headers=dict(_TEXT)), origin
            )


class AccessLoggerPartition:
    """`processors.runner.PartitionProcessor` of one partition of `audit`: collects its records, and delivers
    them when somebody finds that it is time (`due`), or before, when they are many.

    Its place is in `positions`. Records that were handled and not delivered yet are read again after a crash.

    at_work  the partitions that are open: this one is among them from `open` to `close`
    seconds  that records wait for others
    """

    def __init__(
        self, logger: AccessLogger, positions: Positions, partition: int, at_work: "AtWork", seconds: float
    ) -> None:
        self._logger, self._positions = logger, positions
        self._partition, self._at_work, self._seconds = partition, at_work, seconds
        self._since = 0.0  # when the oldest record was collected, by the monotonic clock
        self._records: dict[str, list[AccessRecord]] = {}  # by bucket
        self._collected = self._passed = 0  # bytes
        self._handled = 0  # offset behind the last record handled
        self._delivering = asyncio.Lock()

    async def open(self) -> int:
        self._handled = self._positions.get(ACCESS_LOGGER, AUDIT, self._partition)
        self._at_work.add(self)
        return self._handled

    async def handle(self, records: Sequence[Record]) -> None:
        """Collect; before that, deliver what has become much, and raise what that raises."""
        if self._collected >= COLLECTED_BYTES or self._passed >= PASSED_BYTES:
            await self.deliver()
        for record in records:
            found = decode_access(record.payload)
            if found:
                self._since = self._since if self._records else monotonic()
                for access in found:
                    self._records.setdefault(access.bucket, []).append(access)
                self._collected += len(record.payload)
            self._passed += len(record.payload)
        self._handled = records[-1].offset + 1

    async def deliver(self) -> None:
        """Deliver what was collected, and move the place behind it. What cannot be delivered is kept."""
        async with self._delivering:
            records, self._records = self._records, {}
            collected, self._collected = self._collected, 0
            passed, self._passed = self._passed, 0
            handled = self._handled
            try:
                await self._logger.deliver(records)
                if handled != self._positions.get(ACCESS_LOGGER, AUDIT, self._partition):
                    await asyncio.to_thread(
                        self._positions.commit, ACCESS_LOGGER, AUDIT, self._partition, handled
                    )
            except BaseException:
                for name, later in self._records.items():
                    records.setdefault(name, []).extend(later)
                self._records = records
                self._collected += collected
                self._passed += passed
                raise

    def due(self) -> bool:
        """Whether it is time for `deliver`: records have waited long enough, or there are none, and only the
        place moves."""
        return not self._records or monotonic() - self._since >= self._seconds

    async def close(self) -> None:
        self._at_work.discard(self)


AtWork = set[AccessLoggerPartition]


def _deliveries(enabled: LoggingEnabled, records: list[AccessRecord]) -> list[Delivery]:
    """One object for all, or where keys name the day of the requests, one for each day."""
    days: dict[int, Delivery] = {}
    for record in records:
        day = record.time // DAY_MILLISECONDS if by_event_time(enabled) else 0
        days.setdefault(day, Delivery([], record.time)).lines.append(line(record))
    return list(days.values())
