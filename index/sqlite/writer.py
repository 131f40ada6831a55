"""The materializer's side of the index: loads key state, writes rows, commits them with the position."""

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from disk.room import Room
from index.contract import Change, ClearHead, KeyState, KeyWant, PendingFacts, SetHead
from index.head_cache import HeadStamps
from index.records import (
    open_bucket,
    open_configuration,
    open_epoch,
    open_identity,
    open_part,
    open_upload,
    open_usage,
)
from index.sqlite.changes import write_changes
from index.sqlite.checkpoint import Checkpointer
from index.sqlite.connection import open_writer
from index.sqlite.failures import translate
from index.sqlite.progress import Progress
from index.sqlite.versions import Versions
from schemas.errors import StrandlineError
from schemas.ids import NULL_VERSION
from schemas.rows import Bucket, BucketEpoch, Configuration, Identity, Part, Upload, Usage

log = logging.getLogger(__name__)

WAL_LIMIT = 64 * 1024 * 1024  # bytes of write-ahead log at which a checkpoint starts by itself

_EPOCH = "SELECT record FROM epochs WHERE partition = ? AND bucket_id = ?"
_USAGE = "SELECT record FROM usage WHERE bucket_id = ? AND partition = ?"
_BUCKET = "SELECT record FROM buckets WHERE name = ?"
_CONFIGURATION = "SELECT record FROM configurations WHERE bucket_id = ? AND kind = ? AND identifier = ?"
_IDENTITY = "SELECT record FROM identities WHERE account = ? AND kind = ? AND name = ?"
_UPLOAD = "SELECT record FROM uploads WHERE bucket_id = ? AND key = ? AND upload_id = ?"
_PART = "SELECT record FROM parts WHERE upload_id = ? AND number = ?"


