"""A digest of everything an index says: equal for two indexes that hold the same rows.

Of each table, the BLAKE2b-128 hashes of its rows are added up modulo 2^128, so the order in which rows lie
in the file does not matter and a digest reads every page once, in order.
"""

import sqlite3
from pathlib import Path

from index.comparison import NAMED_ROWS, IndexDigest, RowSum, TableDigest, row_name, whole_digest
from index.sqlite.connection import open_reader
from index.sqlite.contents import TABLES, Table, is_sound, key_columns
from index.sqlite.failures import translate
from index.sqlite.progress import read_position

ROWS_AT_ONCE = 1000


def digest_index(path: Path, check_rows: bool = True, integrity: bool = False) -> IndexDigest:
    """Read the whole index in one read transaction; blocking, so call it from a thread of its own.

    check_rows  also check every row against its checksum and its columns against its record
    integrity   also run SQLite's own integrity check, of the pages and of the indexes

    Raises IndexCorrupt when the file is so damaged that its rows cannot be read.
    """
    connection = open_reader(path)
    try:
        connection.execute("BEGIN")
        positions = _positions(connection)
        damage = _integrity(connection) if integrity else []
        damaged = len(damage)
        tables = {}
        for table in TABLES:
            tables[table.name], bad = _digest_table(connection, table, check_rows, damage)
            damaged += bad
    except sqlite3.Error as error:
        raise translate(error, path) from error
    finally:
        connection.close()
    return IndexDigest(whole_digest(tables), tables, positions, damage, damaged)


def _positions(connection: sqlite3.Connection) -> dict[tuple[str, int], int]:
    places = connection.execute("SELECT topic, partition FROM positions").fetchall()
    return {place: read_position(connection, *place) for place in places}


def _integrity(connection: sqlite3.Connection) -> list[str]:
    found = connection.execute(f"PRAGMA integrity_check({NAMED_ROWS})").fetchall()
    return [] if found == [("ok",)] else [f"file: {line}" for (line,) in found]


def _digest_table(
    connection: sqlite3.Connection, table: Table, check_rows: bool, damage: list[str]
) -> tuple[TableDigest, int]:
    total, bad = RowSum(), 0
    cursor = connection.execute(f"SELECT {table.columns} FROM {table.name} NOT INDEXED")
    while rows := cursor.fetchmany(ROWS_AT_ONCE):
        for row in rows:
            total.add(row)
            if check_rows and not is_sound(table, row):
                bad += 1
                if len(damage) < NAMED_ROWS:
                    damage.append(row_name(table.name, key_columns(table), row))
    return total.digest(), bad
