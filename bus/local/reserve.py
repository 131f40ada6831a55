"""Space ahead of the writer: the active segment zero-filled in steps, the next segment's file made ready.

Where blocks and file size are already there, fdatasync writes data and nothing else; on a growing file it
waits for the file system's journal, ten times as long. So a log that is written to gets its next segment
reserved as a whole, and the active one a little ahead of the writer. A thread of its own does the work.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from bus.local.segment import NEXT_SEGMENT
from disk.files import OUT_OF_SPACE, Files, Handle, write_fully
from disk.room import Room

ZEROS = bytes(256 * 1024)
NEVER = 1 << 62


class Reserve:
    """The files' reserved space. All but `filled` and `wake` is guarded by a lock.

    filled  how far the active file is reserved: frames below it change no metadata
    wake    the writer calls `advance` once its position has passed this
    failed  called, on the reserve's thread, with any error other than a full disk
    """

    def __init__(
        self,
        files: Files,
        directory: str,
        segment_size: int,
        ahead: int,
        background: bool,
        failed: Callable[[Exception], None],
        room: Room | None = None,
    ) -> None:
        self.filled = 0
        self.wake = NEVER
        self._files = files
        self._next_path = os.path.join(directory, NEXT_SEGMENT)
        self._segment_size = segment_size
        self._ahead = min(ahead, segment_size)
        self._failed = failed
        self._room = room
        self._lock = Lock()
        self._handle: Handle | None = None
        self._position = 0
        self._next: Handle | None = None
        self._next_filled = 0
        self._executor = ThreadPoolExecutor(1, "log-reserve") if background and ahead else None

    def begin(self, path: str, position: int) -> None:
        """From now on that is the active file, written up to `position`. May raise OSError.

        A descriptor of its own: the kernel tells each one of a failed write-back, so an error that belongs to
        the writer's frames still reaches the writer's fdatasync.
        """
        handle = Handle(self._files, path, os.O_RDWR)
        with self._lock:
            self._handle = handle
            self._position = position
            self.filled = max(self._files.size(handle.fd), position)
            self._plan(position)

    def claim(self, end: int) -> None:
        """The writer is about to write up to `end`, beyond what is reserved: the file grows by it."""
        with self._lock:
            self.filled = max(self.filled, end)

    def cut(self, position: int) -> None:
        """Cut the active file off at `position`, reserved space too."""
        with self._lock:
            assert self._handle is not None
            self._files.ftruncate(self._handle.fd, position)
            self.filled = position
            self._plan(position)

    def advance(self, position: int) -> None:
        """The writer's position has passed `wake`: reserve more, or make the next file ready."""
        self.wake = NEVER
        self._position = position
        if self._executor:
            self._executor.submit(self._work)
        else:
            self._work()

    def next_segment(self, path: str, header: bytes) -> Handle:
        """Put the next file, made ready or new, to use under that name. May raise OSError.

        Its content is durable before the name is; the name is the caller's to make durable.
        """
        with self._lock:
            ready, self._next, self._next_filled = self._next, None, 0
            handle = ready or self._new_file()
            write_fully(self._files, handle.fd, header, 0)
            self._files.fdatasync(handle.fd)
            self._files.rename(self._next_path, path)
            return handle

    def close(self) -> None:
        """Wait for the work in progress; no more is done. The next file, unused, is removed."""
        if self._executor:
            self._executor.shutdown(cancel_futures=True)
        with self._lock:
            if self._next is not None:
                self._next = None
                self._files.unlink(self._next_path)

    def _plan(self, position: int) -> None:
        """Say when there is work again: after every half of `ahead`, so that the work is spread evenly."""
        if self._ahead and (self.filled < self._segment_size or self._next_filled < self._segment_size):
            self.wake = position + self._ahead // 2
        else:
            self.wake = NEVER

    def _work(self) -> None:
        with self._lock:
            position = self._position
            if self._handle is None:
                return
            if self._room is not None and not self._room.has(2 * self._ahead):
                self._retry_later(position)
                return
            try:
                self._reserve_some(self._handle, position)
            except OSError as error:
                if error.errno in OUT_OF_SPACE:
                    self._retry_later(position)
                else:
                    self._failed(error)
            except Exception as error:
                self._failed(error)
            else:
                self._plan(position)

    def _reserve_some(self, handle: Handle, position: int) -> None:
        """One step in the active file, where it is near its reserve's end, and one in the next file."""
        target = min(self._segment_size, position + self._ahead)
        if target > self.filled:
            self._fill(handle, self.filled, target)
            self.filled = target
        if self._next is None:
            self._next, self._next_filled = self._new_file(), 0
        target = min(self._segment_size, self._next_filled + self._ahead // 2 + 1)
        if target > self._next_filled:
            self._fill(self._next, self._next_filled, target)
            self._next_filled = target

    def _new_file(self) -> Handle:
        return Handle(self._files, self._next_path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)

    def _fill(self, handle: Handle, start: int, end: int) -> None:
        for at in range(start, end, len(ZEROS)):
            write_fully(self._files, handle.fd, memoryview(ZEROS)[: end - at], at)
        self._files.fdatasync(handle.fd)

    def _retry_later(self, position: int) -> None:
        """A full disk is the writer's to find out, when it has no room."""
        self.wake = position + max(self._ahead // 2, 1)
