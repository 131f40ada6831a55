"""Frames out of segment files: walking them, and telling the end of a log from damage to it."""

from collections.abc import Iterator
from typing import NamedTuple

from bus.contract import Record
from bus.local.frame import (
    FRAME_HEADER_SIZE,
    FRAME_MAGIC_BYTES,
    Frame,
    announced_size,
    decode_frame,
    records_of,
)
from bus.local.segment import Segment
from disk.files import Files
from schemas.errors import LogCorrupt

WINDOW = 64 * 1024  # bytes read at once
SEARCH_WINDOW = 1024 * 1024
READ_BYTES = 4 * 1024 * 1024  # a read ends once its frames took so many bytes


class FrameScanner:
    """Walks the frames of a file from `position`, whose first record must have the offset `offset`.

    `end` is where the file, or what may be read of it, ends. After None from `next` the two tell where
    the walk stopped: at the end, or at the first byte of something that does not carry on the log.
    """

    __slots__ = ("_data", "_end", "_fd", "_files", "_start", "offset", "position")

    def __init__(self, files: Files, fd: int, position: int, offset: int, end: int) -> None:
        self._files = files
        self._fd = fd
        self._end = end
        self._data = b""
        self._start = position
        self.position = position
        self.offset = offset

    def next(self) -> Frame | None:
        """The next frame, or None where no undamaged frame carries the log on."""
        frame = decode_frame(self._data, self.position - self._start) or self._reload()
        if frame is None or frame.base != self.offset:
            return None
        self.position += frame.size
        self.offset += frame.records
        return frame

    def _reload(self) -> Frame | None:
        self._load(WINDOW)
        size = announced_size(self._data, 0)
        if size > len(self._data):
            self._load(size)
        return decode_frame(self._data, 0)

    def _load(self, size: int) -> None:
        self._start = self.position
        self._data = self._files.pread(self._fd, max(0, min(size, self._end - self.position)), self.position)


def collect(
    scanner: FrameScanner, segment: Segment, offset: int, limit: int, stop: int | None = None
) -> list[Record]:
    """Records from `offset` on, of whole frames, until `limit` is reached, `stop` or the walk's end."""
    records: list[Record] = []
    budget = READ_BYTES
    while len(records) < limit and budget > 0 and scanner.offset != stop:
        base, position = scanner.offset, scanner.position
        frame = scanner.next()
        if frame is None:
            break
        segment.remember(base, position)
        if frame.end > offset:
            records += _records(frame, offset, segment.path, position)
            budget -= frame.size
    return records


def _records(frame: Frame, offset: int, path: str, position: int) -> list[Record]:
    try:
        return records_of(frame, offset)
    except ValueError as error:
        raise corrupt(path, position, str(error)) from error


class Found(NamedTuple):
    position: int
    frame: Frame


def frames_after(files: Files, fd: int, position: int, end: int) -> Iterator[Found]:
    """Every undamaged frame that begins anywhere beyond `position`, whatever lies between."""
    at = position + 1
    while at < end:
        data = files.pread(fd, min(SEARCH_WINDOW, end - at), at)
        hit = data.find(FRAME_MAGIC_BYTES)
        while hit >= 0:
            if frame := _frame_at(files, fd, at + hit, end):
                yield Found(at + hit, frame)
            hit = data.find(FRAME_MAGIC_BYTES, hit + 1)
        if len(data) < len(FRAME_MAGIC_BYTES):
            return
        at += len(data) - len(FRAME_MAGIC_BYTES) + 1


def _frame_at(files: Files, fd: int, position: int, end: int) -> Frame | None:
    size = announced_size(files.pread(fd, FRAME_HEADER_SIZE, position), 0)
    if size == 0 or position + size > end:
        return None
    return decode_frame(files.pread(fd, size, position), 0)


def proof_of_loss(files: Files, fd: int, position: int, offset: int, end: int) -> Found | None:
    """A frame beyond the bad place that says the record `offset`, which should be there, was durable."""
    for found in frames_after(files, fd, position, end):
        if found.frame.synced > offset:
            return found
    return None


def used_end(files: Files, fd: int, position: int, end: int) -> int:
    """The position after the last byte that is not zero; `position` when nothing else follows it."""
    while end > position:
        start = max(position, end - SEARCH_WINDOW)
        data = files.pread(fd, end - start, start).rstrip(b"\0")
        if data:
            return start + len(data)
        end = start
    return position


def corrupt(path: str, position: int, why: str) -> LogCorrupt:
    return LogCorrupt(f"{path}: damaged at byte {position}: {why}", file=path, position=str(position))
