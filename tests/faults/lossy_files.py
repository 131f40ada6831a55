"""A disk that loses at a crash whatever was not synced: the file layer's evil twin, for tests.

It works on real files, so that readers which open them see what a page cache would show. Beside them it
keeps, per file, the durable content of every page that was changed since the last sync, and per directory
the names that are durable. `crash` then decides anew, by a seeded generator, what reached the disk:

  pages      each 4 KiB page changed since the file's last fsync or fdatasync is kept or lost, on its own
  sizes      any of the sizes since then; a page nobody wrote reads as zeros
  names      each creation, renaming or removal since the directory's last fsync_dir is kept or lost, on its
             own; a file without a durable name is gone

After `crash` this object refuses every call, as a machine that is off would: open the files with another.
"""

import errno
import os
import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock

from disk.files import DIRECTORY_MODE, FILE_MODE, Files

PAGE = 4096


@dataclass
class Inode:
    """A file whatever its name. `pages` holds the durable content (b"" beyond the durable size) of pages
    changed since the last sync; `sizes` the durable size and all that followed it."""

    keeper: str
    sizes: list[int]
    pages: dict[int, bytes] = field(default_factory=dict)


@dataclass
class Change:
    """A change of a directory's names: `inode` gets the name `new` (None: no name), `old` is gone."""

    old: str | None
    new: str | None
    inode: Inode | None


@dataclass
class Directory:
    durable: dict[str, Inode] = field(default_factory=dict)
    names: dict[str, Inode] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)


class LossyFiles(Files):
    """Files below `root`; what is there at first is durable. Directories themselves are never lost."""

    def __init__(self, root: Path, seed: int) -> None:
        self._root = os.path.realpath(root)
        self._keep = self._root + ".inodes"
        self._random = random.Random(seed)
        self._open: dict[int, Inode] = {}
        self._directories: dict[str, Directory] = {}
        self._lock = RLock()
        self._off = False
        self._kept = 0
        shutil.rmtree(self._keep, ignore_errors=True)
        os.mkdir(self._keep)
        for folder, _, names in os.walk(self._root):
            directory = self._directory(folder)
            for name in names:
                directory.durable[name] = directory.names[name] = self._adopt(os.path.join(folder, name))

    # --- the file layer ----------------------------------------------------------------------------
    def open(self, path: str, flags: int = os.O_RDONLY, mode: int = FILE_MODE) -> int:
        with self._alive():
            directory, name = self._place(path)
            fd = os.open(path, (flags & ~os.O_TRUNC) | os.O_CLOEXEC, mode)
            if name not in directory.names:
                directory.names[name] = self._adopt(path)
                directory.changes.append(Change(None, name, directory.names[name]))
            self._open[fd] = directory.names[name]
            if flags & os.O_TRUNC:
                self.ftruncate(fd, 0)
            return fd

    def close(self, fd: int) -> None:
        with self._lock:
            self._open.pop(fd, None)
            os.close(fd)

    def pread(self, fd: int, size: int, position: int) -> bytes:
        with self._alive():
            return os.pread(fd, size, position)

    def pwrite(self, fd: int, data: bytes | bytearray | memoryview, position: int) -> int:
        with self._alive():
            inode = self._open[fd]
            end = position + len(data)
            for page in range(position // PAGE, -(-end // PAGE)):
                self._remember(fd, inode, page)
            written = os.pwrite(fd, data, position)
            inode.sizes.append(os.fstat(fd).st_size)
            return written

    def ftruncate(self, fd: int, size: int) -> None:
        with self._alive():
            inode = self._open[fd]
            for page in range(size // PAGE, -(-os.fstat(fd).st_size // PAGE)):
                self._remember(fd, inode, page)
            os.ftruncate(fd, size)
            inode.sizes.append(size)

    def fsync(self, fd: int) -> None:
        with self._alive():
            inode = self._open[fd]
            inode.pages.clear()
            inode.sizes = [os.fstat(fd).st_size]

    fdatasync = fsync

    def unlink(self, path: str) -> None:
        with self._alive():
            directory, name = self._place(path)
            os.unlink(path)
            directory.names.pop(name)
            directory.changes.append(Change(name, None, None))

    def rename(self, old: str, new: str) -> None:
        with self._alive():
            directory, old_name = self._place(old)
            other, new_name = self._place(new)
            if other is not directory:
                raise NotImplementedError("renaming across directories")
            os.replace(old, new)
            inode = directory.names[new_name] = directory.names.pop(old_name)
            directory.changes.append(Change(old_name, new_name, inode))

    def mkdir(self, path: str) -> None:
        with self._alive():
            os.mkdir(path, DIRECTORY_MODE)

    def fsync_dir(self, path: str) -> None:
        with self._alive():
            directory = self._directory(path)
            directory.durable = dict(directory.names)
            directory.changes.clear()

    # --- the crash -----------------------------------------------------------------------------------
    def crash(self) -> None:
        """Lose what was not synced; the files under `root` are then as a restarted machine finds them."""
        with self._lock:
            self._off = True
            lost: set[int] = set()
            for path, directory in self._directories.items():
                for name in directory.names:
                    os.unlink(os.path.join(path, name))
                for name, inode in self._surviving_names(directory).items():
                    if id(inode) not in lost:
                        lost.add(id(inode))
                        self._lose_pages(inode)
                    os.link(inode.keeper, os.path.join(path, name))
            shutil.rmtree(self._keep)

    def _surviving_names(self, directory: Directory) -> dict[str, Inode]:
        names = dict(directory.durable)
        for change in directory.changes:
            if self._random.random() < 0.5:
                continue
            if change.old is not None:
                names.pop(change.old, None)
            if change.new is not None and change.inode is not None:
                names[change.new] = change.inode
        return names

    def _lose_pages(self, inode: Inode) -> None:
        size = self._random.choice(inode.sizes)
        fd = os.open(inode.keeper, os.O_RDWR)
        try:
            os.ftruncate(fd, max(size, inode.sizes[-1]))
            for page, content in inode.pages.items():
                if self._random.random() < 0.5:
                    os.pwrite(fd, content.ljust(PAGE, b"\0"), page * PAGE)
            os.ftruncate(fd, size)
        finally:
            os.close(fd)

    # --- bookkeeping -----------------------------------------------------------------------------------
    def _alive(self) -> RLock:
        if self._off:
            raise OSError(errno.EIO, "the machine is off")
        return self._lock

    def _directory(self, path: str) -> Directory:
        return self._directories.setdefault(os.path.realpath(path), Directory())

    def _place(self, path: str) -> tuple[Directory, str]:
        folder, name = os.path.split(os.path.abspath(path))
        return self._directory(folder), name

    def _adopt(self, path: str) -> Inode:
        """A second name, out of sight, so that the content survives until the crash has decided on it."""
        self._kept += 1
        keeper = os.path.join(self._keep, str(self._kept))
        os.link(path, keeper)
        return Inode(keeper, [os.path.getsize(path)])

    def _remember(self, fd: int, inode: Inode, page: int) -> None:
        if page not in inode.pages:
            if page * PAGE >= inode.sizes[0]:
                inode.pages[page] = b""
                return
            with open(inode.keeper, "rb") as file:
                inode.pages[page] = os.pread(file.fileno(), PAGE, page * PAGE)
