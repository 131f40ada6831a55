"""The embedded runner: group commit of the log, apply, facts, receipts. It is the port `Submitter`.

While one batch of events is being synced to disk on the log's thread, the batch before it is applied on
the event loop; the writers of both wait. So one fdatasync serves every writer that came meanwhile.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bus.contract import PartitionLog
from bus.flusher import Flusher
from processors.materializer import Materializer
from schemas.errors import (
    LogError,
    LogUnavailable,
    ServiceUnavailable,
    StorageFull,
    StrandlineError,
    SubmitTimeout,
)
from schemas.events import EVENT_LIMIT
from schemas.pending import Pending
from schemas.receipts import Receipt

log = logging.getLogger(__name__)

BATCH_EVENTS = 512
BATCH_BYTES = 4 * 1024 * 1024
QUEUE_EVENTS = 8192
RECEIPT_SECONDS = 30.0
REPLAY_EVENTS = 1024
RETRY_SECONDS = 0.5


class _Waiting(NamedTuple):
    payload: bytes
    pending: Pending | None
    receipt: "asyncio.Future[Receipt]"
    deadline: float


class _Appended(NamedTuple):
    """A batch that is in the log, but for those events whose bytes were lost."""

    lost: list[tuple[_Waiting, StrandlineError]]
    offset: int
    time: int


class Sequencer:
    """The single writer of one partition: its log, its materializer and the writers that wait.

    publish  appends a batch's facts to the facts log, given the offset of the batch's last event; called
             in log order, after the rows are committed
    applied  called once the batch's rows are visible, before any of its writers is answered
    """

    def __init__(
        self,
        partition_log: PartitionLog,
        materializer: Materializer,
        publish: Callable[[int, Sequence[bytes]], None],
        name: str,
        applied: Callable[[], object] = lambda: None,
    ) -> None:
        self._log = partition_log
        self._materializer = materializer
        self._publish = publish
        self._name = name
        self._applied = applied
        self._queue: list[_Waiting] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._reaper: asyncio.Task[None] | None = None
        self._in_hand: list[list[_Waiting]] = []
        self._stopping = False
        self._failure: StrandlineError | None = None

    async def replay(self) -> int:
        """Apply what the log holds beyond the index's position; returns how many events that were."""
        position = await self._materializer.position()
        end = self._log.end_offset
        replayed = 0
        while position < end:
            records = self._log.read(position, REPLAY_EVENTS)
            payloads = [record.payload for record in records]
            applied = await self._materializer.apply(position, [r.time for r in records], payloads)
            self._publish(position + len(records) - 1, applied.facts)
            position += len(records)
            replayed += len(records)
        return replayed

    def start(self) -> None:
        self._flusher = Flusher(f"log-{self._name}")
        self._task = asyncio.create_task(self._run(), name=f"sequencer-{self._name}")
        self._reaper = asyncio.create_task(self._reap(), name=f"sequencer-deadlines-{self._name}")

    @property
    def failure(self) -> StrandlineError | None:
        """Why the partition stopped, if it did."""
        return self._failure

    @property
    def log_end(self) -> int:
        return self._log.end_offset

    async def drop_before(self, offset: int) -> int:
        """Drop segments of the log that lie below `offset`; returns the new start offset. On the log's own
        thread, since dropping must not meet an append."""
        if self._stopping or self._failure is not None:
            return self._log.start_offset
        return await self._flusher.run(self._log.drop_before, offset)

    def submit(self, payload: bytes, pending: Pending | None = None) -> "asyncio.Future[Receipt]":
        """Queue an event, to be appended once `pending` has settled. Raises LogUnavailable when it cannot be
        taken."""
        if self._failure is not None:
            raise LogUnavailable(f"the log {self._name} has stopped: {self._failure.message}")
        if self._stopping:
            raise LogUnavailable("the server is shutting down")
        if len(self._queue) >= QUEUE_EVENTS:
            raise LogUnavailable(f"{QUEUE_EVENTS} events are waiting for the log {self._name} already")
        if len(payload) > EVENT_LIMIT:
            raise LogUnavailable(f"an event of {len(payload)} bytes is over the limit of {EVENT_LIMIT}")
        loop = asyncio.get_running_loop()
        waiting = _Waiting(payload, pending, loop.create_future(), loop.time() + RECEIPT_SECONDS)
        self._queue.append(waiting)
        self._wake.set()
        return waiting.receipt

    async def stop(self) -> None:
        """Finish every event already taken, then stop."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task
        if self._reaper is not None:
            self._reaper.cancel()
            await asyncio.gather(self._reaper, return_exceptions=True)
            await self._flusher.stop()

    async def _reap(self) -> None:
        """Once a second, answer the writers whose deadline has passed. One sweep for all of them costs
        the hot path nothing, where a timer per write would."""
        while True:
            await asyncio.sleep(1.0)
            now = asyncio.get_running_loop().time()
            for batch in (*self._in_hand, self._queue):
                late = [waiting for waiting in batch if waiting.deadline < now]
                self._answer_error(late, SubmitTimeout(f"no receipt within {RECEIPT_SECONDS:.0f} s"))

    async def _run(self) -> None:
        try:
            await self._pump()
        except StrandlineError as error:
            self._stop_loudly(error)
        except Exception as error:
            log.exception("the sequencer of %s failed", self._name)
            self._stop_loudly(LogError(f"unexpected failure: {error!r}"))

    async def _pump(self) -> None:
        appending: tuple[list[_Waiting], asyncio.Future[_Appended]] | None = None
        while True:
            if appending is None:
                if not self._queue:
                    if self._stopping:
                        return
                    self._wake.clear()
                    await self._wake.wait()
                    continue
                appending = self._append_next()
            batch, appended = appending
            try:
                lost, offset, time = await appended
            except StorageFull as error:
                self._answer_error(batch, error)
                self._in_hand.remove(batch)
                appending = None
                continue
            appending = self._append_next() if self._queue else None
            for waiting, why in lost:
                batch.remove(waiting)
                self._answer_error([waiting], why)
            try:
                if batch:
                    await self._apply(batch, offset, time)
            except BaseException:
                if appending is not None:
                    await asyncio.wait([appending[1]])
                    appending[1].exception()
                raise
            self._in_hand.remove(batch)

    def _append_next(self) -> "tuple[list[_Waiting], asyncio.Future[_Appended]]":
        batch = self._take()
        self._in_hand.append(batch)
        return batch, self._flusher.run(self._append, batch)

    def _append(self, batch: Sequence[_Waiting]) -> _Appended:
        """On the log's thread: the bytes, then the events that name them. One wake-up for two syncs."""
        lost: list[tuple[_Waiting, StrandlineError]] = []
        payloads: list[bytes] = []
        for waiting in batch:
            try:
                if waiting.pending is not None:
                    waiting.pending.settle()
            except StrandlineError as error:
                lost.append((waiting, error))
            else:
                payloads.append(waiting.payload)
        offset, time = self._log.append(payloads) if payloads else (0, 0)
        return _Appended(lost, offset, time)

    def _take(self) -> list[_Waiting]:
        """The next events, at most BATCH_EVENTS of them and about BATCH_BYTES."""
        queue = self._queue
        if len(queue) <= 32:
            self._queue = []
            return queue
        size = count = 0
        for waiting in queue[:BATCH_EVENTS]:
            size += len(waiting.payload)
            count += 1
            if size >= BATCH_BYTES:
                break
        self._queue = queue[count:]
        return queue[:count]

    async def _apply(self, batch: list[_Waiting], offset: int, time: int) -> None:
        payloads = [waiting.payload for waiting in batch]
        times = [time] * len(batch)
        failing = False
        while True:
            try:
                applied = await self._materializer.apply(offset, times, payloads)
                break
            except (StorageFull, ServiceUnavailable) as error:
                # The events are in the log for good, so they must be applied before any later one.
                if not failing:
                    log.error("the index cannot be written, trying again: %s", error.message)
                failing = True
                self._fail_new_writers(error)
                if self._stopping:
                    raise
                await asyncio.sleep(RETRY_SECONDS)
        if failing:
            log.warning("the index can be written again")
        self._publish(offset + len(batch) - 1, applied.facts)
        self._applied()
        for waiting, receipt in zip(batch, applied.receipts, strict=True):
            if not waiting.receipt.done():
                waiting.receipt.set_result(receipt)

    def _fail_new_writers(self, error: StrandlineError) -> None:
        queue, self._queue = self._queue, []
        # None of these is in the log: nothing was changed, and a full disk is told as one.
        if not isinstance(error, StorageFull):
            error = LogUnavailable(f"the index cannot be written: {error.message}")
        self._answer_error(queue, error)

    def _stop_loudly(self, error: StrandlineError) -> None:
        self._failure = error
        log.critical("the log %s has stopped: %s", self._name, error.message)
        # Events in hand may be in the log, and are then applied at the next start.
        for batch in self._in_hand:
            self._answer_error(batch, SubmitTimeout(f"the log {self._name} has stopped: {error.message}"))
        queue, self._queue = self._queue, []
        self._answer_error(queue, LogUnavailable(f"the log {self._name} has stopped: {error.message}"))

    @staticmethod
    def _answer_error(batch: list[_Waiting], error: StrandlineError) -> None:
        for waiting in batch:
            if not waiting.receipt.done():
                waiting.receipt.set_exception(error)


class LocalSubmitter:
    """The port `Submitter` over sequencers in this process. One partition per topic."""

    def __init__(self, sequencers: dict[str, Sequencer]) -> None:
        self._sequencers = sequencers

    async def submit(
        self, topic: str, partition: int, payload: bytes, pending: Pending | None = None
    ) -> Receipt:
        """See `bus.contract.Submitter`."""
        return await self._sequencers[topic].submit(payload, pending)

    def partitions(self, topic: str) -> int:
        return 1
