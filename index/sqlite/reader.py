"""Everybody else's side of the index: GET, HEAD and listings read here, in any number of processes."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from index.contract import IdentityPlace, ListEntry
from index.head_cache import HeadCache, HeadStamps
from index.records import open_bucket, open_configuration, open_identity, open_part, open_upload, open_usage
from index.sqlite.connection import open_reader
from index.sqlite.failures import translate
from index.sqlite.neighbours import check_neighbours
from index.sqlite.progress import read_position
from index.sqlite.rows import open_listing
from index.sqlite.versions import Versions, open_row
from schemas.ids import NULL_VERSION
from schemas.rows import Bucket, Configuration, Identity, ObjectVersion, Part, Upload, Usage

_BUCKET = "SELECT record FROM buckets WHERE name = ?"
_BUCKETS = "SELECT name, record FROM buckets WHERE name > ? AND name >= ? ORDER BY name LIMIT ?"
_CONFIGURATION = "SELECT record FROM configurations WHERE bucket_id = ? AND kind = ? AND identifier = ?"
_CONFIGURATIONS = (
    "SELECT identifier, record FROM configurations WHERE bucket_id = ? AND kind = ? AND identifier {} ? "
    "ORDER BY identifier LIMIT ?"
)
_IDENTITIES = (
    "SELECT account, kind, name, record FROM identities WHERE (seq, account, kind, name) > (?, ?, ?, ?) "
    "ORDER BY seq, account, kind, name LIMIT ?"
)
_LISTING = (
    "SELECT key, size, etag, created_at, storage_class, owner_id, checksum_algorithm, checksum_type, "
    "listing_crc FROM current WHERE bucket_id = ? AND key {} ? {} ORDER BY key LIMIT ?"
)
_VERSIONS = (
    "SELECT key, rank, record FROM objects WHERE bucket_id = ? AND key {} ? {} "
    "ORDER BY key, rank DESC LIMIT ?"
)
_OLDER = (
    "SELECT key, rank, record FROM objects WHERE bucket_id = ? AND key = ? AND rank < ? "
    "ORDER BY rank DESC LIMIT ?"
)
_UPLOAD = "SELECT record FROM uploads WHERE bucket_id = ? AND key = ? AND upload_id = ?"
_UPLOADS = (
    "SELECT key, upload_id, record FROM uploads WHERE bucket_id = ? AND key {} ? {} "
    "ORDER BY key, upload_id LIMIT ?"
)
_LATER_UPLOADS = (
    "SELECT key, upload_id, record FROM uploads WHERE bucket_id = ? AND key = ? AND upload_id > ? "
    "ORDER BY upload_id LIMIT ?"
)
_USAGE = "SELECT partition, record FROM usage WHERE bucket_id = ?"
_PARTS = "SELECT number, record FROM parts WHERE upload_id = ? AND number > ? ORDER BY number LIMIT ?"
_HAS_VERSIONS = "SELECT 1 FROM objects WHERE bucket_id = ? LIMIT 1"
# In the order in which rows lie in the file: a walk over everything then reads every page once.
_ALL_VERSIONS = (
    "SELECT rowid, bucket_id, key, rank, record FROM objects WHERE rowid > ? ORDER BY rowid LIMIT ?"
)
_ALL_PARTS = (
    "SELECT upload_id, number, record FROM parts WHERE (upload_id, number) > (?, ?) "
    "ORDER BY upload_id, number LIMIT ?"
)


def _bounded(query: str) -> dict[tuple[bool, bool], str]:
    """The four forms of a range query, by (inclusive, has a stop)."""
    return {
        (inclusive, stopped): query.format(">=" if inclusive else ">", "AND key < ?" if stopped else "")
        for inclusive in (False, True)
        for stopped in (False, True)
    }


_LISTINGS = _bounded(_LISTING)
_VERSION_RANGES = _bounded(_VERSIONS)
_UPLOAD_RANGES = _bounded(_UPLOADS)


class SqliteReader:
    """`index.contract.IndexReader` on one SQLite file. Each call is one short read transaction."""

    def __init__(self, path: Path, stamps: HeadStamps | None = None) -> None:
        """`stamps` of the index's writer: then heads are kept in memory for as long as they are true."""
        self._path = path
        self._connection = open_reader(path)
        self._execute = self._connection.execute
        self._versions = Versions(self._connection)
        self._heads = HeadCache(stamps) if stamps is not None else None

    def close(self) -> None:
        self._connection.close()

    def pin(self) -> None:
        """From now on, until closed, every read sees the index as it is at this moment. For walks over all
        of it: while one lasts, the write-ahead log cannot be emptied."""
        try:
            self._connection.execute("BEGIN")
            self._connection.execute("SELECT count(*) FROM positions").fetchone()
        except sqlite3.Error as error:
            raise translate(error, self._path) from error

    async def bucket(self, name: str) -> Bucket | None:
        found = self._rows(_BUCKET, (name,))
        return open_bucket(name, found[0][0]) if found else None

    async def buckets(self, prefix: str, after: str, limit: int) -> list[Bucket]:
        rows = self._rows(_BUCKETS, (after, prefix, limit))
        return [open_bucket(name, record) for name, record in rows if name.startswith(prefix)]

    async def configuration(self, bucket_id: bytes, kind: str, identifier: str) -> Configuration | None:
        found = self._rows(_CONFIGURATION, (bucket_id, kind, identifier))
        return open_configuration(bucket_id, kind, identifier, found[0][0]) if found else None

    async def configurations(
        self, bucket_id: bytes, kind: str, after: str | None, limit: int
    ) -> list[Configuration]:
        query = _CONFIGURATIONS.format(">=" if after is None else ">")
        rows = self._rows(query, (bucket_id, kind, after or "", limit))
        return [open_configuration(bucket_id, kind, *row) for row in rows]

    async def identities(self, after: IdentityPlace, limit: int) -> list[Identity]:
        return [open_identity(*row) for row in self._rows(_IDENTITIES, (*after, limit))]

    async def current(self, bucket_id: bytes, key: str) -> ObjectVersion | None:
        if self._heads is None:
            return self._current(bucket_id, key)
        stamp, row = self._heads.get(bucket_id, key)
        if row is None:
            row = self._current(bucket_id, key)
            if row is not None:
                self._heads.keep(stamp, bucket_id, row)
        return row

    def _current(self, bucket_id: bytes, key: str) -> ObjectVersion | None:
        # The newest version is the first entry of its key, so this wades through nothing either, and
        # `current` need not repeat the record.
        try:
            row = self._versions.newest(bucket_id, key)
            if row is None:
                check_neighbours(self._connection, bucket_id, key)
                return None
            return None if row.delete_marker else row
        except sqlite3.Error as error:
            raise translate(error, self._path) from error

    async def newest(self, bucket_id: bytes, key: str) -> ObjectVersion | None:
        try:
            row = self._versions.newest(bucket_id, key)
            if row is None:
                check_neighbours(self._connection, bucket_id, key)
            return row
        except sqlite3.Error as error:
            raise translate(error, self._path) from error

    async def version(self, bucket_id: bytes, key: str, version: str) -> ObjectVersion | None:
        try:
            if version == NULL_VERSION:
                newest = self._versions.newest(bucket_id, key)
                row = self._versions.null(bucket_id, key, newest)
            else:
                row = self._versions.by_id(bucket_id, key, version)
            if row is None:
                check_neighbours(self._connection, bucket_id, key)
            return row
        except sqlite3.Error as error:
            raise translate(error, self._path) from error

    async def list_current(
        self, bucket_id: bytes, start: str, inclusive: bool, stop: str | None, limit: int
    ) -> list[ListEntry]:
        query = _LISTINGS[inclusive, stop is not None]
        bounds = (bucket_id, start, limit) if stop is None else (bucket_id, start, stop, limit)
        try:
            return open_listing(self._execute(query, bounds).fetchall(), bucket_id)
        except sqlite3.Error as error:
            raise translate(error, self._path) from error

    async def list_versions(
        self, bucket_id: bytes, start: str, below_rank: int | None, stop: str | None, limit: int
    ) -> list[ObjectVersion]:
        rows: list[Any] = []
        if below_rank and (stop is None or start < stop):
            rows = self._rows(_OLDER, (bucket_id, start, below_rank, limit))
        if len(rows) < limit:
            rows += self._range(
                _VERSION_RANGES, bucket_id, start, below_rank is None, stop, limit - len(rows)
            )
        return [open_row(bucket_id, key, rank, record) for key, rank, record in rows]

    async def upload(self, bucket_id: bytes, key: str, upload_id: str) -> Upload | None:
        found = self._rows(_UPLOAD, (bucket_id, key, upload_id))
        return open_upload(bucket_id, key, upload_id, found[0][0]) if found else None

    async def list_uploads(
        self, bucket_id: bytes, start: str, after_upload: str | None, stop: str | None, limit: int
    ) -> list[Upload]:
        rows: list[Any] = []
        if after_upload is not None and (stop is None or start < stop):
            rows = self._rows(_LATER_UPLOADS, (bucket_id, start, after_upload, limit))
        if len(rows) < limit:
            rows += self._range(
                _UPLOAD_RANGES, bucket_id, start, after_upload is None, stop, limit - len(rows)
            )
        return [open_upload(bucket_id, key, upload_id, record) for key, upload_id, record in rows]

    async def parts(self, upload_id: str, after: int, limit: int) -> list[Part]:
        rows = self._rows(_PARTS, (upload_id, after, limit))
        return [open_part(upload_id, number, record) for number, record in rows]

    async def usage(self, bucket_id: bytes) -> Usage:
        rows = self._rows(_USAGE, (bucket_id,))
        return sum((open_usage(partition, bucket_id, record) for partition, record in rows), Usage())

    async def has_versions(self, bucket_id: bytes) -> bool:
        return bool(self._rows(_HAS_VERSIONS, (bucket_id,)))

    async def applied(self, topic: str, partition: int) -> int:
        try:
            return read_position(self._connection, topic, partition)
        except sqlite3.Error as error:
            raise translate(error, self._path) from error

    async def all_versions(self, batch: int = 1000) -> AsyncIterator[list[tuple[bytes, ObjectVersion]]]:
        """In no particular order; what is written during the walk may be missing."""
        rowid = 0
        while rows := self._rows(_ALL_VERSIONS, (rowid, batch)):
            try:
                page = [(row[1], self._versions.open(*row[1:])) for row in rows]
            except sqlite3.Error as error:
                raise translate(error, self._path) from error
            yield page
            rowid = rows[-1][0]

    async def all_parts(self, batch: int = 1000) -> AsyncIterator[list[Part]]:
        upload_id, number = "", 0
        while rows := self._rows(_ALL_PARTS, (upload_id, number, batch)):
            yield [open_part(*row) for row in rows]
            upload_id, number, _ = rows[-1]

    def _rows(self, query: str, values: tuple[Any, ...]) -> list[Any]:
        try:
            return self._execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise translate(error, self._path) from error

    def _range(
        self,
        queries: dict[tuple[bool, bool], str],
        bucket_id: bytes,
        start: str,
        inclusive: bool,
        stop: str | None,
        limit: int,
    ) -> list[Any]:
        query = queries[inclusive, stop is not None]
        return self._rows(query, (bucket_id, start, *(() if stop is None else (stop,)), limit))
