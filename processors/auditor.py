"""The auditor: one chained JSON record per request and per fact.

It reads the topics `audit` (requests) and `facts`; its place in each partition of them is kept in the trail's
head, so a crash neither loses a record nor writes one twice. Facts published twice are told by their source
seq.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from bus.contract import Record
from processors.audit_lines import fact_line, lost_line, request_line
from processors.audit_trail import AuditTrail, AuditUnwritable
from processors.request_log import decode_batch
from schemas.errors import ServiceUnavailable
from schemas.events import FACTS
from schemas.facts import decode_fact
from schemas.seq import decode_seq

AUDITOR = "auditor"


class Run(NamedTuple):
    """Records of one partition of `audit` or `facts`, at least one."""

    topic: str
    partition: int
    records: Sequence[Record]


class Auditor:
    """Turns records of the two topics into lines of the trail. `region` is the store's."""

    def __init__(self, trail: AuditTrail, region: str = "us-east-1") -> None:
        self._trail = trail
        self._region = region

    def position(self, topic: str, partition: int = 0) -> int:
        """The offset to read that partition of the topic from."""
        return self._trail.head.sources.get(_source(topic, partition), 0)

    def write(self, runs: Sequence[Run]) -> None:
        """Write the lines of runs of records, and make them durable at once. Raises StorageFull,
        AuditUnwritable."""
        sources = dict(self._trail.head.sources)
        lines: list[dict[str, Any]] = []
        for topic, partition, records in runs:
            if topic == FACTS:
                _add_facts(lines, records, sources)
            else:
                self._add_requests(lines, records)
            sources[_source(topic, partition)] = records[-1].offset + 1
        self._trail.append(lines, sources)

    def _add_requests(self, lines: list[dict[str, Any]], records: Sequence[Record]) -> None:
        for record in records:
            batch = decode_batch(record.payload)
            if batch.lost:
                lines.append(lost_line(record.time, batch.lost))
            lines += [request_line(request, self._region) for request in batch.records]

    def drop_before(self, milliseconds: int) -> int:
        """Remove whole files of the trail last written before that moment; returns how many."""
        return self._trail.drop_before(milliseconds)

    def close(self) -> None:
        self._trail.close()


class SharedAuditor:
    """The auditor for all partitions of a worker: what comes while it writes is written together after that,
    for each write is several syncs."""

    def __init__(self, auditor: Auditor) -> None:
        self._auditor = auditor
        self._waiting: list[tuple[Run, asyncio.Future[None]]] = []
        self._writing = asyncio.Lock()

    def position(self, topic: str, partition: int) -> int:
        """The offset to read that partition of the topic from."""
        return self._auditor.position(topic, partition)

    async def write(self, run: Run) -> None:
        """Returns once the lines of the run are durable. Raises StorageFull, ServiceUnavailable."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((run, written))
        async with self._writing:
            if not written.done():
                await self._write_waiting()
        await written

    async def drop_before(self, milliseconds: int) -> None:
        """See `Auditor.drop_before`."""
        async with self._writing:
            await asyncio.to_thread(self._auditor.drop_before, milliseconds)

    async def _write_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        failure: Exception | None = None
        try:
            await asyncio.to_thread(self._auditor.write, [run for run, _ in waiting])
        except AuditUnwritable as error:
            failure = ServiceUnavailable(error.message)
        except Exception as error:
            failure = error
        for _, written in waiting:
            if written.done():  # nobody waits any more
                continue
            if failure is None:
                written.set_result(None)
            else:
                written.set_exception(failure)


class AuditorPartition:
    """`processors.runner.PartitionProcessor`: feeds one partition of `audit` or `facts` to the auditor."""

    def __init__(self, auditor: SharedAuditor, topic: str, partition: int) -> None:
        self._auditor = auditor
        self._partition = partition
        self._topic = topic

    async def open(self) -> int:
        return self._auditor.position(self._topic, self._partition)

    async def handle(self, records: Sequence[Record]) -> None:
        await self._auditor.write(Run(self._topic, self._partition, records))

    async def close(self) -> None:
        """Nothing is held between two runs."""


def _add_facts(lines: list[dict[str, Any]], records: Sequence[Record], seen: dict[str, int]) -> None:
    """Add the lines of facts that were not published before, and note them as seen."""
    for record in records:
        fact = decode_fact(record.payload)
        generation, decided_in, offset = decode_seq(fact.seq)
        source = f"seq/{generation}/{decided_in}"
        if offset < seen.get(source, 0):
            continue
        seen[source] = offset + 1
        lines.append(fact_line(fact))


def _source(topic: str, partition: int) -> str:
    """The name of a partition in the trail's head."""
    return f"{topic}/{partition}" if partition else topic
