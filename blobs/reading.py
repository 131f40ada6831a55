"""Reading ranges: the frames that hold them, verified and decrypted, without touching the rest.

What the page cache holds is read on the event loop, where a frame takes about 30 µs; what it does not hold
is read in a thread, so that a slow device never stops the loop. A file system that cannot tell the two apart
(tmpfs, network file systems) has all but small extents read in threads.
"""

import asyncio
import errno
import os
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from blobs.contract import KeySource, Lent
from blobs.extents import overlaps
from blobs.frames import (
    CONTEXT_LAST,
    CRC_BYTES,
    FIRST_NONCE,
    FRAME_SIZE,
    STORED_FRAME,
    frame_count,
    open_frame,
    open_frame_into,
    stored_frame_length,
    what_is_wrong,
)
from blobs.places import Places, in_pack
from schemas.errors import BlobCorrupt, BlobMissing
from schemas.manifest import Extent, Manifest

AHEAD = 4  # frames read at a time when they come from the device
OPEN_PACKS = 256

_NOWAIT = getattr(os, "RWF_NOWAIT", 0)


class OpenFile:
    """A descriptor closed with its last user: a thread may still be reading when the cache lets go of it."""

    __slots__ = ("fd",)

    def __init__(self, path: str) -> None:
        self.fd = -1
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def __del__(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)


