"""Reading a log that another process may be writing: `strandline log tail`, snapshots, verification."""

import os
from bisect import bisect_right

from bus.contract import Record
from bus.local.reading import FrameScanner, collect, corrupt, proof_of_loss
from bus.local.segment import SEGMENT_HEADER_SIZE, Segment, list_segments, read_header
from disk.files import Files, Handle
from schemas.errors import OffsetOutOfRange

FIRST_LOOK = 16 * 1024  # bytes
ATTEMPTS = 16  # listings, when segments are dropped or added under the reader


class LogReader:
    """A partition's directory, read-only; nothing is held open. One thread at a time.

    What is read is a prefix of what was appended. It may include records that the writer has not made
    durable yet, which a crash of the machine (not of the writer) can still take back. A frame that is just
    being written, and the zeros ahead of it, are the end of the log.
    """

    def __init__(self, directory: str, files: Files | None = None, *, following: bool = False) -> None:
        """`following`: for a reader that asks again and again. Behind the log's end it looks a little way for
        frames that prove a loss, and further each time it finds itself at the same place."""
        self._directory = os.path.abspath(directory)
        self._files = files or Files()
        self._following = following
        self._looked = (-1, 0)  # the offset at which the log ended last, and how far was looked
        self._segments: dict[int, Segment] = {}

    @property
    def start_offset(self) -> int:
        """The first offset kept. Raises OffsetOutOfRange when there is no log in the directory."""
        return self._bases()[0]

    @property
    def end_offset(self) -> int:
        """The offset after the last whole record, as of now."""
        return self._walk(self._bases()[-1], None)

    def read(self, offset: int, limit: int = 1024) -> list[Record]:
        """As PartitionLog.read. Raises OffsetOutOfRange below the start or beyond the end, LogCorrupt."""
        for _ in range(ATTEMPTS):
            bases = self._bases()
            if offset < bases[0]:
                raise OffsetOutOfRange(f"offset {offset} lies before {bases[0]}, where the log begins")
            at = bisect_right(bases, offset) - 1
            stop = bases[at + 1] if at + 1 < len(bases) else None
            records = self._read_segment(bases[at], stop, offset, limit)
            if records is not None:
                return records
        raise OffsetOutOfRange(f"{self._directory}: offset {offset} is not there, or was dropped")

    def verify(self) -> int:
        """Check every frame and that no segment is missing; returns the end offset. Raises LogCorrupt."""
        bases = self._bases()
        for base, following in zip(bases, [*bases[1:], None], strict=True):
            end = self._walk(base, following)
        return end

    def _bases(self) -> list[int]:
        try:
            bases = list_segments(self._directory)
        except FileNotFoundError:
            bases = []
        if not bases:
            raise OffsetOutOfRange(f"{self._directory}: there is no log here")
        return bases

    def _segment(self, base: int) -> Segment:
        segment = self._segments.get(base)
        if segment is None:
            segment = self._segments[base] = Segment(self._directory, base)
        return segment

    def _read_segment(self, base: int, stop: int | None, offset: int, limit: int) -> list[Record] | None:
        """None: what was listed is not so any more; list anew."""
        segment = self._segment(base)
        try:
            handle = Handle(self._files, segment.path)
        except FileNotFoundError:
            return None
        start, position = segment.nearest(offset)
        if position == SEGMENT_HEADER_SIZE:
            read_header(self._files, handle.fd, segment.path)
        scanner = FrameScanner(self._files, handle.fd, position, start, self._files.size(handle.fd))
        records = collect(scanner, segment, offset, limit, stop)
        if records:
            return records
        size = self._files.size(handle.fd)
        limit = scanner.position + self._next_look(scanner.offset, size) if self._following else size
        if not self._is_end(scanner, handle, segment, stop, limit):
            return None
        return [] if scanner.offset == offset else None

    def _next_look(self, offset: int, size: int) -> int:
        """How many bytes to look at behind the end at that offset: each time twice as many, until it was the
        whole file, and then from the beginning again."""
        before, looked = self._looked
        look = looked * 2 if before == offset and looked < size else FIRST_LOOK
        self._looked = (offset, look)
        return look

    def _walk(self, base: int, stop: int | None) -> int:
        """The offset at which a segment's frames end."""
        segment = self._segment(base)
        handle = Handle(self._files, segment.path)
        read_header(self._files, handle.fd, segment.path)
        scanner = FrameScanner(self._files, handle.fd, SEGMENT_HEADER_SIZE, base, self._files.size(handle.fd))
        for _ in range(ATTEMPTS):
            while scanner.offset != stop and scanner.next():
                pass
            if scanner.offset == stop or self._is_end(scanner, handle, segment, stop):
                return scanner.offset
        raise corrupt(segment.path, scanner.position, "the log keeps changing there")

    def _is_end(
        self,
        scanner: FrameScanner,
        handle: Handle,
        segment: Segment,
        stop: int | None,
        limit: int | None = None,
    ) -> bool:
        """Whether the log ends where the scanner stopped; False when a frame has appeared there meanwhile.
        Frames behind are looked for up to the position `limit`.

        Raises LogCorrupt when something that was durable should be there. The place is looked at again after
        the proof was found: a frame that says so was written after the one that is missing.
        """
        size = self._files.size(handle.fd)
        found = None
        if stop is None:
            end = size if limit is None else min(size, limit)
            found = proof_of_loss(self._files, handle.fd, scanner.position, scanner.offset, end)
            if found is None:
                return True
        again = FrameScanner(self._files, handle.fd, scanner.position, scanner.offset, size)
        if again.next():
            return False
        why = f"by the frame at byte {found.position}" if found else f"as the next segment begins at {stop}"
        raise corrupt(segment.path, scanner.position, f"no frame for offset {scanner.offset}, {why}")
