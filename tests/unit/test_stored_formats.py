"""Events and rows as they are stored: bytes written before a field was added are read, and today's forms
are written as they are here. A form that is in somebody's log can never change."""

from typing import Any

import msgspec
import pytest

from schemas.events import (
    Condition,
    ObjectPut,
    ObjectUpdate,
    Origin,
    PartPut,
    UploadCreate,
    decode_event,
    encode_event,
)
from schemas.manifest import Extent, Manifest
from schemas.rows import Attributes, Checksum, Encryption, Grant, ObjectLock, ObjectVersion, Upload, Usage

ORIGIN = Origin(b"r" * 16, "actor", "127.0.0.1", "PutObject")
BUCKET = b"b" * 16
UNTAGGED = Attributes({"content-type": "text/plain"}, {"a": "1"}, "GLACIER")
TAGGED = msgspec.structs.replace(UNTAGGED, tags={"b": "2"})
ACL = (Grant("o", "READ"),)
SHARED = msgspec.structs.replace(TAGGED, acl=ACL)
LOCK = ObjectLock("GOVERNANCE", 9, True)
KEPT = msgspec.structs.replace(SHARED, lock=LOCK)
SECRET = msgspec.structs.replace(KEPT, encryption=Encryption("kms", b"s" * 4, "arn", {"c": "3"}, True))
BYTES = Manifest("inline", (Extent(b"", 0, 40, 4, "key", b"d" * 4),), (), b"bytes")
CRC = Checksum("CRC32", "AAAAAA==")


def put(attributes: Attributes, expires: int = 0) -> ObjectPut:
    return ObjectPut(
        ORIGIN, BUCKET, 3, "key", b"n" * 8, "owner", 4, "etag", attributes, BYTES, CRC, Condition("etag"),
        expires=expires,
    )  # fmt: skip


def part(expires: int = 0) -> PartPut:
    return PartPut(ORIGIN, BUCKET, 3, "key", "upload", 2, 4, "etag", BYTES, CRC, expires=expires)


def create(attributes: Attributes) -> UploadCreate:
    return UploadCreate(ORIGIN, BUCKET, 3, "key", "upload", "owner", attributes, "CRC32", "COMPOSITE")


def version(attributes: Attributes, restored_until: int = 0) -> ObjectVersion:
    return ObjectVersion(
        "key", "null", 7, 8, 9, "owner", 4, "etag", attributes, CRC, BYTES, False, 10, 11, "upload",
        restored_until,
    )  # fmt: skip


def upload(attributes: Attributes, size: int = 0) -> Upload:
    return Upload("key", "upload", 9, 8, "owner", "actor", attributes, "CRC32", "COMPOSITE", 5, size)


ORIGIN_BYTES = (
    "96c41072727272727272727272727272727272a56163746f72a93132372e302e302e31a95075744f626a656374c0c0"
    "c4106262626262626262626262626262626203a36b6579"
)
BYTES_BYTES = "96a6696e6c696e659196c400002804a36b6579c4046464646490c4056279746573c400c0"
CRC_BYTES = "93a54352433332a84141414141413d3dab46554c4c5f4f424a454354"
ATTRIBUTES_BYTES = "81ac636f6e74656e742d74797065aa746578742f706c61696e81a161a131a7474c4143494552"
WITHOUT_TAGS, WITH_TAGS = f"93{ATTRIBUTES_BYTES}", f"94{ATTRIBUTES_BYTES}81a162a132"
ACL_BYTES = "9192a16fa452454144"
WITH_ACL = f"95{ATTRIBUTES_BYTES}81a162a132{ACL_BYTES}"
LOCK_BYTES = "93aa474f5645524e414e434509c3"
WITH_LOCK = f"96{ATTRIBUTES_BYTES}81a162a132{ACL_BYTES}{LOCK_BYTES}"
ENCRYPTION_BYTES = "95a36b6d73c40473737373a361726e81a163a133c3"
WITH_ENCRYPTION = f"97{ATTRIBUTES_BYTES}81a162a132{ACL_BYTES}{LOCK_BYTES}{ENCRYPTION_BYTES}"


def put_bytes(attributes: str, begin: str = "dc0011", end: str = "") -> bytes:
    return bytes.fromhex(
        f"{begin}ac6f626a6563742e7075742f31{ORIGIN_BYTES}c4086e6e6e6e6e6e6e6ea56f776e657204a465746167"
        f"{attributes}{BYTES_BYTES}{CRC_BYTES}92a465746167c0c00096a6696e6c696e659090c400c400c001{end}"
    )


