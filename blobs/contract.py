"""The port of the bytes. Engines: `blobs.local` (zone folders on disk), `blobs.s3` (zones of a cluster).

Everything stored is encrypted under a data key of its own and checksummed per frame; what these calls
return is durable.
"""

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, Protocol

from schemas.manifest import Extent, Manifest
from schemas.pending import Pending

Drop = tuple[Extent, bytes]  # an extent, and the holder that lets go of it (b"": its primary)
Lent = bytes | bytearray  # bytes in memory that is used again


class Leftovers(NamedTuple):
    """What a sweep found that nothing names: how many blobs and drafts, and the bytes that it freed of
    them."""

    found: int
    freed: int


class KeySource(Protocol):
    """Wraps and unwraps data keys (access.keyring)."""

    def wrap(self, key_id: str, data_key: bytes) -> bytes:
        """The data key encrypted under that bucket key: nonce (12) ‖ ciphertext (32) ‖ tag (16)."""

    def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        """The data key. Raises KeyMissing without the bucket key, BlobCorrupt when it does not verify."""


class BlobWriter(Protocol):
    """One extent being written. Exactly one of finish and abort must be called."""

    async def write(self, chunk: bytes) -> None:
        """Take the next bytes. May return before they are stored, and waits when it runs too far ahead."""

    async def finish(self) -> Extent:
        """Everything written is durable, under the extent returned."""

    async def abort(self) -> None:
        """Remove what was written. Never raises for a writer that failed."""


class Placed(Pending, Protocol):
    """Frames that have their place in a pack, `offset` bytes from the beginning of `blob`."""

    blob: bytes
    offset: int


class PackStore(Protocol):
    """What takes the frames of other processes into the pack of this one."""

    def pack_now(self, frames: bytes) -> Placed | None:
        """Give the frames their place, when that takes no waiting. Raises StorageFull."""

    async def pack(self, frames: bytes) -> Placed:
        """Give the frames their place. Raises StorageFull, ServiceUnavailable."""


class BlobStore(Protocol):
    """Durable, immutable, encrypted bytes."""

    async def put(self, key_id: str, data: bytes) -> Manifest:
        """Store a small object (up to `pack_limit` bytes) inline or in a pack."""

    async def put_soon(
        self, key_id: str, data: bytes, *, sealed: bool = False
    ) -> tuple[Manifest, Pending | None]:
        """As `put`, but the bytes are durable only once what is returned beside the manifest has settled, or
        the event with the manifest is in the log. `sealed`: they need their place at once, for instance since
        the manifest is going to be sealed, which binds it to that."""

    def writer(self, key_id: str) -> BlobWriter:
        """Store an extent of unknown length in a blob file of its own."""

    def read_now(self, manifest: Manifest, start: int, length: int) -> bytes | None:
        """As `read`, when it takes no waiting (a small extent, inline or in the page cache); else None."""

    async def read(self, manifest: Manifest, start: int, length: int) -> bytes:
        """Bytes of a small range (up to a few MiB) at once.

        Raises BlobMissing or BlobCorrupt; bytes that fail their check are never returned."""

    def stream(self, manifest: Manifest, start: int, length: int) -> AsyncIterator[bytes]:
        """The bytes of a range in chunks of at most 1 MiB, each verified before it is yielded."""

    def lend(self, manifest: Manifest, start: int, length: int) -> AsyncIterator[Lent]:
        """As `stream`, in memory that is the store's: a chunk is good until its consumer waits for anything,
        since any other stream may be given the same memory then."""

    async def expand(self, manifest: Manifest) -> Manifest:
        """The whole manifest of a spilled one; itself otherwise."""

    async def spill(self, key_id: str, manifest: Manifest) -> Manifest:
        """The manifest, stored as a blob when its encoding is longer than SPILL_BYTES."""

    async def share(self, key_id: str, manifest: Manifest, holder: bytes) -> Manifest:
        """A manifest of the same bytes for a copy: data keys wrapped anew under `key_id`, a second
        reference durably recorded under every blob for `holder` (16 bytes). Inline bytes are repeated."""

    def seal(self, manifest: Manifest, object_key: bytes) -> Manifest:
        """The whole manifest with its data keys wrapped under an object key too (blobs.envelope)."""

    def open(self, manifest: Manifest, object_key: bytes) -> Manifest:
        """The whole manifest that was sealed, for reading and copying. Raises BlobCorrupt for another key."""

    async def free(self, manifest: Manifest) -> int:
        """Drop this manifest's reference; bytes that nothing else refers to are removed.
        Returns the bytes freed. Harmless when repeated."""

    async def free_many(self, manifests: Sequence[Manifest]) -> int:
        """As `free` for each of them, at the price of one sync. When it raises, any of them may have been
        freed: free them again."""

    async def sweep(self, live: AsyncIterator[list[Manifest]], before: int) -> Leftovers:
        """Free every blob made before `before` (Unix milliseconds) that no live manifest names:
        leftovers of requests that ended before their event. Returns what there was."""

    async def close(self) -> None: ...
