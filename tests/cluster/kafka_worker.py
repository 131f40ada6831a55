"""A worker on Kafka, in the process of a test or in one of its own; its index is Cassandra, or SQLite files.

`python -m tests.cluster.kafka_worker JSON` runs one until SIGTERM. In SQLite each partition has a file of its
own, so that a partition can move from process to process.
"""

import asyncio
import json
import logging
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from bus.kafka import KafkaConnection, KafkaFacts, KafkaGroup, ReceiptSender, TopicPlan
from index.cassandra.client import Connection
from index.cassandra.index import CassandraIndex
from index.contract import IndexWriter, OpenWriter
from index.sqlite.writer import SqliteWriter
from processors.materializing import MaterializerPartition
from processors.runner import Runner
from schemas.events import OBJECT_VERSIONS, POLICIES

PLAN = TopicPlan(4, 2, 8, 1, replication_factor=1, min_insync_replicas=1)
GROUP = "materializer"


def index_path(folder: Path, topic: str, partition: int) -> Path:
    return folder / f"{topic}-{partition}.sqlite"


class Worker:
    """A member of the group of materializers."""

    def __init__(
        self,
        connection: KafkaConnection,
        open_writer: OpenWriter,
        lost: Callable[[], bool] = lambda: False,
        **group: Any,
    ) -> None:
        """`lost`: whether the next receipt gets lost on its way."""
        self.facts = KafkaFacts(connection, PLAN.object_partitions)
        self.receipts = ReceiptSender(connection)

        def answer(receipts: Iterable[tuple[bytes, bytes]]) -> None:
            self.receipts.answer(one for one in receipts if not lost())

        self.runner = Runner(
            lambda topic, partition: MaterializerPartition(topic, partition, open_writer, self.facts, answer)
        )
        self.group = KafkaGroup(connection, GROUP, [OBJECT_VERSIONS, POLICIES], **group)

    def start(self) -> None:
        self.group.start(self.runner.serve)

    async def close(self) -> None:
        await self.group.close()
        await self.facts.close()
        await self.receipts.close()


def sqlite_files(folder: Path) -> OpenWriter:
    async def open_writer(topic: str, partition: int) -> IndexWriter:
        return SqliteWriter(index_path(folder, topic, partition))

    return open_writer


async def main(
    servers: str, prefix: str, folder: str, cassandra: dict[str, Any] | None, group: dict[str, Any]
) -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    async with AsyncExitStack() as stack:
        open_writer = sqlite_files(Path(folder))
        if cassandra is not None:
            index = await CassandraIndex.open(Connection(**cassandra))
            stack.push_async_callback(index.close)
            open_writer = index.open_writer
        worker = Worker(KafkaConnection(servers, prefix), open_writer, **group)
        worker.start()
        stack.push_async_callback(worker.close)
        await stopping.wait()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(main(**json.loads(sys.argv[1])))
