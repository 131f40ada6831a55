"""The log of one partition on disk, as its single writer holds it. Format and rules: docs/design/log.md."""

import os
import time
from collections.abc import Callable, Sequence
from threading import Lock
from typing import NoReturn

from bus.contract import Record
from bus.local.frame import encode_frame
from bus.local.recovery import Recovery, recover
from bus.local.reserve import Reserve
from bus.local.segment import SEGMENT_HEADER_SIZE, Segment, SegmentHeader, encode_header
from bus.local.view import View, ViewReader
from disk.files import OUT_OF_SPACE, Files, Handle, SystemFiles, make_directory, write_fully
from disk.room import Room
from schemas.errors import LogBroken, StorageFull

SEGMENT_SIZE = 64 * 1024 * 1024  # bytes
AHEAD = 4 * 1024 * 1024  # bytes zero-filled ahead of the writer
CLOSED = "closed"


def wall_clock() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000


def partition_directory(root: str, topic: str, generation: int, partition: int) -> str:
    """Where under the log's folder a partition has its segments."""
    return os.path.join(root, topic, str(generation), str(partition))


class LocalPartitionLog:
    """bus.contract.PartitionLog in a directory of segment files.

    append, drop_before and close belong to one thread at a time; sync, reads and properties to any.
    `recovery` says what opening found and cut. Opening raises LogCorrupt when anything that was durable is
    damaged or missing; `durable_offset` is what the caller knows of that (the index's position). Without
    `room` the log grows until the device is full.
    """

    def __init__(
        self,
        directory: str,
        *,
        generation: int = 0,
        partition: int = 0,
        durable_offset: int = 0,
        segment_size: int = SEGMENT_SIZE,
        ahead: int = AHEAD,
        background: bool = True,
        files: Files | None = None,
        room: Room | None = None,
        clock: Callable[[], int] = wall_clock,
    ) -> None:
        self._files = files or SystemFiles()
        self._directory = os.path.abspath(directory)
        self._generation = generation
        self._partition = partition
        self._segment_size = segment_size
        self._clock = clock
        self._room = room
        self._broken: str | None = None
        self._sync_lock = Lock()
        self.syncs = 0  # times the log was made durable since it was opened
        self._listeners: tuple[Callable[[], None], ...] = ()
        self._reader = ViewReader(self._files)
        self._segments: tuple[Segment, ...] = ()
        make_directory(self._files, self._directory)
        self._reserve = Reserve(
            self._files, self._directory, segment_size, ahead, background, self._reserve_failed, room
        )
        self._open(durable_offset)
        if ahead:
            self._reserve.advance(self._position)

    def _open(self, durable_offset: int) -> None:
        found = recover(self._files, self._directory, self._generation, self._partition, durable_offset)
        if found is None:
            self.recovery = Recovery(1, 0, 0)
            self._time = self._clock()
            self._begin_segment(0)
        else:
            self.recovery = found.recovery
            self._time = found.time
            self._segments = tuple(found.segments)
            self._handle, self._position = found.handle, found.position
            self._reserve.begin(self._segments[-1].path, found.position)
        self._end = self.recovery.end_offset
        self._durable = self._end
        self._marked = self._end == self._segments[-1].base or (found is not None and found.marked)
        self._publish()
        self._mark()

    # --- what everybody may ask ------------------------------------------------------------------------
    @property
    def start_offset(self) -> int:
        return self._view.segments[0].base

    @property
    def end_offset(self) -> int:
        return self._view.end

    @property
    def durable_offset(self) -> int:
        """Every record below this is on stable storage."""
        return self._durable

    def add_listener(self, wake: Callable[[], None]) -> None:
        """Call `wake`, on the writer's thread, whenever records were added or became durable.
        It must be quick and must not raise."""
        self._listeners = (*self._listeners, wake)

    def remove_listener(self, wake: Callable[[], None]) -> None:
        self._listeners = tuple(other for other in self._listeners if other != wake)

    # --- the writer ------------------------------------------------------------------------------------
    def append(self, payloads: Sequence[bytes], *, sync: bool = True) -> tuple[int, int]:
        """See bus.contract. Raises ValueError for an empty batch or one over frame.BODY_LIMIT."""
        if self._broken:
            raise LogBroken(self._broken)
        if not payloads:
            raise ValueError("a batch needs at least one record")
        now = self._clock()
        if now < self._time:
            now = self._time
        base = self._end
        frame = encode_frame(base, payloads, now, self._durable)
        if self._room is not None:
            self._room.take(len(frame))
        if self._position + len(frame) > self._segment_size and base > self._segments[-1].base:
            self._roll(now)
        # When all before it is durable, the frame can be written and synced in one call.
        at_once = sync and self._durable == base
        self._write(frame, at_once)
        self._segments[-1].remember(base, self._position)
        self._position += len(frame)
        self._end = base + len(payloads)
        self._time = now
        self._marked = False
        if at_once:
            self._durable = self._end
        elif sync:
            self._datasync(self._handle, self._end)
        self._publish()
        if self._position > self._reserve.wake:
            self._reserve.advance(self._position)
        return base, now

    def sync(self) -> int:
        """See bus.contract."""
        if self._broken:
            raise LogBroken(self._broken)
        view = self._view  # taken once: what another thread appends meanwhile is not covered
        if self._durable < view.end:
            self._datasync(view.handle, view.end)
            self._wake()
        return self._durable

    def drop_before(self, offset: int) -> int:
        """See bus.contract. The last segment always stays."""
        if self._broken:
            raise LogBroken(self._broken)
        while len(self._segments) > 1 and self._segments[1].base <= offset:
            first, self._segments = self._segments[0], self._segments[1:]
            self._publish()
            # One by one, oldest first and each made durable: what is left is never a log with a gap.
            self._files.unlink(first.path)
            self._files.fsync_dir(self._directory)
        return self.start_offset

    def close(self) -> None:
        """Make everything durable and cut the reserved space off. Reads are refused from now on."""
        if self._broken == CLOSED:
            return
        self._reserve.close()
        try:
            if not self._broken:
                self._seal()
        finally:
            self._broken = CLOSED
            self._listeners = ()

    def _seal(self) -> None:
        self.sync()
        self._mark()
        self._files.ftruncate(self._handle.fd, self._position)
        self._files.fsync(self._handle.fd)

    def _publish(self) -> None:
        self._view = View(self._segments, self._end, self._handle, self._position)
        self._wake()

    def _wake(self) -> None:
        for wake in self._listeners:
            wake()

    def _write(self, frame: bytes, sync: bool = False) -> None:
        """Put the frame at the end, durably with `sync`. On a full disk nothing of it stays behind."""
        end = self._position + len(frame)
        if end > self._reserve.filled:
            self._reserve.claim(end)
        try:
            if sync:
                with self._sync_lock:
                    self._write_synced(frame)
                    self.syncs += 1
            elif self._files.pwrite(self._handle.fd, frame, self._position) != len(frame):
                write_fully(self._files, self._handle.fd, frame, self._position)
        except OSError as error:
            if error.errno not in OUT_OF_SPACE:
                self._break("a write failed", error)
            self._undo()
            raise StorageFull(f"no space for {len(frame)} bytes of log in {self._directory}") from error

    def _write_synced(self, frame: bytes) -> None:
        if self._files.pwrite_sync(self._handle.fd, frame, self._position) != len(frame):
            write_fully(self._files, self._handle.fd, frame, self._position)
            self._files.fdatasync(self._handle.fd)

    def _undo(self) -> None:
        """Remove a frame that was written in part."""
        try:
            self._reserve.cut(self._position)
        except OSError as error:
            self._break("the disk is full, and what was written in part cannot be removed", error)

    def _datasync(self, handle: Handle, end: int) -> None:
        """Everything below `end`, the last of it in that file, becomes durable.

        One at a time: the kernel reports a failed write-back once per descriptor, so of two fdatasyncs side
        by side one would succeed over lost data.
        """
        with self._sync_lock:
            if self._broken:
                raise LogBroken(self._broken)
            try:
                self._files.fdatasync(handle.fd)
            except OSError as error:
                self._break("fdatasync failed", error)
            self.syncs += 1
            if end > self._durable:
                self._durable = end

    def _mark(self) -> None:
        """Write down that everything so far is durable, so that later damage to it can't pass for a torn
        tail. Only a help for recovery: on a full disk it is left out."""
        if self._marked:
            return
        mark = encode_frame(self._end, (), self._time, self._durable)
        try:
            self._write(mark)
        except StorageFull:
            return
        self._position += len(mark)
        self._marked = True
        self._datasync(self._handle, self._end)
        self._publish()

    def _roll(self, now: int) -> None:
        """Go on in a new segment. The old one is durable first: only a last segment can have a torn tail."""
        self.sync()
        old, size = self._handle, self._position
        self._time = now
        self._begin_segment(self._end)
        try:
            # Not synced: should it be lost, zeros behind the last frame are cut when the log is opened.
            self._files.ftruncate(old.fd, size)
        except OSError as error:
            self._break("a full segment cannot be cut to its size", error)

    def _begin_segment(self, base: int) -> None:
        """A segment file with its header, durable under its name, becomes the one that is written to."""
        segment = Segment(self._directory, base)
        header = SegmentHeader(self._generation, self._partition, base, self._time)
        try:
            handle = self._reserve.next_segment(segment.path, encode_header(header))
        except OSError as error:
            if error.errno in OUT_OF_SPACE:
                raise StorageFull(f"no space for a new segment in {self._directory}") from error
            self._break("a new segment cannot be made", error)
        try:
            self._files.fsync_dir(self._directory)
            self._reserve.begin(segment.path, SEGMENT_HEADER_SIZE)
        except OSError as error:
            self._break("a new segment's name cannot be made durable", error)
        self._handle, self._position = handle, SEGMENT_HEADER_SIZE
        self._segments = (*self._segments, segment)

    def _break(self, what: str, error: OSError) -> NoReturn:
        self._broken = f"{self._directory}: {what} ({error}); open the log anew"
        raise LogBroken(self._broken) from error

    def _reserve_failed(self, error: Exception) -> None:
        self._broken = f"{self._directory}: reserving space failed ({error}); open the log anew"

    def read(self, offset: int, limit: int = 1024) -> list[Record]:
        """See bus.contract. Ends early at a segment's end or after reading.READ_BYTES of frames."""
        if self._broken == CLOSED:
            raise LogBroken(f"{self._directory}: the log is closed")
        return self._reader.read(self._view, offset, limit)
