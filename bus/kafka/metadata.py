"""Which topics of a store the brokers know, and how many partitions each has."""

import random
import time
from collections.abc import Collection

from confluent_kafka.admin import AdminClient

from bus.kafka.connection import KafkaConnection
from bus.kafka.failures import ask
from schemas.errors import ConfigurationError

METADATA_SECONDS = 20.0
ANSWER_SECONDS = 5.0
LOOK_SECONDS = 0.2
# Whichever broker is asked answers from what it has heard itself: one that has just started, or is behind,
# denies topics that another made a moment ago.
BEHIND_SECONDS = 5.0


def partition_counts(client: AdminClient, connection: KafkaConnection) -> dict[str, int]:
    """Partitions of the topics that one broker knows, by our names. Blocks. Raises ServiceUnavailable."""
    topics = ask(lambda: client.list_topics(timeout=ANSWER_SECONDS), METADATA_SECONDS).topics
    length = len(connection.prefix)
    return {
        name[length:]: len(topic.partitions)
        for name, topic in topics.items()
        if name.startswith(connection.prefix)
    }


def require_topics(connection: KafkaConnection, topics: Collection[str]) -> dict[str, int]:
    """Partitions of each of `topics`. A topic is missing once it was denied for BEHIND_SECONDS.

    Blocks. Raises ConfigurationError naming what is missing, ServiceUnavailable when no broker answers."""
    client = AdminClient(connection.settings())
    deadline = time.monotonic() + BEHIND_SECONDS
    while True:
        present = partition_counts(client, connection)
        missing = [connection.name(topic) for topic in topics if topic not in present]
        if not missing:
            return {topic: present[topic] for topic in topics}
        if time.monotonic() > deadline:
            raise ConfigurationError(
                f"Kafka has no topic {', '.join(missing)}: run `strandline topics create` once"
            )
        time.sleep(LOOK_SECONDS * random.uniform(0.5, 1.5))
