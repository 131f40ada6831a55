"""A member of a consumer group: the partitions it is given, each as a feed of records in order.

One thread holds librdkafka's consumer: it polls, carries out what the feeds ask for, and answers rebalances.
The feeds live on the event loop. Assignment is cooperative: partitions that stay are fed on meanwhile.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from threading import Thread

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from bus.contract import Record
from bus.kafka.connection import KafkaConnection
from bus.kafka.feed import KafkaFeed, Key
from bus.kafka.reader import to_record
from schemas.errors import LogError, OffsetOutOfRange

log = logging.getLogger(__name__)

POLL_SECONDS = 0.05
BATCH = 2000
COMMIT_SECONDS = 0.5
REVOKE_SECONDS = 10.0  # for a batch in hand to be finished before the partition is given up
SESSION_SECONDS = 6.0
HEARTBEAT_MILLISECONDS = 250  # how soon members hear that partitions are to be handed over
FETCH_KIBIBYTES = 64 * 1024

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
            heartbeat_interval_ms=HEARTBEAT_MILLISECONDS,
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
        """Finish the batches in hand, commit, leave. What is not finished within REVOKE_SECONDS is broken
        off: others have the partition by then."""
        self._closing = True
        await asyncio.to_thread(self._thread.join)
        left = [*self._tasks.values(), *self._ending]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def assigned(self) -> list[Key]:
        """The partitions held now, by our topics."""
        return sorted((feed.topic, feed.partition) for feed in self._feeds.values())

    def _ask(self, feed: KafkaFeed, offset: int | None, begun: int) -> None:
        """Have the thread read a partition from an offset on (None: go on where it was paused)."""
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
                    self._read_from(feed, offset)
                    feed.reading = begun
                self._consumer.resume([TopicPartition(*feed.key)])
                feed.paused = False
            except KafkaException as error:
                # Just assigned, or its leader is being looked for.
                log.info("%s/%d cannot be read yet: %s", *feed.key, error.args[0].str())
                again.append((feed, offset, begun))
        self._asked.extend(again)

    def _read_from(self, feed: KafkaFeed, offset: int) -> None:
        if not feed.stopped:
            self._consumer.seek(TopicPartition(*feed.key, offset))
            return
        # librdkafka never fetches again, wherever one seeks, what it stopped for an offset out of range.
        self._consumer.incremental_unassign([TopicPartition(*feed.key)])
        self._consumer.incremental_assign([TopicPartition(*feed.key, offset)])
        feed.stopped = False

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
                    self._ask(feed, None, feed.reading)

    def _report(self, feed: KafkaFeed | None, error: KafkaError | None) -> None:
        assert error is not None
        if error.code() == KafkaError._AUTO_OFFSET_RESET and feed is not None:
            feed.stopped = True
            if not feed.reading:
                return  # the offset it stood at was nobody's wish
            what = (
                f"the log {feed.topic}/{feed.partition} does not have the offset to go on from: {error.str()}"
            )
            self._call(feed.failed, feed.reading, OffsetOutOfRange(what))
        else:
            log.warning("the log cannot be read just now: %s", error.str())

    def _assigned(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        """Take the partitions, unread: where to begin is for the feed to say. They stand at a plain offset
        meanwhile: one that the brokers have to be asked for could come after the feed's, and replace it.
        Where the log begins later, a fetch that the pause is too late for stops it (see `_read_from`)."""
        for place in places:
            place.offset = 0
        consumer.incremental_assign(places)
        consumer.pause(places)
        for place in places:
            feed = KafkaFeed(self._topics[place.topic], place, self._ask)
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
