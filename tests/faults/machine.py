"""A machine whose power fails in the middle of some call to its disk: lossy files, a countdown, an index
whose newest commits may be gone."""

import errno
import os
import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.faults.lossy_files import LossyFiles

# What is written through the file layer. The rest (index, references, keys) syncs for itself.
LOSSY = ("log", "blobs/zones", "consumers", "audit")


class Machine(LossyFiles):
    """The disk under one data folder, from power on to power cut."""

    def __init__(self, root: Path, seed: int) -> None:
        super().__init__(root, seed)
        folders = tuple(os.path.join(self._root, folder) for folder in LOSSY)
        self._directories = {
            path: directory
            for path, directory in self._directories.items()
            if any(path == folder or path.startswith(folder + os.sep) for folder in folders)
        }
        self._left = 0  # calls until the power is cut; 0: it is not

    @property
    def off(self) -> bool:
        return self._off

    def cut_after(self, calls: int) -> None:
        """Cut the power at that call from now on, on whatever thread it is made."""
        with self._lock:
            self._left = calls

    def cut(self) -> None:
        """Cut the power now, if it is still on."""
        with self._lock:
            if not self._off:
                self.crash()

    @contextmanager
    def _alive(self) -> Iterator[None]:  # type: ignore[override]
        with self._lock:
            if not self._off and self._left:
                self._left -= 1
                if not self._left:
                    self.crash()
            if self._off:
                raise OSError(errno.EIO, "the machine is off")
            yield


class IndexStates:
    """Copies of the index at moments since its last checkpoint: after a power cut it may be any of them.

    SQLite does its own file access; what it promises is that commits survive from a checkpoint on, and that
    later ones are lost from the newest backwards.
    """

    def __init__(self, index: Path, folder: Path) -> None:
        self._index = index
        self._folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self._copies: list[Path] = []

    def remember(self) -> Path:
        """The index as it is now may be what a power cut leaves."""
        copy = self._folder / f"{len(self._copies)}.sqlite"
        source = sqlite3.connect(f"file:{self._index}?mode=ro", uri=True)
        with closing(source), closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        self._copies.append(copy)
        return copy

    def checkpointed(self, since: Path) -> None:
        """A checkpoint that began when `since` was remembered has ended: nothing older can come back."""
        self._copies = self._copies[self._copies.index(since) :]

    def lose_power(self, choose: random.Random) -> str:
        """Put one of the copies in the place of the index, or nothing at all; says which."""
        for suffix in ("-wal", "-shm", ""):
            self._index.with_name(self._index.name + suffix).unlink(missing_ok=True)
        if not self._copies or choose.random() < 0.1:
            return "gone"
        chosen = choose.choice(self._copies)
        shutil.copyfile(chosen, self._index)
        return chosen.name
