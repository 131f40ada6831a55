"""The auditor: one chained JSON record per request and per fact.

It reads the topics `audit` (requests) and `facts`; its place in each partition of them is kept in the trail's
head, so a crash neither loses a record nor writes one twice. Facts published twice are told by their source
seq.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from bus.contract import Record
from processors.audit_lines import fact_line, lost_line, request_line
from processors.audit_trail import AuditTrail, AuditUnwritable
from processors.request_log import decode_batch
from schemas.errors import ServiceUnavailable
from schemas.events import AUDIT, FACTS
from schemas.facts import decode_fact
from schemas.seq import decode_seq


class Auditor:
    """Turns records of the two topics into lines of the trail. `region` is the store's."""

    def __init__(self, trail: AuditTrail, region: str = "us-east-1") -> None:
        self._trail = trail
        self._region = region

    def position(self, topic: str, partition: int = 0) -> int:
        """The offset to read that partition of the topic from."""
        return self._trail.head.sources.get(_source(topic, partition), 0)

    def requests(self, records: Sequence[Record], partition: int = 0) -> None:
        """Write the lines of a run of the topic `audit`."""
        lines: list[dict[str, Any]] = []
        for record in records:
            batch = decode_batch(record.payload)
            if batch.lost:
                lines.append(lost_line(record.time, batch.lost))
            lines += [request_line(request, self._region) for request in batch.records]
        self._trail.append(lines, {_source(AUDIT, partition): records[-1].offset + 1})

    def facts(self, records: Sequence[Record], partition: int = 0) -> None:
        """Write the lines of a run of the topic `facts`, leaving out those published before."""
        seen = dict(self._trail.head.sources)
        lines: list[dict[str, Any]] = []
        for record in records:
            fact = decode_fact(record.payload)
            generation, decided_in, offset = decode_seq(fact.seq)
            source = f"seq/{generation}/{decided_in}"
            if offset < seen.get(source, 0):
                continue
            seen[source] = offset + 1
            lines.append(fact_line(fact))
        seen[_source(FACTS, partition)] = records[-1].offset + 1
        self._trail.append(lines, seen)

    def drop_before(self, milliseconds: int) -> int:
        """Remove whole files of the trail last written before that moment; returns how many."""
        return self._trail.drop_before(milliseconds)

    def close(self) -> None:
        self._trail.close()


class AuditorPartition:
    """`processors.runner.PartitionProcessor`: feeds one partition of `audit` or `facts` to the auditor, which
    writes for all partitions of a worker, one run at a time."""

    def __init__(self, auditor: Auditor, writing: asyncio.Lock, topic: str, partition: int) -> None:
        self._auditor = auditor
        self._writing = writing
        self._partition = partition
        self._topic = topic

    async def open(self) -> int:
        return self._auditor.position(self._topic, self._partition)

    async def handle(self, records: Sequence[Record]) -> None:
        write = self._auditor.facts if self._topic == FACTS else self._auditor.requests
        async with self._writing:
            try:
                await asyncio.to_thread(write, records, self._partition)
            except AuditUnwritable as error:
                raise ServiceUnavailable(error.message) from error

    async def close(self) -> None:
        """Nothing is held between two runs."""


def _source(topic: str, partition: int) -> str:
    """The name of a partition in the trail's head."""
    return f"{topic}/{partition}" if partition else topic
