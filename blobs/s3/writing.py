"""Writing a blob: sealed in a thread, gathered into blocks, each block sent to all its zones at once."""

import asyncio
from collections.abc import Collection
from concurrent.futures import Executor

from blobs.contract import KeySource
from blobs.frames import stored_length
from blobs.s3 import names
from blobs.s3.blocks import BLOCK_BYTES
from blobs.s3.notes import Notes
from blobs.s3.quorum import ask, retrieved
from blobs.s3.zone import Zone
from blobs.s3.zones import Zones
from blobs.sealing import Sealer, Slices, Workspace
from schemas.manifest import Extent


class BlockWriter:
    """Writes one extent (see blobs.contract.BlobWriter).

    One block is on its way to the zones while the next one is sealed and a third begins to fill: with the
    slices' plaintext that is about 15 MiB of memory, whatever the sender and the zones do. `finish` returns
    when every block is durable in all its zones, or in enough of them and the rest is noted for repair.
    """

    def __init__(
        self,
        zones: Zones,
        notes: Notes,
        pool: Executor,
        space: Workspace,
        keys: KeySource,
        key_id: str,
        blob: bytes,
    ) -> None:
        self._zones, self._notes, self._pool, self._space = zones, notes, pool, space
        self._blob, self._key_id = blob, key_id
        self._sealer = Sealer(keys, key_id)
        self._targets = zones.targets(blob)
        self._filling = bytearray()
        self._blocks = 0
        self._sending: asyncio.Task[None] | None = None
        self._behind: set[str] = set()  # zones that lack a block
        self._slices = Slices(self._begin)
        self.write = self._slices.write

    async def finish(self) -> Extent:
        """Everything written is durable, under the extent returned; no bytes make an empty extent.

        Raises ServiceUnavailable or StorageFull when too few zones took it."""
        await self._slices.finish()
        length = self._sealer.length
        if not length:
            return Extent(b"", 0, 0, 0, self._key_id, b"")
        if self._behind:
            await self._notes.write(self._blob, self._behind)
        return Extent(self._blob, 0, stored_length(length), length, self._key_id, self._sealer.data_key)

    async def abort(self) -> None:
        """Remove what was written; a zone that cannot now is left to the sweep."""
        await self._slices.abort()
        if self._sending is not None:
            await asyncio.wait((self._sending,))
        if self._blocks:
            stored = [names.block(self._blob, number) for number in range(self._blocks)]
            await self._zones.remove(self._blob, {zone.name: stored for zone in self._targets})
            self._blocks = 0

    def _begin(self, chunks: list[bytes], last: bool) -> asyncio.Future[None]:
        return asyncio.ensure_future(self._store(chunks, last))

    async def _store(self, chunks: list[bytes], last: bool) -> None:
        loop = asyncio.get_running_loop()
        for block in await loop.run_in_executor(self._pool, self._seal, chunks, last):
            await self._settle()
            self._sending = asyncio.create_task(self._send(self._blocks, block))
            self._sending.add_done_callback(retrieved)
            self._blocks += 1
        if last:
            await self._settle()

    async def _settle(self) -> None:
        """Wait for the block on its way; its failure is raised here."""
        if self._sending is not None:
            await asyncio.wait((self._sending,))
            self._sending.result()

    async def _send(self, number: int, block: bytes) -> None:
        name = names.block(self._blob, number)

        async def put(zone: Zone) -> None:
            await zone.put(name, block)

        def enough(done: Collection[str]) -> bool:
            return self._zones.placement.enough_copies(self._blob, done)

        what = f"storing block {number} of blob {self._blob.hex()}"
        answers = await ask(what, self._targets, put, enough, self._zones.timing.patience)
        self._behind.update(answers.failed)

    # --- in a worker thread ------------------------------------------------------------------------------
    def _seal(self, chunks: list[bytes], last: bool) -> list[bytes]:
        """The blocks that are full now; with `last`, all."""
        filling, blocks = self._filling, []
        filling += self._sealer.seal(chunks, last, self._space)
        while len(filling) >= BLOCK_BYTES or (last and filling):
            blocks.append(bytes(memoryview(filling)[:BLOCK_BYTES]))
            del filling[:BLOCK_BYTES]
        return blocks
