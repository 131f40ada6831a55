"""Changes as statements: the last change of each row wins, and rows of a kind go to SQLite together."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from index.contract import (
    Change,
    ClearHead,
    PutBucket,
    PutConfiguration,
    PutEpoch,
    PutIdentity,
    PutPart,
    PutUpload,
    PutUsage,
    PutVersion,
    RemoveBucket,
    RemoveConfiguration,
    RemoveUpload,
    RemoveVersion,
    SetHead,
)
from index.records import configuration_seed, epoch_seed, identity_seed, key_seed, name_seed, seal_row
from index.sqlite.rows import listing, listing_crc, payload_seed, seal_payload, seal_version
from schemas.rows import ObjectVersion, Usage

# Written over in place where it exists: REPLACE would move the row and touch its index entry.
_PUT_VERSION = (
    "INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (bucket_id, key, rank) "
    "DO UPDATE SET version = excluded.version, seq = excluded.seq, size = excluded.size, "
    "created_at = excluded.created_at, ended_seq = excluded.ended_seq, ended_at = excluded.ended_at, "
    "record = excluded.record"
)
_REMOVE_VERSION = "DELETE FROM objects WHERE bucket_id = ? AND key = ? AND rank = ?"
_PUT_PAYLOAD = "INSERT OR REPLACE INTO object_payloads VALUES (?, ?, ?, ?)"
_REMOVE_PAYLOAD = "DELETE FROM object_payloads WHERE bucket_id = ? AND key = ? AND rank = ?"
_SET_HEAD = "INSERT OR REPLACE INTO current VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_CLEAR_HEAD = "DELETE FROM current WHERE bucket_id = ? AND key = ?"
_PUT_UPLOAD = "INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?)"
_REMOVE_UPLOAD = "DELETE FROM uploads WHERE bucket_id = ? AND key = ? AND upload_id = ?"
_PUT_PART = "INSERT OR REPLACE INTO parts VALUES (?, ?, ?)"
_REMOVE_PARTS = "DELETE FROM parts WHERE upload_id = ?"
_PUT_EPOCH = "INSERT OR REPLACE INTO epochs VALUES (?, ?, ?)"
_PUT_USAGE = "INSERT OR REPLACE INTO usage VALUES (?, ?, ?)"
_REMOVE_USAGE = "DELETE FROM usage WHERE bucket_id = ? AND partition = ?"
_PUT_BUCKET = "INSERT OR REPLACE INTO buckets VALUES (?, ?, ?, ?, ?, ?)"
_REMOVE_BUCKET = "DELETE FROM buckets WHERE name = ? AND bucket_id = ?"

_REMOVE_ITS_CONFIGURATIONS = "DELETE FROM configurations WHERE bucket_id = ?"
_PUT_CONFIGURATION = "INSERT OR REPLACE INTO configurations VALUES (?, ?, ?, ?)"
_REMOVE_CONFIGURATION = "DELETE FROM configurations WHERE bucket_id = ? AND kind = ? AND identifier = ?"
_PUT_IDENTITY = "INSERT OR REPLACE INTO identities VALUES (?, ?, ?, ?, ?)"

_Place = tuple[bytes, str, int]
_Key = tuple[bytes, str]


def write_changes(connection: sqlite3.Connection, partition: int, changes: Sequence[Change]) -> None:
    """Write the changes inside the open transaction, as if one after the other."""
    versions: dict[_Place, ObjectVersion | None] = {}
    heads: dict[_Key, ObjectVersion | None] = {}
    for change in changes:
        # Most frequent first: this runs for every write.
        match change:
            case PutVersion(bucket_id, row):
                versions[bucket_id, row.key, row.rank] = row
            case SetHead(bucket_id, row):
                heads[bucket_id, row.key] = row
            case RemoveVersion(bucket_id, key, rank):
                versions[bucket_id, key, rank] = None
            case ClearHead(bucket_id, key):
                heads[bucket_id, key] = None
            case _:
                _write_one(connection, partition, change)
    _write_versions(connection, versions, heads)


def _write_versions(
    connection: sqlite3.Connection,
    versions: dict[_Place, ObjectVersion | None],
    heads: dict[_Key, ObjectVersion | None],
) -> None:
    put: list[Any] = []
    payloads: list[Any] = []
    removed: list[_Place] = []
    for place, row in versions.items():
        if row is None:
            removed.append(place)
            continue
        bucket_id, key, rank = place
        record, payload = seal_version(row, key_seed(bucket_id, key))
        put.append((
            bucket_id, key, rank, row.version, row.seq, row.size, row.created_at, row.ended_seq,
            row.ended_at, record,
        ))  # fmt: skip
        if payload:
            stored = seal_payload(payload, payload_seed(bucket_id, key, rank))
            payloads.append((bucket_id, key, rank, stored))
    set_heads: list[Any] = []
    cleared: list[_Key] = []
    for head_key, row in heads.items():
        if row is None:
            cleared.append(head_key)
            continue
        bucket_id, key = head_key
        columns = listing(row)
        set_heads.append((bucket_id, key, *columns, listing_crc(bucket_id, key, columns)))
    for statement, rows in (
        (_REMOVE_VERSION, removed),
        (_REMOVE_PAYLOAD, removed),
        (_PUT_VERSION, put),
        (_PUT_PAYLOAD, payloads),
        (_CLEAR_HEAD, cleared),
        (_SET_HEAD, set_heads),
    ):
        if rows:
            connection.executemany(statement, rows)


def _write_one(connection: sqlite3.Connection, partition: int, change: Change) -> None:
    execute = connection.execute
    match change:
        case PutPart(upload_id, part):
            execute(_PUT_PART, (upload_id, part.number, seal_row(part, name_seed(upload_id, part.number))))
        case PutUpload(bucket_id, upload):
            record = seal_row(upload, key_seed(bucket_id, upload.key))
            execute(_PUT_UPLOAD, (bucket_id, upload.key, upload.upload_id, record))
        case RemoveUpload(bucket_id, key, upload_id):
            execute(_REMOVE_UPLOAD, (bucket_id, key, upload_id))
            execute(_REMOVE_PARTS, (upload_id,))
        case PutEpoch(epoch):
            record = seal_row(epoch, epoch_seed(partition, epoch.bucket_id))
            execute(_PUT_EPOCH, (partition, epoch.bucket_id, record))
        case PutUsage(bucket_id, usage):
            if usage == Usage():
                execute(_REMOVE_USAGE, (bucket_id, partition))
            else:
                execute(_PUT_USAGE, (bucket_id, partition, seal_row(usage, epoch_seed(partition, bucket_id))))
        case PutBucket(row):
            execute(_PUT_BUCKET, (
                row.name, row.bucket_id, row.owner_id, row.region, row.created_at,
                seal_row(row, name_seed(row.name)),
            ))  # fmt: skip
        case RemoveBucket(row):
            execute(_REMOVE_BUCKET, (row.name, row.bucket_id))
            execute(_REMOVE_ITS_CONFIGURATIONS, (row.bucket_id,))
        case PutConfiguration(bucket_id, configuration):
            kind, identifier = configuration.kind, configuration.identifier
            record = seal_row(configuration, configuration_seed(bucket_id, kind, identifier))
            execute(_PUT_CONFIGURATION, (bucket_id, kind, identifier, record))
        case RemoveConfiguration(bucket_id, kind, identifier):
            execute(_REMOVE_CONFIGURATION, (bucket_id, kind, identifier))
        case PutIdentity(identity):
            place = identity.account, identity.kind, identity.name
            execute(_PUT_IDENTITY, (*place, identity.seq, seal_row(identity, identity_seed(*place))))
        case _:
            raise TypeError(f"no statement for {type(change).__name__}")
