"""The materializer as a processor of one partition of the log in a cluster: index, facts, receipts.

The order of work is the one of `processors.materializer`. What a worker that died had not passed on, its
successor finds in the index beside the position, and passes on first.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

from bus.contract import Record
from index.contract import IndexWriter, OpenWriter
from processors.materializer import Materializer
from schemas.errors import LogCorrupt, ServiceUnavailable, StrandlineError

FACTS_BATCHES = 64  # on their way to the facts log; beyond it the next batch waits
FACTS_SECONDS = 10.0  # for the oldest of them to arrive

Answer = Callable[[Iterable[tuple[bytes, bytes]]], None]  # (reply_to, encoded receipt)


class FactsLog(Protocol):
    """Where facts are published: in order for each source partition, and never with a gap."""

    def publish(self, topic: str, partition: int, facts: Sequence[bytes]) -> "asyncio.Future[None]":
        """Append the facts of a batch of that source partition; done once they are durable."""


class _Sent(NamedTuple):
    last: int  # offset of the batch's last event
    arrived: "asyncio.Future[None]"


class MaterializerPartition:
    """`processors.runner.PartitionProcessor`: applies one partition of `object-versions` or `policies`."""

    def __init__(
        self, topic: str, partition: int, open_writer: OpenWriter, facts: FactsLog, answer: Answer
    ) -> None:
        self._topic, self._partition = topic, partition
        self._open_writer = open_writer
        self._facts = facts
        self._answer = answer
        self._index: IndexWriter | None = None
        self._sent: deque[_Sent] = deque()
        self._failed: BaseException | None = None  # why facts did not arrive
        self._position = 0
        self._kept: dict[int, bytes] = {}  # receipts of applied events that nobody may have got

    async def open(self) -> int:
        """Take the partition over in the index, and publish again what may not be in the facts log. Reading
        begins with the events whose writers may not have been answered."""
        self._index = await self._open_writer(self._topic, self._partition)
        self._materializer = Materializer(self._index, self._topic, self._partition, keep_receipts=True)
        self._position = await self._materializer.position()
        for pending in await self._index.pending_facts(self._topic, self._partition):
            self._publish(pending.last, pending.facts)
            self._kept |= zip(range(pending.first, pending.last + 1), pending.receipts, strict=False)
        return min((*self._kept, self._position))

    async def handle(self, records: Sequence[Record]) -> None:
        """Apply the events; answer those that were applied already."""
        applied_before = [record for record in records if record.offset < self._position]
        if applied_before:
            self._answer(
                (record.reply_to, self._kept.pop(record.offset))
                for record in applied_before
                if record.reply_to and record.offset in self._kept
            )
            records = records[len(applied_before) :]
        if records:
            await self._apply(records)

    async def close(self) -> None:
        """Give the partition up. Facts on their way go on; what does not arrive is the successor's."""
        if self._index is not None:
            with suppress(StrandlineError):  # who opens it next begins with what is durable
                await self._forget_published()
            await self._index.close()
            self._index = None

    async def _apply(self, records: Sequence[Record]) -> None:
        first, count = records[0].offset, len(records)
        if first != self._position or records[-1].offset != first + count - 1:
            raise LogCorrupt(
                f"the log {self._topic}/{self._partition} goes on with offset {first} up to "
                f"{records[-1].offset} in {count} events, and offset {self._position} comes next"
            )
        await self._wait_for_facts()
        await self._forget_published()
        times = [record.time for record in records]
        applied = await self._materializer.apply(first, times, [record.payload for record in records])
        self._position = first + count
        self._publish(first + count - 1, applied.facts)
        self._answer(
            (record.reply_to, receipt)
            for record, receipt in zip(records, applied.kept, strict=True)
            if record.reply_to
        )

    def _publish(self, last: int, facts: Sequence[bytes]) -> None:
        """Send a batch's facts off; but none after facts that did not arrive, for consumers pass over what
        comes behind a later one. They are all published again once the partition is opened anew."""
        if self._failed is not None:
            raise self._failed
        arrived = self._facts.publish(self._topic, self._partition, facts)
        arrived.add_done_callback(self._note)
        self._sent.append(_Sent(last, arrived))

    def _note(self, arrived: "asyncio.Future[None]") -> None:
        if not arrived.cancelled() and (error := arrived.exception()) is not None:
            self._failed = self._failed or error

    async def _wait_for_facts(self) -> None:
        """Where too many facts are on their way, wait for the oldest."""
        if len(self._sent) > FACTS_BATCHES:
            await asyncio.wait([self._sent[0].arrived], timeout=FACTS_SECONDS)
            if not self._sent[0].arrived.done():
                raise ServiceUnavailable("facts do not reach the facts log")

    async def _forget_published(self) -> None:
        """Let the index forget facts that have arrived."""
        assert self._index is not None
        through = None
        while self._sent and self._sent[0].arrived.done():
            self._sent[0].arrived.result()
            through = self._sent.popleft().last
        if through is not None:
            await self._index.trim_facts(self._topic, self._partition, through)
