"""What SQLite's errors mean to us: a full device, a damaged file, or something unforeseen."""

import sqlite3
from pathlib import Path

from schemas.errors import IndexCorrupt, ServiceUnavailable, StorageFull

_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_DAMAGED_EXTENDED = frozenset({sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS})
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


def translate(error: sqlite3.Error, path: Path) -> Exception:
    """The domain error for an error of SQLite on the file `path`; the error itself when there is none."""
    extended = getattr(error, "sqlite_errorcode", None)
    if extended is None:
        # Raised by Python's own module when a TEXT column does not hold UTF-8.
        if "decode to UTF-8" in str(error):
            return IndexCorrupt(f"the index {path} is damaged: {error}")
        return error
    primary = extended & 0xFF
    if primary in _FULL or extended in _FULL:
        return StorageFull(f"no space left on the device of the index {path}")
    if primary in _DAMAGED or extended in _DAMAGED_EXTENDED:
        return IndexCorrupt(f"the index {path} is damaged ({error}): rebuild it from the log")
    if primary in _BUSY:
        return ServiceUnavailable(f"the index {path} is locked by another process ({error})")
    return error
