"""Migrations of the keyspace: run twice, cut off, missing, older and newer."""

import asyncio
from collections.abc import Iterator

import pytest
from cassandra.cluster import Session

from index.cassandra.client import Connection, open_session
from index.cassandra.index import CassandraIndex
from index.cassandra.schema import (
    FIRST_VERSION,
    MIGRATIONS,
    SCHEMA_VERSION,
    check_schema,
    migrate,
    schema_version,
)
from schemas.errors import ConfigurationError
from tests.cluster.keyspaces import DATACENTER
from tests.cluster.services import Cassandra

pytestmark = pytest.mark.cluster


@pytest.fixture
def place(cassandra: Cassandra) -> Iterator[tuple[Session, Connection]]:
    connection = Connection(cassandra.contact_points, cassandra.port, cassandra.keyspace())
    session = open_session(connection)
    yield session, connection
    session.execute(f"DROP KEYSPACE IF EXISTS {connection.keyspace}", timeout=60)
    session.cluster.shutdown()


def test_a_keyspace_is_made_once(place: tuple[Session, Connection]) -> None:
    session, connection = place
    with pytest.raises(ConfigurationError, match="run `strandline schema migrate`"):
        check_schema(session, connection.keyspace)
    assert migrate(session, connection.keyspace, DATACENTER, 1) == list(MIGRATIONS)
    assert migrate(session, connection.keyspace, DATACENTER, 1) == []
    assert schema_version(session, connection.keyspace) == SCHEMA_VERSION
    check_schema(session, connection.keyspace)
    tables = session.cluster.metadata.keyspaces[connection.keyspace].tables
    assert {"buckets", "objects", "current", "key_state", "journal", "leases"} <= tables.keys()


def test_a_migration_that_was_cut_off_is_started_again(place: tuple[Session, Connection]) -> None:
    session, connection = place
    session.execute(
        f"CREATE KEYSPACE {connection.keyspace} WITH replication = "
        "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    )
    session.set_keyspace(connection.keyspace)
    for statement in MIGRATIONS[FIRST_VERSION][:5]:
        session.execute(statement)
    assert schema_version(session, connection.keyspace) == 0
    migrate(session, connection.keyspace, DATACENTER, 1)
    check_schema(session, connection.keyspace)


@pytest.mark.parametrize("version", [FIRST_VERSION - 1, SCHEMA_VERSION + 1])
def test_a_newer_schema_is_refused_and_one_too_old(place: tuple[Session, Connection], version: int) -> None:
    session, connection = place
    migrate(session, connection.keyspace, DATACENTER, 1)
    session.execute("DELETE FROM migrations WHERE store = 'index'")
    session.execute("INSERT INTO migrations (store, version) VALUES ('index', %s)", (version,))
    for refused in (
        lambda: check_schema(session, connection.keyspace),
        lambda: migrate(session, connection.keyspace, DATACENTER, 1),
        lambda: asyncio.run(CassandraIndex.open(connection)),
    ):
        with pytest.raises(ConfigurationError, match=f"schema version {version}"):
            refused()


def test_a_keyspace_that_is_not_there_is_said_in_one_line(cassandra: Cassandra) -> None:
    connection = Connection(cassandra.contact_points, cassandra.port, "no_such_keyspace")
    with pytest.raises(ConfigurationError, match="no keyspace no_such_keyspace: make it with"):
        asyncio.run(CassandraIndex.open(connection))
