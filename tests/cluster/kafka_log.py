"""A partition on Kafka as the contract of the log wants it: our reader, and a plain producer beside it."""

from collections.abc import Callable, Sequence

from confluent_kafka import KafkaError, Message, Producer

from bus.kafka import KafkaConnection, KafkaLogReader, TopicPlan, create_topics
from schemas.events import OBJECT_VERSIONS
from tests.cluster.services import Kafka

FLUSH_SECONDS = 30.0
ONE_OF_EACH = TopicPlan(1, 1, 1, 1, replication_factor=1, min_insync_replicas=1)


class WrittenLog(KafkaLogReader):
    """A reader that can append, too: in the product the writers are many, and elsewhere."""

    def __init__(self, connection: KafkaConnection) -> None:
        super().__init__(connection, OBJECT_VERSIONS, 0)
        self._topic = connection.name(OBJECT_VERSIONS)
        self._producer = Producer(connection.settings(enable_idempotence=True, linger_ms=0))

    def append(self, payloads: Sequence[bytes], *, sync: bool = True) -> tuple[int, int]:
        """As `bus.contract.PartitionLog`; every record is durable at once."""
        places: list[tuple[int, int]] = []

        def delivered(error: KafkaError | None, message: Message) -> None:
            assert error is None, error
            places.append((message.offset() or 0, message.timestamp()[1]))

        for payload in payloads:
            self._producer.produce(self._topic, payload, partition=0, on_delivery=delivered)
        assert self._producer.flush(FLUSH_SECONDS) == 0
        return places[0]


def log_on_kafka(kafka: Kafka) -> Callable[[], WrittenLog]:
    """Opens, as often as it is called, the same partition of a store of its own."""
    connection = KafkaConnection(kafka.bootstrap_servers, kafka.topic_prefix())
    create_topics(connection, ONE_OF_EACH)
    return lambda: WrittenLog(connection)
