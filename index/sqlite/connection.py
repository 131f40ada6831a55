"""How the index file is opened: WAL, bounded caches, no implicit transactions."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from index.sqlite.failures import translate
from index.sqlite.schema import SCHEMA_VERSION, check_schema, create_tables, schema_version, upgrade
from schemas.errors import ConfigurationError

PAGE_SIZE = 4096
WRITER_CACHE_KIB = 64 * 1024
READER_CACHE_KIB = 32 * 1024
BUSY_SECONDS = 5.0
STATEMENTS = 256  # more than there are, so none is ever prepared twice


def open_writer(path: Path) -> sqlite3.Connection:
    """The writing connection; makes the file and its tables when there are none, and upgrades older ones.

    Raises ConfigurationError for a newer schema, IndexCorrupt for a file that is not an index.
    """
    connection = _connect(path, WRITER_CACHE_KIB)
    with _closed_on_failure(connection, path):
        connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        empty = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
        if empty and schema_version(connection) == 0:
            create_tables(connection)
        check_schema(connection, path)
        upgrade(connection)
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write. Raises ConfigurationError when there is no index at `path`, or one
    that a writer has to upgrade first."""
    if not path.is_file():
        raise ConfigurationError(f"there is no index at {path}: start the server once, or rebuild the index")
    connection = _connect(path, READER_CACHE_KIB)
    with _closed_on_failure(connection, path):
        connection.execute("PRAGMA query_only = ON")
        check_schema(connection, path)
        if (version := schema_version(connection)) < SCHEMA_VERSION:
            raise ConfigurationError(
                f"the index {path} has schema version {version}, and this program reads version "
                f"{SCHEMA_VERSION}: the server upgrades it when it starts"
            )
    return connection


def open_checkpointer(path: Path) -> sqlite3.Connection:
    """A connection for checkpoints, used by one worker thread after it was opened by another."""
    connection = _connect(path, 1024)
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    return connection


@contextmanager
def _closed_on_failure(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """Close a connection that cannot be set up; what SQLite raised comes up as a domain error."""
    try:
        yield
    except sqlite3.Error as error:
        connection.close()
        raise translate(error, path) from error
    except BaseException:
        connection.close()
        raise


def _connect(path: Path, cache_kib: int) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(
            path,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=STATEMENTS,
        )
    except sqlite3.Error as error:
        raise translate(error, path) from error
    try:
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA cache_size = -{cache_kib}")
        # Rows hold no plaintext of objects, so zeroing what they leave behind would buy nothing.
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute("PRAGMA temp_store = MEMORY")
    except sqlite3.Error as error:
        connection.close()
        raise translate(error, path) from error
    return connection
