"""The thread's side of packs: records written and synced in batches, in the order of their places."""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Literal

from blobs.headers import RECORD_BYTES, record_header
from blobs.pack_file import PackFile
from blobs.places import Places
from disk.files import Files
from disk.room import Room
from schemas.errors import ServiceUnavailable, StorageFull
from schemas.ids import uuid7_milliseconds

BATCH_LIMIT = 8 * 1024 * 1024
STEP = 1024 * 1024  # zeros written at a time: more would hold up the syncs of others for too long


class Record:
    """One record of a pack, on its way there.

    start    where its header goes; the records of a pack are queued in this order, without gaps
    outcome  None while it waits, True once it is durable, the error when it never will be
    waiters  futures of those who wait for the outcome
    """

    __slots__ = ("outcome", "pack", "pieces", "start", "stored", "waiters")

    def __init__(self, pack: PackFile, start: int, pieces: list[bytes], stored: int) -> None:
        self.pack = pack
        self.start = start
        self.pieces = pieces
        self.stored = stored
        self.outcome: Literal[True] | Exception | None = None
        self.waiters: tuple[asyncio.Future[None], ...] = ()

    def check(self) -> None:
        """Raises the error of a record that is not durable."""
        if self.outcome is not True:
            raise self.outcome or ServiceUnavailable("a pack was not written")


class Filler:
    """A thread that prepares what comes next without stalling the writer: new packs, zeros ahead, seals."""

    def __init__(
        self,
        files: Files,
        places: Places,
        *,
        pack_size: int,
        ahead: int,
        fsync: bool,
        new_id: Callable[[], bytes],
        room: Room | None,
    ) -> None:
        self._files, self._places, self._fsync, self._new_id, self._room = files, places, fsync, new_id, room
        self._pack_size, self._ahead = pack_size, ahead
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pack-filler")
        self._growing: Future[None] | None = None

    def create(self) -> Future[PackFile]:
        """Begin to make a pack. The future raises StorageFull, or ServiceUnavailable when the device fails,
        and then leaves nothing behind."""
        return self._thread.submit(self._create)

    def keep_ahead(self, pack: PackFile, end: int) -> None:
        """Keep zeros ahead of `end`, where the next batch of the one pack that is written will end. Zeros are
        never written where that batch goes: those under way are waited for, others begin behind it."""
        if self._growing is not None:
            if not self._growing.done() and end <= pack.zeroed:
                return
            self.settle(pack)
        start = max(pack.zeroed, end)
        step = min(STEP, self._ahead, self._pack_size - start)
        if start - end <= self._ahead - step and step > 0 and pack.growable and self._has_room():
            self._growing = self._thread.submit(pack.extend, start, step)

    def settle(self, pack: PackFile) -> None:
        """Wait for the zeros under way; without them records grow the file: slower, and as safe."""
        if self._growing is not None:
            growing, self._growing = self._growing, None
            pack.growable = growing.exception() is None

    def seal(self, pack: PackFile) -> None:
        """Begin to seal a full pack. A seal that fails is made at the next start, by recovery."""
        self.settle(pack)
        self._thread.submit(pack.seal, self._now())

    def close(self, pack: PackFile | None, unused: Future[PackFile] | None) -> None:
        """Seal the pack, remove the unused one. What fails here, the next start's recovery does."""
        with contextlib.suppress(OSError, StorageFull):
            if unused is not None and unused.exception() is None:
                unused.result().discard()
        with contextlib.suppress(OSError, StorageFull):
            if pack is not None and pack.failure is None:
                self.settle(pack)
                pack.seal(self._now())
        self._thread.shutdown()

    def _create(self) -> PackFile:
        ahead = self._ahead if self._has_room() else 0
        try:
            return PackFile(self._files, self._places, self._new_id(), ahead=ahead, fsync=self._fsync)
        except OSError as error:
            raise ServiceUnavailable(f"a pack could not be made: {error}") from error

    def _has_room(self) -> bool:
        """Whether there is space for zeros ahead, which can be left out."""
        return self._room is None or self._room.has(self._ahead)

    def _now(self) -> int:
        """By the clock that ids are made with."""
        return uuid7_milliseconds(self._new_id())


class PackWriter:
    """Writes what is queued, one thread at a time.

    queue  records, appended by the event loop
    done   bytes of all records that are durable or failed
    """

    def __init__(self, filler: Filler, pack_size: int) -> None:
        self.queue: deque[Record] = deque()
        self.done = 0
        self._filler = filler
        self._batch_limit = min(BATCH_LIMIT, pack_size // 4)
        self._pack: PackFile | None = None
        self._lock = threading.Lock()

    def flush(self) -> list[Record]:
        """Every record queued before the call has its outcome when this returns; those that got it here."""
        settled: list[Record] = []
        with self._lock:
            left = len(self.queue)  # not what comes meanwhile: the log's thread has events to append
            while left > 0:
                batch = self._take()
                left -= len(batch)
                outcome = self._store(batch)
                for record in batch:
                    record.pieces = []
                    record.outcome = outcome
                    self.done += record.stored
                settled += batch
        return settled

    def close(self, current: PackFile | None, unused: Future[PackFile] | None) -> None:
        """Seal the pack, remove what is unused; nothing is queued any more."""
        with self._lock:
            if self._pack is not None and self._pack is not current:
                self._filler.seal(self._pack)
            self._filler.close(current, unused)

    def _take(self) -> list[Record]:
        """The next records of one pack."""
        batch = [self.queue.popleft()]
        pack, size = batch[0].pack, batch[0].stored
        while self.queue and self.queue[0].pack is pack and size < self._batch_limit:
            batch.append(self.queue.popleft())
            size += batch[-1].stored
        return batch

    def _store(self, batch: list[Record]) -> Literal[True] | Exception:
        pack = batch[0].pack
        if pack.failure is not None:
            return pack.failure
        try:
            self._write(pack, batch)
        except StorageFull as full:
            # Nothing of the batch is in the pack, which is good up to there: what is in it can be sealed.
            self._give_up(pack, full)
            self._filler.seal(pack)
            return full
        except Exception as error:
            # After a failed sync nobody knows what the device holds.
            failure = ServiceUnavailable(f"a pack could not be written: {error}")
            failure.__cause__ = error
            self._give_up(pack, failure)
            pack.abandon()
            return failure
        return True

    def _write(self, pack: PackFile, batch: list[Record]) -> None:
        if self._pack is not None and self._pack is not pack:
            self._filler.seal(self._pack)
        self._pack = pack
        first, last = batch[0], batch[-1]
        assert first.start == pack.end
        self._filler.keep_ahead(pack, last.start + RECORD_BYTES + last.stored)
        buffers: list[bytes] = []
        for record in batch:
            buffers.append(record_header(record.stored, first.start))
            buffers += record.pieces
        pack.write(b"".join(buffers), len(batch))

    def _give_up(self, pack: PackFile, failure: Exception) -> None:
        """Never append to this pack again: records that have a place behind these have lost it."""
        pack.failure = failure
        self._pack = None
        self._filler.settle(pack)
