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
            if holders.keys() - {PRIMARY_GONE}:
                self.add(blob, offset, PRIMARY_GONE, now)
                return False
            return True
        if holder not in holders:
            return False
        if holders.keys() == {holder, PRIMARY_GONE}:
            return True
        self._db.execute("DELETE FROM refs WHERE blob=? AND offset=? AND holder=?", (blob, offset, holder))
        return False

    def forget(self, blob: bytes, offset: int) -> None:
        """The bytes are gone: so are all rows about them."""
        self._db.execute("DELETE FROM refs WHERE blob=? AND offset=?", (blob, offset))

    def held_since(self, blob: bytes, offset: int) -> int | None:
        """When the newest second reference was recorded (Unix milliseconds); None without any."""
        holders = self._holders(blob, offset)
        return max((made for holder, made in holders.items() if holder != PRIMARY_GONE), default=None)

    def _holders(self, blob: bytes, offset: int) -> dict[bytes, int]:
        """Who needs the extent, and since when. Raises BlobCorrupt for a damaged row: to free by it could
        take bytes away that somebody needs."""
        rows = self._db.execute(
            "SELECT holder, made, crc FROM refs WHERE blob=? AND offset=?", (blob, offset)
        )
        holders: dict[bytes, int] = {}
        for holder, made, crc in rows:
            if crc != _check(blob, offset, holder, made):
                raise BlobCorrupt(_damaged_reference(self._path, blob, offset))
            holders[holder] = made
        return holders

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
        rows = self._db.execute("SELECT offset, stored, crc FROM dead WHERE blob=? ORDER BY offset", (blob,))
        return {offset: self._sound(blob, offset, stored, crc) for offset, stored, crc in rows}

    def dead_at(self, blob: bytes, offset: int) -> int:
        """The stored bytes of the freed extent at that offset; 0 when none is there."""
        row = self._db.execute(
            "SELECT stored, crc FROM dead WHERE blob=? AND offset=?", (blob, offset)
        ).fetchone()
        return self._sound(blob, offset, *row) if row else 0

    def dead_before(self, blob: bytes, offset: int) -> tuple[int, int] | None:
        """Offset and stored bytes of the last freed extent that begins before `offset`."""
        row = self._db.execute(
            "SELECT offset, stored, crc FROM dead WHERE blob=? AND offset<? ORDER BY offset DESC LIMIT 1",
            (blob, offset),
        ).fetchone()
        return (row[0], self._sound(blob, *row)) if row else None

    def _sound(self, blob: bytes, offset: int, stored: int, crc: int) -> int:
        """`stored`, if the row is as it was written. Raises BlobCorrupt: by a damaged length, pages of living
        extents would be punched out."""
        if crc != _check(blob, offset, b"", stored):
            raise BlobCorrupt(_damaged_extent(self._path, blob, offset))
        return stored

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
                yield _damaged_reference(self._path, blob, offset)
        for blob, offset, stored, crc in self._db.execute("SELECT * FROM dead"):
            if crc != _check(blob, offset, b"", stored):
                yield _damaged_extent(self._path, blob, offset)

    def close(self) -> None:
        self._db.close()


def was_freed(path: Path | str, blob: bytes, offset: int) -> bool:
    """Whether an extent of a pack was freed, by a connection of its own (for readers, when bytes do not
    verify). A damaged row does not say so."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as db:
        row = db.execute("SELECT stored, crc FROM dead WHERE blob=? AND offset=?", (blob, offset)).fetchone()
    return row is not None and row[1] == _check(blob, offset, b"", row[0])


def _damaged_reference(path: str, blob: bytes, offset: int) -> str:
    return f"{path}: damaged reference to blob {blob.hex()} at {offset}"


def _damaged_extent(path: str, blob: bytes, offset: int) -> str:
    return f"{path}: damaged row of freed extent {offset} of pack {blob.hex()}"


def _check(blob: bytes, offset: int, holder: bytes, number: int) -> int:
    return int(crc32c(b"%b %d %b %d" % (blob, offset, holder, number)))
