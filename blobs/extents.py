"""Extents of a manifest: those that a range touches, and the same extents under another bucket's key."""

from collections.abc import Iterator

from blobs.contract import KeySource
from schemas.manifest import Extent


def overlaps(extents: tuple[Extent, ...], start: int, end: int) -> Iterator[tuple[Extent, int, int]]:
    """The extents that hold bytes of [start, end) of the object, each with the range inside it."""
    base = 0
    for extent in extents:
        if base >= end:
            return
        following = base + extent.length
        if following > start and extent.length:
            yield extent, max(0, start - base), min(end, following) - base
        base = following


def rewrapped(extent: Extent, keys: KeySource, key_id: str) -> Extent:
    """The extent with its data key wrapped under another bucket key.

    Raises KeyMissing without either bucket key, BlobCorrupt when the data key does not verify."""
    if not extent.stored:
        return extent
    data_key = keys.wrap(key_id, keys.unwrap(extent.key_id, extent.data_key))
    return Extent(extent.blob, extent.offset, extent.stored, extent.length, key_id, data_key)
