"""Small objects: each gets its place in a pack at once, and becomes durable with all others that wait.

Whoever needs the bytes durable either awaits them, and a thread here writes and syncs; or takes them along
(`schemas.pending`) to a thread that has something to sync as well: the log, whose events name them.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future
from queue import SimpleQueue

from blobs.headers import HEADER_BYTES, RECORD_BYTES, SEAL_BYTES
from blobs.pack_file import PackFile
from blobs.pack_writer import Filler, PackWriter, Record
from blobs.places import Places
from disk.files import Files
from disk.room import Room
from schemas.errors import ServiceUnavailable
from schemas.ids import uuid7

PACK_SIZE = 256 * 1024 * 1024
AHEAD = 8 * 1024 * 1024
PENDING_LIMIT = 64 * 1024 * 1024


class Append(Record):
    """Frames that have their place in a pack; durable once it has settled (`schemas.pending.Pending`).

    blob, offset  where the frames will be
    """

    __slots__ = ("_packs", "blob", "offset")

    def __init__(self, packs: "Packs", pack: PackFile, start: int, pieces: list[bytes], stored: int) -> None:
        super().__init__(pack, start, pieces, stored)
        self._packs = packs
        self.blob = pack.blob
        self.offset = start + RECORD_BYTES

    def settle(self) -> None:
        """See `schemas.pending.Pending`."""
        if self.outcome is None:
            self._packs.flush()
        self.check()

    def __await__(self) -> Generator[object, None, None]:
        if self.outcome is None:
            yield from self._packs.settled(self).__await__()
        self.check()


class Packs:
    """The pack of this process. `append` on the event loop; `flush` in any thread.

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
        self._pack_size = pack_size
        self._room = room
        ahead = min(ahead, pack_size) if fsync else 0
        self._filler = Filler(
            files, places, pack_size=pack_size, ahead=ahead, fsync=fsync, new_id=new_id, room=room
        )
        self._writer = PackWriter(self._filler, pack_size)
        self._taken = 0  # bytes of all appends; less those that the writer is done with, they wait
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._pack: PackFile | None = None
        self._end = 0  # where the next record goes in it
        self._spare: Future[PackFile] | None = None
        self._wanted: SimpleQueue[bool] = SimpleQueue()
        self._flusher = threading.Thread(target=self._run, name="pack-flusher", daemon=True)
        self._closed = True

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._turn = asyncio.Lock()
        self._closed = False
        self._spare = self._filler.create()
        self._flusher.start()

    @property
    def pending(self) -> int:
        """Bytes that wait to be flushed."""
        return self._taken - self._writer.done

    async def append(self, pieces: list[bytes], stored: int) -> Append:
        """Take the joined pieces, `stored` bytes of frames.

        Raises StorageFull; ServiceUnavailable when the device fails or the store is closing."""
        while not self._closed:
            if (placed := self.append_now(pieces, stored)) is not None:
                return placed
            if self.pending > PENDING_LIMIT:
                await self._less_pending()
            else:
                await self._begin_pack(self._pack)
        raise ServiceUnavailable("the store is shutting down")

    def append_now(self, pieces: list[bytes], stored: int) -> Append | None:
        """As `append`; None when it would have to wait, or to refuse."""
        pack = self._pack
        if self._closed or self.pending > PENDING_LIMIT or pack is None:
            return None
        return self._place(pack, pieces, stored) if self._fits(pack, RECORD_BYTES + stored) else None

    def flush(self) -> None:
        """Everything appended so far is durable, or has its error. Blocking: call it from a thread."""
        settled = self._writer.flush()
        if self._waiting or any(append.waiters for append in settled):
            self._loop.call_soon_threadsafe(self._tell, settled)

    def settled(self, append: Append) -> "asyncio.Future[None]":
        """Done when the append has settled, in whatever way."""
        waiter: asyncio.Future[None] = self._loop.create_future()
        append.waiters += (waiter,)
        if append.outcome is not None:  # just now, by another thread that may not have seen the waiter
            waiter.set_result(None)
        else:
            self._wanted.put(True)
        return waiter

    async def close(self) -> None:
        """Finish what was accepted, then seal the pack."""
        if self._closed:
            return
        self._closed = True
        self._wake()
        self._wanted.put(False)
        await self._loop.run_in_executor(None, self._flusher.join)

    # --- on the event loop -------------------------------------------------------------------------------
    def _fits(self, pack: PackFile, size: int) -> bool:
        """Whether a record of that size, and the seal, still go into the pack."""
        whole = self._end + size + SEAL_BYTES <= self._pack_size or self._end == HEADER_BYTES
        return whole and pack.failure is None

    def _place(self, pack: PackFile, pieces: list[bytes], stored: int) -> Append:
        if self._room is not None:
            self._room.take(stored)
        append = Append(self, pack, self._end, pieces, stored)
        self._end += RECORD_BYTES + stored
        self._taken += stored
        self._writer.queue.append(append)
        if self._spare is None and self._end > self._pack_size // 2:
            self._spare = self._filler.create()
        return append

    async def _less_pending(self) -> None:
        """Wait until something was flushed."""
        flushed = self._loop.create_future()
        self._waiting.append(flushed)  # before the flush, which looks whether anybody waits
        self._wanted.put(True)
        await flushed

    async def _begin_pack(self, old: PackFile | None) -> None:
        """The next pack takes the place of `old`, unless another request has seen to that meanwhile."""
        async with self._turn:
            if self._pack is not old or self._closed:
                return
            if self._spare is None or (self._spare.done() and self._spare.exception() is not None):
                self._spare = self._filler.create()  # the one prepared may have failed long ago
            # A request that is given up leaves the pack to the next one.
            pack = await asyncio.shield(asyncio.wrap_future(self._spare))
            if not self._closed:
                self._pack, self._spare, self._end = pack, None, HEADER_BYTES

    def _tell(self, settled: list[Record]) -> None:
        for record in settled:
            for waiter in record.waiters:
                if not waiter.done():
                    waiter.set_result(None)
        if self.pending <= PENDING_LIMIT:
            self._wake()
        elif self._waiting:
            self._wanted.put(True)

    def _wake(self) -> None:
        while self._waiting:
            flushed = self._waiting.popleft()
            if not flushed.done():
                flushed.set_result(None)

    # --- in the flusher thread ---------------------------------------------------------------------------
    def _run(self) -> None:
        while self._wanted.get():
            self.flush()
        self.flush()
        self._writer.close(self._pack, self._spare)
