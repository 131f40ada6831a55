"""Headers of stored files: blob files, packs, the records of a pack and its seal.

Little endian; the last four bytes of each are the crc32c of the others.
"""

from struct import Struct
from typing import NamedTuple

from awscrt.checksums import crc32c

from blobs.frames import FRAME_SIZE

BLOB_MAGIC = b"SLblob1\n"
PACK_MAGIC = b"SLpack1\n"
RECORD_MAGIC = b"SLr1"
SEAL_MAGIC = b"SLseal1\n"

HEADER_BYTES = 64
RECORD_BYTES = 16
SEAL_BYTES = 32

_header = Struct("<8s16sI32x")  # magic, blob id, plaintext bytes of a frame, zeros
_record = Struct("<4sII")  # magic, stored bytes, where the record's batch began
_seal = Struct("<8sIQQ")  # magic, records, offset of the seal, sealed at (Unix milliseconds)
_crc = Struct("<I")
_pack_record = _record.pack
_pack_crc = _crc.pack


class Record(NamedTuple):
    """The header of one extent in a pack. `batch` is where the batch it was written in began: everything
    before that offset was durable before any byte of the batch was written."""

    stored: int
    batch: int


class Seal(NamedTuple):
    """The end of a pack that is never appended to again."""

    records: int
    offset: int
    sealed_at: int


def file_header(magic: bytes, blob: bytes) -> bytes:
    """The first HEADER_BYTES of a blob file or a pack."""
    return _checked(_header.pack(magic, blob, FRAME_SIZE))


def header_matches(header: bytes, magic: bytes, blob: bytes) -> bool:
    """Whether this is the undamaged header of that blob."""
    return header == file_header(magic, blob)


def record_header(stored: int, batch: int) -> bytes:
    body = _pack_record(RECORD_MAGIC, stored, batch)
    return body + _pack_crc(crc32c(body))


def parse_record(header: bytes) -> Record | None:
    """The record that begins with these RECORD_BYTES; None when they are not its undamaged header."""
    if len(header) != RECORD_BYTES or header[:4] != RECORD_MAGIC or not _is_checked(header):
        return None
    _, stored, batch = _record.unpack_from(header)
    return Record(stored, batch)


def seal(records: int, offset: int, sealed_at: int) -> bytes:
    return _checked(_seal.pack(SEAL_MAGIC, records, offset, sealed_at))


def parse_seal(tail: bytes, size: int) -> Seal | None:
    """The seal at the end of a pack of `size` bytes, given its last SEAL_BYTES; None when it has none."""
    if len(tail) != SEAL_BYTES or tail[:8] != SEAL_MAGIC or not _is_checked(tail):
        return None
    _, records, offset, sealed_at = _seal.unpack_from(tail)
    return Seal(records, offset, sealed_at) if offset == size - SEAL_BYTES else None


def _checked(body: bytes) -> bytes:
    return body + _pack_crc(crc32c(body))


def _is_checked(stored: bytes) -> bool:
    return bool(crc32c(stored[:-4]) == _crc.unpack_from(stored, len(stored) - 4)[0])
