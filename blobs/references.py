"""Who still needs a blob: second references by copies, and extents of packs that were freed.

A row means something only beside the rule that the version a blob was written for (its *primary*) holds it
without any row. So the common case, one object and one blob, costs nothing here.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from awscrt.checksums import crc32c

from schemas.errors import BlobCorrupt, ServiceUnavailable, StorageFull

PRIMARY_GONE = b""  # a "holder" that stands for the primary having let go

_SCHEMA = """
CREATE TABLE IF NOT EXISTS refs (
    blob BLOB NOT NULL, offset INTEGER NOT NULL, holder BLOB NOT NULL,
    made INTEGER NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY (blob, offset, holder)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dead (
    blob BLOB NOT NULL, offset INTEGER NOT NULL, stored INTEGER NOT NULL,
    crc INTEGER NOT NULL, PRIMARY KEY (blob, offset)) WITHOUT ROWID;
"""


class References:
    """One connection to the table; used from one thread at a time.

    Every change is made inside `change`, which holds SQLite's write lock across processes: so no copy can
    be recorded between the decision to free a blob and its removal. Durable when `change` returns.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = str(path)
        self._db = sqlite3.connect(self._path, timeout=30, isolation_level=None, check_same_thread=False)
        try:
            with self._translated():
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=FULL")
                self._db.executescript(_SCHEMA)
        except BaseException:
            self._db.close()
            raise

    @contextmanager
    def change(self) -> Iterator[None]:
        """A transaction: everything in it or nothing."""
        with self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                raise StorageFull(f"no space left for {self._path}") from error
            raise ServiceUnavailable(f"{self._path}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise BlobCorrupt(f"{self._path}: {error}") from error

    # --- references: call these inside `change` ----------------------------------------------------------
    def add(self, blob: bytes, offset: int, holder: bytes, made: int) -> None:
        """Record that `holder` needs the extent, since `made` (Unix milliseconds)."""
        self._db.execute(
            "INSERT OR IGNORE INTO refs VALUES (?,?,?,?,?)",
            (blob, offset, holder, made, _check(blob, offset, holder, made)),
        )

    def drop(self, blob: bytes, offset: int, holder: bytes, now: int) -> bool:
        """Drop a reference (`holder` b"": the primary's). True when nobody needs the extent any more;
        its rows then stay until `forget`, so that a crash before the removal of the bytes is repeated."""
        holders = self._holders(blob, offset)
        if holder == PRIMARY_GONE:
            if holders - {PRIMARY_GONE}:
                self.add(blob, offset, PRIMARY_GONE, now)
                return False
            return True
        if holder not in holders:
            return False
        if holders == {holder, PRIMARY_GONE}:
            return True
        self._db.execute("DELETE FROM refs WHERE blob=? AND offset=? AND holder=?", (blob, offset, holder))
        return False

    def forget(self, blob: bytes, offset: int) -> None:
        """The bytes are gone: so are all rows about them."""
        self._db.execute("DELETE FROM refs WHERE blob=? AND offset=?", (blob, offset))

    def held_since(self, blob: bytes, offset: int) -> int | None:
        """When the newest second reference was recorded (Unix milliseconds); None without any."""
        row = self._db.execute(
            "SELECT max(made) FROM refs WHERE blob=? AND offset=? AND length(holder)>0", (blob, offset)
        ).fetchone()
        return None if row is None else row[0]

    def _holders(self, blob: bytes, offset: int) -> set[bytes]:
        rows = self._db.execute("SELECT holder FROM refs WHERE blob=? AND offset=?", (blob, offset))
        return {holder for (holder,) in rows}

    # --- freed extents of packs --------------------------------------------------------------------------
    def bury(self, blob: bytes, offset: int, stored: int) -> bool:
        """Record a freed extent of a pack; False when it was freed before."""
        cursor = self._db.execute(
            "INSERT OR IGNORE INTO dead VALUES (?,?,?,?)",
            (blob, offset, stored, _check(blob, offset, b"", stored)),
        )
        return cursor.rowcount > 0

    def dead_of(self, blob: bytes) -> dict[int, int]:
        """The freed extents of a pack in order: offset → stored bytes."""
        rows = self._db.execute("SELECT offset, stored FROM dead WHERE blob=? ORDER BY offset", (blob,))
        return dict(rows.fetchall())

    def dead_at(self, blob: bytes, offset: int) -> int:
        """The stored bytes of the freed extent at that offset; 0 when none is there."""
        row = self._db.execute("SELECT stored FROM dead WHERE blob=? AND offset=?", (blob, offset)).fetchone()
        return row[0] if row else 0

    def dead_before(self, blob: bytes, offset: int) -> tuple[int, int] | None:
        """Offset and stored bytes of the last freed extent that begins before `offset`."""
        row: tuple[int, int] | None = self._db.execute(
            "SELECT offset, stored FROM dead WHERE blob=? AND offset<? ORDER BY offset DESC LIMIT 1",
            (blob, offset),
        ).fetchone()
        return row

    def dead_count(self, blob: bytes) -> int:
        """How many extents of a pack were freed."""
        return int(self._db.execute("SELECT count(*) FROM dead WHERE blob=?", (blob,)).fetchone()[0])

    def forget_pack(self, blob: bytes) -> None:
        """The pack was removed."""
        self._db.execute("DELETE FROM dead WHERE blob=?", (blob,))
        self._db.execute("DELETE FROM refs WHERE blob=?", (blob,))

    def verify(self) -> Iterator[str]:
        """Rows that do not match their checksum, one line each."""
        (result,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if result != "ok":
            yield f"{self._path}: {result}"
            return
        for blob, offset, holder, made, crc in self._db.execute("SELECT * FROM refs"):
            if crc != _check(blob, offset, holder, made):
                yield f"{self._path}: damaged reference to blob {blob.hex()} at {offset}"
        for blob, offset, stored, crc in self._db.execute("SELECT * FROM dead"):
            if crc != _check(blob, offset, b"", stored):
                yield f"{self._path}: damaged row of freed extent {offset} of pack {blob.hex()}"

    def close(self) -> None:
        self._db.close()


def was_freed(path: Path | str, blob: bytes, offset: int) -> bool:
    """Whether an extent of a pack was freed, by a connection of its own (for readers, when bytes do not
    verify)."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as db:
        row = db.execute("SELECT 1 FROM dead WHERE blob=? AND offset=?", (blob, offset)).fetchone()
    return row is not None


def _check(blob: bytes, offset: int, holder: bytes, number: int) -> int:
    return int(crc32c(b"%b %d %b %d" % (blob, offset, holder, number)))
