"""How objects in a zone's bucket are named. The layout is frozen: docs/design/zones.md.

    blobs/xx/<blob>/b<number>           a block: frames of the blob; number in 6 hex digits
    blobs/xx/<blob>/ref-<holder>-<made> a second reference; made in Unix milliseconds, 12 hex digits
    blobs/xx/<blob>/gone                the blob's primary has let go
    blobs/xx/<blob>/freeing-<attempt>   somebody is deciding whether to free it; a UUIDv7
    repair/<zone>/<blob>                what the zone has of this blob should be looked at
    sweep/<shard>-<began>-<at>          how far the sweep is (blobs/s3/sweep_place.py)

xx are the last two digits of the blob's id, in hex like all ids. All but blocks are empty.
"""

import re

BLOBS = "blobs/"
REPAIR = "repair/"
SWEEP = "sweep/"
SHARDS = tuple(f"{shard:02x}" for shard in range(256))

_BLOB = re.compile(r"blobs/[0-9a-f]{2}/([0-9a-f]{32})/.+")
_FOLDER = re.compile(r"blobs/[0-9a-f]{2}/([0-9a-f]{32})/")
_NOTE = re.compile(r"repair/([^/]+)/([0-9a-f]{32})")


def folder(blob: bytes) -> str:
    """What the names of everything about a blob begin with."""
    return f"{BLOBS}{shard_of(blob)}/{blob.hex()}/"


def shard_of(blob: bytes) -> str:
    """Which of SHARDS the blob is in."""
    return f"{blob[-1]:02x}"


def block(blob: bytes, number: int) -> str:
    return f"{folder(blob)}b{number:06x}"


def reference(blob: bytes, holder: bytes, made: int) -> str:
    return f"{folder(blob)}ref-{holder.hex()}-{made:012x}"


def gone(blob: bytes) -> str:
    return f"{folder(blob)}gone"


def freeing(blob: bytes, attempt: bytes) -> str:
    return f"{folder(blob)}freeing-{attempt.hex()}"


def note(zone: str, blob: bytes) -> str:
    return f"{REPAIR}{zone}/{blob.hex()}"


def blob_of(name: str) -> bytes | None:
    """The blob that an object is about; None for an object that is not of this layout."""
    match = _BLOB.fullmatch(name)
    return bytes.fromhex(match[1]) if match else None


def blob_of_folder(name: str) -> bytes | None:
    """The blob whose folder this is; None for a name that is not of this layout."""
    match = _FOLDER.fullmatch(name)
    return bytes.fromhex(match[1]) if match else None


def behind(folder: str) -> str:
    """A name behind everything in a folder, and before the next one ("0" follows "/")."""
    return folder.removesuffix("/") + "0"


def noted(name: str) -> tuple[str, bytes] | None:
    """Zone and blob of a note."""
    match = _NOTE.fullmatch(name)
    return (match[1], bytes.fromhex(match[2])) if match else None
