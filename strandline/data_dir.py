"""The data folder: its layout in one place, its format version, and the lock that admits one server."""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from access.master_files import MASTER_FILE
from disk.durable import draft_of, sync_path, write_durably
from disk.locks import try_lock
from schemas.errors import ConfigurationError

FORMAT_VERSION = 1
ORPHANS_SECONDS = 15.0  # how long the workers of a server that was killed may take to end
LOOK_SECONDS = 0.02
FOLDERS = ("log", "index", "blobs", "keys", "snapshots", "audit", "consumers")


class InUse(ConfigurationError):
    """Another process serves the data folder."""


@dataclass(frozen=True, slots=True)
class DataDir:
    """Names of what is in the data folder.

    log        segments, one folder per topic and partition
    index      the materialized metadata; can be made anew from log and snapshots
    blobs      object bytes: packs and blob files by zone, and who refers to them
    keys       master key, bucket keys, root credentials; lies outside log and snapshots on purpose
    snapshots  verified snapshots that let the log be cut
    audit      the hash-chained record of requests and facts
    consumers  durable positions of the processors that live on facts
    """

    root: Path

    @property
    def log(self) -> Path:
        return self.root / "log"

    @property
    def index(self) -> Path:
        return self.root / "index"

    @property
    def blobs(self) -> Path:
        return self.root / "blobs"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def snapshots(self) -> Path:
        return self.root / "snapshots"

    @property
    def audit(self) -> Path:
        return self.root / "audit"

    @property
    def consumers(self) -> Path:
        return self.root / "consumers"

    @property
    def lock_file(self) -> Path:
        return self.root / "lock"

    @property
    def format_file(self) -> Path:
        return self.root / "format"

    @property
    def metrics_file(self) -> Path:
        """Shared counters of the running server's processes; removed at every start."""
        return self.root / "metrics"

    def create(self, *, master_file: str | None = MASTER_FILE) -> None:
        """Make what is missing, with mode 0700, durably. Harmless when repeated. `master_file`: the file in
        the folder of keys that has the master key; None: it is not there.

        Raises ConfigurationError when the folder cannot be used, holds other things, lacks the master key
        of its data, or was written by a later version.
        """
        try:
            _make_folder(self.root)
            if self.format_file.exists():
                self.check_format()
                if master_file is not None:
                    self._refuse_lost_keys(self.keys / master_file)
            else:
                self._refuse_foreign_folder()
            for name in FOLDERS:
                _make_folder(self.root / name)
            if not self.format_file.exists():
                write_durably(self.format_file, f"strandline {FORMAT_VERSION}\n".encode())
        except OSError as error:
            raise ConfigurationError(f"data folder {self.root} cannot be used: {error.strerror}") from None

    def check_format(self) -> None:
        """Raises ConfigurationError unless this is a data folder of a version that this program reads."""
        try:
            text = self.format_file.read_text(encoding="ascii", errors="replace")
        except FileNotFoundError:
            raise ConfigurationError(f"{self.root} is not a data folder of Strandline") from None
        except OSError as error:
            raise ConfigurationError(f"data folder {self.root} cannot be read: {error.strerror}") from None
        if text != f"strandline {FORMAT_VERSION}\n":
            raise ConfigurationError(
                f"data folder {self.root} has format {text.strip()!r}; this program reads 'strandline "
                f"{FORMAT_VERSION}'"
            )

    def _refuse_lost_keys(self, path: Path) -> None:
        # The master key is made before the log is. Made anew, it would open nothing that is here.
        if self.log.is_dir() and any(self.log.iterdir()) and not path.exists():
            raise ConfigurationError(
                f"{path} is missing, and no object in {self.root} can be read without it: restore the "
                "folder keys from its backup, or give STRANDLINE_MASTER_KEY if that is where the key was"
            )

    def _refuse_foreign_folder(self) -> None:
        # A first start that was killed leaves some of our folders and no format file; that is no reason
        # to refuse. Anything else in there belongs to somebody.
        ours = {*FOLDERS, self.lock_file.name}
        ours.add(draft_of(self.format_file).name)
        for entry in sorted(self.root.iterdir()):
            if entry.name not in ours:
                raise ConfigurationError(
                    f"{self.root} holds {entry.name!r} and is not a data folder of Strandline; name an "
                    "empty or new folder"
                )

    @contextlib.contextmanager
    def lock(self) -> Iterator[int]:
        """Hold the folder as its only server or repairing command; gives the descriptor of the lock.

        Processes that inherit the descriptor hold the lock too; the kernel drops it when the last of them
        has ended, however that came. Raises InUse when another server holds it. One whose
        main process is gone is waited for: its workers are just noticing.
        """
        descriptor = os.open(self.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            limit = time.monotonic() + ORPHANS_SECONDS
            while not try_lock(descriptor):
                owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
                if _is_running(owner) or time.monotonic() > limit:
                    raise InUse(f"data folder {self.root} is in use by process {owner or 'unknown'}")
                time.sleep(LOOK_SECONDS)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            yield descriptor
        finally:
            os.close(descriptor)


def _is_running(owner: str) -> bool:
    """Whether that process, by its id in decimals, is there; for a text that is no id, we say so."""
    if not owner.isdigit():
        return True
    try:
        os.kill(int(owner), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # it belongs to somebody else
    return True


def _make_folder(path: Path) -> None:
    if path.is_dir():
        return
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    sync_path(path.parent)
