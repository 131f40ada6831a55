"""Walking a pack without an index: its records one by one, and what lies between them."""

import os
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from blobs.frames import STORED_FRAME, crc_matches
from blobs.headers import (
    HEADER_BYTES,
    RECORD_BYTES,
    RECORD_MAGIC,
    SEAL_BYTES,
    Record,
    Seal,
    parse_record,
    parse_seal,
)

Pread = Callable[[int, int], bytes]  # (length, offset)
_WINDOW = 1024 * 1024


class Found(NamedTuple):
    """A record. `offset` is where its frames begin, `dead` that it was freed: its bytes, and even its
    header, may be punched out."""

    offset: int
    stored: int
    batch: int
    dead: bool


class Gap(NamedTuple):
    """Bytes in which no record begins: damage, a batch that a crash tore, or zeros not yet used."""

    start: int
    end: int


def read_seal(fd: int) -> Seal | None:
    """The seal of a pack, or None while it has none."""
    size = os.fstat(fd).st_size
    return parse_seal(os.pread(fd, SEAL_BYTES, max(0, size - SEAL_BYTES)), size)


def walk(fd: int, end: int, dead: Mapping[int, int]) -> Iterator[Found | Gap]:
    """Everything in a pack up to `end`, in order. `dead` tells the stored length of freed extents by
    offset. After a damaged header the walk goes on at the next record that checks."""
    position = HEADER_BYTES
    while position < end:
        offset = position + RECORD_BYTES
        if (stored := dead.get(offset)) is not None:
            yield Found(offset, stored, 0, True)
            position = offset + stored
        elif (record := _record_at(fd, position, end)) is not None:
            yield Found(offset, record.stored, record.batch, False)
            position = offset + record.stored
        else:
            following = _next_record(fd, position + 1, end, dead)
            yield Gap(position, following)
            position = following


def bad_frames(fd: int, offset: int, stored: int) -> Iterator[int]:
    """Where in the file frames of this extent begin that do not match their crc."""
    for start in range(0, stored, STORED_FRAME):
        frame = os.pread(fd, min(STORED_FRAME, stored - start), offset + start)
        if len(frame) != min(STORED_FRAME, stored - start) or not crc_matches(frame):
            yield offset + start


def _record_at(fd: int, position: int, end: int) -> Record | None:
    record = parse_record(os.pread(fd, RECORD_BYTES, position))
    if record is None or position + RECORD_BYTES + record.stored > end:
        return None
    return record


def _next_record(fd: int, start: int, end: int, dead: Mapping[int, int]) -> int:
    """Where the next record begins at or after `start`; `end` when there is none."""
    limit = min((offset - RECORD_BYTES for offset in dead if offset - RECORD_BYTES >= start), default=end)
    position = start
    while position < limit:
        window = os.pread(fd, min(_WINDOW, limit - position + len(RECORD_MAGIC) - 1), position)
        found = window.find(RECORD_MAGIC)
        while found >= 0:
            if position + found < limit and _record_at(fd, position + found, end) is not None:
                return position + found
            found = window.find(RECORD_MAGIC, found + 1)
        if len(window) < len(RECORD_MAGIC):
            break
        position += len(window) - len(RECORD_MAGIC) + 1
    return limit
