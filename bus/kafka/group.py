"""A member of a consumer group: the partitions it is given, each as a feed of records in order.

One thread holds librdkafka's consumer: it polls, carries out what the feeds ask for, and answers rebalances.
The feeds live on the event loop. Assignment is cooperative: partitions that stay are fed on meanwhile.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from concurrent.futures import Future
from threading import Thread
from typing import NamedTuple

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, Message, TopicPartition

from bus.contract import Record
from bus.kafka.connection import KafkaConnection
from bus.kafka.reader import to_record
from schemas.errors import LogError, OffsetOutOfRange

log = logging.getLogger(__name__)

POLL_SECONDS = 0.05
BATCH = 2000
QUEUE_RECORDS = 4096  # of one partition, fetched and not taken yet; beyond it the partition is paused
QUEUE_BYTES = 16 * 1024 * 1024
COMMIT_SECONDS = 0.5
REVOKE_SECONDS = 10.0  # for a batch in hand to be finished before the partition is given up
SESSION_SECONDS = 6.0
SEEK_SECONDS = 10.0
FETCH_KIBIBYTES = 64 * 1024

Key = tuple[str, int]  # topic (the broker's name), partition


class Volume(NamedTuple):
    """An amount of records."""

    records: int
    bytes: int

    @classmethod
    def of(cls, records: Collection[Record]) -> "Volume":
        return cls(len(records), sum(len(record.payload) for record in records))

    def __add__(self, other: "Volume") -> "Volume":  # type: ignore[override]
        return Volume(self.records + other.records, self.bytes + other.bytes)

    def __sub__(self, other: "Volume") -> "Volume":
        return Volume(self.records - other.records, self.bytes - other.bytes)


class KafkaFeed:
    """`bus.contract.Feed` of one assigned partition, from its assignment until it is taken away."""

    def __init__(self, group: "KafkaGroup", topic: str, place: TopicPartition) -> None:
        self.topic, self.partition = topic, place.partition
        self.key: Key = (place.topic, place.partition)
        self._group = group
        self._records: deque[Record] = deque()
        self._arrived = self._taken = Volume(0, 0)  # the first is the thread's, the second the loop's
        self._news = asyncio.Event()
        self._begun = 0  # how often; records of an earlier beginning are passed over
        self._failure: LogError | None = None
        self.ended = False
        self.done: int | None = None  # everything below is done with
        self.paused = False
        self.reading = 0  # the beginning that the thread reads for

    def begin(self, offset: int) -> None:
        """See `bus.contract.Feed`."""
        self._begun += 1
        self._taken += Volume.of(self._records)
        self._records.clear()
        self._failure = None
        self._group.ask(self, offset, self._begun)

    async def next(self, limit: int) -> list[Record]:
        """See `bus.contract.Feed`."""
        while not self._records:
            if self.ended:
                return []
            if self._failure is not None:
                raise self._failure
            self._news.clear()
            await self._news.wait()
        records = self._records
        taken = [records.popleft() for _ in range(min(limit, len(records)))]
        self._taken += Volume.of(taken)
        if self.paused and not self.full(2):
            self._group.ask(self, None, self._begun)
        return [] if self.ended else taken

    def commit(self, offset: int) -> None:
        """See `bus.contract.Feed`."""
        self.done = offset

    async def wait_ended(self) -> None:
        """See `bus.contract.Feed`."""
        while not self.ended:
            self._news.clear()
            await self._news.wait()

    def full(self, parts: int = 1) -> bool:
        """Whether more than one n-th of what may wait does wait. For both threads."""
        waiting = self._arrived - self._taken
        return waiting.records * parts > QUEUE_RECORDS or waiting.bytes * parts > QUEUE_BYTES

    def arriving(self, records: list[Record]) -> None:
        """Records are on their way to the loop. On the thread."""
        self._arrived += Volume.of(records)

    def arrived(self, begun: int, records: list[Record]) -> None:
        """Records, read for that beginning."""
        if begun != self._begun or self.ended:
            self._taken += Volume.of(records)
            return
        self._records += records
        self._news.set()

    def failed(self, begun: int, error: LogError) -> None:
        """The partition cannot be read from where it was begun."""
        if begun == self._begun:
            self._failure = error
            self._news.set()

    def end(self) -> None:
        """The partition is somebody else's."""
        self.ended = True
        self._news.set()


