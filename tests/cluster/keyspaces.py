"""Keyspaces for tests, with the tables of the index."""

from collections.abc import Iterator
from contextlib import contextmanager

from index.cassandra.client import Connection, open_session
from index.cassandra.schema import migrate
from tests.cluster.services import Cassandra

DATACENTER = "datacenter1"


@contextmanager
def fresh_keyspace(service: Cassandra) -> Iterator[Connection]:
    """A migrated keyspace that goes at the end."""
    # A busy machine may let a node stand still for seconds, which is not what is tested here.
    connection = Connection(
        service.contact_points, service.port, service.keyspace(), DATACENTER, request_seconds=30.0
    )
    session = open_session(connection)
    try:
        migrate(session, connection.keyspace, DATACENTER, 1)
        yield connection
        session.execute(f"DROP KEYSPACE {connection.keyspace}", timeout=60)
    finally:
        session.cluster.shutdown()
