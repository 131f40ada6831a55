"""Frames: one batch of records as bytes, under one checksum. Layout in docs/design/log.md.

A frame without records is a *mark*: it only tells, by `synced`, how much of the log was durable.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

from awscrt.checksums import crc32c

from bus.contract import Record

# The last byte never occurs in UTF-8, so that no text of a user looks like the start of a frame.
FRAME_MAGIC = int.from_bytes(b"SLF\xff", "little")
FRAME_MAGIC_BYTES = b"SLF\xff"
FRAME_FIELDS = struct.Struct("<IIQIQQ")  # magic, length, base offset, count, time, synced
FRAME_CHECKSUM = struct.Struct("<I")
FRAME_HEADER_SIZE = FRAME_FIELDS.size + FRAME_CHECKSUM.size
RECORD_LENGTH = struct.Struct("<I")
BODY_LIMIT = 256 * 1024 * 1024  # bytes of one batch's body


class Frame(NamedTuple):
    """A batch as read. `body` holds a length and a payload per record; `size` is the whole frame's bytes."""

    base: int
    records: int
    time: int
    synced: int
    body: bytes
    size: int

    @property
    def end(self) -> int:
        """The offset after the batch's last record."""
        return self.base + self.records


def encode_frame(base: int, payloads: Sequence[bytes], time: int, synced: int) -> bytes:
    """The frame of those records, the first of which has the offset `base`."""
    pieces: list[bytes] = []
    for payload in payloads:
        pieces.append(len(payload).to_bytes(4, "little"))
        pieces.append(payload)
    body = b"".join(pieces)
    if len(body) > BODY_LIMIT:
        raise ValueError(f"a batch of {len(body)} bytes is more than a frame may hold ({BODY_LIMIT})")
    fields = FRAME_FIELDS.pack(FRAME_MAGIC, len(body), base, len(payloads), time, synced)
    checksum = crc32c(body, crc32c(fields))
    return b"".join((fields, checksum.to_bytes(4, "little"), body))


def decode_frame(data: bytes, position: int) -> Frame | None:
    """The frame at that position of `data`; None when no whole, undamaged frame is there."""
    start = position + FRAME_HEADER_SIZE
    if start > len(data):
        return None
    magic, length, base, count, time, synced = FRAME_FIELDS.unpack_from(data, position)
    if magic != FRAME_MAGIC or length > len(data) - start:
        return None
    body = data[start : start + length]
    (checksum,) = FRAME_CHECKSUM.unpack_from(data, position + FRAME_FIELDS.size)
    if crc32c(body, crc32c(data[position : position + FRAME_FIELDS.size])) != checksum:
        return None
    return Frame(base, count, time, synced, body, FRAME_HEADER_SIZE + length)


def announced_size(data: bytes, position: int) -> int:
    """How many bytes the frame at that position claims to take; 0 when no frame starts there."""
    if len(data) - position < FRAME_HEADER_SIZE:
        return 0
    magic, length = struct.unpack_from("<II", data, position)
    return FRAME_HEADER_SIZE + length if magic == FRAME_MAGIC and length <= BODY_LIMIT else 0


def records_of(frame: Frame, offset: int) -> list[Record]:
    """The frame's records from `offset` on. Raises ValueError when the body is not its header says."""
    records = []
    body, time, at = frame.body, frame.time, 0
    for number in range(frame.base, frame.base + frame.records):
        start = at + 4
        at = start + int.from_bytes(body[at:start], "little")
        if number >= offset:
            records.append(Record(number, time, body[start:at]))
    if at != len(body):
        raise ValueError(f"{frame.records} records take {at} bytes, not {len(body)}")
    return records
