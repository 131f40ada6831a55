"""Every call by which the log and the blobs change a file, in one replaceable place.

It is the operating system's own calls and costs one attribute look-up. `tests/faults/lossy_files.py`
puts a disk in its place that loses everything unsynced at a crash.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from disk.durable import sync_path
from schemas.errors import StorageFull

# Errors that mean: the device, a quota or the longest file allowed is full.
OUT_OF_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
DIRECTORY_MODE = 0o700
_DSYNC: int | None = getattr(os, "RWF_DSYNC", None)
FILE_MODE = 0o600


class Files:
    """Files by descriptor, as in `os`: bytes, positions and sizes are in bytes; errors are OSError.

    pwrite may write less than it was given (the disk fills up, a signal): `write_fully` does not.
    """

    close = staticmethod(os.close)
    pread = staticmethod(os.pread)
    pwrite = staticmethod(os.pwrite)
    ftruncate = staticmethod(os.ftruncate)
    fsync = staticmethod(os.fsync)
    fdatasync = staticmethod(getattr(os, "fdatasync", os.fsync))
    unlink = staticmethod(os.unlink)
    rename = staticmethod(os.replace)

    def pwrite_sync(self, fd: int, data: bytes, position: int) -> int:
        """pwrite and fdatasync in one: what it says was written is durable."""
        written = self.pwrite(fd, data, position)
        self.fdatasync(fd)
        return written

    def open(self, path: str, flags: int = os.O_RDONLY, mode: int = FILE_MODE) -> int:
        """A descriptor for that file; `flags` as for os.open."""
        return os.open(path, flags | os.O_CLOEXEC, mode)

    def size(self, fd: int) -> int:
        return os.fstat(fd).st_size

    def mkdir(self, path: str) -> None:
        os.mkdir(path, DIRECTORY_MODE)

    def fsync_dir(self, path: str) -> None:
        """Make the names in a directory durable: files created, renamed or removed there."""
        sync_path(path)


class SystemFiles(Files):
    """The same with the fewest system calls: between two calls a thread has to wait for the interpreter."""

    def pwrite_sync(self, fd: int, data: bytes, position: int) -> int:
        if _DSYNC is None:
            return super().pwrite_sync(fd, data, position)
        return os.pwritev(fd, (data,), position, _DSYNC)


def write_fully(files: Files, fd: int, data: bytes | bytearray | memoryview, position: int) -> None:
    """Write all of `data`, or raise OSError with an unknown part of it written."""
    view = memoryview(data)
    while view:
        written = files.pwrite(fd, view, position)
        position += written
        view = view[written:]


@contextmanager
def full_device(what: str) -> Iterator[None]:
    """Turn "no space left" into StorageFull, naming what was being written."""
    try:
        yield
    except OSError as error:
        if error.errno in OUT_OF_SPACE:
            raise StorageFull(f"no space left for {what}: {error.strerror}") from error
        raise


def make_directory(files: Files, path: str) -> None:
    """Make a directory and its parents, each durable in the one above it."""
    if os.path.isdir(path):
        return
    parent = os.path.dirname(os.path.abspath(path))
    make_directory(files, parent)
    try:
        files.mkdir(path)
    except FileExistsError:
        return
    files.fsync_dir(parent)


class Handle:
    """An open file shared by threads: closed when the last of them has let go of it.

    Closing by reference count, because a reader may be inside pread when the writer moves on, and a
    descriptor closed under it could by then belong to another file.
    """

    __slots__ = ("_close", "fd")

    def __init__(self, files: Files, path: str, flags: int = os.O_RDONLY) -> None:
        self._close = files.close
        self.fd = -1
        self.fd = files.open(path, flags)

    def __del__(self) -> None:
        if self.fd >= 0:
            self._close(self.fd)
