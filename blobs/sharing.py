"""Copies by reference: a second reference recorded under every blob before the event that uses it."""

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import NamedTuple

from blobs.contract import KeySource
from blobs.extents import rewrapped
from blobs.places import Places, in_pack
from blobs.references import References
from schemas.errors import BlobMissing, StrandlineError
from schemas.manifest import Extent, Manifest

TOGETHER = (
    4096  # references recorded in one transaction, but for a last manifest of more: freeing waits for it
)


class Copy(NamedTuple):
    """A copy to be recorded for `holder` (16 bytes) at `now` (Unix milliseconds), its data keys to be wrapped
    under `key_id`."""

    key_id: str
    manifest: Manifest
    holder: bytes
    now: int


class _Waiting(NamedTuple):
    copy: Copy
    shared: "asyncio.Future[Manifest]"


class Sharing:
    """Records copies. Those that come while others are being synced are recorded together, with one sync.

    Used from one event loop; `executor` has one thread, the only one that uses `references`. As many wait
    at most as requests are in progress.
    """

    def __init__(self, executor: Executor, places: Places, references: References, keys: KeySource) -> None:
        self._executor, self._places = executor, places
        self._references, self._keys = references, keys
        self._waiting: list[_Waiting] = []
        self._running: asyncio.Future[list[Manifest | StrandlineError]] | None = None

    async def share(self, copy: Copy) -> Manifest:
        """The manifest of the copy; its references are durable.

        Raises BlobMissing when the bytes were freed meanwhile: the check and the record are one transaction,
        and freeing takes the same lock."""
        if not copy.holder:
            raise ValueError("a shared reference needs the name of its holder")
        if not any(extent.blob for extent in copy.manifest.extents):
            return _rewrapped(copy, self._keys)
        waiting = _Waiting(copy, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._running is None:
            self._start()
        return await waiting.shared

    async def close(self) -> None:
        """Record what was accepted."""
        while self._running is not None:
            await asyncio.wait([self._running])

    def _start(self) -> None:
        """Record the next copies, without those whose clients have gone."""
        batch: list[_Waiting] = []
        extents = taken = 0
        for waiting in self._waiting:
            if extents >= TOGETHER:
                break
            taken += 1
            if not waiting.shared.done():
                batch.append(waiting)
                extents += len(waiting.copy.manifest.extents)
        del self._waiting[:taken]
        if not batch:
            return
        copies = [waiting.copy for waiting in batch]
        self._running = asyncio.get_running_loop().run_in_executor(self._executor, self._record, copies)
        self._running.add_done_callback(lambda ended: self._settle(batch, ended))

    def _settle(
        self, batch: Sequence[_Waiting], ended: "asyncio.Future[list[Manifest | StrandlineError]]"
    ) -> None:
        self._running = None
        self._start()
        failed = ended.exception()
        results = [failed] * len(batch) if failed is not None else ended.result()
        for waiting, result in zip(batch, results, strict=True):
            if waiting.shared.done():
                continue
            if isinstance(result, Manifest):
                waiting.shared.set_result(result)
            else:
                waiting.shared.set_exception(result)

    # --- in the thread -----------------------------------------------------------------------------------
    def _record(self, copies: Sequence[Copy]) -> list[Manifest | StrandlineError]:
        """Each copy's manifest, or why there is none: one whose bytes are gone fails by itself. What the
        transaction raises, all of them failed with."""
        with self._references.change():
            return [self._one(copy) for copy in copies]

    def _one(self, copy: Copy) -> Manifest | StrandlineError:
        try:
            shared = _rewrapped(copy, self._keys)
            blobs = [extent for extent in shared.extents if extent.blob]
            # All are looked at before any is recorded: a copy that fails leaves nothing in the transaction.
            for extent in blobs:
                _require(self._places, self._references, extent)
        except StrandlineError as error:
            return error
        for extent in blobs:
            self._references.add(extent.blob, extent.offset, copy.holder, copy.now)
        return Manifest(shared.layout, shared.extents, shared.parts, shared.inline, copy.holder)


def _rewrapped(copy: Copy, keys: KeySource) -> Manifest:
    """The same bytes, with data keys wrapped under the copy's key."""
    manifest = copy.manifest
    extents = tuple(rewrapped(extent, keys, copy.key_id) for extent in manifest.extents)
    return Manifest(manifest.layout, extents, manifest.parts, manifest.inline)


def _require(places: Places, references: References, extent: Extent) -> None:
    path = places.of(extent)
    if not os.path.exists(path):
        raise BlobMissing(f"blob {extent.blob.hex()} is not at {path}")
    if in_pack(extent) and references.dead_at(extent.blob, extent.offset):
        raise BlobMissing(f"{path}: the extent at byte {extent.offset} was freed")
