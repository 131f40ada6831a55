"""The records of a gateway's requests, on their way to the topic `audit`."""

import logging
from itertools import cycle

from bus.kafka import KafkaConnection, KafkaProducer, TopicPlan
from schemas.errors import LogError
from schemas.events import AUDIT

log = logging.getLogger(__name__)


class AuditTopic:
    """Publishes batches of request records, partition after partition. They are never given up: while Kafka
    is away they wait in the producer's queue, then in the `RequestLog` in front of it."""

    def __init__(self, connection: KafkaConnection, plan: TopicPlan) -> None:
        self._producer = KafkaProducer(connection, seconds=None)
        self._topic = connection.name(AUDIT)
        self._partitions = cycle(range(plan.audit_partitions))

    def publish(self, payload: bytes) -> None:
        """Append one batch. Raises LogUnavailable when it cannot be taken now."""
        self._producer.send(self._topic, next(self._partitions), payload, _lost, b"")

    async def close(self) -> None:
        """Deliver what was taken, as far as that goes."""
        await self._producer.close()


def _lost(error: LogError) -> None:
    log.error("a batch of audit records is lost: %s", error.message)
