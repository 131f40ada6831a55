"""The collector as a processor of one partition of the facts log."""

import asyncio
from collections.abc import Sequence

from bus.contract import Record
from bus.positions import Positions
from processors.collector import Collector
from schemas.events import FACTS

COLLECTOR = "collector"
LOOK_SECONDS = 1.0


class CollectorPartition:
    """`processors.runner.PartitionProcessor`. Its place is in `positions`, a folder of the one process that
    collects; from a lost folder everything is collected again, which is harmless.

    stopping  set when the process is to end: facts that are too young are then left for the next one
    """

    def __init__(
        self, collector: Collector, positions: Positions, stopping: asyncio.Event, partition: int
    ) -> None:
        self._collector, self._positions = collector, positions
        self._stopping, self._partition = stopping, partition

    async def open(self) -> int:
        return self._positions.get(COLLECTOR, FACTS, self._partition)

    async def handle(self, records: Sequence[Record]) -> None:
        """Free what these facts name, each once it is old enough. When the process is to end, younger ones
        are left: the place in `positions` says so, and counts more than the group's."""
        while records and not self._stopping.is_set():
            done = await self._collector.collect(records)
            if done is not None:
                await asyncio.to_thread(self._positions.commit, COLLECTOR, FACTS, self._partition, done)
                records = [record for record in records if record.offset >= done]
            if records:
                # Not as soon as the next one is old enough: under constant load that is at once, again and
                # again, and each time the place is synced.
                await asyncio.sleep(LOOK_SECONDS)

    async def close(self) -> None:
        """Nothing is held between two runs."""
