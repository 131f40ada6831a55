"""One pack while it is being written: a header, records, zeros ahead of them, in the end a seal."""

import contextlib
import fcntl
import os

from blobs.headers import HEADER_BYTES, PACK_MAGIC, file_header, seal
from blobs.places import Places
from disk.files import Files, full_device, write_fully

_ZEROS = bytes(1024 * 1024)


class PackFile:
    """A pack of this process, locked against the recovery of other processes.

    end      where the next record goes
    zeroed   up to where the file was written with zeros: writing into it needs no change of metadata,
             which makes fdatasync several times faster than on a growing file
    records  how many were appended
    growable cleared when the device had no room for zeros: then records grow the file themselves
    failure  why nothing may be appended any more
    """

    def __init__(self, files: Files, places: Places, blob: bytes, *, ahead: int, fsync: bool) -> None:
        """Create the file with `ahead` bytes of zeros. Raises StorageFull, and leaves nothing behind."""
        self.blob = blob
        self.path = places.pack(blob)
        self.end = HEADER_BYTES
        self.zeroed = HEADER_BYTES
        self.records = 0
        self._files = files
        self._fsync = fsync
        self.growable = True
        self.failure: Exception | None = None
        self.fd = self._open_locked()
        try:
            with full_device(self.path):
                write_fully(files, self.fd, file_header(PACK_MAGIC, blob), 0)
                self.extend(self.zeroed, ahead)
                if fsync:
                    files.fsync_dir(places.packs)
        except BaseException:
            self.discard()
            raise

    def _open_locked(self) -> int:
        """Create the file and lock it. The recovery of another process may take it, still unlocked and
        empty, for a leftover and remove it: then it is made again."""
        for _ in range(5):
            with full_device(self.path):
                fd = self._files.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
            fcntl.flock(fd, fcntl.LOCK_EX)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.stat(self.path), os.fstat(fd)):
                    return fd
            self._files.close(fd)
        raise FileNotFoundError(f"{self.path} was removed as often as it was made")

    def extend(self, start: int, step: int) -> None:
        """Write `step` bytes of zeros from `start` on, durably. Nobody else may be writing there.

        Through a descriptor of its own: the kernel tells each descriptor once of a failed write-back. On a
        common one the sync of zeros could hear of a lost record, and the record's own sync succeed."""
        fd = self._files.open(self.path, os.O_RDWR)
        try:
            for position in range(start, start + step, len(_ZEROS)):
                write_fully(self._files, fd, _ZEROS[: start + step - position], position)
            if self._fsync:
                self._files.fdatasync(fd)
        finally:
            self._files.close(fd)
        self.zeroed = start + step

    def write(self, batch: bytes, records: int) -> None:
        """Append a batch of records, durably. On StorageFull nothing was appended and the pack is good."""
        try:
            with full_device(self.path):
                if not self._fsync:
                    write_fully(self._files, self.fd, batch, self.end)
                elif self._files.pwrite_sync(self.fd, batch, self.end) != len(batch):
                    write_fully(self._files, self.fd, batch, self.end)
                    self.sync()
        except Exception:
            # Cut off what may have been written, so that no half of it is ever taken for a record.
            self._files.ftruncate(self.fd, self.end)
            self.zeroed = self.end
            raise
        self.end += len(batch)
        self.records += records
        self.zeroed = max(self.zeroed, self.end)

    def sync(self) -> None:
        if self._fsync:
            self._files.fdatasync(self.fd)

    def seal(self, sealed_at: int) -> None:
        """Cut the zeros off and end the pack; one without records is removed."""
        if not self.records:
            self.discard()
            return
        try:
            with full_device(self.path):
                self._files.ftruncate(self.fd, self.end)
                write_fully(self._files, self.fd, seal(self.records, self.end, sealed_at), self.end)
                self.sync()
        finally:
            self._files.close(self.fd)

    def abandon(self) -> None:
        """Let go of it as it is; the next start recovers and seals it."""
        self._files.close(self.fd)

    def discard(self) -> None:
        """Remove the file: nothing in it was ever acknowledged."""
        try:
            with contextlib.suppress(FileNotFoundError):
                self._files.unlink(self.path)
        finally:
            self._files.close(self.fd)
