"""Which keyspace the index is in: a rebuild fills a new one, and one row says when it counts.

The keyspace that the configuration names holds the row; the index itself is there too, until it was rebuilt
for the first time. Roles look at the row when they start, so a switch takes effect as they are restarted.
"""

import time

from cassandra import ConsistencyLevel
from cassandra.cluster import Session
from cassandra.query import SimpleStatement

from index.cassandra.administration import change_schema, refresh, run
from schemas.errors import ConfigurationError

_TABLE = """
    CREATE TABLE IF NOT EXISTS {keyspace}.active (store text, keyspace_name text, PRIMARY KEY ((store)))
"""


def active_keyspace(session: Session, configured: str) -> str:
    """The keyspace that the index is read from and written to. Blocking. Raises ServiceUnavailable."""
    known = session.cluster.metadata.keyspaces.get(configured)
    if known is None or "active" not in known.tables:
        return configured
    query = f"SELECT keyspace_name FROM {configured}.active WHERE store = 'index'"
    statement = SimpleStatement(query, consistency_level=ConsistencyLevel.LOCAL_SERIAL, is_idempotent=True)
    found = run(session, statement).one()
    return configured if found is None else str(found[0])


def new_keyspace(configured: str) -> str:
    """A name for the keyspace of a rebuild: names sort as they were made."""
    return f"{configured}_{int(time.time()):x}"


def switch(session: Session, configured: str, expected: str, rebuilt: str) -> None:
    """From now on the index is in `rebuilt`, if it is in `expected` still. Blocking. Raises
    ConfigurationError when somebody else has switched, ServiceUnavailable."""
    change_schema(session, _TABLE.format(keyspace=configured))
    table = f"{configured}.active"
    if expected == configured:
        insert = f"INSERT INTO {table} (store, keyspace_name) VALUES ('index', %s) IF NOT EXISTS"
        run(session, insert, (expected,))
    update = f"UPDATE {table} SET keyspace_name = %s WHERE store = 'index' IF keyspace_name = %s"
    if not run(session, update, (rebuilt, expected)).one()[0]:
        raise ConfigurationError(
            f"the index is not in the keyspace {expected} any more: another rebuild was quicker"
        )
    refresh(session)


def drop_keyspace(session: Session, configured: str, keyspace: str) -> None:
    """Remove a keyspace that was switched away from, or a rebuild that was given up. Blocking. The configured
    one stays, for it holds the row: only its tables of the index go. Raises ConfigurationError for the
    active one, ServiceUnavailable."""
    if active_keyspace(session, configured) == keyspace:
        raise ConfigurationError(f"the index is in the keyspace {keyspace}: it cannot be dropped")
    if keyspace != configured:
        change_schema(session, f"DROP KEYSPACE IF EXISTS {keyspace}")
        return
    for table in list(session.cluster.metadata.keyspaces[configured].tables):
        if table != "active":
            change_schema(session, f"DROP TABLE IF EXISTS {configured}.{table}")
