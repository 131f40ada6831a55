"""The topics of a store: how many partitions each has, and how it is kept. Made once, checked at starts."""

import time
from dataclasses import dataclass
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from bus.kafka.connection import KafkaConnection
from bus.kafka.failures import ask
from bus.kafka.metadata import ANSWER_SECONDS, partition_counts, require_topics
from schemas.errors import ConfigurationError, ServiceUnavailable
from schemas.events import AUDIT, DEAD_LETTERS, FACTS, OBJECT_VERSIONS, POLICIES, RECEIPTS

ADMIN_SECONDS = 20.0
LOOK_SECONDS = 0.05
DAY_MILLISECONDS = 24 * 3600 * 1000
MIB = 1024 * 1024

FOR_EVER = "-1"
FACT_DAYS = 30  # how long a consumer of facts may lag before it has to start from the index
RECEIPT_MILLISECONDS = 10 * 60 * 1000

# Commit time is the broker's append time, not the clock of whoever produced the record.
_APPEND_TIME = {"message.timestamp.type": "LogAppendTime"}
# An event stays under 256 KiB; a fact can name the manifests of two.
_SOURCE = {**_APPEND_TIME, "cleanup.policy": "delete", "retention.ms": FOR_EVER, "retention.bytes": FOR_EVER}
_KEPT = {**_APPEND_TIME, "cleanup.policy": "delete", "retention.ms": str(FACT_DAYS * DAY_MILLISECONDS)}


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """Partition counts, and copies of every partition. Counts are fixed once a topic is made."""

    object_partitions: int = 12
    policy_partitions: int = 4
    receipt_partitions: int = 32
    audit_partitions: int = 4
    replication_factor: int = 3
    min_insync_replicas: int = 2

    def partitions(self) -> dict[str, int]:
        """By topic. The facts of a source partition stay in its order, so facts have as many partitions as
        all sources together."""
        return {
            OBJECT_VERSIONS: self.object_partitions,
            POLICIES: self.policy_partitions,
            FACTS: self.object_partitions + self.policy_partitions,
            AUDIT: self.audit_partitions,
            RECEIPTS: self.receipt_partitions,
            DEAD_LETTERS: 1,
        }

    def configuration(self, topic: str) -> dict[str, str]:
        """What is set on a topic, apart from its partitions and copies."""
        return {**_CONFIGURATION[topic], "min.insync.replicas": str(self.min_insync_replicas)}


_CONFIGURATION: dict[str, dict[str, str]] = {
    OBJECT_VERSIONS: _SOURCE,
    POLICIES: _SOURCE,
    FACTS: {**_KEPT, "max.message.bytes": str(2 * MIB)},
    AUDIT: {**_KEPT, "max.message.bytes": str(8 * MIB)},
    RECEIPTS: {
        **_APPEND_TIME,
        "cleanup.policy": "delete",
        "retention.ms": str(RECEIPT_MILLISECONDS),
        "segment.bytes": str(64 * MIB),
        "segment.ms": str(RECEIPT_MILLISECONDS),
    },
    DEAD_LETTERS: _KEPT,
}


def facts_partition(object_partitions: int, topic: str, partition: int) -> int:
    """Where the facts of a source partition go: those of object-versions first, then those of policies."""
    return partition if topic == OBJECT_VERSIONS else object_partitions + partition


def create_topics(connection: KafkaConnection, plan: TopicPlan) -> list[str]:
    """Make the topics that are not there; returns their names. Those that are there must fit the plan.

    Raises ConfigurationError as `check_topics` does, ServiceUnavailable when no broker answers."""
    client = AdminClient(connection.settings())
    present = partition_counts(client, connection)
    missing = [topic for topic in plan.partitions() if topic not in present]
    wanted = [
        NewTopic(
            connection.name(topic),
            num_partitions=plan.partitions()[topic],
            replication_factor=plan.replication_factor,
            config=plan.configuration(topic),
        )
        for topic in missing
    ]
    if wanted:
        for created in client.create_topics(wanted, operation_timeout=ADMIN_SECONDS).values():
            try:
                created.result(ADMIN_SECONDS)
            except KafkaException as error:
                # Somebody else is creating them too; the check says whether they are the same.
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise ConfigurationError(f"topics cannot be created: {error.args[0].str()}") from error
    _wait_for(client, connection, missing)
    check_topics(connection, plan)
    return [connection.name(topic) for topic in missing]


def _wait_for(client: AdminClient, connection: KafkaConnection, topics: list[str]) -> None:
    """Until the brokers know of new topics and of a leader for each of their partitions."""
    deadline = time.monotonic() + ADMIN_SECONDS
    names = {connection.name(topic) for topic in topics}
    while time.monotonic() < deadline:
        found = ask(lambda: client.list_topics(timeout=ANSWER_SECONDS), ADMIN_SECONDS).topics
        places = [place for name in names & found.keys() for place in found[name].partitions.values()]
        if names <= found.keys() and all(place.leader >= 0 for place in places):
            return
        time.sleep(LOOK_SECONDS)
    raise ServiceUnavailable("Kafka made the topics, and does not find leaders for them")


def check_topics(connection: KafkaConnection, plan: TopicPlan) -> None:
    """Raise ConfigurationError unless every topic is there with the plan's partitions and settings, and
    ServiceUnavailable when no broker answers."""
    present = require_topics(connection, plan.partitions())
    for topic, count in plan.partitions().items():
        if present[topic] != count:
            raise ConfigurationError(
                f"the topic {connection.name(topic)} has {present[topic]} partitions and {count} are "
                f"configured: the number is fixed once a topic is made"
            )
    _check_configurations(connection, plan)


def _check_configurations(connection: KafkaConnection, plan: TopicPlan) -> None:
    client = AdminClient(connection.settings())
    resources = {
        ConfigResource(ResourceType.TOPIC, connection.name(topic)): topic for topic in plan.partitions()
    }
    # Any broker may be asked, and one that has not heard of a new topic yet knows nothing of it.
    described = ask(partial(_described, client, list(resources)), ADMIN_SECONDS)
    for resource, found in described.items():
        for name, value in plan.configuration(resources[resource]).items():
            if found[name].value != value:
                raise ConfigurationError(
                    f"the topic {resource.name} has {name}={found[name].value}, and must have {value}"
                )


def _described(client: AdminClient, resources: list[ConfigResource]) -> dict[ConfigResource, Any]:
    answers = client.describe_configs(resources, request_timeout=ADMIN_SECONDS)
    return {resource: answer.result(ADMIN_SECONDS) for resource, answer in answers.items()}
