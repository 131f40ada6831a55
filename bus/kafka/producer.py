"""Records on their way to the brokers: produced from the event loop, reported on by a thread.

The thread polls librdkafka for delivery reports and brings them to the loop, all those of a poll at once.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Sequence
from threading import Thread

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from bus.kafka.connection import KafkaConnection
from bus.kafka.failures import delivery_failure
from schemas.errors import LogError, LogUnavailable

log = logging.getLogger(__name__)

REPLY_TO = "reply-to"  # the header that says where a record's receipt goes

POLL_SECONDS = 0.1
FLUSH_SECONDS = 5.0
QUEUE_RECORDS = 100_000
QUEUE_KIBIBYTES = 128 * 1024
RECORD_LIMIT = 8 * 1024 * 1024

Settle = Callable[[LogError | None], None]


class KafkaProducer:
    """Takes records and delivers them: each once and, in a partition, in the order of the calls.

    seconds  after which a record that is not delivered is given up. None: never; then no record is ever in
             the log without all those produced to its partition before it
    relaxed  delivered is what the leader has, without waiting for the copies; a record may then come twice
             or, should the leader die, not at all

    Make it on the event loop that uses it, with the topics' names as the brokers know them.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        seconds: float | None,
        linger: float = 0.0,
        relaxed: bool = False,
    ) -> None:
        self._settings = connection.settings(
            enable_idempotence=not relaxed,
            acks="1" if relaxed else "all",
            linger_ms=linger * 1000,
            message_timeout_ms=0 if seconds is None else int(seconds * 1000),
            message_max_bytes=RECORD_LIMIT,
            queue_buffering_max_messages=QUEUE_RECORDS,
            queue_buffering_max_kbytes=QUEUE_KIBIBYTES,
            retry_backoff_ms=50,
        )
        if seconds is None:
            self._settings["enable.gapless.guarantee"] = True
        self._settings["error_cb"] = self._on_error
        self._loop = asyncio.get_running_loop()
        self._reports: deque[tuple[Settle, LogError | None]] = deque()
        self._fatal: KafkaError | None = None
        self._refusing = False  # until the loop knows what a broken producer has not delivered
        self._closing = False
        self._producer = Producer(self._settings)
        self._thread = Thread(target=self._poll, name="kafka-producer", daemon=True)
        self._thread.start()

    def send(
        self,
        topic: str,
        partition: int,
        payload: bytes,
        failed: Callable[[LogError], None],
        reply_to: bytes,
        delivered: Callable[[int], None] | None = None,
    ) -> None:
        """Take one record. Raises LogUnavailable when it cannot be taken.

        failed     is called on the loop should it not be delivered
        delivered  is told its offset when it is, on the producer's thread: to wake the loop for it would cost
                   each write more than its delivery
        """

        def settle(error: LogError | None) -> None:
            if error is not None:
                failed(error)

        def report(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self._reports.append((settle, delivery_failure(error)))
            elif delivered is not None and (offset := message.offset()) is not None:
                delivered(offset)

        self._produce(topic, partition, payload, report, [(REPLY_TO, reply_to)] if reply_to else None)

    def send_all(self, topic: str, partition: int, payloads: Sequence[bytes]) -> "asyncio.Future[None]":
        """Take a run of records; the future ends once all of them are delivered, or one cannot be.

        Raises LogUnavailable when not all of them can be taken; some may have been."""
        delivered: asyncio.Future[None] = self._loop.create_future()
        missing = len(payloads)

        def settle(error: LogError | None) -> None:
            nonlocal missing
            missing -= 1
            if delivered.done():
                return
            if error is not None:
                delivered.set_exception(error)
            elif not missing:
                delivered.set_result(None)

        def report(error: KafkaError | None, _: Message) -> None:
            self._reports.append((settle, None if error is None else delivery_failure(error)))

        for payload in payloads:
            self._produce(topic, partition, payload, report, None)
        return delivered

    async def close(self, seconds: float = FLUSH_SECONDS) -> None:
        """Deliver what was taken, as far as that is possible in this time; the rest fails."""
        await asyncio.to_thread(self._finish, seconds)
        self._settle_all()

    def _produce(
        self,
        topic: str,
        partition: int,
        payload: bytes,
        report: Callable[[KafkaError | None, Message], None],
        headers: list[tuple[str, str | bytes | None]] | None,
    ) -> None:
        if self._closing:
            raise LogUnavailable("the producer is closed")
        if self._refusing:
            raise LogUnavailable("the producer is being replaced")
        try:
            self._producer.produce(topic, payload, partition=partition, on_delivery=report, headers=headers)
        except BufferError as error:
            raise LogUnavailable("too many records wait for Kafka already") from error
        except KafkaException as error:
            raise LogUnavailable(f"Kafka's client did not take the record: {error.args[0].str()}") from error

    # --- on the thread -----------------------------------------------------------------------------------
    def _poll(self) -> None:
        while not self._closing:
            self._producer.poll(POLL_SECONDS)
            self._hand_over()
            if self._fatal is not None:
                self._replace(self._fatal)

    def _hand_over(self) -> None:
        if self._reports:
            with contextlib.suppress(RuntimeError):  # the loop was closed without closing us
                self._loop.call_soon_threadsafe(self._settle_all)

    def _replace(self, why: KafkaError) -> None:
        """A producer whose sequence numbers are no longer the broker's can never be used again: make another.
        What it had not delivered fails."""
        log.error("Kafka's producer has to be replaced: %s", why.str())
        self._refusing = True
        self._producer.purge()
        self._producer.flush(FLUSH_SECONDS)
        self._producer, self._fatal = Producer(self._settings), None
        self._reports.append((self._take_again, None))
        self._hand_over()

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._fatal = error
        elif error.code() in (KafkaError._AUTHENTICATION, KafkaError._SSL):
            log.error("Kafka: %s", error.str())

    def _finish(self, seconds: float) -> None:
        self._closing = True
        self._thread.join()
        if self._producer.flush(seconds):
            self._producer.purge()
            self._producer.flush(POLL_SECONDS)

    # --- on the loop -------------------------------------------------------------------------------------
    def _take_again(self, _: LogError | None) -> None:
        self._refusing = False

    def _settle_all(self) -> None:
        while self._reports:
            settle, error = self._reports.popleft()
            settle(error)
