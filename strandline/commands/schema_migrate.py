"""`strandline schema migrate`: bring the tables of a cluster's index to this program's version."""

import argparse

from strandline.settings import Settings

NAME = "schema migrate"
HELP = "in a cluster: make the keyspace and tables in Cassandra, or bring them to this program's version"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beside the settings."""


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Print the steps taken. Raises ConfigurationError for the keyspace of a newer program."""
    from strandline.cluster.packages import needs_cluster

    with needs_cluster():
        from index.cassandra.client import open_session
        from index.cassandra.keyspaces import active_keyspace
        from index.cassandra.schema import SCHEMA_VERSION, migrate
        from strandline.cluster.connections import cassandra_connection, cluster_of

    cassandra = cluster_of(settings).cassandra
    session = open_session(cassandra_connection(cassandra))
    try:
        keyspace = active_keyspace(session, cassandra.keyspace)
        taken = migrate(session, keyspace, cassandra.datacenter, cassandra.replication_factor)
    finally:
        session.cluster.shutdown()
    for version in taken:
        print(f"made version {version}")
    print(f"keyspace {keyspace} has schema version {SCHEMA_VERSION}")
    return 0
