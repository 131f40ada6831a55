"""The port of the log. Engines: `bus.local` (segments on disk), `bus.kafka`.

A *topic* has *partitions*, each an append-only sequence of records numbered by *offset* from 0. What a
reader sees of a partition is always a prefix of what was appended, in order, without gaps.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import NamedTuple, Protocol

from schemas.pending import Pending
from schemas.receipts import Receipt


class Record(NamedTuple):
    """One record.

    time      when it was appended, Unix milliseconds; it falls along a partition only where a cluster's
              clocks disagree
    reply_to  where its receipt goes, as the writer's engine put it; empty when nobody waits
    """

    offset: int
    time: int
    payload: bytes
    reply_to: bytes = b""


class LogReader(Protocol):
    """One partition, read from any offset. Blocking: call it from a thread of its own."""

    @property
    def start_offset(self) -> int:
        """The first offset still kept (retention may have removed earlier ones)."""

    @property
    def end_offset(self) -> int:
        """The offset that the next record gets."""

    def read(self, offset: int, limit: int = 1024) -> list[Record]:
        """Up to about `limit` records from `offset` (whole batches where the engine has them; what comes
        before `offset` is cut off), empty at the end. Raises OffsetOutOfRange below start_offset and beyond
        end_offset, LogCorrupt on a damaged batch."""

    def drop_before(self, offset: int) -> int:
        """Forget records below `offset`, as far as the engine can; returns the new start offset."""

    def close(self) -> None: ...


class PartitionLog(LogReader, Protocol):
    """One partition, as its single writer holds it. Blocking: call it from the writer's thread."""

    def append(self, payloads: Sequence[bytes], *, sync: bool = True) -> tuple[int, int]:
        """Append the records as one batch; returns the first one's offset and the batch's time.

        With `sync` the batch, and everything appended before it, is on stable storage when this returns.
        All of the batch is kept, or (raised, or crashed before the return) possibly none of it.
        Raises StorageFull when the device is full: nothing was appended and the log can be used on.
        Raises LogBroken after a failed write whose effect is unknown: the log refuses all further
        appends until it is opened anew.
        """

    def sync(self) -> int:
        """Make everything appended durable; returns the end offset that is now durable."""

    def read(self, offset: int, limit: int = 1024) -> list[Record]:
        """Up to about `limit` records from `offset` (whole batches; those before `offset` are cut off),
        empty at the end. Raises OffsetOutOfRange below start_offset, LogCorrupt on a damaged batch."""

    def drop_before(self, offset: int) -> int:
        """Remove whole segments that lie wholly below `offset`; returns the new start offset."""

    def close(self) -> None: ...


class Submitter(Protocol):
    """The writer's side: append an event and wait until it was applied."""

    async def submit(
        self, topic: str, partition: int, payload: bytes, pending: Pending | None = None
    ) -> Receipt:
        """Append the event, once `pending` has settled; return once it is durable and applied, or refused by
        apply. When `pending` fails, the event is not appended, and its error is raised.

        Raises SubmitTimeout when no receipt came in time: the event may or may not be applied, and its
        bytes must be kept. Raises LogUnavailable when it was certainly not appended.
        """

    def partitions(self, topic: str) -> int:
        """How many partitions the topic's current generation has."""


class Feed(Protocol):
    """A partition of a consumer group, from when this member is given it until it is taken away again."""

    topic: str
    partition: int
    ended: bool  # it was taken away

    def begin(self, offset: int) -> None:
        """Read from this offset on; what was read before and not taken is forgotten. May be called again."""

    async def ready(self) -> None:
        """Wait until `next` has something to say."""

    async def next(self, limit: int) -> list[Record]:
        """Up to `limit` records, in order, as soon as there are any; none once the feed has ended.

        Raises OffsetOutOfRange when the log does not have the offset to go on from."""

    def commit(self, offset: int) -> None:
        """Everything below is done with, and its effect durable. Told to the group soon, for all to see."""

    async def wait_ended(self) -> None:
        """Wait until the partition is taken away."""


class Subscription(Protocol):
    """A consumer's durable place in a partition of facts or audit records.

    Delivery is at least once and in order; `commit` is the only thing that moves the durable position.
    """

    def __aiter__(self) -> AsyncIterator[list[Record]]: ...

    async def commit(self, offset: int) -> None:
        """Everything below `offset` is done with, and its effect durable."""


def follow(log: LogReader, offset: int) -> Iterator[Record]:
    """Every record from `offset` to the end as it is now."""
    while records := log.read(offset):
        yield from records
        offset = records[-1].offset + 1
