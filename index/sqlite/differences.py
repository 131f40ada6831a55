"""Which rows two index files disagree about: the live index and the replayed one, or a snapshot and both."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

from index.comparison import Difference, Kind, row_name
from index.sqlite.connection import open_reader
from index.sqlite.contents import TABLES, Row, Table, key_columns
from index.sqlite.failures import translate


def diff(first: Path, second: Path, limit: int = 100) -> list[Difference]:
    """The first `limit` differences, table by table in order of keys; [] for equal indexes.

    Each file is read in one read transaction. Blocking. Raises IndexCorrupt for a file that cannot be read.
    """
    with closing(open_reader(first)) as a, closing(open_reader(second)) as b:
        a.execute("BEGIN")
        b.execute("BEGIN")
        found = (difference for table in TABLES for difference in _diff_table(table, a, first, b, second))
        # Closed before the connections are: its cursors are still open when it stops at the limit.
        with closing(found):
            return list(islice(found, limit))


def _diff_table(
    table: Table, a: sqlite3.Connection, a_path: Path, b: sqlite3.Connection, b_path: Path
) -> Iterator[Difference]:
    left_rows, right_rows = _ordered(table, a, a_path), _ordered(table, b, b_path)
    left, right = next(left_rows, None), next(right_rows, None)
    while left is not None or right is not None:
        if right is None or (left is not None and _order(table, left) < _order(table, right)):
            assert left is not None
            yield _difference(table, left, "only in the first")
            left = next(left_rows, None)
        elif left is None or _order(table, right) < _order(table, left):
            yield Difference(
                table.name, row_name(table.name, key_columns(table), right), "only in the second"
            )
            right = next(right_rows, None)
        else:
            if left != right:
                yield _difference(table, left, "differs")
            left, right = next(left_rows, None), next(right_rows, None)


def _difference(table: Table, row: Row, kind: Kind) -> Difference:
    return Difference(table.name, row_name(table.name, key_columns(table), row), kind)


def _ordered(table: Table, connection: sqlite3.Connection, path: Path) -> Iterator[Row]:
    order = ", ".join("rank DESC" if key == "rank" else key for key in key_columns(table))
    try:
        yield from connection.execute(f"SELECT {table.columns} FROM {table.name} ORDER BY {order}")
    except sqlite3.Error as error:
        raise translate(error, path) from error


def _order(table: Table, row: Row) -> tuple[Any, ...]:
    """The row's place in the order of the query. Text sorts by code points here and there by the bytes
    of its UTF-8, which is the same."""
    if table.columns.startswith("bucket_id, key, rank"):
        return row[0], row[1], -row[2]
    return row[: table.keys]
