"""A worker on Kafka with SQLite files for an index: what the runner is tested with, alone or as a process.

`python -m tests.cluster.kafka_worker JSON` runs one until SIGTERM. Each partition has a file of its own, so
that a partition can move from process to process.
"""

import asyncio
import json
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bus.kafka import KafkaConnection, KafkaFacts, KafkaGroup, ReceiptSender, TopicPlan
from index.contract import IndexWriter
from index.sqlite.writer import SqliteWriter
from processors.materializing import MaterializerPartition
from processors.runner import Runner
from schemas.events import OBJECT_VERSIONS, POLICIES

PLAN = TopicPlan(4, 2, 8, 1, replication_factor=1, min_insync_replicas=1)
GROUP = "materializer"


def index_path(folder: Path, topic: str, partition: int) -> Path:
    return folder / f"{topic}-{partition}.sqlite"


class Worker:
    """A member of the group of materializers. `wrap` may put something around each index writer."""

    def __init__(
        self,
        connection: KafkaConnection,
        folder: Path,
        *,
        wrap: Callable[[SqliteWriter], IndexWriter] = lambda writer: writer,
        **group: Any,
    ) -> None:
        self._folder, self._wrap = folder, wrap
        self.facts = KafkaFacts(connection, PLAN.object_partitions)
        self.receipts = ReceiptSender(connection)
        self.runner = Runner(
            lambda topic, partition: MaterializerPartition(
                topic, partition, self._open, self.facts, self.receipts.answer
            )
        )
        self.group = KafkaGroup(connection, GROUP, [OBJECT_VERSIONS, POLICIES], **group)

    def start(self) -> None:
        self.group.start(self.runner.serve)

    async def close(self) -> None:
        await self.group.close()
        await self.facts.close()
        await self.receipts.close()

    async def _open(self, topic: str, partition: int) -> IndexWriter:
        return self._wrap(SqliteWriter(index_path(self._folder, topic, partition)))


async def main(servers: str, prefix: str, folder: str, group: dict[str, Any]) -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    worker = Worker(KafkaConnection(servers, prefix), Path(folder), **group)
    worker.start()
    await stopping.wait()
    await worker.close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(main(**json.loads(sys.argv[1])))
