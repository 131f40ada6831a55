"""A store's topics on Kafka for one test, gateways and workers on it, and what its logs say in the end."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bus.contract import Record, follow
from bus.kafka import KafkaConnection, KafkaLogReader, KafkaSubmitter, create_topics
from index.cassandra.client import Connection
from index.sqlite.digest import digest_index
from index.sqlite.reader import SqliteReader
from index.sqlite.writer import SqliteWriter
from processors.replay import replay
from schemas.events import FACTS, OBJECT_VERSIONS, POLICIES, Event, encode_event
from schemas.facts import Fact, decode_fact
from schemas.partitioning import partition_of
from schemas.receipts import Receipt
from schemas.seq import decode_seq
from tests.cluster.kafka_worker import PLAN, Worker, index_path, sqlite_files
from tests.cluster.services import Kafka

WAIT_SECONDS = 60.0
SOURCES = [(OBJECT_VERSIONS, p) for p in range(PLAN.object_partitions)] + [
    (POLICIES, p) for p in range(PLAN.policy_partitions)
]


class Store:
    """Topics of its own, or those of another process, and a folder for index files."""

    def __init__(self, kafka: Kafka, folder: Path, prefix: str | None = None) -> None:
        self.connection = KafkaConnection(kafka.bootstrap_servers, prefix or kafka.topic_prefix())
        self.folder = folder
        create_topics(self.connection, PLAN)

    async def gateway(self, **settings: Any) -> KafkaSubmitter:
        submitter = KafkaSubmitter(self.connection, **settings)
        await submitter.start()
        return submitter

    def worker(self, **settings: Any) -> Worker:
        return Worker(self.connection, sqlite_files(self.folder), **settings)

    def worker_process(self, cassandra: Connection | None = None, **group: Any) -> "subprocess.Popen[bytes]":
        arguments = {
            "servers": self.connection.bootstrap_servers,
            "prefix": self.connection.prefix,
            "folder": str(self.folder),
            "cassandra": None if cassandra is None else asdict(cassandra),
            "group": group,
        }
        command = [sys.executable, "-m", "tests.cluster.kafka_worker", json.dumps(arguments)]
        with (self.folder / "workers.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)

    def records(self, topic: str, partition: int) -> list[Record]:
        log = KafkaLogReader(self.connection, topic, partition)
        try:
            return list(follow(log, log.start_offset))
        finally:
            log.close()

    def facts(self, topic: str, partition: int) -> list[Fact]:
        """The facts of a source partition as a consumer sees them: in order, and each only the first time."""
        place = partition if topic == OBJECT_VERSIONS else PLAN.object_partitions + partition
        facts: list[Fact] = []
        for record in self.records(FACTS, place):
            fact = decode_fact(record.payload)
            if not facts or fact.seq > facts[-1].seq:
                facts.append(fact)
        return facts

    async def applied(self, topic: str, partition: int) -> int:
        path = index_path(self.folder, topic, partition)
        if not path.exists():
            return 0
        reader = SqliteReader(path)
        try:
            return await reader.applied(topic, partition)
        finally:
            reader.close()

    async def check_against_replay(self) -> None:
        """Index files and facts of every partition are what a single replay of its log makes."""
        for topic, partition in SOURCES:
            events = self.records(topic, partition)
            self.check_facts(topic, partition, len(events))
            assert await self.applied(topic, partition) == len(events)
            fresh = self.folder / f"replayed-{topic}-{partition}.sqlite"
            writer = SqliteWriter(fresh)
            log = KafkaLogReader(self.connection, topic, partition)
            assert await replay(writer, topic, partition, log) == len(events)
            log.close()
            await writer.close()
            if events:
                assert digest_index(index_path(self.folder, topic, partition)) == digest_index(fresh)

    def check_facts(self, topic: str, partition: int, events: int) -> None:
        """Every event of the partition has its fact, in order."""
        offsets = [decode_seq(fact.seq)[2] for fact in self.facts(topic, partition)]
        assert offsets == list(range(events))


async def submit(gateway: KafkaSubmitter, event: Any) -> Receipt:
    """Submit an event about a key."""
    partition = partition_of(event.bucket_id, event.key, gateway.partitions(OBJECT_VERSIONS))
    return await gateway.submit(OBJECT_VERSIONS, partition, encode_event(event))


async def everywhere(gateway: KafkaSubmitter, event: Event) -> None:
    """Submit an event to every object partition."""
    payload = encode_event(event)
    partitions = range(gateway.partitions(OBJECT_VERSIONS))
    await asyncio.gather(*(gateway.submit(OBJECT_VERSIONS, p, payload) for p in partitions))


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = WAIT_SECONDS) -> None:
    """Wait for something to become true; fails after so many seconds."""
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.01)
