"""The port `Submitter` on Kafka: an event out, its receipt back through the gateway's own partition."""

import asyncio
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count, takewhile

from confluent_kafka import KafkaException

from bus.kafka.connection import KafkaConnection
from bus.kafka.inbox import ReceiptInbox
from bus.kafka.lease import CLAIM_SECONDS, ReceiptLease
from bus.kafka.metadata import require_topics
from bus.kafka.outcomes import FactOutcomes
from bus.kafka.producer import KafkaProducer
from bus.kafka.receipts import ReplyTo
from schemas.errors import LogError, LogUnavailable, ServiceUnavailable, SubmitTimeout
from schemas.events import EVENT_LIMIT, FACTS, OBJECT_VERSIONS, POLICIES, RECEIPTS
from schemas.pending import Pending
from schemas.receipts import Receipt

log = logging.getLogger(__name__)

RECEIPT_SECONDS = 10.0  # how long a writer waits for its receipt
STALLED_SECONDS = 5.0  # a partition whose oldest writer waits this long takes no more meanwhile
WAITING_LIMIT = 8192  # writers of one gateway
SWEEP_SECONDS = 0.25
ASK_SECONDS = 2.0  # who has waited for so long is looked up, and again after as long
ANSWER_SECONDS = 2.0  # for each question to the brokers meanwhile
ASKING_THREADS = 2  # of their own: brokers that do not answer must hold up nothing else

Lane = tuple[str, int]  # topic, partition


class _Waiting:
    """A writer. `offset` of its event, -1 while it is not known to be in the log."""

    __slots__ = ("lane", "offset", "receipt", "since")

    def __init__(self, receipt: "asyncio.Future[Receipt]", lane: Lane, since: float) -> None:
        self.receipt, self.lane, self.since = receipt, lane, since
        self.offset = -1

    def delivered(self, offset: int) -> None:
        """On the producer's thread."""
        self.offset = offset


