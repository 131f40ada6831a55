"""Large extents: streamed into a file of their own, encrypted and written off the event loop."""

import asyncio
import contextlib
import os
from concurrent.futures import Executor

from blobs.contract import KeySource
from blobs.frames import stored_length
from blobs.headers import BLOB_MAGIC, HEADER_BYTES, file_header
from blobs.places import DRAFT, Places
from blobs.sealing import Sealer, Slices, Workspace
from disk.files import Files, full_device, write_fully
from disk.room import Room
from schemas.manifest import Extent


class BlobFileWriter:
    """Writes one extent (see blobs.contract.BlobWriter). The file has a draft's name until it is whole.

    With what its slices hold, and the worker's buffers, it takes about 4 MiB of memory.
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
        *,
        fsync: bool,
        room: Room | None = None,
    ) -> None:
        self._files, self._places, self._pool, self._space = files, places, pool, space
        self._blob, self._key_id, self._fsync = blob, key_id, fsync
        self._room = room
        self._sealer = Sealer(keys, key_id)
        self._path = places.blob_file(blob)
        self._fd = -1
        self._length = 0
        self._slices = Slices(self._begin)
        self.write = self._slices.write

    async def finish(self) -> Extent:
        """Everything written is durable, under the extent returned; no bytes make an empty extent."""
        await self._slices.finish()
        if not self._length:
            return Extent(b"", 0, 0, 0, self._key_id, b"")
        stored = stored_length(self._length)
        return Extent(self._blob, HEADER_BYTES, stored, self._length, self._key_id, self._sealer.data_key)

    async def abort(self) -> None:
        """Remove what was written. Never raises for a writer that failed."""
        await self._slices.abort()
        if self._fd >= 0 or self._length:
            await asyncio.get_running_loop().run_in_executor(self._pool, self._remove)

    def _begin(self, chunks: list[bytes], last: bool) -> asyncio.Future[None]:
        if self._room is not None:
            self._room.take(sum(map(len, chunks)))
        return asyncio.get_running_loop().run_in_executor(self._pool, self._store, chunks, last)

    # --- in a worker thread ------------------------------------------------------------------------------
    def _store(self, chunks: list[bytes], last: bool) -> None:
        try:
            with full_device(self._path):
                self._append(self._sealer.seal(chunks, last, self._space))
                if last and self._fd >= 0:
                    self._publish()
        except BaseException:
            self._remove()
            raise

    def _append(self, sealed: memoryview) -> None:
        if not sealed:
            return
        if self._fd < 0:
            self._create()
        write_fully(self._files, self._fd, sealed, HEADER_BYTES + stored_length(self._length))
        self._length = self._sealer.length

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
