"""The gateway's side of receipts: reads its partition on a thread and hands each receipt to who waits."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from threading import Thread

from confluent_kafka import Consumer, Message, TopicPartition

from bus.kafka.connection import KafkaConnection
from bus.kafka.failures import ask
from bus.kafka.receipts import Answers, decode_answer
from schemas.events import RECEIPTS
from schemas.receipts import Receipt

log = logging.getLogger(__name__)

POLL_SECONDS = 0.1
BATCH = 1000
START_SECONDS = 20.0
ANSWER_SECONDS = 5.0

Deliver = Callable[[list[tuple[int, Receipt]]], None]


class ReceiptInbox:
    """Reads one partition of `receipts` from its end on. `deliver` is called on the loop with the receipts
    for this incarnation, those that came together at once."""

    def __init__(
        self, connection: KafkaConnection, partition: int, incarnation: bytes, deliver: Deliver
    ) -> None:
        self._place = TopicPartition(connection.name(RECEIPTS), partition)
        self._incarnation = incarnation
        self._deliver = deliver
        self._closing = False
        self._loop = asyncio.get_running_loop()
        self._consumer = Consumer(
            connection.settings(
                group_id=connection.name("receipts"),  # named only: nobody joins it
                enable_auto_commit=False,
                auto_offset_reset="latest",
                fetch_error_backoff_ms=50,
            )
        )
        self._thread = Thread(target=self._read, name="receipts", daemon=True)

    async def start(self) -> None:
        """Begin to read; receipts of events submitted from now on will come. Raises ServiceUnavailable."""
        _, end = await asyncio.to_thread(ask, self._watermarks, START_SECONDS)
        self._consumer.assign([TopicPartition(self._place.topic, self._place.partition, end)])
        self._thread.start()

    async def close(self) -> None:
        self._closing = True
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._consumer.close)

    def _watermarks(self) -> tuple[int, int]:
        return self._consumer.get_watermark_offsets(self._place, ANSWER_SECONDS)

    def _read(self) -> None:
        while not self._closing:
            # consume() waits out its time for as many as it is asked for: wait for one, then take the rest.
            first = self._consumer.poll(POLL_SECONDS)
            if first is None:
                continue
            receipts = [
                found
                for message in (first, *self._consumer.consume(BATCH, 0))
                for found in self._receipts(message)
            ]
            if receipts:
                with contextlib.suppress(RuntimeError):  # the loop was closed without closing us
                    self._loop.call_soon_threadsafe(self._deliver, receipts)

    def _receipts(self, message: Message) -> list[tuple[int, Receipt]]:
        if (error := message.error()) is not None:
            log.warning("receipts cannot be read just now: %s", error.str())
            return []
        answer = decode_answer(message.value() or b"")
        if isinstance(answer, Answers) and answer.incarnation == self._incarnation:
            return answer.receipts
        return []
