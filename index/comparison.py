"""How indexes are compared: a digest of everything one says, and the rows in which two differ."""

import hashlib
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import msgspec

NAMED_ROWS = 100  # how many damaged rows are named; all are counted

_encode: Callable[[Any], bytes] = msgspec.msgpack.Encoder().encode


class TableDigest(NamedTuple):
    """A table's rows: how many, and the sum of their hashes in hex."""

    rows: int
    digest: str


class IndexDigest(NamedTuple):
    """What an index held at one moment.

    digest     of all tables, 64 hex digits
    positions  of that same moment: (topic, partition) to the offset of the first event not applied
    damage     rows that fail their check and what the engine's own check found, by name; the first NAMED_ROWS
    damaged    how many there were in all
    """

    digest: str
    tables: dict[str, TableDigest]
    positions: dict[tuple[str, int], int]
    damage: list[str]
    damaged: int


Kind = Literal["only in the first", "only in the second", "differs"]


class Difference(NamedTuple):
    """A row that is only in the first index, only in the second, or not the same in both."""

    table: str
    row: str
    kind: Kind


class RowSum:
    """The sum modulo 2^128 of BLAKE2b-128 over rows: the order in which they come does not matter."""

    def __init__(self) -> None:
        self._total = 0
        self.rows = 0

    def add(self, row: tuple[Any, ...]) -> None:
        self.rows += 1
        self._total += int.from_bytes(hashlib.blake2b(_encode(row), digest_size=16).digest(), "big")

    def digest(self) -> TableDigest:
        return TableDigest(self.rows, f"{self._total % (1 << 128):032x}")


def whole_digest(tables: dict[str, TableDigest]) -> str:
    """The digest of an index, of the digests of its tables."""
    return hashlib.blake2b(_encode(tables), digest_size=32).hexdigest()


def row_name(table: str, columns: tuple[str, ...], values: tuple[Any, ...]) -> str:
    """A row's table and key, for a message."""
    shown = (value.hex() if isinstance(value, bytes) else repr(value) for value in values)
    named = (f"{name} {value}" for name, value in zip(columns, shown, strict=False))
    return f"{table}: " + ", ".join(named)