Serve = Callable[[KafkaFeed], Awaitable[None]]


class KafkaGroup:
    """Joins a group and serves the partitions it gets.

    topics    by our names
    instance  a name that this member keeps over restarts: its partitions then wait for it (as long as the
              session lasts) instead of moving away and back. None: leaving hands them over at once
    session_seconds  after which a member that died or hangs loses its partitions
    """

    def __init__(
        self,
        connection: KafkaConnection,
        group: str,
        topics: list[str],
        *,
        instance: str | None = None,
        session_seconds: float = SESSION_SECONDS,
    ) -> None:
        self._topics = {connection.name(topic): topic for topic in topics}
        more = {"group_instance_id": instance} if instance else {}
        self._settings = connection.settings(
            group_id=connection.name(group),
            partition_assignment_strategy="cooperative-sticky",
            session_timeout_ms=int(session_seconds * 1000),
            heartbeat_interval_ms=min(1000, int(session_seconds * 1000 / 6)),
            enable_auto_commit=False,
            enable_auto_offset_store=False,
            auto_offset_reset="error",
            fetch_error_backoff_ms=50,
            queued_max_messages_kbytes=FETCH_KIBIBYTES,
            **more,
        )
        self._loop = asyncio.get_running_loop()
        self._feeds: dict[Key, KafkaFeed] = {}
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._asked: deque[tuple[KafkaFeed, int | None, int]] = deque()
        self._committed: dict[Key, int] = {}
        self._closing = False
        self.failure: LogError | None = None  # why nothing is consumed any more
        self._thread = Thread(target=self._run, name="kafka-group", daemon=True)

    def start(self, serve: Serve) -> None:
        """Join. `serve` runs on the loop for every partition, until it returns because the feed ended."""
        self._serve = serve
        self._consumer = Consumer(self._settings)
        self._thread.start()

    async def close(self) -> None:
        """Finish the batches in hand, commit, leave."""
        self._closing = True
        await asyncio.to_thread(self._thread.join)

    def assigned(self) -> list[Key]:
        """The partitions held now, by our topics."""
        return sorted((feed.topic, feed.partition) for feed in self._feeds.values())

    def ask(self, feed: KafkaFeed, offset: int | None, begun: int) -> None:
        """Have the thread read a partition from an offset (None: go on where it was paused)."""
        self._asked.append((feed, offset, begun))

    # --- on the thread -----------------------------------------------------------------------------------
    def _run(self) -> None:
        try:
            self._consumer.subscribe(
                list(self._topics), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost
            )
            next_commit = 0.0
            while not self._closing:
                self._carry_out()
                first = self._consumer.poll(POLL_SECONDS)
                if first is not None:
                    self._deliver([first, *self._consumer.consume(BATCH, 0)])
                if time.monotonic() >= next_commit:
                    self._commit(asynchronous=True)
                    next_commit = time.monotonic() + COMMIT_SECONDS
        except Exception as error:
            log.exception("the consumer of %s has stopped", ", ".join(self._topics))
            self._call(self._stop, LogError(f"Kafka's consumer has stopped: {error!r}"))
        finally:
            self._consumer.close()

    def _carry_out(self) -> None:
        """What the feeds asked for."""
        again: list[tuple[KafkaFeed, int | None, int]] = []
        while self._asked:
            feed, offset, begun = self._asked.popleft()
            if feed.ended or self._feeds.get(feed.key) is not feed:
                continue
            try:
                if offset is not None:
                    self._consumer.seek(TopicPartition(*feed.key, offset))
                    feed.reading = begun
                self._consumer.resume([TopicPartition(*feed.key)])
                feed.paused = False
            except KafkaException as error:
                # Just assigned, or its leader is being looked for.
                log.info("%s/%d cannot be read yet: %s", *feed.key, error.args[0].str())
                again.append((feed, offset, begun))
        self._asked.extend(again)

    def _deliver(self, messages: list[Message]) -> None:
        found: dict[KafkaFeed, list[Record]] = {}
        for message in messages:
            feed = self._feeds.get((message.topic() or "", message.partition() or 0))
            if message.error() is not None:
                self._report(feed, message.error())
            elif feed is not None and feed.reading:
                found.setdefault(feed, []).append(to_record(message))
        for feed, records in found.items():
            feed.arriving(records)
            self._call(feed.arrived, feed.reading, records)
            if not feed.paused and feed.full():
                feed.paused = True
                self._consumer.pause([TopicPartition(*feed.key)])
                if not feed.full(2):  # all was taken before the loop could know that it is to resume
                    self.ask(feed, None, feed.reading)

    def _report(self, feed: KafkaFeed | None, error: KafkaError | None) -> None:
        assert error is not None
        if error.code() == KafkaError._AUTO_OFFSET_RESET and feed is not None and feed.reading:
            what = (
                f"the log {feed.topic}/{feed.partition} does not have the offset to go on from: {error.str()}"
            )
            self._call(feed.failed, feed.reading, OffsetOutOfRange(what))
        else:
            log.warning("the log cannot be read just now: %s", error.str())

    def _assigned(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        """Take the partitions, unread: where to begin is for the feed to say."""
        for place in places:
            place.offset = OFFSET_END
        consumer.incremental_assign(places)
        consumer.pause(places)
        for place in places:
            feed = KafkaFeed(self, self._topics[place.topic], place)
            self._feeds[feed.key] = feed
            self._call(self._begin, feed)

    def _revoked(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        """Wait until the batches in hand are done with, and say so to the group."""
        feeds = [feed for place in places if (feed := self._feeds.get((place.topic, place.partition)))]
        ended: Future[None] = Future()
        self._call(self._end, feeds, ended)
        with contextlib.suppress(TimeoutError):
            ended.result(REVOKE_SECONDS)
        self._commit(asynchronous=False)
        for feed in feeds:
            del self._feeds[feed.key]

    def _lost(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        """The session ran out, so the partitions are others' already: stop at once."""
        for place in places:
            feed = self._feeds.pop((place.topic, place.partition), None)
            if feed is not None:
                log.warning("%s/%d was lost to another worker", feed.topic, feed.partition)
                self._call(self._drop, feed)

    def _commit(self, asynchronous: bool) -> None:
        done = {key: feed.done for key, feed in self._feeds.items() if feed.done is not None}
        news = [
            TopicPartition(*key, offset) for key, offset in done.items() if offset != self._committed.get(key)
        ]
        if not news:
            return
        try:
            self._consumer.commit(offsets=news, asynchronous=asynchronous)  # type: ignore[call-overload]
        except KafkaException as error:
            # Only what others see of our lag: the place to go on from is kept with the work itself.
            log.warning("offsets could not be committed: %s", error.args[0].str())
        else:
            self._committed |= done

    def _call(self, function: Callable[..., object], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed without closing us
            self._loop.call_soon_threadsafe(function, *arguments)

    # --- on the loop -------------------------------------------------------------------------------------
    def _begin(self, feed: KafkaFeed) -> None:
        name = f"{feed.topic}/{feed.partition}"
        self._tasks[feed.key] = asyncio.create_task(self._serve_one(feed), name=name)

    async def _serve_one(self, feed: KafkaFeed) -> None:
        try:
            await self._serve(feed)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("%s/%d is not served any more", feed.topic, feed.partition)

    def _end(self, feeds: list[KafkaFeed], ended: "Future[None]") -> None:
        tasks = [task for feed in feeds if (task := self._tasks.pop(feed.key, None))]
        for feed in feeds:
            feed.end()

        async def wait() -> None:
            await asyncio.gather(*tasks, return_exceptions=True)
            ended.set_result(None)

        waiting = asyncio.create_task(wait())
        self._ending.add(waiting)
        waiting.add_done_callback(self._ending.discard)

    def _stop(self, why: LogError) -> None:
        self.failure = why
        for feed in self._feeds.values():
            self._drop(feed)

    def _drop(self, feed: KafkaFeed) -> None:
        feed.end()
        task = self._tasks.pop(feed.key, None)
        if task is not None:
            task.cancel()
