"""Small objects: many appended to one pack, with one fdatasync for all that wait (group commit)."""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import NamedTuple

from blobs.headers import RECORD_BYTES, record_header
from blobs.pack_file import PackFile
from blobs.places import Places
from disk.files import Files
from disk.room import Room
from schemas.errors import ServiceUnavailable, StorageFull
from schemas.ids import uuid7, uuid7_milliseconds

PACK_SIZE = 256 * 1024 * 1024
AHEAD = 8 * 1024 * 1024
BATCH_LIMIT = 8 * 1024 * 1024
PENDING_LIMIT = 64 * 1024 * 1024

Place = tuple[bytes, int]  # pack, offset of the frames in it


class _Append(NamedTuple):
    done: asyncio.Future[Place]
    pieces: list[bytes]
    stored: int


class Packs:
    """The pack of this process. `append` on the event loop; a flusher thread writes and syncs; a filler
    thread prepares what comes next (zeros ahead, the next pack, the seal of the last) without stalling it.

    At most PENDING_LIMIT bytes wait to be flushed; further appends wait for room.
    """

    def __init__(
        self,
        files: Files,
        places: Places,
        *,
        pack_size: int = PACK_SIZE,
        ahead: int = AHEAD,
        fsync: bool = True,
        new_id: Callable[[], bytes] = uuid7,
        room: Room | None = None,
    ) -> None:
        if not 0 < pack_size <= 1 << 31:
            raise ValueError(f"a pack of {pack_size} bytes: at most 2 GiB, since records hold 32-bit offsets")
        self._files, self._places, self._fsync, self._new_id = files, places, fsync, new_id
        self._pack_size, self._ahead = pack_size, min(ahead, pack_size) if fsync else 0
        self._batch_limit = min(BATCH_LIMIT, pack_size // 4)
        self._room = room
        self._queue: SimpleQueue[_Append | None] = SimpleQueue()
        self._pending = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._pack: PackFile | None = None
        self._spare: Future[PackFile] | None = None
        self._growing: Future[None] | None = None
        self._filler = ThreadPoolExecutor(1, thread_name_prefix="pack-filler")
        self._flusher = threading.Thread(target=self._run, name="pack-flusher", daemon=True)
        self._closed = True

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._closed = False
        self._prepare()
        self._flusher.start()

    async def append(self, pieces: list[bytes], stored: int) -> Place:
        """Store the joined pieces, `stored` bytes of frames; returns once they are durable.

        Raises StorageFull; ServiceUnavailable when the device fails or the store is closing."""
        while self._pending > PENDING_LIMIT and not self._closed:
            room = self._loop.create_future()
            self._waiting.append(room)
            await room
        if self._closed:
            raise ServiceUnavailable("the store is shutting down")
        if self._room is not None:
            self._room.take(stored)
        done: asyncio.Future[Place] = self._loop.create_future()
        self._pending += stored
        self._queue.put(_Append(done, pieces, stored))
        return await done

    async def close(self) -> None:
        """Finish what was accepted, then seal the pack."""
        if self._closed:
            return
        self._closed = True
        self._wake()
        self._queue.put(None)
        await self._loop.run_in_executor(None, self._flusher.join)
        await self._loop.run_in_executor(None, self._filler.shutdown)

    # --- on the event loop -------------------------------------------------------------------------------
    def _resolve(self, batch: list[_Append], places: list[Place] | Exception) -> None:
        if isinstance(places, Exception):
            for append in batch:
                self._pending -= append.stored
                if not append.done.done():
                    append.done.set_exception(places)
        else:
            for append, place in zip(batch, places, strict=True):
                self._pending -= append.stored
                if not append.done.done():
                    append.done.set_result(place)
        if self._waiting:
            self._wake()

    def _wake(self) -> None:
        while self._waiting:
            room = self._waiting.popleft()
            if not room.done():
                room.set_result(None)

    # --- in the flusher thread ---------------------------------------------------------------------------
    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, size, ended = [first], first.stored, False
            while size < self._batch_limit:
                try:
                    append = self._queue.get_nowait()
                except Empty:
                    break
                if append is None:
                    ended = True
                    break
                batch.append(append)
                size += append.stored
            try:
                outcome: list[Place] | Exception = self._store(batch, size)
            except StorageFull as full:
                outcome = full
            except Exception as failure:
                outcome = ServiceUnavailable(f"a pack could not be written: {failure}")
                outcome.__cause__ = failure
            self._loop.call_soon_threadsafe(self._resolve, batch, outcome)
            if ended:
                break
        self._end()

    def _store(self, batch: list[_Append], size: int) -> list[Place]:
        size += RECORD_BYTES * len(batch)
        pack = self._pack_for(size)
        blob, start, position = pack.blob, pack.end, pack.end
        buffers: list[bytes] = []
        places: list[Place] = []
        for _, pieces, stored in batch:
            buffers.append(record_header(stored, start))
            buffers += pieces
            places.append((blob, position + RECORD_BYTES))
            position += RECORD_BYTES + stored
        try:
            pack.write(b"".join(buffers), len(batch))
        except StorageFull:
            raise
        except Exception:
            # After a failed sync nobody knows what the device holds: never append to this pack again.
            self._pack = None
            self._settle(pack)
            pack.abandon()
            raise
        return places

    def _pack_for(self, size: int) -> PackFile:
        """The pack that takes the next `size` bytes, with nobody else writing where they go."""
        pack = self._pack
        if pack is None or not pack.fits(size, self._pack_size):
            if pack is not None:
                # A seal that fails is made at the next start, by recovery.
                self._settle(pack)
                self._filler.submit(pack.seal, _milliseconds(self._new_id))
            self._pack = None
            pack = self._pack = self._next()
        self._grow(pack, pack.end + size)
        if self._spare is None and pack.end > self._pack_size // 2:
            self._prepare()
        return pack

    def _grow(self, pack: PackFile, end: int) -> None:
        """Keep zeros ahead of `end`, where the next batch will end. The filler never writes zeros where
        that batch goes: it is waited for when it still does, and begins behind the batch otherwise."""
        if self._growing is not None:
            if not self._growing.done() and end <= pack.zeroed:
                return
            self._settle(pack)
        start = max(pack.zeroed, end)
        step = min(self._ahead, self._pack_size - start)
        if start - end < self._ahead // 2 and step > 0 and pack.growable and self._has_room():
            self._growing = self._filler.submit(pack.extend, start, step)

    def _settle(self, pack: PackFile) -> None:
        """Wait for the zeros under way; without them records grow the file: slower, and as safe."""
        if self._growing is not None:
            growing, self._growing = self._growing, None
            pack.growable = growing.exception() is None

    def _next(self) -> PackFile:
        if self._spare is None:
            self._prepare()
        assert self._spare is not None
        spare, self._spare = self._spare, None
        return spare.result()

    def _prepare(self) -> None:
        self._spare = self._filler.submit(self._create)

    def _create(self) -> PackFile:
        ahead = self._ahead if self._has_room() else 0
        return PackFile(self._files, self._places, self._new_id(), ahead=ahead, fsync=self._fsync)

    def _has_room(self) -> bool:
        """Whether there is space for zeros ahead, which can be left out."""
        return self._room is None or self._room.has(self._ahead)

    def _end(self) -> None:
        """Seal the pack, remove the unused spare. What fails here, the next start's recovery does."""
        with contextlib.suppress(OSError, StorageFull):
            if self._spare is not None and self._spare.exception() is None:
                self._spare.result().discard()
        with contextlib.suppress(OSError, StorageFull):
            if self._pack is not None:
                self._settle(self._pack)
                self._pack.seal(_milliseconds(self._new_id))


def _milliseconds(new_id: Callable[[], bytes]) -> int:
    """Now, by the clock that ids are made with."""
    return uuid7_milliseconds(new_id())
