"""Stored bytes on local disk: the engine of `blobs.contract` for zone folders. Puts the pieces together."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from blobs import envelope
from blobs.blob_files import BlobFileWriter
from blobs.contract import Drop, KeySource, Leftovers, Lent
from blobs.frames import encrypt_extent, stored_length
from blobs.freeing import Freeing
from blobs.marking import mark_live
from blobs.pack_recovery import Recovered, recover_packs
from blobs.packs import AHEAD, PACK_SIZE, Append, Packs
from blobs.places import Places, in_pack
from blobs.reading import RangeReader
from blobs.references import References, was_freed
from blobs.sealing import Workspace, seal_inline
from blobs.sharing import Copy, Sharing
from blobs.spilling import Spilling
from blobs.sweeping import Candidates
from disk.files import Files, SystemFiles
from disk.room import Room
from schemas.ids import uuid7, uuid7_milliseconds
from schemas.manifest import NO_BYTES, Extent, Manifest
from schemas.pending import Pending
from schemas.randomness import RandomTokens

INLINE_LIMIT = 512
PACK_LIMIT = 1024 * 1024
WORKERS = 8

Chunk = TypeVar("Chunk", bytes, Lent)


class LocalBlobs:
    """See blobs.contract.BlobStore for what each call promises.

    Any number of processes may use one root; only one of them may call `sweep`.

    inline_limit  objects of up to so many bytes stay inside their manifest
    carry_limit   up to so many bytes travel in it, to be packed by the process that appends the event
    pack_limit    larger ones, up to so many bytes, are packed; the rest get blob files
    pack_size     bytes at which a pack is sealed and the next begun
    fsync         False leaves blob files unsynced, for benchmarks only; packs and references always sync
    files         the file layer; fault tests put their own in
    room          how far the device may be filled; None: until it is full
    """

    def __init__(
        self,
        root: Path | str,
        keys: KeySource,
        *,
        inline_limit: int = INLINE_LIMIT,
        carry_limit: int = 0,
        pack_limit: int = PACK_LIMIT,
        pack_size: int = PACK_SIZE,
        ahead: int = AHEAD,
        fsync: bool = True,
        workers: int = WORKERS,
        files: Files | None = None,
        room: Room | None = None,
        new_id: Callable[[], bytes] = uuid7,
    ) -> None:
        self.inline_limit, self.pack_limit = inline_limit, pack_limit
        self._carry_limit = carry_limit
        self.recovered: list[Recovered] = []
        self._keys, self._fsync, self._new_id, self._room = keys, fsync, new_id, room
        self._new_key = RandomTokens(32)
        self._files: Files = SystemFiles() if files is None else files
        self._places = Places(root)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="blobs")
        self._table = ThreadPoolExecutor(1, thread_name_prefix="blob-references")
        self._space = Workspace()
        self._packs = Packs(
            self._files, self._places, pack_size=pack_size, ahead=ahead, new_id=new_id, room=room
        )
        self._ranges = RangeReader(self._places, keys, self._pool, self._was_freed)
        self._spilling = Spilling(self._store_file, self._load_file)
        self.read_now = self._ranges.read_now

    async def start(self) -> None:
        """Make the folders, seal the packs of ended processes (told in `recovered`), begin a pack.
        Raises StorageFull, BlobCorrupt for a references table that cannot be read."""
        self._loop = asyncio.get_running_loop()
        await self._loop.run_in_executor(self._table, self._open)
        self._packs.start(self._loop)

    def _open(self) -> None:
        self._places.prepare(self._files)
        self._references = References(self._places.references)
        self._freeing = Freeing(self._files, self._places, self._references)
        self._sharing = Sharing(self._table, self._places, self._references, self._keys)
        self.recovered = recover_packs(self._files, self._places, self._references.dead_of, self._now())

    async def close(self) -> None:
        """Finish what was accepted, seal the pack, close every file."""
        await self._packs.close()
        self._ranges.close()
        await self._sharing.close()
        await self._loop.run_in_executor(self._table, self._references.close)
        self._table.shutdown()
        self._pool.shutdown()

    # --- writing -----------------------------------------------------------------------------------------
    async def put(self, key_id: str, data: bytes) -> Manifest:
        manifest, pending = await self.put_soon(key_id, data, sealed=True)
        if pending is not None:
            await pending
        return manifest

    async def put_soon(
        self, key_id: str, data: bytes, *, sealed: bool = False
    ) -> tuple[Manifest, Pending | None]:
        """Store a small object inline or in a pack; a larger one in a file; none at all for no bytes."""
        length = len(data)
        if length > self.pack_limit:
            return Manifest("file", (await self._store_file(key_id, data),)), None
        if not length:
            return NO_BYTES, None
        key = self._new_key()
        if length <= self.inline_limit:
            return seal_inline(self._keys, key_id, key, data), None
        if length <= self._carry_limit and not sealed:
            return seal_inline(self._keys, key_id, key, data, "carried"), None
        pieces = encrypt_extent(key, data)
        data_key = self._keys.wrap(key_id, key)
        stored = stored_length(length)
        pending = await self._packs.append(pieces, stored)
        extent = Extent(pending.blob, pending.offset, stored, length, key_id, data_key)
        return Manifest("packed", (extent,)), pending

    def pack_now(self, frames: bytes) -> Append | None:
        return self._packs.append_now([frames], len(frames))

    async def pack(self, frames: bytes) -> Append:
        return await self._packs.append([frames], len(frames))

    def writer(self, key_id: str) -> BlobFileWriter:
        """Store an extent of unknown length in a blob file of its own."""
        return BlobFileWriter(
            self._files,
            self._places,
            self._pool,
            self._space,
            self._keys,
            key_id,
            self._new_id(),
            fsync=self._fsync,
            room=self._room,
        )

    async def spill(self, key_id: str, manifest: Manifest) -> Manifest:
        return await self._spilling.spill(key_id, manifest)

    def seal(self, manifest: Manifest, object_key: bytes) -> Manifest:
        return envelope.sealed(manifest, self._keys, object_key)

    def open(self, manifest: Manifest, object_key: bytes) -> Manifest:
        return envelope.opened(manifest, self._keys, object_key)

    async def share(self, key_id: str, manifest: Manifest, holder: bytes) -> Manifest:
        whole = await self._spilling.expand(manifest)
        shared = await self._sharing.share(Copy(key_id, whole, holder, self._now()))
        return await self._spilling.spill(key_id, shared) if manifest.spill is not None else shared

    # --- reading -----------------------------------------------------------------------------------------
    async def read(self, manifest: Manifest, start: int, length: int) -> bytes:
        whole = manifest if manifest.spill is None else await self._spilling.expand(manifest)
        return await self._ranges.read(whole, start, length)

    def stream(self, manifest: Manifest, start: int, length: int) -> AsyncIterator[bytes]:
        if manifest.spill is None:
            return self._ranges.stream(manifest, start, length)
        return self._spilled(self._ranges.stream, manifest, start, length)

    def lend(self, manifest: Manifest, start: int, length: int) -> AsyncIterator[Lent]:
        if manifest.spill is None:
            return self._ranges.lend(manifest, start, length)
        return self._spilled(self._ranges.lend, manifest, start, length)

    async def _spilled(
        self,
        chunks: Callable[[Manifest, int, int], AsyncIterator[Chunk]],
        manifest: Manifest,
        start: int,
        length: int,
    ) -> AsyncIterator[Chunk]:
        async for chunk in chunks(await self._spilling.expand(manifest), start, length):
            yield chunk

    async def expand(self, manifest: Manifest) -> Manifest:
        return await self._spilling.expand(manifest)

    # --- freeing; sweeping in the collector's process only ------------------------------------------------
    async def free(self, manifest: Manifest) -> int:
        return await self.free_many((manifest,))

    async def free_many(self, manifests: Sequence[Manifest]) -> int:
        """As `free` for each of them, with one sync for all; a thousand at a time is a good number."""
        drops, spills = await self._spilling.drops(manifests)
        freed = await self._drop(drops) if drops else 0
        return freed + (await self._drop(spills) if spills else 0)

    async def _drop(self, drops: list[Drop]) -> int:
        freed = await self._loop.run_in_executor(self._table, self._freeing.drop, drops, self._now())
        for blob in {extent.blob for extent, _ in drops if in_pack(extent)}:
            if not os.path.exists(self._places.pack(blob)):
                self._ranges.forget(blob)  # an open descriptor would keep its pages
        return freed

    async def sweep(self, live: AsyncIterator[list[Manifest]], before: int) -> Leftovers:
        run = self._loop.run_in_executor
        candidates = await run(self._table, Candidates, self._places, self._references, before)
        await mark_live(candidates.mark, live, self._spilling.expand)
        return await run(self._table, candidates.sweep, self._files, self._freeing, self._references)

    # --- pieces ------------------------------------------------------------------------------------------
    async def _store_file(self, key_id: str, data: bytes) -> Extent:
        writer = self.writer(key_id)
        try:
            await writer.write(data)
            return await writer.finish()
        except BaseException:
            await writer.abort()
            raise

    async def _load_file(self, extent: Extent) -> bytes:
        return await self._ranges.read(Manifest("file", (extent,)), 0, extent.length)

    def _was_freed(self, extent: Extent) -> bool:
        return was_freed(self._places.references, extent.blob, extent.offset)

    def _now(self) -> int:
        return uuid7_milliseconds(self._new_id())
