"""The tables, and the numbered steps that make them in a keyspace.

A step is never changed once it is released; what comes after is a step of its own. Every statement may be
run again, so a migration that was cut off is simply started again.
"""

from cassandra.cluster import Session

from index.cassandra.administration import change_schema, refresh, run
from schemas.errors import ConfigurationError

# Rows are found in few SSTables, however often they are overwritten.
_READ_MOSTLY = (
    "compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'L4'} "
    "AND compression = {'class': 'LZ4Compressor', 'chunk_length_in_kb': 4}"
)

# `record` and the like are whole rows in msgpack with a checksum (index/records.py). The four tables of a
# shard share its partition key, so that what one event changes there is one mutation.
_TABLES = (
    f"""
    CREATE TABLE IF NOT EXISTS buckets (
        slice int, name text, bucket_id blob, record blob,
        PRIMARY KEY ((slice), name, bucket_id)
    ) WITH {_READ_MOSTLY}
    """,
    f"""
    CREATE TABLE IF NOT EXISTS configurations (
        bucket_id blob, kind text, identifier text, record blob,
        PRIMARY KEY ((bucket_id), kind, identifier)
    ) WITH {_READ_MOSTLY}
    """,
    f"""
    CREATE TABLE IF NOT EXISTS objects (
        bucket_id blob, shard int, key text, slot bigint, record blob,
        PRIMARY KEY ((bucket_id, shard), key, slot)
    ) WITH CLUSTERING ORDER BY (key ASC, slot DESC) AND {_READ_MOSTLY}
    """,
    f"""
    CREATE TABLE IF NOT EXISTS key_state (
        bucket_id blob, shard int, key text, head blob, null_below blob,
        PRIMARY KEY ((bucket_id, shard), key)
    ) WITH {_READ_MOSTLY}
    """,
    f"""
    CREATE TABLE IF NOT EXISTS current (
        bucket_id blob, shard int, key text, entry blob,
        PRIMARY KEY ((bucket_id, shard), key)
    ) WITH {_READ_MOSTLY}
    """,
    f"""
    CREATE TABLE IF NOT EXISTS uploads (
        bucket_id blob, shard int, key text, upload_id text, record blob,
        PRIMARY KEY ((bucket_id, shard), key, upload_id)
    ) WITH {_READ_MOSTLY}
    """,
    f"""
    CREATE TABLE IF NOT EXISTS parts (
        upload_id text, number int, record blob,
        PRIMARY KEY ((upload_id), number)
    ) WITH {_READ_MOSTLY}
    """,
    f"""
    CREATE TABLE IF NOT EXISTS epochs (
        log_partition int, bucket_id blob, record blob,
        PRIMARY KEY ((log_partition, bucket_id))
    ) WITH {_READ_MOSTLY}
    """,
    """
    CREATE TABLE IF NOT EXISTS usage (
        bucket_id blob, log_partition int, record blob,
        PRIMARY KEY ((bucket_id), log_partition)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS leases (
        topic text, log_partition int, lease bigint, holder text,
        PRIMARY KEY ((topic, log_partition))
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS journal (
        topic text, slice int, log_partition int, last bigint, record blob,
        PRIMARY KEY ((topic, slice), log_partition, last)
    ) WITH gc_grace_seconds = 86400
    """,
    """
    CREATE TABLE IF NOT EXISTS shards (
        bucket_id blob, version bigint, shard_map blob,
        PRIMARY KEY ((bucket_id))
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS shard_activity (
        bucket_id blob, shard int, source text, writes bigint, removals bigint,
        PRIMARY KEY ((bucket_id), shard, source)
    ) WITH default_time_to_live = 604800
    """,
    # The two tables share their one partition: a row and its place among the changes are one mutation.
    f"""
    CREATE TABLE IF NOT EXISTS identities (
        slice int, account text, kind text, name text, record blob,
        PRIMARY KEY ((slice), account, kind, name)
    ) WITH {_READ_MOSTLY}
    """,
    f"""
    CREATE TABLE IF NOT EXISTS identity_changes (
        slice int, seq bigint, account text, kind text, name text, record blob,
        PRIMARY KEY ((slice), seq, account, kind, name)
    ) WITH {_READ_MOSTLY}
    """,
)

# By the version that they lead to. Keyspaces of versions before the first of these are rebuilt from the log.
MIGRATIONS: dict[int, tuple[str, ...]] = {4: _TABLES}
FIRST_VERSION, SCHEMA_VERSION = min(MIGRATIONS), max(MIGRATIONS)

_VERSIONS = """
    CREATE TABLE IF NOT EXISTS {keyspace}.migrations (
        store text, version int, applied_at timestamp, PRIMARY KEY ((store), version)
    )
"""


def migrate(session: Session, keyspace: str, datacenter: str, replication_factor: int) -> list[int]:
    """Bring a keyspace, made when it is not there, to this program's version; returns the steps taken.

    Blocking. One at a time: Cassandra does not order changes of the schema that race. Raises
    ConfigurationError for a keyspace of a newer program or of one too old, ServiceUnavailable.
    """
    change_schema(
        session,
        f"CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = "
        f"{{'class': 'NetworkTopologyStrategy', '{datacenter}': {replication_factor:d}}}",
    )
    change_schema(session, _VERSIONS.format(keyspace=keyspace))
    session.set_keyspace(keyspace)
    taken = []
    known = schema_version(session, keyspace)
    for version in range(max(known + 1, FIRST_VERSION), SCHEMA_VERSION + 1):
        for statement in MIGRATIONS[version]:
            change_schema(session, statement)
        run(
            session,
            "INSERT INTO migrations (store, version, applied_at) VALUES ('index', %s, toTimestamp(now()))",
            (version,),
        )
        taken.append(version)
    return taken


def schema_version(session: Session, keyspace: str) -> int:
    """The version of a keyspace's tables; 0 when it has none. Raises ConfigurationError for a newer one and
    for one too old to be migrated, ServiceUnavailable."""
    refresh(session)
    known = session.cluster.metadata.keyspaces.get(keyspace)
    if known is None or "migrations" not in known.tables:
        return 0
    found = run(session, f"SELECT max(version) FROM {keyspace}.migrations WHERE store = 'index'").one()
    version: int = (found[0] if found is not None else None) or 0
    if version > SCHEMA_VERSION:
        raise ConfigurationError(
            f"the keyspace {keyspace} has schema version {version}, and this program knows versions up to "
            f"{SCHEMA_VERSION}: start the newer program that migrated it"
        )
    if 0 < version < FIRST_VERSION:
        raise ConfigurationError(
            f"the keyspace {keyspace} has schema version {version}, which cannot be migrated: stop the "
            "roles, drop the keyspace, run `strandline schema migrate` and `strandline index rebuild`"
        )
    return version


def check_schema(session: Session, keyspace: str) -> None:
    """Raise ConfigurationError unless the keyspace has exactly the tables that this program expects,
    ServiceUnavailable when that cannot be known."""
    version = schema_version(session, keyspace)
    if version < SCHEMA_VERSION:
        state = f"has schema version {version}" if version else "has no tables"
        raise ConfigurationError(
            f"the keyspace {keyspace} {state}, and this program needs version {SCHEMA_VERSION}: run "
            "`strandline schema migrate`"
        )
