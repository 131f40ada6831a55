"""A disk with room for so many bytes and no more, and one whose calls fail on demand: for tests."""

import errno
import os

from disk.files import Files


class FullFiles(Files):
    """Files that may grow by `room` bytes altogether; then pwrite writes what fits and fails, as a disk does.

    Set `room` to make space again.
    """

    def __init__(self, room: int) -> None:
        self.room = room

    def pwrite(self, fd: int, data: bytes | bytearray | memoryview, position: int) -> int:
        fits = max(0, self.size(fd) - position) + self.room
        if fits <= 0 and len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        before = self.size(fd)
        written = os.pwrite(fd, memoryview(data)[:fits], position)
        self.room -= self.size(fd) - before
        return written

    def ftruncate(self, fd: int, size: int) -> None:
        self.room += self.size(fd) - size
        os.ftruncate(fd, size)


class FailingFiles(Files):
    """Files one of whose calls, named in `failing`, raises EIO."""

    def __init__(self) -> None:
        self.failing = ""

    def pwrite(self, fd: int, data: bytes | bytearray | memoryview, position: int) -> int:
        self._check("pwrite")
        return os.pwrite(fd, data, position)

    def fdatasync(self, fd: int) -> None:
        self._check("fdatasync")
        os.fdatasync(fd)

    def rename(self, old: str, new: str) -> None:
        self._check("rename")
        os.replace(old, new)

    def fsync_dir(self, path: str) -> None:
        self._check("fsync_dir")
        super().fsync_dir(path)

    def _check(self, call: str) -> None:
        if call == self.failing:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
