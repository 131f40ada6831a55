"""Reading a log that this process writes: on any thread, without a lock, up to what was published."""

from bisect import bisect_right
from typing import NamedTuple

from bus.contract import Record
from bus.local.reading import FrameScanner, collect, corrupt
from bus.local.segment import Segment
from disk.files import Files, Handle
from schemas.errors import OffsetOutOfRange

RESUME_LIMIT = 64  # places at which reads ended, remembered for the reads that go on there


class View(NamedTuple):
    """What readers may see: replaced as a whole by the writer, so that nobody sees half a change.

    The last segment is readable through `handle` up to the byte `position`, where the offset `end` begins.
    """

    segments: tuple[Segment, ...]
    end: int
    handle: Handle
    position: int


class ViewReader:
    """Reads of views of one log."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._resume: dict[int, tuple[Segment, int]] = {}

    def read(self, view: View, offset: int, limit: int) -> list[Record]:
        """Records from `offset`; bad bytes below the view's end are damage, so LogCorrupt."""
        segments, end, handle, position = view
        if not segments[0].base <= offset <= end:
            raise OffsetOutOfRange(f"offset {offset} is not within {segments[0].base} to {end}")
        if offset == end:
            return []
        at = bisect_right(segments, offset, key=_base) - 1
        segment = segments[at]
        if at + 1 < len(segments):
            handle = self._open_sealed(segment)
            position, end = self._files.size(handle.fd), segments[at + 1].base
        scanner = self._scanner(segment, handle, offset, position)
        records = collect(scanner, segment, offset, limit, end)
        if not records:
            raise corrupt(segment.path, scanner.position, f"no undamaged frame for offset {scanner.offset}")
        if len(self._resume) >= RESUME_LIMIT:
            self._resume.clear()
        self._resume[scanner.offset] = (segment, scanner.position)
        return records

    def _scanner(self, segment: Segment, handle: Handle, offset: int, position: int) -> FrameScanner:
        start, at = segment.nearest(offset)
        known = self._resume.pop(offset, None)
        if known is not None and known[0] is segment:
            start, at = offset, known[1]
        return FrameScanner(self._files, handle.fd, at, start, position)

    def _open_sealed(self, segment: Segment) -> Handle:
        try:
            return Handle(self._files, segment.path)
        except FileNotFoundError as error:
            raise OffsetOutOfRange(f"the records from offset {segment.base} were dropped") from error


def _base(segment: Segment) -> int:
    return segment.base
