"""Reading ranges: only the frames that hold them, each verified, from a zone that has them well and soon."""

import asyncio
from collections.abc import AsyncIterator, Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from blobs.contract import KeySource
from blobs.extents import overlaps
from blobs.frames import FRAME_SIZE, STORED_FRAME, open_frame, stored_frame_length, what_is_wrong
from blobs.s3 import names
from blobs.s3.blocks import Run, runs
from blobs.s3.failures import NotInZone, ZoneFailed, unavailable
from blobs.s3.notes import Notes
from blobs.s3.quorum import retrieved
from blobs.s3.zone import Zone
from blobs.s3.zones import Zones
from schemas.errors import BlobCorrupt, BlobMissing
from schemas.manifest import Extent, Manifest


class ZoneReader:
    """Reads extents for one process; use it from its event loop only.

    A run of frames is asked of the best zone; of the next one too when that has not got it, has it damaged,
    fails, or takes longer than the zones' patience. Missing and damaged copies are noted for repair.
    """

    def __init__(self, zones: Zones, notes: Notes, keys: KeySource) -> None:
        self._zones, self._notes, self._keys = zones, notes, keys

    def read_now(self, manifest: Manifest, start: int, length: int) -> bytes | None:
        """The range at once when it is inline, or there are no bytes; else None. Raises as `read` does."""
        if manifest.spill is not None or len(manifest.extents) > 1:
            return None
        if not manifest.extents:
            return b""
        extent = manifest.extents[0]
        if extent.blob or not extent.length:
            return None
        return self._inline(manifest, extent)[start : start + length]

    async def read(self, manifest: Manifest, start: int, length: int) -> bytes:
        """The range as one piece."""
        return b"".join([piece async for piece in self.stream(manifest, start, length)])

    async def stream(self, manifest: Manifest, start: int, length: int) -> AsyncIterator[bytes]:
        """The bytes of a range of a whole (not spilled) manifest, a frame at a time, each verified."""
        for extent, begin, end in overlaps(manifest.extents, start, start + length):
            if not extent.blob:
                yield self._inline(manifest, extent)[begin:end]
                continue
            position = begin // FRAME_SIZE * FRAME_SIZE
            async for plain in self._frames(extent, begin, end):
                yield plain[max(0, begin - position) : end - position]
                position += len(plain)

    def _inline(self, manifest: Manifest, extent: Extent) -> bytes:
        cipher = AESGCM(self._keys.unwrap(extent.key_id, extent.data_key))
        stored = memoryview(manifest.inline)[extent.offset : extent.offset + extent.stored]
        return open_run("inline bytes", extent, cipher, Run(0, 1), stored)[0]

    async def _frames(self, extent: Extent, begin: int, end: int) -> AsyncIterator[bytes]:
        """The frames around [begin, end). While those of one run are handed out, the next is fetched."""
        cipher = AESGCM(self._keys.unwrap(extent.key_id, extent.data_key))
        first, *others = runs(begin, end)
        ahead = self._soon(extent, cipher, first)
        try:
            for following in others:
                frames = await ahead
                ahead = self._soon(extent, cipher, following)
                for plain in frames:
                    yield plain
            for plain in await ahead:
                yield plain
        finally:
            ahead.cancel()

    def _soon(self, extent: Extent, cipher: AESGCM, run: Run) -> "asyncio.Task[list[bytes]]":
        task = asyncio.create_task(self._fetch(extent, cipher, run))
        task.add_done_callback(retrieved)
        return task

    async def _fetch(self, extent: Extent, cipher: AESGCM, run: Run) -> list[bytes]:
        """The plain frames of a run, from the first zone that gives them."""
        started: list[Zone] = []
        waiting = iter(self._zones.candidates(extent.blob))
        running: dict[asyncio.Task[list[bytes]], Zone] = {}
        failures: dict[str, Exception] = {}
        try:
            while True:
                zone = next(waiting, None)
                if zone is not None:
                    started.append(zone)
                    running[asyncio.create_task(_ask(zone, extent, cipher, run))] = zone
                if not running:
                    raise _failure(extent, run, failures)
                patience = self._zones.timing.patience if zone is not None else None
                done, _ = await asyncio.wait(running, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    zone = running.pop(task)
                    try:
                        plain = task.result()
                    except (ZoneFailed, NotInZone, BlobCorrupt) as failure:
                        failures[zone.name] = failure
                    else:
                        self._learn(extent.blob, failures, started[: started.index(zone)], running.values())
                        return plain
        finally:
            for task in running:
                task.add_done_callback(retrieved)
                task.cancel()

    def _learn(
        self, blob: bytes, failures: dict[str, Exception], before: list[Zone], busy: Iterable[Zone]
    ) -> None:
        """One zone had it well: what is wrong with those asked before it is theirs alone."""
        for zone in busy:
            if zone in before:
                zone.lagged(self._zones.timing.patience)
        for name in self._zones.placement.targets(blob):
            if isinstance(failures.get(name), NotInZone | BlobCorrupt):
                self._notes.found(blob, name)


def open_run(where: str, extent: Extent, cipher: AESGCM, run: Run, stored: memoryview) -> list[bytes]:
    """The plain frames of a run. Raises BlobCorrupt, naming place and frame, when one does not verify."""
    frames = []
    position = 0
    for number in range(run.first, run.stop):
        size = stored_frame_length(number, extent.length)
        frame = stored[position : position + size]
        try:
            frames.append(open_frame(cipher, number, extent.length, frame))
        except InvalidTag:
            raise BlobCorrupt(f"{where}: frame {number} {what_is_wrong(bytes(frame), size)}") from None
        position += size
    return frames


async def _ask(zone: Zone, extent: Extent, cipher: AESGCM, run: Run) -> list[bytes]:
    name = names.block(extent.blob, run.block)
    length = min(run.most, extent.stored - run.first * STORED_FRAME)

    def use(data: bytes) -> list[bytes]:
        return open_run(f"zone {zone.name}: {name}", extent, cipher, run, memoryview(data))

    return await zone.get(name, run.offset, length, use)


def _failure(extent: Extent, run: Run, failures: dict[str, Exception]) -> Exception:
    """Why no zone gave it: a zone that could not be asked may have it; a damaged copy says more than none."""
    away = [failure for failure in failures.values() if isinstance(failure, ZoneFailed)]
    name = names.block(extent.blob, run.block)
    if away:
        return unavailable(f"reading {name}", away)
    damaged = [failure for failure in failures.values() if isinstance(failure, BlobCorrupt)]
    if damaged:
        return damaged[0]
    return BlobMissing(f"{name} is in none of the zones {', '.join(sorted(failures))}")
