"""A partition read from any offset: for rebuilding and verifying the index, and for looking into the log."""

import time

from confluent_kafka import (
    Consumer,
    KafkaError,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from bus.contract import Record
from bus.kafka.connection import KafkaConnection
from bus.kafka.failures import ask
from bus.kafka.producer import REPLY_TO
from schemas.errors import LogCorrupt, OffsetOutOfRange, ServiceUnavailable

READ_SECONDS = 20.0  # for anything that is there to arrive
ANSWER_SECONDS = 5.0
POLL_SECONDS = 0.1
PREFETCH_KIBIBYTES = 8 * 1024


class KafkaLogReader:
    """`bus.contract.LogReader` on one partition. Reads that follow one another are fetched ahead.

    Every call blocks; all raise ServiceUnavailable when the brokers do not answer within `seconds`, or a
    little more.
    """

    def __init__(
        self, connection: KafkaConnection, topic: str, partition: int, seconds: float = READ_SECONDS
    ) -> None:
        self._connection = connection
        self._seconds = seconds
        self._place = TopicPartition(connection.name(topic), partition)
        self._where = f"{topic}/{partition}"
        self._next: int | None = None  # where the consumer is
        self._known = (0, 0)  # start and end when they were last asked for
        self._consumer = Consumer(
            connection.settings(
                group_id=connection.name("reader"),  # named only: a reader joins no group
                enable_auto_commit=False,
                enable_auto_offset_store=False,
                auto_offset_reset="error",
                queued_max_messages_kbytes=PREFETCH_KIBIBYTES,
                fetch_error_backoff_ms=50,
            )
        )

    @property
    def start_offset(self) -> int:
        return self._watermarks()[0]

    @property
    def end_offset(self) -> int:
        return self._watermarks()[1]

    def read(self, offset: int, limit: int = 1024) -> list[Record]:
        """See `bus.contract.LogReader`."""
        start, end = self._known if self._known[0] <= offset < self._known[1] else self._watermarks()
        if not start <= offset <= end:
            raise OffsetOutOfRange(f"the log {self._where} has offsets {start} to {end}, not {offset}")
        wanted = min(limit, end - offset)
        if wanted == 0:
            return []
        if offset != self._next:
            self._consumer.assign([TopicPartition(self._place.topic, self._place.partition, offset)])
        self._next = None  # until the read has gone well
        records: list[Record] = []
        deadline = time.monotonic() + self._seconds
        while len(records) < wanted:
            for message in self._consumer.consume(wanted - len(records), POLL_SECONDS):
                records.append(self._record(message, offset + len(records)))
            if time.monotonic() > deadline and not records:
                raise ServiceUnavailable(f"Kafka does not give the records of {self._where} at {offset}")
            if records:
                break
        self._next = offset + len(records)
        return records

    def drop_before(self, offset: int) -> int:
        """See `bus.contract.LogReader`. To the record."""
        start, end = self._watermarks()
        if start < offset <= end:
            place = TopicPartition(self._place.topic, self._place.partition, offset)
            client = AdminClient(self._connection.settings())

            def drop() -> int:
                (deleted,) = client.delete_records(
                    [place], request_timeout=min(ANSWER_SECONDS, self._seconds)
                ).values()
                return int(deleted.result(ANSWER_SECONDS).low_watermark)

            start = ask(drop, self._seconds)
            self._known = (0, 0)
        return start

    def close(self) -> None:
        self._consumer.close()

    def _watermarks(self) -> tuple[int, int]:
        self._known = ask(self._ask_watermarks, self._seconds)
        return self._known

    def _ask_watermarks(self) -> tuple[int, int]:
        return self._consumer.get_watermark_offsets(self._place, timeout=min(ANSWER_SECONDS, self._seconds))

    def _record(self, message: Message, expected: int) -> Record:
        if (error := message.error()) is not None:
            if error.code() == KafkaError._AUTO_OFFSET_RESET:
                raise OffsetOutOfRange(f"the log {self._where} has no offset {expected}: {error.str()}")
            raise ServiceUnavailable(f"Kafka: {error.str()}")
        record = to_record(message)
        if record.offset != expected:
            raise LogCorrupt(f"the log {self._where} has no offset {expected}, but {record.offset} follows")
        return record


def to_record(message: Message) -> Record:
    """A message without an error, as a record of ours. Its time is the broker's append time."""
    offset, payload = message.offset(), message.value()
    assert offset is not None
    headers = message.headers()
    reply_to = dict(headers).get(REPLY_TO) if isinstance(headers, list) else None
    return Record(
        offset, message.timestamp()[1], payload or b"", reply_to if isinstance(reply_to, bytes) else b""
    )
