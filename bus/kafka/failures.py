"""What librdkafka says went wrong, as errors of ours: above all, whether a record may be in the log."""

import time
from collections.abc import Callable
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException

from schemas.errors import LogError, LogUnavailable, ServiceUnavailable, SubmitTimeout

T = TypeVar("T")

RETRY_SECONDS = 0.2

# Why a record can never have been taken, at whichever attempt: by what it is, or where it was to go. (Before
# any other failure, an earlier attempt whose answer was lost may have been appended: before a timeout, before
# it was refused for want of rights or copies, before a client was given up that had it queued to be sent
# again. confluent-kafka does not tell the message's status.)
NOT_APPENDED = frozenset(
    {
        KafkaError._QUEUE_FULL,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError.INVALID_RECORD,
        KafkaError.INVALID_REQUIRED_ACKS,
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.TOPIC_EXCEPTION,
    }
)


def delivery_failure(error: KafkaError) -> LogError:
    """LogUnavailable where the record is certainly not in the log, else SubmitTimeout."""
    if error.code() in NOT_APPENDED:
        return LogUnavailable(f"Kafka did not take the record: {error.str()}")
    return SubmitTimeout(f"Kafka may or may not have the record: {error.str()}")


def ask(question: Callable[[], T], seconds: float) -> T:
    """What the brokers answer; asked again, for that long at most, while they elect leaders or are away.

    Blocks. Raises ServiceUnavailable."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return question()
        except KafkaException as error:
            if time.monotonic() > deadline:
                raise ServiceUnavailable(f"Kafka does not answer: {error.args[0].str()}") from error
        time.sleep(RETRY_SECONDS)
