"""The log on Apache Kafka, through confluent-kafka. Imports `bus.contract`, `schemas`.

connection   brokers, login, names            topics      what there must be, made and checked
metadata     which of them the brokers know
producer     records out, in order            reader      a partition from any offset
submitter    the port Submitter               group       a member of a consumer group
feed         one of its partitions
receipts     what a receipt looks like on its way, and the worker's side of it
inbox        the gateway's side               lease       which partition of receipts is a gateway's own
facts        where facts are published        failures    whether a record may be in the log
"""

from bus.kafka.connection import KafkaConnection, Login, Tls
from bus.kafka.facts import KafkaFacts
from bus.kafka.group import KafkaGroup
from bus.kafka.producer import KafkaProducer
from bus.kafka.reader import KafkaLogReader
from bus.kafka.receipts import ReceiptSender
from bus.kafka.submitter import KafkaSubmitter
from bus.kafka.topics import TopicPlan, check_topics, create_topics

__all__ = [
    "KafkaConnection",
    "KafkaFacts",
    "KafkaGroup",
    "KafkaLogReader",
    "KafkaProducer",
    "KafkaSubmitter",
    "Login",
    "ReceiptSender",
    "Tls",
    "TopicPlan",
    "check_topics",
    "create_topics",
]
