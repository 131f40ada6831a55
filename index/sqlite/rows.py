"""Versions and listing entries as the SQLite engine files them: larger inline payloads apart.

What a record is, and how every other row becomes one: `index/records.py`.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from index.contract import ListEntry
from index.crc import crc32c
from index.records import VERSION, damaged, key_seed, seal
from schemas.rows import ObjectVersion

DETACHED = 1  # flag: the inline payload lies in `object_payloads`
DETACH_BYTES = 100  # inline payloads up to this many bytes stay in the record

_encode: Callable[[Any], bytes] = msgspec.msgpack.Encoder().encode
_decode_version: Callable[[bytes], ObjectVersion] = VERSION.decode
_replace = msgspec.structs.replace


def seal_version(row: ObjectVersion, seed: int) -> tuple[bytes, bytes]:
    """The record of a version, and the payload to be stored beside it (b"" when there is none)."""
    manifest = row.manifest
    if manifest is None or len(manifest.inline) <= DETACH_BYTES:
        return seal(_encode(row), seed), b""
    payload = manifest.inline
    bare = _replace(row, manifest=_replace(manifest, inline=b""))
    return seal(_encode(bare), seed, b"\1"), payload


def open_version(record: Any, table: str, bucket_id: bytes, key: str) -> ObjectVersion:
    """The version of a record, without a detached payload.

    Raises IndexCorrupt, naming table, bucket and key, when it does not match its checksum.
    """
    # This is `intact`, written out: it is on the way of every GET.
    if (
        type(record) is not bytes
        or len(record) < 6
        or crc32c(record[:-4], crc32c(bucket_id + key.encode())) != int.from_bytes(record[-4:], "little")
    ):
        raise damaged(table, bucket_id, key)
    try:
        return _decode_version(record[:-5])
    except msgspec.MsgspecError as error:
        raise damaged(table, bucket_id, key) from error


def is_detached(record: bytes) -> bool:
    """Whether the version's inline payload lies in `object_payloads`."""
    return record[-5] == DETACHED


def attach(row: ObjectVersion, payload: bytes) -> ObjectVersion:
    """The version with the payload that was stored beside it."""
    assert row.manifest is not None
    return _replace(row, manifest=_replace(row.manifest, inline=payload))


def payload_seed(bucket_id: bytes, key: str, rank: int) -> int:
    return crc32c(rank.to_bytes(8, "little"), key_seed(bucket_id, key))


def seal_payload(payload: bytes, seed: int) -> bytes:
    return payload + crc32c(payload, seed).to_bytes(4, "little")


def open_payload(stored: Any, bucket_id: bytes, key: str, rank: int) -> bytes:
    """The payload, checked. Raises IndexCorrupt."""
    if type(stored) is bytes and len(stored) > 4:
        payload = stored[:-4]
        if crc32c(payload, payload_seed(bucket_id, key, rank)) == int.from_bytes(stored[-4:], "little"):
            return payload
    raise damaged("object_payloads", bucket_id, key)


def listing(row: ObjectVersion) -> tuple[int, str, int, str, str, str, str]:
    """The columns of `current` that a listing reads, in their order."""
    checksum = row.checksum
    return (
        row.size,
        row.etag,
        row.created_at,
        row.attributes.storage_class,
        row.owner_id,
        checksum.algorithm if checksum else "",
        checksum.type if checksum else "",
    )


def listing_crc(bucket_id: bytes, key: str, columns: tuple[int, str, int, str, str, str, str]) -> int:
    """The checksum of the listing columns, kept beside them so that LIST need not read the record."""
    return crc32c("\0".join((key, *map(str, columns))).encode(), crc32c(bucket_id))


def open_listing(rows: list[Any], bucket_id: bytes) -> list[ListEntry]:
    """Entries of rows (key, the listing columns, listing_crc). Raises IndexCorrupt."""
    seed = crc32c(bucket_id)
    entries = []
    for row in rows:
        key, size, etag, created_at, storage_class, owner_id, algorithm, kind, crc = row
        text = f"{key}\0{size}\0{etag}\0{created_at}\0{storage_class}\0{owner_id}\0{algorithm}\0{kind}"
        if crc32c(text.encode(), seed) != crc:
            raise damaged("current", bucket_id, key)
        entries.append(ListEntry._make(row[:8]))
    return entries
