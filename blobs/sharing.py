"""Copies by reference: a second reference recorded under every blob before the event that uses it."""

import os

from blobs.contract import KeySource
from blobs.extents import rewrapped
from blobs.places import Places, in_pack
from blobs.references import References
from schemas.errors import BlobMissing
from schemas.manifest import Extent, Manifest


def share_extents(
    places: Places,
    references: References,
    keys: KeySource,
    key_id: str,
    manifest: Manifest,
    holder: bytes,
    now: int,
) -> Manifest:
    """A manifest of the same bytes for `holder`, with data keys wrapped under `key_id` (blocking).

    Raises BlobMissing when the bytes were freed meanwhile: the check and the record are one transaction,
    and freeing takes the same lock."""
    if not holder:
        raise ValueError("a shared reference needs the name of its holder")
    extents = tuple(rewrapped(extent, keys, key_id) for extent in manifest.extents)
    blobs = [extent for extent in extents if extent.blob]
    if blobs:
        with references.change():
            for extent in blobs:
                _require(places, references, extent)
                references.add(extent.blob, extent.offset, holder, now)
    return Manifest(manifest.layout, extents, manifest.parts, manifest.inline, holder if blobs else b"")


def _require(places: Places, references: References, extent: Extent) -> None:
    path = places.of(extent)
    if not os.path.exists(path):
        raise BlobMissing(f"blob {extent.blob.hex()} is not at {path}")
    if in_pack(extent) and references.dead_at(extent.blob, extent.offset):
        raise BlobMissing(f"{path}: the extent at byte {extent.offset} was freed")
