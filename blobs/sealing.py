"""Sealing an extent as its bytes arrive: gathered into slices, then made into stored frames in a thread."""

import asyncio
import os
import threading
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from blobs.contract import KeySource
from blobs.frames import FRAME_SIZE, encrypt_extent, encrypt_into, stored_length
from schemas.manifest import Extent, Layout, Manifest

SLICE = 1024 * 1024  # bytes of plaintext handed to a worker thread at a time
PIECE = 2 * FRAME_SIZE  # larger chunks are cut
LARGEST = SLICE + PIECE + FRAME_SIZE  # a slice just not full, one more piece, the rest of the slice before


class Workspace(threading.local):
    """Buffers of one worker thread, kept because fresh ones of this size cost a page fault per page."""

    def __init__(self) -> None:
        self.plain = bytearray(LARGEST)
        self.sealed = bytearray(stored_length(LARGEST))


class Slices:
    """Gathers the chunks of a writer, and has one slice stored while the next one gathers: so a writer
    holds at most LARGEST and SLICE bytes of plaintext, whatever the sender does.

    store  begins to store a slice, and is told whether it is the last; never called while another is
           under way
    """

    def __init__(self, store: Callable[[list[bytes], bool], "asyncio.Future[None]"]) -> None:
        self._store = store
        self._chunks: list[bytes] = []
        self._gathered = 0
        self._running: asyncio.Future[None] | None = None

    async def write(self, chunk: bytes) -> None:
        """Take the next bytes. Raises what went wrong with an earlier slice."""
        if len(chunk) > PIECE:
            for start in range(0, len(chunk), PIECE):
                await self.write(chunk[start : start + PIECE])
            return
        self._chunks.append(chunk)
        self._gathered += len(chunk)
        if self._gathered >= SLICE:
            await self._settle()
            self._hand_over(last=False)

    async def finish(self) -> None:
        """Everything written is stored."""
        await self._settle()
        self._hand_over(last=True)
        await self._settle()

    async def abort(self) -> None:
        """Drop what was gathered, wait for the slice under way; whether that failed does not matter."""
        self._chunks.clear()
        if self._running is not None:
            await asyncio.wait((self._running,))
            self._running.exception()

    async def _settle(self) -> None:
        """Wait for the slice under way; its failure is raised here. A cancelled wait leaves it running."""
        if self._running is not None:
            if not self._running.done():
                await asyncio.wait((self._running,))
            self._running.result()

    def _hand_over(self, *, last: bool) -> None:
        chunks, self._chunks, self._gathered = self._chunks, [], 0
        self._running = self._store(chunks, last)


class Sealer:
    """The frames of one extent under a data key of its own; used by one thread at a time.

    data_key  the wrapped data key
    length    bytes of plaintext sealed so far
    Raises KeyMissing without the bucket key.
    """

    def __init__(self, keys: KeySource, key_id: str) -> None:
        key = os.urandom(32)
        self.data_key = keys.wrap(key_id, key)
        self.length = 0
        self._cipher = AESGCM(key)
        self._frames = 0
        self._rest = b""

    def seal(self, chunks: list[bytes], last: bool, space: Workspace) -> memoryview:
        """The whole frames that can be made now, but not the last one, which could be the extent's last;
        with `last`, all. The view is good until the thread seals again. A call takes less than LARGEST."""
        total = len(self._rest) + sum(map(len, chunks))
        take = total if last else (total - 1) // FRAME_SIZE * FRAME_SIZE
        plain = memoryview(space.plain)
        filled = 0
        for chunk in (self._rest, *chunks):
            plain[filled : filled + len(chunk)] = chunk
            filled += len(chunk)
        self._rest = bytes(plain[max(take, 0) : total])
        if take <= 0:
            return plain[:0]
        sealed = memoryview(space.sealed)
        size = encrypt_into(self._cipher, plain[:take], self._frames, last, sealed)
        self._frames += -(-take // FRAME_SIZE)
        self.length += take
        return sealed[:size]


def seal_inline(keys: KeySource, key_id: str, key: bytes, data: bytes, layout: Layout = "inline") -> Manifest:
    """A small object (at least one byte) sealed into its manifest, under the fresh data key `key`."""
    frames = b"".join(encrypt_extent(key, data))
    extent = Extent(b"", 0, len(frames), len(data), key_id, keys.wrap(key_id, key))
    return Manifest(layout, (extent,), (), frames)
