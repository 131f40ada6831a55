"""What an index holds, table by table: the rows that two equal indexes share, and how each row is checked.

Positions and pending facts are left out: they tell how the index came about, not what it says.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from index.records import (
    BUCKET,
    CONFIGURATION,
    EPOCH,
    IDENTITY,
    PART,
    UPLOAD,
    USAGE,
    configuration_seed,
    epoch_seed,
    identity_seed,
    key_seed,
    name_seed,
    open_row,
)
from index.sqlite.rows import listing_crc, open_payload, open_version
from schemas.errors import IndexCorrupt

Row = tuple[Any, ...]


class Table(NamedTuple):
    """A table of the index.

    columns  what is selected; the first `keys` of them are the primary key
    check    raises IndexCorrupt (or a type error) for a row that does not match its checksum, or whose
             columns differ from its record
    """

    name: str
    columns: str
    keys: int
    check: Callable[[Row], None]


def _check_bucket(row: Row) -> None:
    kept = open_row(row[-1], name_seed(row[0]), BUCKET, "")
    _same(row, (kept.name, kept.bucket_id, kept.owner_id, kept.region, kept.created_at))


def _check_version(row: Row) -> None:
    bucket_id, key, record = row[0], row[1], row[-1]
    kept = open_version(record, "objects", bucket_id, key)
    _same(row, (
        bucket_id, kept.key, kept.rank, kept.version, kept.seq, kept.size, kept.created_at, kept.ended_seq,
        kept.ended_at,
    ))  # fmt: skip


def _check_current(row: Row) -> None:
    if listing_crc(row[0], row[1], row[2:-1]) != row[-1]:
        raise IndexCorrupt("the listing columns do not match their checksum")


def _check_payload(row: Row) -> None:
    bucket_id, key, rank, payload = row
    open_payload(payload, bucket_id, key, rank)


def _check_upload(row: Row) -> None:
    bucket_id, key, _, record = row
    kept = open_row(record, key_seed(bucket_id, key), UPLOAD, "")
    _same(row, (bucket_id, kept.key, kept.upload_id))


def _check_part(row: Row) -> None:
    upload_id, number, record = row
    kept = open_row(record, name_seed(upload_id, number), PART, "")
    _same(row, (upload_id, kept.number))


def _check_epoch(row: Row) -> None:
    partition, bucket_id, record = row
    kept = open_row(record, epoch_seed(partition, bucket_id), EPOCH, "")
    _same(row, (partition, kept.bucket_id))


def _check_usage(row: Row) -> None:
    bucket_id, partition, record = row
    open_row(record, epoch_seed(partition, bucket_id), USAGE, "")


def _check_configuration(row: Row) -> None:
    bucket_id, kind, identifier, record = row
    kept = open_row(record, configuration_seed(bucket_id, kind, identifier), CONFIGURATION, "")
    _same(row, (bucket_id, kept.kind, kept.identifier))


def _check_identity(row: Row) -> None:
    kept = open_row(row[-1], identity_seed(*row[:3]), IDENTITY, "")
    _same(row, (kept.account, kept.kind, kept.name, kept.seq))


def _same(row: Row, expected: Row) -> None:
    if row[: len(expected)] != expected:
        raise IndexCorrupt("the columns differ from the record")


TABLES = (
    Table("buckets", "name, bucket_id, owner_id, region, created_at, record", 1, _check_bucket),
    Table(
        "objects",
        "bucket_id, key, rank, version, seq, size, created_at, ended_seq, ended_at, record",
        3,
        _check_version,
    ),
    Table(
        "current",
        "bucket_id, key, size, etag, created_at, storage_class, owner_id, checksum_algorithm, "
        "checksum_type, listing_crc",
        2,
        _check_current,
    ),
    Table("object_payloads", "bucket_id, key, rank, payload", 3, _check_payload),
    Table("uploads", "bucket_id, key, upload_id, record", 3, _check_upload),
    Table("parts", "upload_id, number, record", 2, _check_part),
    Table("configurations", "bucket_id, kind, identifier, record", 3, _check_configuration),
    Table("identities", "account, kind, name, seq, record", 3, _check_identity),
    Table("usage", "bucket_id, partition, record", 2, _check_usage),
    Table("epochs", "partition, bucket_id, record", 2, _check_epoch),
)


def is_sound(table: Table, row: Row) -> bool:
    """Whether the row passes its check; a column of an impossible type fails it."""
    try:
        table.check(row)
    except (IndexCorrupt, TypeError, ValueError, AttributeError, OverflowError):
        return False
    return True


def key_columns(table: Table) -> tuple[str, ...]:
    """The names of the columns of the table's key."""
    return tuple(table.columns.split(", ")[: table.keys])
