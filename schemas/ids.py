"""Identifiers: UUIDv7 for blobs, buckets, uploads and requests; version ids that carry their rank."""

import os
import time
from collections.abc import Callable

from schemas.errors import InvalidArgument

NULL_VERSION = "null"
VERSION_ID_LENGTH = 32  # hex digits: 16 of rank, 16 of the event's nonce


def uuid7(
    now: Callable[[], float] = time.time,
    random: Callable[[int], bytes] = os.urandom,
) -> bytes:
    """16 bytes, ordered by creation time in milliseconds (RFC 9562 §5.7)."""
    milliseconds = int(now() * 1000)
    tail = bytearray(random(10))
    tail[0] = (tail[0] & 0x0F) | 0x70
    tail[2] = (tail[2] & 0x3F) | 0x80
    return milliseconds.to_bytes(6, "big") + bytes(tail)


def uuid7_milliseconds(identifier: bytes) -> int:
    """When a UUIDv7 was made, in Unix milliseconds."""
    return int.from_bytes(identifier[:6], "big")


def version_id(rank: int, nonce: bytes) -> str:
    """The version id of a version of that rank; `nonce` is the event's first 8 random bytes.

    The rank rides in the id, so that a lookup by version id is a lookup by primary key.
    """
    return f"{rank:016x}{nonce[:8].hex()}"


def version_rank(version: str) -> int | None:
    """The rank inside a version id; None when the text cannot be a version id."""
    if len(version) != VERSION_ID_LENGTH:
        return None
    try:
        bytes.fromhex(version)
    except ValueError:
        return None
    return int(version[:16], 16)


def is_version_id(text: str) -> bool:
    """Whether the text could name a version, the null version included."""
    return text == NULL_VERSION or version_rank(text) is not None


def check_version_id(text: str) -> None:
    """Raises InvalidArgument, in AWS's words, for a text that cannot name a version."""
    if not is_version_id(text):
        raise InvalidArgument("Invalid version id specified", ArgumentName="versionId", ArgumentValue=text)
