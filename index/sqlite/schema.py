"""The tables of the index, their version, and the check that a file is one of ours."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from index.sqlite.counting import count_usage
from schemas.errors import ConfigurationError, IndexCorrupt

SCHEMA_VERSION = 5
APPLICATION_ID = 0x5374726C  # "Strl", in the file's header

# `record` is the whole row in msgpack, a flag byte and a checksum (rows.py). The columns beside it
# repeat what a query selects or sorts by.
#
# SQLite keeps whole rows in the inner pages of a WITHOUT ROWID table, so that is for narrow rows only: with
# records in it, a page holds seven rows, and a million keys make a tree of seven levels. Tables with
# records have rowids (inner pages of hundreds of entries) and a narrow index on their key.
CONFIGURATIONS = """
    CREATE TABLE configurations (
        bucket_id BLOB NOT NULL,
        kind TEXT NOT NULL,
        identifier TEXT NOT NULL,
        record BLOB NOT NULL,
        PRIMARY KEY (bucket_id, kind, identifier)
    )
    """

IDENTITIES = """
    CREATE TABLE identities (
        account TEXT NOT NULL,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        seq INTEGER NOT NULL,
        record BLOB NOT NULL,
        PRIMARY KEY (account, kind, name)
    )
    """
# Whoever keeps them in memory reads what has changed since.
IDENTITIES_SEQ = "CREATE INDEX identities_seq ON identities (seq, account, kind, name)"

USAGE = """
    CREATE TABLE usage (
        bucket_id BLOB NOT NULL,
        partition INTEGER NOT NULL,
        record BLOB NOT NULL,
        PRIMARY KEY (bucket_id, partition)
    ) WITHOUT ROWID
    """

TABLES = (
    CONFIGURATIONS,
    USAGE,
    IDENTITIES,
    IDENTITIES_SEQ,
    """
    CREATE TABLE buckets (
        name TEXT PRIMARY KEY,
        bucket_id BLOB NOT NULL,
        owner_id TEXT NOT NULL,
        region TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        record BLOB NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE objects (
        bucket_id BLOB NOT NULL,
        key TEXT NOT NULL,
        rank INTEGER NOT NULL,
        version TEXT NOT NULL,
        seq INTEGER NOT NULL,
        size INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        ended_seq INTEGER NOT NULL,
        ended_at INTEGER NOT NULL,
        record BLOB NOT NULL,
        PRIMARY KEY (bucket_id, key, rank DESC)
    )
    """,
    # The null version is nearly always the head, found without an index; only one that lies under a
    # newer version is listed here, so a plain put never touches this tree.
    """
    CREATE INDEX objects_null ON objects (bucket_id, key, rank DESC)
        WHERE version = 'null' AND ended_seq <> 0
    """,
    """
    CREATE TABLE current (
        bucket_id BLOB NOT NULL,
        key TEXT NOT NULL,
        size INTEGER NOT NULL,
        etag TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        storage_class TEXT NOT NULL,
        owner_id TEXT NOT NULL,
        checksum_algorithm TEXT NOT NULL,
        checksum_type TEXT NOT NULL,
        listing_crc INTEGER NOT NULL,
        PRIMARY KEY (bucket_id, key)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE object_payloads (
        bucket_id BLOB NOT NULL,
        key TEXT NOT NULL,
        rank INTEGER NOT NULL,
        payload BLOB NOT NULL,
        PRIMARY KEY (bucket_id, key, rank DESC)
    )
    """,
    """
    CREATE TABLE uploads (
        bucket_id BLOB NOT NULL,
        key TEXT NOT NULL,
        upload_id TEXT NOT NULL,
        record BLOB NOT NULL,
        PRIMARY KEY (bucket_id, key, upload_id)
    )
    """,
    """
    CREATE TABLE parts (
        upload_id TEXT NOT NULL,
        number INTEGER NOT NULL,
        record BLOB NOT NULL,
        PRIMARY KEY (upload_id, number)
    )
    """,
    """
    CREATE TABLE epochs (
        partition INTEGER NOT NULL,
        bucket_id BLOB NOT NULL,
        record BLOB NOT NULL,
        PRIMARY KEY (partition, bucket_id)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE positions (
        topic TEXT NOT NULL,
        partition INTEGER NOT NULL,
        next_offset INTEGER NOT NULL,
        crc INTEGER NOT NULL,
        last_time INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (topic, partition)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE pending_facts (
        topic TEXT NOT NULL,
        partition INTEGER NOT NULL,
        last INTEGER NOT NULL,
        record BLOB NOT NULL,
        PRIMARY KEY (topic, partition, last)
    )
    """,
)


# What makes a file of that version one of the next.
UPGRADES: dict[int, tuple[str | Callable[[sqlite3.Connection], None], ...]] = {
    1: (CONFIGURATIONS,),
    2: ("ALTER TABLE positions ADD COLUMN last_time INTEGER NOT NULL DEFAULT 0",),
    3: (IDENTITIES, IDENTITIES_SEQ),
    4: (USAGE, count_usage),
}


def create_tables(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty file."""
    _change_schema(connection, (*TABLES, f"PRAGMA application_id = {APPLICATION_ID}"), SCHEMA_VERSION)


def upgrade(connection: sqlite3.Connection) -> None:
    """Bring a file of an older version to this one, version by version."""
    while statements := UPGRADES.get(version := schema_version(connection)):
        _change_schema(connection, statements, version + 1)


def _change_schema(
    connection: sqlite3.Connection,
    statements: tuple[str | Callable[[sqlite3.Connection], None], ...],
    version: int,
) -> None:
    """All of it or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in statements:
            if isinstance(step, str):
                connection.execute(step)
            else:
                step(connection)
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def schema_version(connection: sqlite3.Connection) -> int:
    """The file's schema version; 0 when it is empty."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def check_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Raise ConfigurationError unless this program can read the file, IndexCorrupt if it is not an index."""
    version = schema_version(connection)
    if version > SCHEMA_VERSION:
        raise ConfigurationError(
            f"the index {path} has schema version {version}, and this program knows versions up to "
            f"{SCHEMA_VERSION}: start it with the newer program that wrote it, or rebuild the index"
        )
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    if application != APPLICATION_ID or version < 1:
        raise IndexCorrupt(f"the file {path} is not an index of Strandline: rebuild the index from the log")
