"""Rows as engines store them: msgpack, a flag byte, and a CRC32C seeded with the row's key.

    record = msgpack(row) ‖ flags (1 byte) ‖ CRC32C(msgpack ‖ flags, seed) (4 bytes, little endian)

The seed is the CRC32C of what the row is filed under, so a record that is whole but in the wrong place
does not check either.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from index.contract import PendingFacts
from index.crc import crc32c
from schemas.errors import IndexCorrupt
from schemas.rows import Bucket, BucketEpoch, Configuration, Identity, ObjectVersion, Part, Upload, Usage

T = TypeVar("T")

_encode: Callable[[Any], bytes] = msgspec.msgpack.Encoder().encode
BUCKET = msgspec.msgpack.Decoder(Bucket)
CONFIGURATION = msgspec.msgpack.Decoder(Configuration)
IDENTITY = msgspec.msgpack.Decoder(Identity)
EPOCH = msgspec.msgpack.Decoder(BucketEpoch)
UPLOAD = msgspec.msgpack.Decoder(Upload)
USAGE = msgspec.msgpack.Decoder(Usage)
PART = msgspec.msgpack.Decoder(Part)
VERSION = msgspec.msgpack.Decoder(ObjectVersion)
FACTS = msgspec.msgpack.Decoder(PendingFacts)


def key_seed(bucket_id: bytes, key: str) -> int:
    """The seed of every row filed under a bucket and a key."""
    return crc32c(bucket_id + key.encode())


def name_seed(name: str, number: int = 0) -> int:
    """The seed of rows filed under a name (bucket, upload, topic) and perhaps a number."""
    return crc32c(b"%b\0%d" % (name.encode(), number))


def epoch_seed(partition: int, bucket_id: bytes) -> int:
    return crc32c(b"%b\0%d" % (bucket_id, partition))


def configuration_seed(bucket_id: bytes, kind: str, identifier: str) -> int:
    return crc32c(b"%b%b\0%b" % (bucket_id, kind.encode(), identifier.encode()))


def identity_seed(account: str, kind: str, name: str) -> int:
    return crc32c(f"{account}\0{kind}\0{name}".encode())


def seal(body: bytes, seed: int, flags: bytes = b"\0") -> bytes:
    """The record of an encoded row."""
    body += flags
    return body + crc32c(body, seed).to_bytes(4, "little")


def seal_row(row: Any, seed: int) -> bytes:
    return seal(_encode(row), seed)


def intact(record: Any, seed: int) -> bool:
    """Whether the record is whole and belongs under that seed."""
    return (
        type(record) is bytes
        and len(record) > 5
        and crc32c(record[:-4], seed) == int.from_bytes(record[-4:], "little")
    )


def open_row(record: Any, seed: int, decoder: "msgspec.msgpack.Decoder[T]", where: str) -> T:
    """The row of a record. Raises IndexCorrupt, naming `where`, when it does not match its checksum."""
    if not intact(record, seed):
        raise IndexCorrupt(f"the index row {where} does not match its checksum")
    try:
        return decoder.decode(record[:-5])
    except msgspec.MsgspecError as error:
        raise IndexCorrupt(f"the index row {where} cannot be decoded: {error}") from error


def open_bucket(name: str, record: Any) -> Bucket:
    """Raises IndexCorrupt."""
    return open_row(record, name_seed(name), BUCKET, f"of table buckets, bucket {name}")


def open_configuration(bucket_id: bytes, kind: str, identifier: str, record: Any) -> Configuration:
    """Raises IndexCorrupt."""
    where = f"of table configurations, bucket {bucket_id.hex()}, {kind} {identifier!r}"
    return open_row(record, configuration_seed(bucket_id, kind, identifier), CONFIGURATION, where)


def open_identity(account: str, kind: str, name: str, record: Any) -> Identity:
    """Raises IndexCorrupt."""
    where = f"of table identities, account {account}, {kind} {name!r}"
    return open_row(record, identity_seed(account, kind, name), IDENTITY, where)


def open_epoch(partition: int, bucket_id: bytes, record: Any) -> BucketEpoch:
    """Raises IndexCorrupt."""
    where = f"of table epochs, bucket {bucket_id.hex()}, partition {partition}"
    return open_row(record, epoch_seed(partition, bucket_id), EPOCH, where)


def open_usage(partition: int, bucket_id: bytes, record: Any) -> Usage:
    """Raises IndexCorrupt."""
    where = f"of table usage, bucket {bucket_id.hex()}, partition {partition}"
    return open_row(record, epoch_seed(partition, bucket_id), USAGE, where)


def open_upload(bucket_id: bytes, key: str, upload_id: str, record: Any) -> Upload:
    """Raises IndexCorrupt."""
    where = f"of table uploads, bucket {bucket_id.hex()}, key {key!r}"
    row = open_row(record, key_seed(bucket_id, key), UPLOAD, where)
    if row.upload_id != upload_id:
        raise damaged("uploads", bucket_id, key)
    return row


def open_part(upload_id: str, number: int, record: Any) -> Part:
    """Raises IndexCorrupt."""
    where = f"of table parts, upload {upload_id}, part {number}"
    return open_row(record, name_seed(upload_id, number), PART, where)


def damaged(table: str, bucket_id: Any, key: Any) -> IndexCorrupt:
    name = bucket_id.hex() if isinstance(bucket_id, bytes) else repr(bucket_id)
    return IndexCorrupt(f"the row of table {table}, bucket {name}, key {key!r} does not match its checksum")
