"""Clients at work on the log while something happens to the rest of the cluster."""

import asyncio
from typing import Any

from bus.kafka import KafkaSubmitter
from schemas.errors import LogError
from tests.cluster.kafka_store import submit, until
from tests.unit.applying import delete, put


class Writers:
    """Clients that write all the time, each its own keys; they count what was acknowledged."""

    def __init__(self, gateway: KafkaSubmitter, count: int) -> None:
        self._gateway = gateway
        self.acknowledged: dict[str, int] = {}  # key to the seq of its last acknowledged event
        self.unknown = 0
        self._stopping = False
        self._tasks = [asyncio.create_task(self._write(number)) for number in range(count)]

    async def _write(self, writer: int) -> None:
        number = 0
        while not self._stopping:
            number += 1
            key = f"{writer}-{number % 7}"
            event: Any = put(key, number) if number % 5 else delete(key)
            try:
                receipt = await submit(self._gateway, event)
            except LogError:
                self.unknown += 1
                await asyncio.sleep(0.01)
            else:
                assert not receipt.refusal
                self.acknowledged[key] = receipt.seq

    async def more(self, count: int) -> None:
        """Wait until so many further keys were acknowledged."""
        before = self.acknowledged.copy()
        await until(lambda: sum(before.get(key) != seq for key, seq in self.acknowledged.items()) >= count)

    async def stop(self) -> None:
        self._stopping = True
        await asyncio.gather(*self._tasks)
