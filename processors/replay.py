"""Replay: apply a log to an index that is nobody's live one (rebuild, verification, snapshots)."""

import asyncio
from typing import Protocol

from bus.contract import Record
from index.contract import IndexWriter
from processors.materializer import Materializer
from schemas.errors import OffsetOutOfRange

BATCH = 1024


class LogSource(Protocol):
    """The reading side of a partition's log."""

    @property
    def start_offset(self) -> int: ...

    @property
    def end_offset(self) -> int: ...

    def read(self, offset: int, limit: int = ...) -> list[Record]: ...


async def replay(
    index: IndexWriter,
    topic: str,
    partition: int,
    log: LogSource,
    until: int | None = None,
    published: int | None = None,
) -> int:
    """Apply events from the index's position up to `until` (None: the log's end as it is now).

    Facts are decided again. Those of events below `published` (None: all of them) are dropped, since they
    are in the facts log; the others stay pending in the index, to be published by whoever opens it.
    Returns how many events were applied. Raises OffsetOutOfRange when the log no longer holds them. The log
    is read on another thread, which after a cancellation may read still.
    """
    materializer = Materializer(index, topic, partition)
    position = start = await materializer.position()
    begin, end = await asyncio.to_thread(_bounds, log, until)
    if position < begin:
        raise OffsetOutOfRange(
            f"the log {topic}/{partition} begins at offset {begin}, and the index ends at "
            f"{position}: the events in between are only in a snapshot"
        )
    await index.trim_facts(topic, partition, _below(position, published))
    while position < end:
        records = (await asyncio.to_thread(log.read, position, min(BATCH, end - position)))[: end - position]
        if not records:
            raise OffsetOutOfRange(
                f"the log {topic}/{partition} ends at offset {position}, but events up to {end} were applied"
            )
        await materializer.apply(position, [r.time for r in records], [r.payload for r in records])
        position += len(records)
        await index.trim_facts(topic, partition, _below(position, published))
    return position - start


def _bounds(log: LogSource, until: int | None) -> tuple[int, int]:
    """Where the log begins, and how far it is to be read."""
    return log.start_offset, log.end_offset if until is None else until


def _below(position: int, published: int | None) -> int:
    """Through which offset pending facts may be dropped."""
    return (position if published is None else min(position, published)) - 1
