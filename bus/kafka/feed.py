"""One partition of a consumer group on its way from the thread that fetches to the task that works on it."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from typing import NamedTuple

from confluent_kafka import TopicPartition

from bus.contract import Record
from schemas.errors import LogError

QUEUE_RECORDS = 4096  # fetched and not taken yet; beyond it the partition is paused
QUEUE_BYTES = 16 * 1024 * 1024

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
    """`bus.contract.Feed` of one assigned partition, from its assignment until it is taken away.

    ask  has the thread read from an offset on (None: go on after a pause), for that beginning
    """

    def __init__(self, topic: str, place: TopicPartition, ask: "Ask") -> None:
        self.topic, self.partition = topic, place.partition
        self.key: Key = (place.topic, place.partition)
        self._ask = ask
        self._records: deque[Record] = deque()
        self._arrived = self._taken = Volume(0, 0)  # the first is the thread's, the second the loop's
        self._news = asyncio.Event()
        self._begun = 0  # how often; records of an earlier beginning are passed over
        self._failure: LogError | None = None
        self.ended = False
        self.done: int | None = None  # everything below is done with
        self.paused = False
        self.stopped = False  # by the client, since the log does not have the offset where it stood
        self.reading = 0  # the beginning that the thread reads for

    def begin(self, offset: int) -> None:
        """See `bus.contract.Feed`."""
        self._begun += 1
        self._taken += Volume.of(self._records)
        self._records.clear()
        self._failure = None
        self._ask(self, offset, self._begun)

    async def ready(self) -> None:
        """See `bus.contract.Feed`."""
        while not self._records and not self.ended and self._failure is None:
            self._news.clear()
            await self._news.wait()

    async def next(self, limit: int) -> list[Record]:
        """See `bus.contract.Feed`."""
        await self.ready()
        records = self._records
        if not records and not self.ended and self._failure is not None:
            raise self._failure
        taken = [records.popleft() for _ in range(min(limit, len(records)))]
        self._taken += Volume.of(taken)
        if self.paused and not self.full(2):
            self._ask(self, None, self._begun)
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


Ask = Callable[[KafkaFeed, int | None, int], None]