class RangeReader:
    """Reads extents for one process; use it from its event loop only.

    was_freed  tells whether an extent of a pack was freed: asked only after its bytes did not verify
    """

    def __init__(
        self,
        places: Places,
        keys: KeySource,
        pool: Executor,
        was_freed: Callable[[Extent], bool],
        *,
        open_packs: int = OPEN_PACKS,
    ) -> None:
        self._places, self._keys, self._pool, self._was_freed = places, keys, pool, was_freed
        self._packs: OrderedDict[bytes, OpenFile] = OrderedDict()
        self._open_packs = open_packs
        self._nowait = _NOWAIT
        self._buffer = bytearray(STORED_FRAME)
        self._plain = bytearray(FRAME_SIZE)

    def read_now(self, manifest: Manifest, start: int, length: int) -> bytes | None:
        """The range at once, if it takes no waiting: one inline or packed extent of at most a frame,
        in the page cache. None otherwise. Raises as `read` does."""
        extents = manifest.extents
        if len(extents) != 1 or manifest.spill is not None:
            return b"" if not extents and manifest.spill is None else None
        extent = extents[0]
        size = extent.length
        if size > FRAME_SIZE or not size:
            return None
        offset, sealed_size = extent.offset, extent.stored - CRC_BYTES
        sealed: bytes | bytearray
        if not extent.blob:
            sealed = manifest.inline[offset : offset + sealed_size]
        elif in_pack(extent):
            sealed = bytearray(sealed_size)
            if not self._read_cached(self._pack(extent).fd, sealed, offset):
                return None
        else:
            return None
        try:
            plain = AESGCM(self._keys.unwrap(extent.key_id, extent.data_key)).decrypt(
                FIRST_NONCE, sealed, CONTEXT_LAST
            )
        except InvalidTag:
            return None  # `read` finds out what is wrong
        return plain if length >= size and not start else plain[start : start + length]

    def stream(self, manifest: Manifest, start: int, length: int) -> AsyncIterator[bytes]:
        """The bytes of a range of a whole (not spilled) manifest, a frame at a time, each verified."""
        return self._frames(manifest, start, length, None)

    def lend(self, manifest: Manifest, start: int, length: int) -> AsyncIterator[Lent]:
        """The same in one buffer for every whole frame of every stream: see blobs.contract. Fresh memory
        for each frame would be filled with zeros first, and evict the rest from the processor's cache."""
        return self._frames(manifest, start, length, self._plain)

    async def _frames(
        self, manifest: Manifest, start: int, length: int, into: bytearray | None
    ) -> AsyncIterator[Any]:
        for extent, begin, end in overlaps(manifest.extents, start, start + length):
            cipher = AESGCM(self._keys.unwrap(extent.key_id, extent.data_key))
            file = None if not extent.blob else self._pack(extent) if in_pack(extent) else self._file(extent)
            number, stop = begin // FRAME_SIZE, frame_count(end)
            while number < stop:
                stored = self._stored_now(manifest, extent, file, number)
                if stored is None:
                    stored = await self._stored_from_device(extent, file, number, min(stop, number + AHEAD))
                for at in range(0, max(1, len(stored)), STORED_FRAME):
                    plain = self._decrypt(extent, cipher, number, stored[at : at + STORED_FRAME], into)
                    base = number * FRAME_SIZE
                    if begin > base or end < base + len(plain):
                        plain = plain[max(0, begin - base) : end - base]
                    yield plain
                    number += 1

    async def read(self, manifest: Manifest, start: int, length: int) -> bytes:
        """The range as one piece."""
        pieces = [piece async for piece in self.stream(manifest, start, length)]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def forget(self, blob: bytes) -> None:
        """Let go of a pack that was removed."""
        self._packs.pop(blob, None)

    def close(self) -> None:
        self._packs.clear()

    def _stored_now(
        self, manifest: Manifest, extent: Extent, file: OpenFile | None, number: int
    ) -> memoryview | None:
        """A stored frame in the one buffer for all of them, good until anything else is read; None when it
        is not in the page cache. One buffer stays in the processor's cache, where several would not."""
        offset = extent.offset + number * STORED_FRAME
        size = stored_frame_length(number, extent.length)
        if file is None:
            return memoryview(manifest.inline)[offset : offset + size]
        if not self._nowait:
            return None
        view = memoryview(self._buffer)[:size]
        return view if self._read_cached(file.fd, view, offset) else None

    async def _stored_from_device(
        self, extent: Extent, file: OpenFile | None, first: int, stop: int
    ) -> memoryview:
        """Stored frames from `first` up to `stop`. A short answer is left to `_decrypt` to name."""
        assert file is not None
        start = first * STORED_FRAME
        size = min(stop * STORED_FRAME, extent.stored) - start
        run = asyncio.get_running_loop().run_in_executor
        return memoryview(await run(self._pool, _pread_all, file, size, extent.offset + start))

    def _read_cached(self, fd: int, buffer: bytearray | memoryview, offset: int) -> bool:
        """Fill the buffer from the page cache; False when that would mean waiting for the device."""
        try:
            return os.preadv(fd, (buffer,), offset, self._nowait) == len(buffer)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise
            self._nowait = 0
            return self._read_cached(fd, buffer, offset)

    def _decrypt(
        self, extent: Extent, cipher: AESGCM, number: int, stored: memoryview, into: bytearray | None
    ) -> Lent:
        try:
            if into is None or len(stored) != STORED_FRAME:
                return open_frame(cipher, number, extent.length, stored)
            open_frame_into(cipher, number, extent.length, stored, into)
            return into
        except InvalidTag:
            raise self._diagnose(extent, number, bytes(stored)) from None

    def _diagnose(self, extent: Extent, number: int, stored: bytes) -> Exception:
        if not extent.blob:
            return BlobCorrupt(f"inline bytes: frame {number} does not verify")
        path, position = self._places.of(extent), extent.offset + number * STORED_FRAME
        if in_pack(extent) and self._was_freed(extent):
            return BlobMissing(f"{path}: the extent at byte {extent.offset} was freed")
        why = what_is_wrong(stored, stored_frame_length(number, extent.length))
        return BlobCorrupt(f"{path}: frame {number} at byte {position} {why}")

    def _pack(self, extent: Extent) -> OpenFile:
        blob = extent.blob
        file = self._packs.get(blob)
        if file is not None:
            self._packs.move_to_end(blob)
            return file
        file = self._packs[blob] = self._file(extent)
        if len(self._packs) > self._open_packs:
            self._packs.popitem(last=False)
        return file

    def _file(self, extent: Extent) -> OpenFile:
        path = self._places.of(extent)
        try:
            return OpenFile(path)
        except FileNotFoundError:
            raise BlobMissing(f"blob {extent.blob.hex()} is not at {path}") from None


def _pread_all(file: OpenFile, size: int, offset: int) -> bytes:
    """Up to `size` bytes; fewer only at the end of the file."""
    data = os.pread(file.fd, size, offset)
    while len(data) < size and (more := os.pread(file.fd, size - len(data), offset + len(data))):
        data += more
    return data
