"""The facts log on Kafka: for every source partition a partition of `facts`, in the same order."""

import asyncio
from collections.abc import Sequence

from bus.kafka.connection import KafkaConnection
from bus.kafka.producer import KafkaProducer
from bus.kafka.topics import facts_partition
from schemas.events import FACTS


class KafkaFacts:
    """Publishes facts. They are never given up, so that none is missing in front of a later one: who wants
    to wait no longer publishes them all again, and consumers pass over those they have seen."""

    def __init__(self, connection: KafkaConnection, object_partitions: int) -> None:
        self._producer = KafkaProducer(connection, seconds=None)
        self._topic = connection.name(FACTS)
        self._object_partitions = object_partitions

    def publish(self, topic: str, partition: int, facts: Sequence[bytes]) -> "asyncio.Future[None]":
        """Append the facts of a batch of that source partition; done once they are durable.

        Raises LogUnavailable when they cannot be taken; some of them may have been."""
        place = facts_partition(self._object_partitions, topic, partition)
        return self._producer.send_all(self._topic, place, facts)

    async def close(self) -> None:
        await self._producer.close()