def part_bytes(begin: str = "9c", end: str = "") -> bytes:
    return bytes.fromhex(
        f"{begin}aa706172742e7075742f31{ORIGIN_BYTES}a675706c6f61640204a465746167{BYTES_BYTES}{CRC_BYTES}01{end}"
    )


def create_bytes(attributes: str) -> bytes:
    return bytes.fromhex(
        f"9baf75706c6f61642e6372656174652f31{ORIGIN_BYTES}a675706c6f6164a56f776e6572{attributes}"
        "a54352433332a9434f4d504f5349544501"
    )


def version_bytes(attributes: str, begin: str = "9f", end: str = "") -> bytes:
    return bytes.fromhex(
        f"{begin}a36b6579a46e756c6c070809a56f776e657204a465746167{attributes}{CRC_BYTES}{BYTES_BYTES}"
        f"c20a0ba675706c6f6164{end}"
    )


def upload_bytes(attributes: str, fields: str = "9a", more: str = "") -> bytes:
    return bytes.fromhex(
        f"{fields}a36b6579a675706c6f61640908a56f776e6572a56163746f72{attributes}a54352433332a9434f4d504f5349544505"
        f"{more}"
    )


UPDATE_BYTES = bytes.fromhex(
    f"9daf6f626a6563742e7570646174652f31{ORIGIN_BYTES}a46e756c6c81a162a13207{ACL_BYTES}{LOCK_BYTES}c3c301"
)


@pytest.mark.parametrize(
    ("stored", "event"),
    [
        (put_bytes(WITHOUT_TAGS), put(UNTAGGED)),
        (create_bytes(WITHOUT_TAGS), create(UNTAGGED)),
        (put_bytes(WITH_TAGS), put(TAGGED)),
        (create_bytes(WITH_TAGS), create(TAGGED)),
        (put_bytes(WITH_ACL), put(SHARED)),
        (create_bytes(WITH_ACL), create(SHARED)),
        (put_bytes(WITH_LOCK), put(KEPT)),
        (create_bytes(WITH_LOCK), create(KEPT)),
        (put_bytes(WITH_ENCRYPTION), put(SECRET)),
        (part_bytes(), part()),
    ],
)
def test_events_of_before_there_were_tags_acls_locks_encryption_and_leases(stored: bytes, event: Any) -> None:
    assert decode_event(stored) == event


@pytest.mark.parametrize(
    ("stored", "row"),
    [
        (version_bytes(WITHOUT_TAGS), version(UNTAGGED)),
        (upload_bytes(WITHOUT_TAGS), upload(UNTAGGED)),
        (upload_bytes(WITH_TAGS), upload(TAGGED)),
        (upload_bytes(WITH_ACL), upload(SHARED)),
        (upload_bytes(WITH_LOCK), upload(KEPT)),
        (version_bytes(WITH_LOCK, "dc0010", "0c"), version(KEPT, 12)),
    ],
)
def test_rows_of_before_there_were_tags_acls_locks_and_encryption(stored: bytes, row: Any) -> None:
    assert msgspec.msgpack.decode(stored, type=type(row)) == row


@pytest.mark.parametrize(
    ("stored", "event"),
    [
        (put_bytes(WITH_ENCRYPTION, "dc0012", "00"), put(SECRET)),
        (put_bytes(WITH_ENCRYPTION, "dc0012", "cd03e8"), put(SECRET, 1000)),
        (part_bytes("9d", "cd03e8"), part(1000)),
        (create_bytes(WITH_ENCRYPTION), create(SECRET)),
        (UPDATE_BYTES, ObjectUpdate(ORIGIN, BUCKET, 3, "key", "null", {"b": "2"}, 7, ACL, LOCK, True, True)),
    ],
)
def test_events_of_today(stored: bytes, event: Any) -> None:
    assert encode_event(event) == stored
    assert decode_event(stored) == event


@pytest.mark.parametrize(
    ("stored", "row"),
    [
        (version_bytes(WITH_ENCRYPTION, "dc0010", "0c"), version(SECRET, 12)),
        (upload_bytes(WITH_ENCRYPTION, "9b", "07"), upload(SECRET, 7)),
        (bytes.fromhex("93640203"), Usage(100, 2, 3)),
    ],
)
def test_rows_of_today(stored: bytes, row: Any) -> None:
    assert msgspec.msgpack.encode(row) == stored
    assert msgspec.msgpack.decode(stored, type=type(row)) == row
