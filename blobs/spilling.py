"""Manifests too long for an event: stored as a blob of their own, encrypted like any other bytes."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from blobs.contract import Drop
from schemas.errors import BlobCorrupt, BlobMissing
from schemas.manifest import SPILL_BYTES, Extent, Manifest

KEPT = 4  # expanded manifests remembered; each takes a few MB when it has ten thousand parts

Store = Callable[[str, bytes], Awaitable[Extent]]
Load = Callable[[Extent], Awaitable[bytes]]


class Spilling:
    """Stores and loads whole manifests. `store` writes bytes as a blob file, `load` reads them back."""

    def __init__(self, store: Store, load: Load) -> None:
        self._store, self._load = store, load
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(Manifest)
        self._kept: OrderedDict[bytes, Manifest] = OrderedDict()

    async def spill(self, key_id: str, manifest: Manifest) -> Manifest:
        """The manifest itself, or what stands for it when its encoding is longer than SPILL_BYTES."""
        if manifest.spill is not None or len(manifest.extents) + len(manifest.parts) < 100:
            return manifest
        encoded = self._encoder.encode(manifest)
        if len(encoded) <= SPILL_BYTES:
            return manifest
        spill = await self._store(key_id, encoded)
        return Manifest(layout=manifest.layout, holder=manifest.holder, spill=spill)

    async def expand(self, manifest: Manifest) -> Manifest:
        """The whole manifest. Raises BlobMissing or BlobCorrupt."""
        spill = manifest.spill
        if spill is None:
            return manifest
        whole = self._kept.get(spill.blob)
        if whole is None:
            try:
                whole = self._decoder.decode(await self._load(spill))
            except msgspec.DecodeError as error:
                raise BlobCorrupt(f"blob {spill.blob.hex()} does not hold a manifest: {error}") from error
            self._kept[spill.blob] = whole
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return whole

    async def drops(self, manifests: Sequence[Manifest]) -> tuple[list[Drop], list[Drop]]:
        """What to let go of to free these: their extents, then the blobs of spilled manifests. Those go
        last: while one is there, an interrupted free can be repeated."""
        extents: list[Drop] = []
        spills: list[Drop] = []
        for manifest in manifests:
            if manifest.spill is not None:
                spills.append((manifest.spill, b""))
                try:
                    whole = await self.expand(manifest)
                except BlobMissing:
                    continue
                finally:
                    self.forget(manifest)
            else:
                whole = manifest
            extents += ((extent, manifest.holder) for extent in whole.extents if extent.blob)
        return extents, spills

    def forget(self, manifest: Manifest) -> None:
        """Its blob was freed."""
        if manifest.spill is not None:
            self._kept.pop(manifest.spill.blob, None)
