"""Looking versions up in `objects`: the newest, one by its id, the one below. Shared by both sides."""

import sqlite3
from typing import Any

from index.records import damaged
from index.sqlite.rows import attach, is_detached, open_payload, open_version
from schemas.ids import NULL_VERSION, version_rank
from schemas.rows import ObjectVersion

MAX_RANK = (1 << 63) - 1  # what an INTEGER of SQLite holds

_NEWEST = "SELECT rank, record FROM objects WHERE bucket_id = ? AND key = ? ORDER BY rank DESC LIMIT 1"
_AT = "SELECT rank, record FROM objects WHERE bucket_id = ? AND key = ? AND rank = ?"
_BELOW = (
    "SELECT rank, record FROM objects WHERE bucket_id = ? AND key = ? AND rank < ? ORDER BY rank DESC LIMIT 1"
)
_NULL = (
    "SELECT rank, record FROM objects INDEXED BY objects_null "
    "WHERE bucket_id = ? AND key = ? AND version = 'null' AND ended_seq <> 0 ORDER BY rank DESC LIMIT 1"
)
_PAYLOAD = "SELECT payload FROM object_payloads WHERE bucket_id = ? AND key = ? AND rank = ?"


class Versions:
    """Versions as one connection sees them, each checked, with its inline payload."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def newest(self, bucket_id: bytes, key: str) -> ObjectVersion | None:
        row = self._one(_NEWEST, bucket_id, key)
        # A version that has ended lies under a newer one; when that cannot be found, its entry is damaged.
        if row is not None and row.ended_seq:
            raise damaged("objects", bucket_id, key)
        return row

    def below(self, bucket_id: bytes, key: str, rank: int) -> ObjectVersion | None:
        """The version just older than that rank."""
        return self._one(_BELOW, bucket_id, key, min(rank, MAX_RANK))

    def null(self, bucket_id: bytes, key: str, newest: ObjectVersion | None) -> ObjectVersion | None:
        """The null version, given the newest one. One that lies under a newer version has ended, which
        is how the index finds it."""
        if newest is None or newest.version == NULL_VERSION:
            return newest
        row = self._one(_NULL, bucket_id, key)
        if row is not None and row.version != NULL_VERSION:
            raise damaged("objects", bucket_id, key)
        return row

    def by_id(self, bucket_id: bytes, key: str, version: str) -> ObjectVersion | None:
        """The version of an id other than "null": its rank is in the id, so this is a primary key."""
        rank = version_rank(version)
        if rank is None or rank > MAX_RANK:
            return None
        row = self._one(_AT, bucket_id, key, rank)
        return row if row is not None and row.version == version else None

    def _one(self, query: str, *place: Any) -> ObjectVersion | None:
        found = self._execute(query, place).fetchone()
        if found is None:
            return None
        return self.open(place[0], place[1], found[0], found[1])

    def open(
        self, bucket_id: bytes, key: str, rank: int, record: bytes, table: str = "objects"
    ) -> ObjectVersion:
        """The version of a record found under that key and rank. Raises IndexCorrupt."""
        row = open_row(bucket_id, key, rank, record, table)
        return self.complete(bucket_id, row) if is_detached(record) else row

    def complete(self, bucket_id: bytes, row: ObjectVersion) -> ObjectVersion:
        """The version with its payload from `object_payloads`. Raises IndexCorrupt when that is not there."""
        stored = self._execute(_PAYLOAD, (bucket_id, row.key, row.rank)).fetchone()
        if stored is None:
            raise damaged("object_payloads", bucket_id, row.key)
        return attach(row, open_payload(stored[0], bucket_id, row.key, row.rank))


def open_row(bucket_id: bytes, key: str, rank: int, record: bytes, table: str = "objects") -> ObjectVersion:
    """The same without a detached payload, which is not looked at."""
    row = open_version(record, table, bucket_id, key)
    if row.rank != rank or row.key != key:
        raise damaged(table, bucket_id, key)
    return row
