"""`strandline topics create`: make the topics of a cluster."""

import argparse

from strandline.settings import Settings

NAME = "topics create"
HELP = "in a cluster: make the topics that Kafka does not have, and check the others"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beside the settings."""


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Print the topics made. Raises ConfigurationError when those that are there do not fit."""
    from strandline.cluster.packages import needs_cluster

    with needs_cluster():
        from bus.kafka import create_topics
        from strandline.cluster.connections import cluster_of, kafka_connection, topic_plan

    kafka = cluster_of(settings).kafka
    made = create_topics(kafka_connection(kafka), topic_plan(kafka))
    for topic in made:
        print(f"made {topic}")
    print("every topic is as configured")
    return 0
