"""Manifests: which bytes make up an object or a part. They name blobs, never places."""

from typing import Literal

import msgspec

Layout = Literal["inline", "packed", "file", "carried"]

# A manifest whose encoding is longer than this is stored as a blob of its own, so that an event stays
# under 256 KiB.
SPILL_BYTES = 64 * 1024


class Extent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A run of encrypted frames inside one blob, under one data key.

    blob      the blob's UUIDv7, 16 bytes (a pack is a blob that many extents share)
    offset    where the frames begin in the blob, bytes
    stored    how many bytes they take there (frames with tags and checksums)
    length    how many bytes of plaintext they hold
    key_id    which bucket key wraps the data key
    data_key  the wrapped data key: nonce (12) ‖ ciphertext (32) ‖ tag (16)
    """

    blob: bytes
    offset: int
    stored: int
    length: int
    key_id: str
    data_key: bytes


class PartInfo(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a completed object remembers of a part: its number, its size in bytes, its checksum (base64)."""

    number: int
    size: int
    checksum: str | None = None


class Manifest(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The bytes of one object version or part, in order.

    layout   inline: `inline` holds the frames and the single extent has an empty blob id;
             packed: one extent inside a pack; file: one blob file per extent;
             carried: as inline, on the way to a pack: never in the log (processors.packing)
    extents  in object order
    parts    of a multipart object, in order; empty otherwise
    holder   set when the blobs are shared with the version this one was copied from: the name under
             which the second reference was recorded
    spill    where the encoding of the whole manifest lives when it is too long for an event; then
             `extents` and `parts` are empty
    """

    layout: Layout
    extents: tuple[Extent, ...] = ()
    parts: tuple[PartInfo, ...] = ()
    inline: bytes = b""
    holder: bytes = b""
    spill: Extent | None = None


NO_BYTES = Manifest(layout="inline")
