"""The file calls that write stored bytes, behind a seam: fault tests put a lossy layer in their place."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from schemas.errors import StorageFull

_DSYNC: int | None = getattr(os, "RWF_DSYNC", None)

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Files(Protocol):
    """System calls under their own names; each raises OSError. Descriptors are the system's."""

    def open(self, path: str, flags: int, mode: int = 0o600) -> int: ...

    def close(self, fd: int) -> None: ...

    def pwrite(self, fd: int, data: bytes | bytearray | memoryview, offset: int) -> int: ...

    def pwrite_sync(self, fd: int, data: bytes, position: int) -> int:
        """pwrite and fdatasync in one: what it says was written is durable."""

    def fdatasync(self, fd: int) -> None: ...

    def ftruncate(self, fd: int, length: int) -> None: ...

    def rename(self, source: str, target: str) -> None: ...

    def unlink(self, path: str) -> None: ...

    def fsync_dir(self, path: str) -> None:
        """Make the names in a directory durable."""


class OsFiles:
    """The operating system itself."""

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        return os.open(path, flags | os.O_CLOEXEC, mode)

    def close(self, fd: int) -> None:
        os.close(fd)

    def pwrite(self, fd: int, data: bytes | bytearray | memoryview, offset: int) -> int:
        return os.pwrite(fd, data, offset)

    def pwrite_sync(self, fd: int, data: bytes, position: int) -> int:
        # One system call where there is RWF_DSYNC: between two, the thread would have to wait for the
        # interpreter just to let it go again.
        if _DSYNC is not None:
            return os.pwritev(fd, (data,), position, _DSYNC)
        written = os.pwrite(fd, data, position)
        os.fdatasync(fd)
        return written

    def fdatasync(self, fd: int) -> None:
        os.fdatasync(fd)

    def ftruncate(self, fd: int, length: int) -> None:
        os.ftruncate(fd, length)

    def rename(self, source: str, target: str) -> None:
        os.rename(source, target)

    def unlink(self, path: str) -> None:
        os.unlink(path)

    def fsync_dir(self, path: str) -> None:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def pwrite_all(files: Files, fd: int, data: bytes | bytearray | memoryview, offset: int) -> None:
    """Write all of it: a device that is nearly full may take less at a time."""
    written = files.pwrite(fd, data, offset)
    while written < len(data):
        written += files.pwrite(fd, memoryview(data)[written:], offset + written)


@contextmanager
def full_device(what: str) -> Iterator[None]:
    """Turn "no space left" into StorageFull, naming what was being written."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise StorageFull(f"no space left for {what}: {error.strerror}") from error
        raise
