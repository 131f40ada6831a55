"""Large extents: streamed into a file of their own, hashed, encrypted and written off the event loop."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import Executor

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from blobs.contract import KeySource
from blobs.frames import FRAME_SIZE, encrypt_into, stored_length
from blobs.headers import BLOB_MAGIC, HEADER_BYTES, file_header
from blobs.places import DRAFT, Places
from disk.files import Files, full_device, write_fully
from schemas.manifest import Extent

SLICE = 1024 * 1024  # bytes of plaintext handed to a worker thread at a time
PIECE = 2 * FRAME_SIZE  # larger chunks are cut
LARGEST = SLICE + PIECE + FRAME_SIZE  # a slice just not full, one more piece, the rest of the slice before

Digest = Callable[[bytes], None]


class Workspace(threading.local):
    """Buffers of one worker thread, kept because fresh ones of this size cost a page fault per page."""

    def __init__(self) -> None:
        self.plain = bytearray(LARGEST)
        self.sealed = bytearray(stored_length(LARGEST))


class BlobFileWriter:
    """Writes one extent (see blobs.contract.BlobWriter). The file has a draft's name until it is whole.

    At most one slice is being stored while the next one gathers: that bounds its memory to about 4 MiB,
    whatever the sender does. `digest` is called in a worker thread with every chunk, in order.
    """

    def __init__(
        self,
        files: Files,
        places: Places,
        pool: Executor,
        space: Workspace,
        keys: KeySource,
        key_id: str,
        blob: bytes,
        digest: Digest | None,
        *,
        fsync: bool,
    ) -> None:
        self._files, self._places, self._pool, self._space = files, places, pool, space
        self._blob, self._key_id, self._digest, self._fsync = blob, key_id, digest, fsync
        key = os.urandom(32)
        self._data_key = keys.wrap(key_id, key)
        self._cipher = AESGCM(key)
        self._path = places.blob_file(blob)
        self._fd = -1
        self._chunks: list[bytes] = []
        self._gathered = 0
        self._running: asyncio.Future[None] | None = None
        # of the worker's side:
        self._rest = b""
        self._frames = 0
        self._length = 0

    async def write(self, chunk: bytes) -> None:
        """Take the next bytes. Raises StorageFull when an earlier slice found the device full."""
        if len(chunk) > PIECE:
            for start in range(0, len(chunk), PIECE):
                await self.write(chunk[start : start + PIECE])
            return
        self._chunks.append(chunk)
        self._gathered += len(chunk)
        if self._gathered >= SLICE:
            await self._settle()
            self._hand_over(last=False)

    async def finish(self) -> Extent:
        """Everything written is durable, under the extent returned; no bytes make an empty extent."""
        await self._settle()
        self._hand_over(last=True)
        await self._settle()
        if not self._length:
            return Extent(b"", 0, 0, 0, self._key_id, b"")
        stored = stored_length(self._length)
        return Extent(self._blob, HEADER_BYTES, stored, self._length, self._key_id, self._data_key)

    async def abort(self) -> None:
        """Remove what was written. Never raises for a writer that failed."""
        self._chunks.clear()
        if self._running is not None:
            await asyncio.wait((self._running,))
            self._running.exception()
        if self._fd >= 0 or self._length:
            await asyncio.get_running_loop().run_in_executor(self._pool, self._remove)

    async def _settle(self) -> None:
        """Wait for the slice under way; its failure is raised here. A cancelled wait leaves it running."""
        if self._running is not None:
            if not self._running.done():
                await asyncio.wait((self._running,))
            self._running.result()

    def _hand_over(self, *, last: bool) -> None:
        chunks, self._chunks, self._gathered = self._chunks, [], 0
        loop = asyncio.get_running_loop()
        self._running = loop.run_in_executor(self._pool, self._store, chunks, last)

    # --- in a worker thread ------------------------------------------------------------------------------
    def _store(self, chunks: list[bytes], last: bool) -> None:
        try:
            if self._digest is not None:
                for chunk in chunks:
                    self._digest(chunk)
            with full_device(self._path):
                self._encrypt(chunks, last)
                if last and self._fd >= 0:
                    self._publish()
        except BaseException:
            self._remove()
            raise

    def _encrypt(self, chunks: list[bytes], last: bool) -> None:
        """Store all whole frames but the last one, which could be the extent's last; with `last`, all."""
        total = len(self._rest) + sum(map(len, chunks))
        take = total if last else (total - 1) // FRAME_SIZE * FRAME_SIZE
        space = self._space
        plain = memoryview(space.plain)
        filled = 0
        for chunk in (self._rest, *chunks):
            plain[filled : filled + len(chunk)] = chunk
            filled += len(chunk)
        self._rest = bytes(plain[max(take, 0) : total])
        if take > 0:
            size = encrypt_into(self._cipher, plain[:take], self._frames, last, memoryview(space.sealed))
            if self._fd < 0:
                self._create()
            position = HEADER_BYTES + stored_length(self._length)
            write_fully(self._files, self._fd, memoryview(space.sealed)[:size], position)
            self._frames += -(-take // FRAME_SIZE)
            self._length += take

    def _create(self) -> None:
        self._fd = self._files.open(self._path + DRAFT, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        write_fully(self._files, self._fd, file_header(BLOB_MAGIC, self._blob), 0)

    def _publish(self) -> None:
        if self._fsync:
            self._files.fdatasync(self._fd)
        self._files.close(self._fd)
        self._fd = -1
        self._files.rename(self._path + DRAFT, self._path)
        if self._fsync:
            self._files.fsync_dir(self._places.folder(self._blob))

    def _remove(self) -> None:
        """Take the file away again, under either of its names."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            self._files.close(fd)
        self._length = 0
        for path in (self._path + DRAFT, self._path):
            with contextlib.suppress(FileNotFoundError):
                self._files.unlink(path)
