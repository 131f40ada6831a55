"""Freeing: references dropped, blob files removed, pages of packs given back to the file system.

Blocking. What is needed is decided under the write lock of the references, so several processes may free;
that bytes are gone others notice as BlobMissing.
"""

import contextlib
import ctypes
import errno
import os
from collections.abc import Iterable, Mapping

from blobs.contract import Drop
from blobs.headers import RECORD_BYTES
from blobs.pack_records import read_seal
from blobs.places import Places, in_pack
from blobs.references import References
from disk.files import Files
from schemas.manifest import Extent

PAGE = 4096
_PUNCH = 0x02 | 0x01  # FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
_NO_PUNCH = {errno.EOPNOTSUPP, errno.ENOSYS, errno.ENODEV}


class Freeing:
    """Drops references and removes what nobody needs any more."""

    def __init__(self, files: Files, places: Places, references: References) -> None:
        self._files, self._places, self._references = files, places, references
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._punches = hasattr(self._libc, "fallocate")

    def drop(self, drops: Iterable[Drop], now: int) -> int:
        """Drop references in one transaction; returns the stored bytes freed. Harmless when repeated.

        Bytes go before the rows about them: after a crash in between, the drop is simply repeated."""
        unneeded: list[Extent] = []
        with self._references.change():
            for extent, holder in drops:
                if extent.blob and self._references.drop(extent.blob, extent.offset, holder, now):
                    unneeded.append(extent)
            freed, buried = self._remove(unneeded)
        self._punch(buried)
        return freed

    def remove(self, extents: Iterable[Extent], before: int) -> int:
        """Remove extents that no live manifest names, whatever was recorded about them, unless a copy
        was recorded since `before`: its event may still be on its way."""
        references = self._references
        with references.change():
            stale = [
                extent
                for extent in extents
                if (since := references.held_since(extent.blob, extent.offset)) is None or since < before
            ]
            freed, buried = self._remove(stale)
        self._punch(buried)
        return freed

    def _remove(self, extents: list[Extent]) -> tuple[int, list[Extent]]:
        freed, buried = 0, []
        for extent in extents:
            if in_pack(extent):
                present = os.path.exists(self._places.of(extent))
                if present and self._references.bury(extent.blob, extent.offset, extent.stored):
                    buried.append(extent)
                    freed += extent.stored
            else:
                freed += self._unlink(self._places.of(extent))
            self._references.forget(extent.blob, extent.offset)
        return freed, buried

    def _unlink(self, path: str) -> int:
        try:
            size = os.stat(path).st_size
            self._files.unlink(path)
        except FileNotFoundError:
            return 0
        return size

    # --- packs -------------------------------------------------------------------------------------------
    def _punch(self, buried: list[Extent]) -> None:
        """Give the pages of freed extents back. They are recorded as dead by now, so whoever walks the
        pack steps over them."""
        for blob in {extent.blob for extent in buried}:
            path = self._places.pack(blob)
            try:
                fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            try:
                if self._all_dead(fd, blob):
                    with contextlib.suppress(FileNotFoundError):  # another process has just done it
                        self._files.unlink(path)
                    with self._references.change():
                        self._references.forget_pack(blob)
                    continue
                for extent in buried:
                    if extent.blob == blob:
                        self._punch_around(fd, extent)
            finally:
                os.close(fd)

    def _all_dead(self, fd: int, blob: bytes) -> bool:
        sealed = read_seal(fd)
        return sealed is not None and self._references.dead_count(blob) >= sealed.records

    def _punch_around(self, fd: int, extent: Extent) -> None:
        """Punch every page that this extent, with dead neighbours, covers wholly."""
        start, end = extent.offset - RECORD_BYTES, extent.offset + extent.stored
        page, after = start // PAGE * PAGE, -(-end // PAGE) * PAGE
        while start > page and (found := self._references.dead_before(extent.blob, start)):
            if found[0] + found[1] != start:
                break
            start = found[0] - RECORD_BYTES
        while end < after and (stored := self._references.dead_at(extent.blob, end + RECORD_BYTES)):
            end += RECORD_BYTES + stored
        self._punch_pages(fd, start, end)

    def punch_all(self, blob: bytes, dead: Mapping[int, int]) -> None:
        """Punch everything dead in a pack again, for frees that a crash left unpunched; `dead` in order."""
        fd = os.open(self._places.pack(blob), os.O_RDWR | os.O_CLOEXEC)
        try:
            start = end = 0
            for offset, stored in dead.items():
                if offset - RECORD_BYTES != end:
                    self._punch_pages(fd, start, end)
                    start = offset - RECORD_BYTES
                end = offset + stored
            self._punch_pages(fd, start, end)
        finally:
            os.close(fd)

    def _punch_pages(self, fd: int, start: int, end: int) -> None:
        first, last = -(-start // PAGE) * PAGE, end // PAGE * PAGE
        if self._punches and first < last:
            self._fallocate(fd, first, last - first)

    def _fallocate(self, fd: int, start: int, length: int) -> None:
        result = self._libc.fallocate(
            ctypes.c_int(fd), ctypes.c_int(_PUNCH), ctypes.c_int64(start), ctypes.c_int64(length)
        )
        if result == 0:
            return
        code = ctypes.get_errno()
        if code not in _NO_PUNCH:
            raise OSError(code, os.strerror(code))
        self._punches = False  # this file system keeps the pages until the whole pack is dead