class KafkaSubmitter:
    """`bus.contract.Submitter` for one gateway process. `start` it on the event loop that uses it.

    A writer waits for `receipt_seconds`, then gets SubmitTimeout: nothing is appended a second time. Before
    that, where its receipt does not come (a broker died with it, or this gateway could not read it), its
    outcome is looked up in the facts log, so that who is told SubmitTimeout waits for something that has not
    been decided yet, or not told to any reader. While a
    partition is stalled (its leader, its worker or the index away), new events for it are refused with
    LogUnavailable instead of queueing up; it takes events again once those that wait are answered or gone.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        receipt_seconds: float = RECEIPT_SECONDS,
        stalled_seconds: float = STALLED_SECONDS,
        ask_seconds: float = ASK_SECONDS,
    ) -> None:
        self._connection = connection
        self._ask_seconds = ask_seconds
        self._receipt_seconds = receipt_seconds
        self._stalled_seconds = stalled_seconds
        self._incarnation = os.urandom(16)
        self._numbers = count(1)
        self._waiting: dict[int, _Waiting] = {}  # in the order of their deadlines
        self._stalled: frozenset[Lane] = frozenset()
        self._partitions: dict[str, int] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Find the topics, claim a partition for receipts, begin to read it.

        Raises ConfigurationError for missing topics, ServiceUnavailable when the brokers do not answer."""
        needed = (OBJECT_VERSIONS, POLICIES, RECEIPTS, FACTS)
        self._partitions = await asyncio.to_thread(require_topics, self._connection, needed)
        self._outcomes = FactOutcomes(self._connection, self._partitions[OBJECT_VERSIONS], ANSWER_SECONDS)
        self._topics = {topic: self._connection.name(topic) for topic in self._partitions}
        self._producer = KafkaProducer(self._connection, seconds=self._receipt_seconds)
        self._lease = ReceiptLease(
            self._connection, self._producer, self._partitions[RECEIPTS], self._incarnation
        )
        try:
            self._place = await self._lease.take()
            self._inbox = ReceiptInbox(self._connection, self._place, self._incarnation, self._answer)
            await self._inbox.start()
        except BaseException:
            await self._producer.close(0)
            raise
        self._askers = ThreadPoolExecutor(ASKING_THREADS, thread_name_prefix="outcomes")
        self._tasks = [
            asyncio.create_task(self._sweep(), name="receipts-deadlines"),
            asyncio.create_task(self._keep_lease(), name="receipts-lease"),
            asyncio.create_task(self._ask(), name="receipts-missing"),
        ]

    async def submit(
        self, topic: str, partition: int, payload: bytes, pending: Pending | None = None
    ) -> Receipt:
        """See `bus.contract.Submitter`."""
        if pending is not None:
            await pending
        lane = (topic, partition)
        if lane in self._stalled:
            raise LogUnavailable(
                f"events of {topic}/{partition} wait for their receipts for too long already"
            )
        if len(self._waiting) >= WAITING_LIMIT:
            raise LogUnavailable(f"{WAITING_LIMIT} events of this gateway are waiting already")
        if len(payload) > EVENT_LIMIT:
            raise LogUnavailable(f"an event of {len(payload)} bytes is over the limit of {EVENT_LIMIT}")
        number = next(self._numbers)
        loop = asyncio.get_running_loop()
        waiting = _Waiting(loop.create_future(), lane, loop.time())
        reply_to = ReplyTo(self._place, self._incarnation, number).encode()
        failed = partial(self._fail, number)
        self._producer.send(self._topics[topic], partition, payload, failed, reply_to, waiting.delivered)
        self._waiting[number] = waiting
        return await waiting.receipt

    def partitions(self, topic: str) -> int:
        """See `bus.contract.Submitter`."""
        return self._partitions[topic]

    @property
    def stalled(self) -> frozenset[Lane]:
        """The partitions that take no events just now."""
        return self._stalled

    async def close(self) -> None:
        """Give up the partition; who still waits gets SubmitTimeout."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._askers.shutdown(wait=False, cancel_futures=True)
        for number in list(self._waiting):
            self._fail(number, SubmitTimeout("the gateway is shutting down"))
        try:
            await asyncio.wait_for(self._lease.end(), CLAIM_SECONDS)
        except (LogError, TimeoutError) as error:
            log.warning("the partition of receipts is given up by its lease running out: %s", error)
        await self._inbox.close()
        await self._producer.close()

    def _answer(self, receipts: list[tuple[int, Receipt]]) -> None:
        for number, receipt in receipts:
            waiting = self._waiting.pop(number, None)
            if waiting is None:
                continue
            if waiting.lane in self._stalled:  # it moves again; those that still wait too long stop it again
                self._note_stalled(self._stalled - {waiting.lane})
            if not waiting.receipt.done():
                waiting.receipt.set_result(receipt)

    def _fail(self, number: int, error: LogError) -> None:
        waiting = self._waiting.pop(number, None)
        if waiting is not None and not waiting.receipt.done():
            waiting.receipt.set_exception(error)

    async def _sweep(self) -> None:
        """Deadlines and stalled partitions, for all writers at once: a timer per write would cost more."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            for number in self._waiting_for(self._receipt_seconds):
                self._fail(number, SubmitTimeout(f"no receipt within {self._receipt_seconds:.0f} s"))
            slow = self._waiting_for(self._stalled_seconds)
            self._note_stalled(frozenset(self._waiting[number].lane for number in slow))

    async def _ask(self) -> None:
        """Look up the outcomes of those whose receipts are late: another way to the same answer."""
        while True:
            await asyncio.sleep(self._ask_seconds)
            late: dict[Lane, dict[int, int]] = {}
            for number in self._waiting_for(self._ask_seconds):
                waiting = self._waiting[number]
                if waiting.offset >= 0:
                    late.setdefault(waiting.lane, {})[waiting.offset] = number
            await asyncio.gather(*(self._ask_for(lane, numbers) for lane, numbers in late.items()))

    async def _ask_for(self, lane: Lane, numbers: dict[int, int]) -> None:
        """Answer those of one partition, by the offsets of their events, whose facts are there."""
        try:
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self._askers, self._outcomes.find, *lane, numbers)
        except (LogError, ServiceUnavailable, KafkaException) as error:
            log.warning("outcomes of %s/%d cannot be looked up: %s", *lane, error)
            return
        if found:
            log.warning("%d receipts of %s/%d were lost; the facts tell their outcomes", len(found), *lane)
        self._answer([(numbers[offset], receipt) for offset, receipt in found.items()])

    def _waiting_for(self, seconds: float) -> list[int]:
        """Who waits for longer than that already."""
        since = asyncio.get_running_loop().time() - seconds
        return [number for number, _ in takewhile(lambda w: w[1].since < since, self._waiting.items())]

    def _note_stalled(self, stalled: frozenset[Lane]) -> None:
        for topic, partition in sorted(stalled - self._stalled):
            log.error("events of %s/%d get no receipts: it takes no more of them", topic, partition)
        for topic, partition in sorted(self._stalled - stalled):
            log.warning("%s/%d takes events again", topic, partition)
        self._stalled = stalled

    async def _keep_lease(self) -> None:
        while True:
            await asyncio.sleep(CLAIM_SECONDS)
            try:
                await self._lease.renew()
            except LogError as error:
                # Another gateway may share the partition then, which costs no more than its reading.
                log.warning("the claim on a partition of receipts could not be renewed: %s", error.message)
