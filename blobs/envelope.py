"""A second envelope around data keys: an object key wraps them before the key of the bucket does.

    data key ──object key──► inner ──bucket key──► Extent.data_key

So erasing the bucket key still shreds everything, a copy by reference into another bucket needs no object
key, and nothing can be read without one. inner = nonce (12) ‖ ciphertext (32) ‖ tag (16); its associated data
binds it to the extent: CONTEXT ‖ offset (8) ‖ length (8) ‖ blob id (16; none of inline bytes).
"""

import os
from collections.abc import Callable

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from blobs.contract import KeySource
from schemas.errors import BlobCorrupt
from schemas.manifest import Extent, Manifest

CONTEXT = b"SLokey1\n"
INNER_BYTES = 12 + 32 + 16


def sealed(manifest: Manifest, keys: KeySource, object_key: bytes) -> Manifest:
    """The manifest with its data keys wrapped under the object key too. It must be whole (not spilled)."""
    cipher = AESGCM(object_key)

    def wrap(extent: Extent) -> bytes:
        nonce = os.urandom(12)
        return nonce + cipher.encrypt(nonce, keys.unwrap(extent.key_id, extent.data_key), _context(extent))

    return _changed(manifest, keys, wrap)


def opened(manifest: Manifest, keys: KeySource, object_key: bytes) -> Manifest:
    """The manifest that was sealed, as if it never had been: for reading and for copying, never for keeping.

    Raises BlobCorrupt when a data key does not verify under the object key."""
    cipher = AESGCM(object_key)

    def unwrap(extent: Extent) -> bytes:
        inner = keys.unwrap(extent.key_id, extent.data_key)
        try:
            return cipher.decrypt(inner[:12], inner[12:], _context(extent))
        except (InvalidTag, ValueError):
            raise BlobCorrupt(
                f"a data key of blob {extent.blob.hex() or '(inline)'} does not verify under its object key"
            ) from None

    return _changed(manifest, keys, unwrap)


def _changed(manifest: Manifest, keys: KeySource, change: Callable[[Extent], bytes]) -> Manifest:
    extents = tuple(
        msgspec.structs.replace(extent, data_key=keys.wrap(extent.key_id, change(extent)))
        if extent.stored
        else extent
        for extent in manifest.extents
    )
    return msgspec.structs.replace(manifest, extents=extents)


def _context(extent: Extent) -> bytes:
    return CONTEXT + extent.offset.to_bytes(8, "big") + extent.length.to_bytes(8, "big") + extent.blob
