"""Checkpoints: making commits durable and keeping the write-ahead log short, off the event loop.

A commit is visible at once but synced only here: the event log replays what a crash of the machine loses.
"""

import asyncio
import errno
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from disk.room import Room
from index.sqlite.connection import PAGE_SIZE, open_checkpointer
from index.sqlite.failures import translate
from schemas.errors import StorageFull

TRUNCATE_WAIT_MS = 50  # how long a truncation waits for readers of an old snapshot


class Checkpointer:
    """Checkpoints of one index file on a worker thread with a connection of its own.

    Copying makes the file grow, although commits are what the last space is for; so without `room` for it,
    pages stay in the write-ahead log, where they are as durable.
    """

    def __init__(self, path: Path, room: Room | None = None) -> None:
        self._path = path
        self._room = room
        self._wal = path.with_name(path.name + "-wal")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="index-checkpoint")
        self._connection: sqlite3.Connection | None = None

    def wal_bytes(self) -> int:
        """The size of the write-ahead log."""
        try:
            return os.stat(self._wal).st_size
        except FileNotFoundError:
            return 0

    async def sync(self) -> None:
        """Put every commit on stable storage, and copy what no reader still needs into the file."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._sync)

    async def truncate(self) -> bool:
        """Copy the rest and empty the write-ahead log. The caller keeps the writer out meanwhile.

        False when a reader held an old snapshot, or there was no room; then a later attempt is needed.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._truncate)

    def close(self) -> None:
        self._thread.shutdown(wait=True)
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = open_checkpointer(self._path)
        return self._connection

    def _sync(self) -> None:
        # SQLite skips its own sync when readers keep it from copying anything, so sync here first.
        try:
            descriptor = os.open(self._wal, os.O_RDONLY)
        except FileNotFoundError:
            return
        try:
            os.fdatasync(descriptor)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise StorageFull(f"no space left on the device of the index {self._path}") from error
            raise
        finally:
            os.close(descriptor)
        self._checkpoint("PASSIVE")

    def _truncate(self) -> bool:
        return self._checkpoint("TRUNCATE")

    def _checkpoint(self, mode: str) -> bool:
        try:
            connection = self._open()
            connection.execute(f"PRAGMA busy_timeout = {TRUNCATE_WAIT_MS}")
            if self._room is not None and not self._room.has(self._growth(connection)):
                return False
            busy: int = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()[0]
        except sqlite3.Error as error:
            raise translate(error, self._path) from error
        return not busy

    def _growth(self, connection: sqlite3.Connection) -> int:
        """By how many bytes the file will grow."""
        pages: int = connection.execute("PRAGMA page_count").fetchone()[0]
        return max(0, pages * PAGE_SIZE - os.stat(self._path).st_size)
