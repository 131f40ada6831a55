"""Stored bytes in zones: the engine of `blobs.contract` for a cluster. Puts the pieces together."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from blobs import envelope
from blobs.contract import Drop, KeySource, Leftovers, Lent
from blobs.extents import rewrapped
from blobs.frames import FRAME_SIZE
from blobs.placement import Placement
from blobs.s3.at_once import at_once
from blobs.s3.endpoint import Timing, ZoneEndpoint
from blobs.s3.notes import Notes
from blobs.s3.reading import ZoneReader
from blobs.s3.references import References
from blobs.s3.repair import Repairer
from blobs.s3.sweeping import ZoneSweep
from blobs.s3.writing import BlockWriter
from blobs.s3.zone import Zone
from blobs.s3.zones import Zones
from blobs.sealing import Workspace, seal_inline
from blobs.spilling import Spilling
from schemas.ids import uuid7
from schemas.manifest import NO_BYTES, Extent, Manifest
from schemas.pending import Pending
from schemas.randomness import RandomTokens

INLINE_LIMIT = 16 * 1024
WORKERS = 8
AT_ONCE = 16  # blobs of one request shared or freed at the same time


class S3Blobs:
    """See blobs.contract.BlobStore for what each call promises.

    Any number of processes may use the same zones; what frees, sweeps and repairs belongs in one of them
    at a time. Calls raise ServiceUnavailable within the deadlines of `timing` when too few zones answer,
    StorageFull when they are full.

    endpoints     every zone that the placement names
    inline_limit  objects of up to so many bytes travel inside their manifest; at most a frame
    report        is told in one line when a zone goes away or is back, and of blocks that cannot be repaired
    """

    def __init__(
        self,
        endpoints: Iterable[ZoneEndpoint],
        placement: Placement,
        keys: KeySource,
        *,
        inline_limit: int = INLINE_LIMIT,
        timing: Timing | None = None,
        workers: int = WORKERS,
        report: Callable[[str], None] = lambda line: None,
        new_id: Callable[[], bytes] = uuid7,
    ) -> None:
        if not 0 <= inline_limit <= FRAME_SIZE:
            raise ValueError(f"inline_limit must be between 0 and {FRAME_SIZE}, not {inline_limit}")
        timing = Timing() if timing is None else timing
        self._inline_limit, self._keys, self._new_id = inline_limit, keys, new_id
        self._new_key = RandomTokens(32)
        self._all = [Zone(endpoint, timing, report) for endpoint in endpoints]
        self._zones = Zones(self._all, placement, timing)
        self._notes = Notes(self._zones)
        self._references = References(self._zones, self._notes, new_id)
        self._reader = ZoneReader(self._zones, self._notes, keys)
        self._spilling = Spilling(self._store, self._load)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="blobs")
        self._space = Workspace()
        self.repairer = Repairer(self._zones, self._references, new_id, report)
        self.sweeping = ZoneSweep(self._all, self._references, self._spilling.expand, timing.patience)
        self.read_now = self._reader.read_now

    async def start(self) -> None:
        """Make connections, and the buckets that are not there. Zones that are away do not hold it up:
        they join when they are back."""
        await asyncio.gather(*(zone.start() for zone in self._all))

    async def close(self) -> None:
        """Let go of threads and connections."""
        await self._notes.close()
        await asyncio.gather(*(zone.close() for zone in self._all))
        self._pool.shutdown(wait=False, cancel_futures=True)

    def zones_away(self) -> dict[str, str]:
        """The zones that are not asked now, with the reason."""
        return {zone.name: zone.breaker.reason for zone in self._all if not zone.breaker.closed}

    # --- writing -----------------------------------------------------------------------------------------
    async def put(self, key_id: str, data: bytes) -> Manifest:
        """Store a small object inline, a larger one in the zones; none at all for no bytes."""
        if not data:
            return NO_BYTES
        if len(data) <= self._inline_limit:
            return seal_inline(self._keys, key_id, self._new_key(), data)
        return Manifest("file", (await self._store(key_id, data),))

    async def put_soon(
        self, key_id: str, data: bytes, *, sealed: bool = False
    ) -> tuple[Manifest, Pending | None]:
        """As `put`: inline bytes are as durable as the event that carries them, others are in the zones."""
        return await self.put(key_id, data), None

    def writer(self, key_id: str) -> BlockWriter:
        """Store an extent of unknown length in blocks of its own."""
        return BlockWriter(
            self._zones,
            self._notes,
            self._pool,
            self._space,
            self._keys,
            key_id,
            self._new_id(),
        )

    async def spill(self, key_id: str, manifest: Manifest) -> Manifest:
        return await self._spilling.spill(key_id, manifest)

    def seal(self, manifest: Manifest, object_key: bytes) -> Manifest:
        return envelope.sealed(manifest, self._keys, object_key)

    def open(self, manifest: Manifest, object_key: bytes) -> Manifest:
        return envelope.opened(manifest, self._keys, object_key)

    async def share(self, key_id: str, manifest: Manifest, holder: bytes) -> Manifest:
        if not holder:
            raise ValueError("a shared reference needs the name of its holder")
        whole = await self._spilling.expand(manifest)
        extents = tuple(rewrapped(extent, self._keys, key_id) for extent in whole.extents)
        blobs = {extent.blob for extent in extents if extent.blob}
        await at_once(blobs, lambda blob: self._references.add(blob, holder), AT_ONCE)
        shared = Manifest(whole.layout, extents, whole.parts, whole.inline, holder if blobs else b"")
        return await self._spilling.spill(key_id, shared) if manifest.spill is not None else shared

    # --- reading -----------------------------------------------------------------------------------------
    async def read(self, manifest: Manifest, start: int, length: int) -> bytes:
        return await self._reader.read(await self._spilling.expand(manifest), start, length)

    async def stream(self, manifest: Manifest, start: int, length: int) -> AsyncIterator[bytes]:
        whole = await self._spilling.expand(manifest)
        async for chunk in self._reader.stream(whole, start, length):
            yield chunk

    def lend(self, manifest: Manifest, start: int, length: int) -> AsyncIterator[Lent]:
        return self.stream(manifest, start, length)

    async def expand(self, manifest: Manifest) -> Manifest:
        return await self._spilling.expand(manifest)

    # --- freeing: the collector's process only -----------------------------------------------------------
    async def free(self, manifest: Manifest) -> int:
        return await self.free_many((manifest,))

    async def free_many(self, manifests: Sequence[Manifest]) -> int:
        """As `free` for each of them, some at the same time."""
        drops, spills = await self._spilling.drops(manifests)
        return await self._drop(drops) + await self._drop(spills)

    async def _drop(self, drops: list[Drop]) -> int:
        once = {(extent.blob, holder) for extent, holder in drops}
        return sum(await at_once(once, lambda drop: self._references.drop(*drop), AT_ONCE))

    async def sweep(self, live: AsyncIterator[list[Manifest]], before: int) -> Leftovers:
        candidates = await self.sweeping.find(before)
        await self.sweeping.mark(candidates, live)
        found = sum(1 for _ in candidates.leftovers())
        return Leftovers(found, await self.sweeping.free(candidates))

    # --- pieces ------------------------------------------------------------------------------------------
    async def _store(self, key_id: str, data: bytes) -> Extent:
        writer = self.writer(key_id)
        try:
            await writer.write(data)
            return await writer.finish()
        except BaseException:
            await writer.abort()
            raise

    async def _load(self, extent: Extent) -> bytes:
        return await self._reader.read(Manifest("file", (extent,)), 0, extent.length)
