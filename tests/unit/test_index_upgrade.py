"""An index made by an earlier version of the program is brought up to this one when its writer opens it."""

import asyncio
import sqlite3
from pathlib import Path

from index.contract import PendingFacts
from index.sqlite.connection import open_writer
from index.sqlite.schema import SCHEMA_VERSION, TABLES, schema_version
from index.sqlite.writer import SqliteWriter
from schemas.events import OBJECT_VERSIONS

LAST_TIME = "        last_time INTEGER NOT NULL DEFAULT 0,\n"


def test_positions_of_version_1_are_kept_and_gain_their_commit_time(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"

    async def main() -> None:
        writer = SqliteWriter(path)
        await writer.commit(OBJECT_VERSIONS, 0, 3, None)
        await writer.close()
        _make_version_1(path)

        writer = SqliteWriter(path)
        assert await writer.position(OBJECT_VERSIONS, 0) == 3
        assert await writer.last_time(OBJECT_VERSIONS, 0) == 0
        await writer.commit(OBJECT_VERSIONS, 0, 4, PendingFacts(3, 3, (b"f",), 9))
        assert await writer.last_time(OBJECT_VERSIONS, 0) == 9
        await writer.close()

    asyncio.run(main())
    connection = open_writer(path)
    assert schema_version(connection) == SCHEMA_VERSION
    connection.close()


def _make_version_1(path: Path) -> None:
    """Take away what later versions added."""
    (positions,) = (table for table in TABLES if LAST_TIME in table)
    connection = sqlite3.connect(path, isolation_level=None)
    rows = connection.execute("SELECT topic, partition, next_offset, crc FROM positions").fetchall()
    connection.execute("DROP TABLE positions")
    connection.execute(positions.replace(LAST_TIME, ""))
    connection.executemany("INSERT INTO positions VALUES (?, ?, ?, ?)", rows)
    connection.execute("DROP TABLE IF EXISTS configurations")
    connection.execute("DROP TABLE IF EXISTS usage")
    connection.execute("DROP TABLE IF EXISTS identities")
    connection.execute("PRAGMA user_version = 1")
    connection.close()