class SqliteWriter:
    """`index.contract.IndexWriter` on one SQLite file. Use it from one event loop.

    No call suspends between a batch's first write and the end of its commit, so the materializers of
    several topics may share a writer. Every call raises StorageFull (nothing of the batch is kept) and
    IndexCorrupt.
    """

    def __init__(
        self,
        path: Path,
        wal_limit: int = WAL_LIMIT,
        stamps: HeadStamps | None = None,
        room: Room | None = None,
    ) -> None:
        self._stamps = stamps
        self._stamped: list[tuple[bytes, str]] = []
        self._path = path
        self._connection = open_writer(path)
        self._versions = Versions(self._connection)
        self._progress = Progress(self._connection)
        self._checkpointer = Checkpointer(path, room)
        self._checkpointing = asyncio.Lock()
        self._wal_limit = wal_limit
        self._next_checkpoint = wal_limit
        self._background: asyncio.Task[None] | None = None
        self._gate: asyncio.Future[None] | None = None

    async def position(self, topic: str, partition: int) -> int:
        try:
            return self._progress.position(topic, partition)
        except sqlite3.Error as error:
            raise translate(error, self._path) from error

    async def last_time(self, topic: str, partition: int) -> int:
        try:
            return self._progress.last_time(topic, partition)
        except sqlite3.Error as error:
            raise translate(error, self._path) from error

    async def load(self, wants: Sequence[KeyWant]) -> list[KeyState]:
        # Outside a transaction every SELECT takes and drops the read lock by itself; one for all is cheaper.
        alone = len(wants) > 1 and not self._connection.in_transaction
        try:
            if alone:
                self._connection.execute("BEGIN")
            return [self._state(want) for want in wants]
        except sqlite3.Error as error:
            raise translate(error, self._path) from error
        finally:
            if alone:
                self._abandon()

    async def epoch(self, partition: int, bucket_id: bytes) -> BucketEpoch | None:
        try:
            found = self._connection.execute(_EPOCH, (partition, bucket_id)).fetchone()
        except sqlite3.Error as error:
            raise translate(error, self._path) from error
        if found is None:
            return None
        return open_epoch(partition, bucket_id, found[0])

    async def usage(self, partition: int, bucket_id: bytes) -> Usage:
        try:
            found = self._connection.execute(_USAGE, (bucket_id, partition)).fetchone()
        except sqlite3.Error as error:
            raise translate(error, self._path) from error
        return Usage() if found is None else open_usage(partition, bucket_id, found[0])

    async def bucket(self, name: str) -> Bucket | None:
        try:
            found = self._connection.execute(_BUCKET, (name,)).fetchone()
        except sqlite3.Error as error:
            raise translate(error, self._path) from error
        if found is None:
            return None
        return open_bucket(name, found[0])

    async def configuration(self, bucket_id: bytes, kind: str, identifier: str) -> Configuration | None:
        place = bucket_id, kind, identifier
        try:
            found = self._connection.execute(_CONFIGURATION, place).fetchone()
        except sqlite3.Error as error:
            raise translate(error, self._path) from error
        if found is None:
            return None
        return open_configuration(*place, found[0])

    async def identity(self, account: str, kind: str, name: str) -> Identity | None:
        place = account, kind, name
        try:
            found = self._connection.execute(_IDENTITY, place).fetchone()
        except sqlite3.Error as error:
            raise translate(error, self._path) from error
        if found is None:
            return None
        return open_identity(*place, found[0])

    async def write(self, partition: int, changes: Sequence[Change]) -> None:
        while self._gate is not None and not self._connection.in_transaction:
            await asyncio.shield(self._gate)
        if self._stamps is not None:
            self._stamp(changes)
        try:
            self._begin()
            write_changes(self._connection, partition, changes)
        except sqlite3.Error as error:
            self._abandon()
            raise translate(error, self._path) from error

    async def commit(self, topic: str, partition: int, next_offset: int, facts: PendingFacts | None) -> None:
        while self._gate is not None and not self._connection.in_transaction:
            await asyncio.shield(self._gate)
        try:
            self._begin()
            self._progress.advance(topic, partition, next_offset, facts)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._abandon()
            raise translate(error, self._path) from error
        self._progress.committed()
        if self._stamps is not None:
            for bucket_id, key in self._stamped:
                self._stamps.bump(bucket_id, key)
            self._stamped.clear()
        if self._checkpointer.wal_bytes() >= self._next_checkpoint and self._background is None:
            self._background = asyncio.create_task(self._checkpoint_by_itself(), name="index-checkpoint")

    async def rollback(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise translate(error, self._path) from error

    async def pending_facts(self, topic: str, partition: int) -> list[PendingFacts]:
        try:
            return self._progress.pending(topic, partition)
        except sqlite3.Error as error:
            raise translate(error, self._path) from error

    async def trim_facts(self, topic: str, partition: int, through: int) -> None:
        """Takes effect at once here, and in the file with the next commit: a crash in between gives the
        facts back, which their consumers deduplicate anyway."""
        self._progress.trim(topic, partition, through)

    async def checkpoint(self) -> None:
        async with self._checkpointing:
            await self._checkpointer.sync()
            size = self._checkpointer.wal_bytes()
            if size >= self._wal_limit and not self._connection.in_transaction:
                await self._truncate_wal()
            # When a reader of an old snapshot was in the way, try again after as much growth.
            self._next_checkpoint = self._checkpointer.wal_bytes() + self._wal_limit

    async def close(self) -> None:
        """Roll back an unfinished batch, keep trimmed facts trimmed, checkpoint and close the file."""
        if self._background is not None:
            await self._background
        await self.rollback()
        try:
            self._begin()
            self._progress.apply_trims()
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._abandon()
            raise translate(error, self._path) from error
        finally:
            self._checkpointer.close()
            self._connection.close()

    def _stamp(self, changes: Sequence[Change]) -> None:
        """Announce which heads change, before anybody can see it; again after the commit."""
        assert self._stamps is not None
        for change in changes:
            if type(change) is SetHead:
                place = change.bucket_id, change.row.key
            elif type(change) is ClearHead:
                place = change.bucket_id, change.key
            else:
                continue
            self._stamps.bump(*place)
            self._stamped.append(place)

    def _state(self, want: KeyWant) -> KeyState:
        bucket_id, key, version, upload_id, number = want
        versions = self._versions
        head = versions.newest(bucket_id, key)
        null = versions.null(bucket_id, key, head)
        target = successor = None
        upload = part = None
        if version is not None and head is not None:
            target = null if version == NULL_VERSION else versions.by_id(bucket_id, key, version)
            if target is not None:
                successor = versions.below(bucket_id, key, target.rank)
        if upload_id is not None:
            upload = self._upload(bucket_id, key, upload_id)
            if number is not None:
                part = self._part(upload_id, number)
        return KeyState(head, null, target, successor, upload, part)

    def _upload(self, bucket_id: bytes, key: str, upload_id: str) -> Upload | None:
        found = self._connection.execute(_UPLOAD, (bucket_id, key, upload_id)).fetchone()
        if found is None:
            return None
        return open_upload(bucket_id, key, upload_id, found[0])

    def _part(self, upload_id: str, number: int) -> Part | None:
        found = self._connection.execute(_PART, (upload_id, number)).fetchone()
        if found is None:
            return None
        return open_part(upload_id, number, found[0])

    def _begin(self) -> None:
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN IMMEDIATE")

    def _abandon(self) -> None:
        """Leave the transaction after an error that SQLite may or may not have rolled back by itself."""
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            log.exception("rolling back a batch of the index %s failed", self._path)

    async def _truncate_wal(self) -> None:
        """Empty the write-ahead log. Batches that would begin meanwhile wait; most of the log has been
        copied already, so that is a matter of milliseconds."""
        self._gate = asyncio.get_running_loop().create_future()
        try:
            await self._checkpointer.truncate()
        finally:
            self._gate.set_result(None)
            self._gate = None

    async def _checkpoint_by_itself(self) -> None:
        try:
            await self.checkpoint()
        except (StrandlineError, sqlite3.Error, OSError) as error:
            # Nothing is lost by it: the event log keeps what the index has not made durable.
            self._next_checkpoint = self._checkpointer.wal_bytes() + self._wal_limit
            log.error("a checkpoint of the index failed and will be tried again: %s", error)
        finally:
            self._background = None
