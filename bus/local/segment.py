"""Segments: files of frames, named by the offset of their first record."""

import os
import struct
from array import array
from bisect import bisect_right
from threading import Lock
from typing import NamedTuple

from awscrt.checksums import crc32c

from disk.files import Files
from schemas.errors import LogCorrupt

SEGMENT_SUFFIX = ".log"
NEXT_SEGMENT = "segment.next"  # being prepared; gets its name when it is put to use
NAME_DIGITS = 20
SEGMENT_MAGIC = b"STRLOG\r\n"
SEGMENT_VERSION = 1
SEGMENT_FIELDS = struct.Struct("<8sIIIQQ")  # magic, version, generation, partition, base offset, time
SEGMENT_CHECKSUM = struct.Struct("<I")
SEGMENT_HEADER_SIZE = SEGMENT_FIELDS.size + SEGMENT_CHECKSUM.size
INDEX_STEP = 64 * 1024  # bytes between remembered positions


class SegmentHeader(NamedTuple):
    """`time`: when the segment was begun, Unix milliseconds, not before any record of earlier ones."""

    generation: int
    partition: int
    base: int
    time: int


def encode_header(header: SegmentHeader) -> bytes:
    fields = SEGMENT_FIELDS.pack(SEGMENT_MAGIC, SEGMENT_VERSION, *header)
    return fields + SEGMENT_CHECKSUM.pack(crc32c(fields))


def decode_header(data: bytes, path: str) -> SegmentHeader:
    """The header at the start of a segment file. Raises LogCorrupt when it is not one."""
    if len(data) < SEGMENT_HEADER_SIZE:
        raise LogCorrupt(
            f"{path}: {len(data)} bytes are too few for a segment header", file=path, position="0"
        )
    magic, version, generation, partition, base, time = SEGMENT_FIELDS.unpack_from(data)
    (checksum,) = SEGMENT_CHECKSUM.unpack_from(data, SEGMENT_FIELDS.size)
    if magic != SEGMENT_MAGIC or checksum != crc32c(data[: SEGMENT_FIELDS.size]):
        raise LogCorrupt(f"{path}: damaged segment header at byte 0", file=path, position="0")
    if version != SEGMENT_VERSION:
        raise LogCorrupt(f"{path}: segment format {version}; this program reads format {SEGMENT_VERSION}")
    return SegmentHeader(generation, partition, base, time)


def read_header(files: Files, fd: int, path: str) -> SegmentHeader:
    header = decode_header(files.pread(fd, SEGMENT_HEADER_SIZE, 0), path)
    if os.path.basename(path) != segment_name(header.base):
        raise LogCorrupt(f"{path}: the header says base offset {header.base}", file=path, position="0")
    return header


def segment_name(base: int) -> str:
    return f"{base:0{NAME_DIGITS}d}{SEGMENT_SUFFIX}"


def list_segments(directory: str) -> list[int]:
    """Base offsets of the segments in a directory, in order."""
    bases = []
    for name in os.listdir(directory):
        stem = name.removesuffix(SEGMENT_SUFFIX)
        if stem != name and len(stem) == NAME_DIGITS and stem.isascii() and stem.isdigit():
            bases.append(int(stem))
    return sorted(bases)


class Segment:
    """A segment as known in memory: where it begins, and where in the file some of its offsets are."""

    __slots__ = ("_lock", "_offsets", "_positions", "base", "path")

    def __init__(self, directory: str, base: int) -> None:
        self.base = base
        self.path = os.path.join(directory, segment_name(base))
        self._offsets = array("Q", (base,))
        self._positions = array("Q", (SEGMENT_HEADER_SIZE,))
        self._lock = Lock()

    def remember(self, offset: int, position: int) -> None:
        """The frame that begins with `offset` lies at `position`. Keeps one in INDEX_STEP bytes."""
        if position < self._positions[-1] + INDEX_STEP:
            return
        with self._lock:
            if position >= self._positions[-1] + INDEX_STEP:
                self._positions.append(position)
                self._offsets.append(offset)

    def nearest(self, offset: int) -> tuple[int, int]:
        """Offset and position of a frame at or before `offset`, from which to read on."""
        at = bisect_right(self._offsets, offset) - 1
        return self._offsets[at], self._positions[at]
