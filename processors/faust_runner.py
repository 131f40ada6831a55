"""A runner on faust-streaming: for the processors that live on facts, beside the way of the writes.

faust fetches, shares the partitions out and keeps the group's place; what a processor is promised is what
`processors.runner` says. Where to begin is for the processor to say, not for the group: its place is durable
together with its work.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import faust
from faust.types import TP, EventT

from bus.contract import Record
from processors.runner import RUN, MakeProcessor, Runner
from schemas.errors import LogError, OffsetOutOfRange, StrandlineError

log = logging.getLogger(__name__)

WITHIN_SECONDS = 0.1  # how long records are collected before they are handed over together
SESSION_SECONDS = 6.0
HEARTBEAT_SECONDS = 1.0
STOP_SECONDS = 20.0


class FaustFeed:
    """`bus.contract.Feed` of one partition. `push` returns once its run is done with, so a partition has one
    run in hand at most, and keeps its order."""

    def __init__(self, topic: str, place: TP, app: faust.App) -> None:
        self.topic, self.partition = topic, place.partition
        self.ended = False
        self._place = place
        self._app = app
        self._next: int | None = None  # the offset to go on with, once the processor has said it
        self._run: list[Record] = []
        self._failure: LogError | None = None
        self._stopped = False  # nothing is taken any more
        self._waiting: list[asyncio.Future[None]] = []

    def begin(self, offset: int) -> None:
        """See `bus.contract.Feed`. What is left of the run in hand is handed over again."""
        self.commit(offset)

    async def ready(self) -> None:
        """See `bus.contract.Feed`."""
        await self._until(lambda: bool(self._run) or self.ended or self._failure is not None)

    async def next(self, limit: int) -> list[Record]:
        """See `bus.contract.Feed`."""
        await self.ready()
        if self._failure is not None:
            raise self._failure
        return [] if self.ended else self._run[:limit]

    def commit(self, offset: int) -> None:
        """See `bus.contract.Feed`. faust tells the group, once the whole run is done with."""
        self._next = offset
        self._run = [record for record in self._run if record.offset >= offset]
        self._changed()

    async def wait_ended(self) -> None:
        """See `bus.contract.Feed`."""
        self._stopped = True
        self._changed()
        await self._until(lambda: self.ended)

    async def push(self, records: list[Record]) -> None:
        """Hand a run over, without the records that were dealt with before."""
        await self._until(lambda: self._next is not None or self._idle())
        if self._idle() or not await self._follows(records[0].offset):
            return
        self._run = [record for record in records if record.offset >= (self._next or 0)]
        self._changed()
        await self._until(lambda: not self._run or self._idle())

    def end(self) -> None:
        """The partition is somebody else's."""
        self.ended = True
        self._changed()

    def _idle(self) -> bool:
        return self.ended or self._stopped

    async def _follows(self, first: int) -> bool:
        """Whether nothing is missing in front of a run that begins with `first`. The group may be further
        than the processor, which stopped in the middle or was put back: then reading goes back."""
        assert self._next is not None
        if first <= self._next:
            return True
        earliest = (await self._app.consumer.earliest_offsets(self._place))[self._place]
        if earliest <= self._next:
            await self._app.consumer.seek(self._place, self._next)
            return False
        if self._next == 0:  # it has not begun yet, so it begins with what there is
            self._next = earliest
            return first == earliest
        self._failure = OffsetOutOfRange(
            f"the log {self.topic}/{self.partition} begins at offset {earliest}, and the processor has to go "
            f"on from {self._next}: it was away for too long"
        )
        self._changed()
        return False

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            await waiting

    def _changed(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)


class FaustRunner:
    """Feeds a processor from the partitions of some topics, as a member of a group.

    servers  brokers, HOST:PORT each, with commas
    topics   the brokers' names of topics, and ours
    tls      towards the brokers
    login    mechanism, user, password
    """

    def __init__(
        self,
        servers: str,
        group: str,
        topics: Mapping[str, str],
        make: MakeProcessor,
        *,
        tls: ssl.SSLContext | None = None,
        login: tuple[str, str, str] | None = None,
    ) -> None:
        self._topics = dict(topics)
        self._runner = Runner(make)
        self._stopping = False
        self._feeds: dict[TP, tuple[FaustFeed, asyncio.Task[None]]] = {}
        self._app = faust.App(
            group,
            broker=[f"kafka://{server}" for server in servers.split(",")],
            broker_credentials=_credentials(tls, login),
            broker_session_timeout=SESSION_SECONDS,
            broker_heartbeat_interval=HEARTBEAT_SECONDS,
            consumer_auto_offset_reset="earliest",
            key_serializer="raw",
            value_serializer="raw",
            store="memory://",  # no tables
            topic_allow_declare=False,
            topic_disable_leader=True,
            autodiscover=False,
            web_enabled=False,
        )
        for name in topics:
            channel = self._app.topic(name, key_type=bytes, value_type=bytes)
            self._app.agent(channel, name=f"{group}-{name}", concurrency=1)(self._work)
        self._app.on_partitions_revoked.connect(self._revoked)  # type: ignore[arg-type]

    @property
    def failures(self) -> dict[tuple[str, int], StrandlineError]:
        """Partitions that stopped, and why."""
        return self._runner.failures

    async def start(self) -> None:
        """Join the group; returns once the agents run."""
        await self._app.start()

    async def stop(self) -> None:
        """Finish the runs in hand, and leave. A consumer that does not come to its end is left behind after
        STOP_SECONDS: the group notices by its silence."""
        self._stopping = True
        await self._end(list(self._feeds))
        try:
            await asyncio.wait_for(self._app.stop(), STOP_SECONDS)
        except TimeoutError:
            log.error("the consumer of %s did not end within %.0f s", ", ".join(self._topics), STOP_SECONDS)

    async def _work(self, stream: Any) -> None:
        """The agent: one at a time for each topic; its partitions side by side, each in order."""
        batches: AsyncIterator[list[EventT[bytes]]] = stream.noack().take_events(RUN, within=WITHIN_SECONDS)
        async for events in batches:
            if self._stopping:  # a feed opened now would be served by nobody, and hold up the end
                return
            runs: dict[TP, list[Record]] = {}
            for event in events:
                runs.setdefault(event.message.tp, []).append(_record(event.message))
            await asyncio.gather(*(self._feed(place).push(records) for place, records in runs.items()))

    def _feed(self, place: TP) -> FaustFeed:
        if place not in self._feeds:
            feed = FaustFeed(self._topics[place.topic], place, self._app)
            self._feeds[place] = (feed, asyncio.create_task(self._runner.serve(feed)))
        return self._feeds[place][0]

    async def _revoked(self, _: faust.App, revoked: set[TP], **__: Any) -> None:
        await self._end([place for place in revoked if place in self._feeds])

    async def _end(self, places: list[TP]) -> None:
        ending = [self._feeds.pop(place) for place in places]
        for feed, _ in ending:
            feed.end()
        await asyncio.gather(*(task for _, task in ending))


def _record(message: Any) -> Record:
    return Record(message.offset, round(message.timestamp * 1000), message.value or b"")


def _credentials(tls: ssl.SSLContext | None, login: tuple[str, str, str] | None) -> Any:
    if login is not None:
        mechanism, user, password = login
        return faust.SASLCredentials(mechanism=mechanism, username=user, password=password, ssl_context=tls)
    return None if tls is None else faust.SSLCredentials(context=tls)
