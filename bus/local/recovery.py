"""Recovery: what a log keeps when it is opened. The rules are in docs/design/log.md.

A tail that was never durable may be missing, torn or in any disorder, and is cut. Damage to anything that
was durable is told, never repaired by forgetting.
"""

import os
from dataclasses import dataclass

from bus.local.frame import FRAME_HEADER_SIZE, announced_size
from bus.local.reading import FrameScanner, corrupt, frames_after, proof_of_loss, used_end
from bus.local.segment import (
    NEXT_SEGMENT,
    SEGMENT_HEADER_SIZE,
    Segment,
    SegmentHeader,
    list_segments,
    read_header,
)
from disk.files import Files, Handle
from schemas.errors import LogCorrupt


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was kept: the offsets from `start_offset` up to, without, `end_offset`, in `segments` files.

    cut_bytes       bytes removed from the tail, zeros behind them not counted; 0: nothing was cut
    cut_frames      undamaged frames among them (written out of order, never durable)
    cut_file, cut_position, cut_reason   where they were, and what was wrong there
    """

    segments: int
    start_offset: int
    end_offset: int
    cut_bytes: int = 0
    cut_frames: int = 0
    cut_file: str = ""
    cut_position: int = 0
    cut_reason: str = ""

    @property
    def records(self) -> int:
        """How many records were kept."""
        return self.end_offset - self.start_offset

    def __str__(self) -> str:
        kept = f"{self.records} records kept, offsets {self.start_offset} to {self.end_offset}"
        if not self.cut_bytes:
            return kept
        where = f"{self.cut_file} from byte {self.cut_position}"
        return f"{kept}; {self.cut_bytes} bytes cut off {where}: {self.cut_reason}"


@dataclass(slots=True)
class Recovered:
    """The log as found: its segments, and the last one's open file with the place to append at.

    `marked` tells that the last frame is a mark which covers the whole log.
    """

    recovery: Recovery
    segments: list[Segment]
    handle: Handle
    position: int
    time: int
    marked: bool


def recover(
    files: Files, directory: str, generation: int, partition: int, durable_offset: int
) -> Recovered | None:
    """Find the end of the log, cut a torn tail, and make what is kept durable. None: there is no log yet.

    `durable_offset`: every record below it is known to have been durable. Raises LogCorrupt.
    """
    bases = list_segments(directory)
    if not bases:
        if durable_offset:
            raise LogCorrupt(f"{directory}: no segments, but the log was durable up to {durable_offset}")
        return None
    segments = [Segment(directory, base) for base in bases]
    time = 0
    if len(segments) > 1:
        time = _check_sealed(files, segments[-2], segments[-1].base, generation, partition)
    found = _recover_last(files, segments, generation, partition, durable_offset)
    found.time = max(found.time, time)
    if os.path.exists(leftover := os.path.join(directory, NEXT_SEGMENT)):
        files.unlink(leftover)
    return found


def _open(files: Files, segment: Segment, generation: int, partition: int) -> tuple[Handle, SegmentHeader]:
    handle = Handle(files, segment.path, os.O_RDWR)
    header = read_header(files, handle.fd, segment.path)
    if (header.generation, header.partition) != (generation, partition):
        raise corrupt(
            segment.path,
            0,
            f"it belongs to generation {header.generation}, partition {header.partition},"
            f" not to {generation}, {partition}",
        )
    return handle, header


def _check_sealed(files: Files, segment: Segment, next_base: int, generation: int, partition: int) -> int:
    """A segment that has a successor was durable as a whole. Returns the time of its last frame."""
    handle, header = _open(files, segment, generation, partition)
    size, time = files.size(handle.fd), header.time
    scanner = FrameScanner(files, handle.fd, SEGMENT_HEADER_SIZE, segment.base, size)
    while frame := scanner.next():
        time = frame.time
    if scanner.offset != next_base:
        raise corrupt(
            segment.path,
            scanner.position,
            f"it ends at offset {scanner.offset}, and the next segment begins at {next_base}",
        )
    if scanner.position < size and used_end(files, handle.fd, scanner.position, size) == scanner.position:
        files.ftruncate(handle.fd, scanner.position)
        files.fsync(handle.fd)
    return time


def _recover_last(
    files: Files, segments: list[Segment], generation: int, partition: int, durable_offset: int
) -> Recovered:
    segment = segments[-1]
    handle, header = _open(files, segment, generation, partition)
    fd, size, time, marked = handle.fd, files.size(handle.fd), header.time, False
    scanner = FrameScanner(files, fd, SEGMENT_HEADER_SIZE, segment.base, size)
    position = scanner.position
    while frame := scanner.next():
        segment.remember(frame.base, position)
        position, time = scanner.position, frame.time
        marked = frame.records == 0 and frame.synced == frame.base
    used = used_end(files, fd, position, size)
    _refuse_loss(files, fd, segment.path, scanner, size, durable_offset)
    recovery = Recovery(len(segments), segments[0].base, scanner.offset)
    if used > position:
        recovery = _describe_cut(files, fd, segment.path, position, size, used, recovery)
    if size > position:
        files.ftruncate(fd, position)
    files.fsync(fd)
    return Recovered(recovery, segments, handle, position, time, marked)


def _refuse_loss(
    files: Files, fd: int, path: str, scanner: FrameScanner, size: int, durable_offset: int
) -> None:
    """Raise LogCorrupt when cutting here would lose what was durable."""
    if durable_offset > scanner.offset:
        raise corrupt(
            path,
            scanner.position,
            f"the log ends at offset {scanner.offset}, but was durable up to {durable_offset}",
        )
    if found := proof_of_loss(files, fd, scanner.position, scanner.offset, size):
        raise corrupt(
            path,
            scanner.position,
            f"offset {scanner.offset} is not there, but the frame at byte {found.position}"
            f" says that everything below {found.frame.synced} was durable",
        )


def _describe_cut(
    files: Files, fd: int, path: str, start: int, size: int, used: int, kept: Recovery
) -> Recovery:
    announced = announced_size(files.pread(fd, FRAME_HEADER_SIZE, start), 0)
    if announced == 0:
        reason = "no frame begins there"
    elif start + announced > size:
        reason = f"of a frame of {announced} bytes only {size - start} are there"
    else:
        reason = f"the frame of {announced} bytes does not match its checksum or its place"
    frames = sum(1 for _ in frames_after(files, fd, start, size))
    return Recovery(
        kept.segments, kept.start_offset, kept.end_offset, used - start, frames, path, start, reason
    )
