"""Statements of those who make, move and remove keyspaces: blocking, one after another, in nobody's request.

A change of the schema has a time of its own: a node that is busy, or has many keyspaces, takes longer for
it than for any read or write.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from cassandra import DriverException
from cassandra.cluster import ResultSet, Session

from index.cassandra.failures import AWAY, translate
from schemas.errors import ServiceUnavailable

SCHEMA_SECONDS = 60.0


def run(session: Session, statement: Any, values: Sequence[Any] = ()) -> ResultSet:
    """The answer to one statement. Raises ServiceUnavailable when there is none in time."""
    with _translated():
        return session.execute(statement, values or None)


def change_schema(session: Session, statement: str) -> None:
    """Make, alter or drop a keyspace or table. Raises ServiceUnavailable when it is not done in
    SCHEMA_SECONDS; it may be done later then, so statements are such as may be run again."""
    with _translated():
        session.execute(statement, timeout=SCHEMA_SECONDS)


def refresh(session: Session) -> None:
    """Learn which keyspaces and tables there are. Raises ServiceUnavailable."""
    try:
        with _translated():
            session.cluster.refresh_schema_metadata()
    except DriverException as error:  # the driver's word for any reason why it could not
        raise ServiceUnavailable(f"Cassandra does not tell its schema: {error}") from error


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except AWAY as error:
        raise translate(error) from error
