"""`strandline topics check`: whether a cluster's topics are as configured."""

import argparse

from strandline.settings import Settings

NAME = "topics check"
HELP = "in a cluster: check that every topic is there, with the partitions and settings configured"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beside the settings."""


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Raises ConfigurationError, which names the topic that is missing or differs."""
    from strandline.cluster.packages import needs_cluster

    with needs_cluster():
        from bus.kafka import check_topics
        from strandline.cluster.connections import cluster_of, kafka_connection, topic_plan

    kafka = cluster_of(settings).kafka
    check_topics(kafka_connection(kafka), topic_plan(kafka))
    print("every topic is as configured")
    return 0
