"""The rows that a batch changes, as they go into the journal and from there into the tables.

Several changes of one row are one here: the last. So all rows of a batch can carry one timestamp.
"""

import msgspec

from index.contract import ListEntry
from index.records import VERSION, damaged, key_seed, open_row, seal_row
from schemas.errors import IndexCorrupt
from schemas.ids import NULL_VERSION
from schemas.rows import ObjectVersion

NULL_SLOT = 0
GONE = b""  # instead of a record: the row is removed

_ENTRY = msgspec.msgpack.Decoder(ListEntry)


class KeyRows(msgspec.Struct, array_like=True, tag="key"):
    """What changes of a key, in the tables of its shard.

    versions  rows of `objects` by slot
    head      the slot in `versions` that is the head now; -1: the key has no versions; None: as before
    below     whether a null version lies under the head: NULL_SLOT (it is in `versions`), -1: there is none;
              None: as before
    entry     the row of `current`; None: as before
    uploads   rows of `uploads` by upload id
    """

    bucket_id: bytes
    key: str
    versions: dict[int, bytes] = {}
    head: int | None = None
    below: int | None = None
    entry: bytes | None = None
    uploads: dict[str, bytes] = {}


class PartRows(msgspec.Struct, array_like=True, tag="parts"):
    """Rows of `parts`, by part number; with `cleared` all earlier ones are removed first."""

    upload_id: str
    parts: dict[int, bytes] = {}
    cleared: bool = False


class BucketRows(msgspec.Struct, array_like=True, tag="bucket"):
    """Rows of `configurations`, by kind and identifier; with `cleared` all earlier ones are removed first."""

    bucket_id: bytes
    configurations: dict[tuple[str, str], bytes] = {}
    cleared: bool = False


class NameRow(msgspec.Struct, array_like=True, tag="name"):
    """A row of `buckets`."""

    name: str
    bucket_id: bytes
    record: bytes


class IdentityRow(msgspec.Struct, array_like=True, tag="identity"):
    """A row of `identities`, and of `identity_changes`, where the one at `replaced` is removed (0: none)."""

    account: str
    kind: str
    name: str
    seq: int
    record: bytes
    replaced: int = 0


class EpochRow(msgspec.Struct, array_like=True, tag="epoch"):
    """A row of `epochs`. Epochs are never removed."""

    partition: int
    bucket_id: bytes
    record: bytes


class UsageRow(msgspec.Struct, array_like=True, tag="usage"):
    """A row of `usage`."""

    partition: int
    bucket_id: bytes
    record: bytes


Row = KeyRows | PartRows | BucketRows | NameRow | EpochRow | IdentityRow | UsageRow


def slot_of(version: str, rank: int) -> int:
    """Where a version lies among those of its key. The null version has a slot of its own, so that a bucket
    without versioning overwrites in place and leaves no tombstones."""
    return NULL_SLOT if version == NULL_VERSION else rank


def seal_version(bucket_id: bytes, row: ObjectVersion) -> bytes:
    return seal_row(row, key_seed(bucket_id, row.key))


def open_version(table: str, bucket_id: bytes, key: str, record: bytes) -> ObjectVersion:
    """Raises IndexCorrupt, naming table, bucket and key."""
    where = f"of table {table}, bucket {bucket_id.hex()}, key {key!r}"
    row = open_row(record, key_seed(bucket_id, key), VERSION, where)
    if row.key != key:
        raise damaged(table, bucket_id, key)
    return row


def open_slot(bucket_id: bytes, key: str, slot: int, record: bytes) -> ObjectVersion:
    """A row of `objects`. Raises IndexCorrupt."""
    row = open_version("objects", bucket_id, key, record)
    if slot_of(row.version, row.rank) != slot:
        raise damaged("objects", bucket_id, key)
    return row


def seal_entry(bucket_id: bytes, row: ObjectVersion) -> bytes:
    """What a listing shows of a head."""
    checksum = row.checksum
    entry = ListEntry(
        row.key,
        row.size,
        row.etag,
        row.created_at,
        row.attributes.storage_class,
        row.owner_id,
        checksum.algorithm if checksum else "",
        checksum.type if checksum else "",
    )
    return seal_row(entry, key_seed(bucket_id, row.key))


def open_entry(bucket_id: bytes, key: str, record: bytes) -> ListEntry:
    """Raises IndexCorrupt."""
    try:
        entry = open_row(record, key_seed(bucket_id, key), _ENTRY, "")
    except IndexCorrupt as error:
        raise damaged("current", bucket_id, key) from error
    if entry.key != key:
        raise damaged("current", bucket_id, key)
    return entry
