"""Where a blob lies on disk: computed from its id, never stored."""

import os
from collections.abc import Iterator
from pathlib import Path

from blobs.headers import HEADER_BYTES
from disk.files import Files
from schemas.manifest import Extent

ZONE = "a"
DRAFT = ".part"


class Places:
    """The folders of one zone.

    zones/a/blobs/xx/<id>   blob files; xx is the last byte of the id (the first ones are its time)
    zones/a/packs/<id>      packs
    references.sqlite       second references, freed extents
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        self.blobs = str(self.root / "zones" / ZONE / "blobs")
        self.packs = str(self.root / "zones" / ZONE / "packs")
        self.references = str(self.root / "references.sqlite")

    def prepare(self, files: Files) -> None:
        """Make every folder, durably, so that a write never has to. The last one made tells the work done."""
        if os.path.isdir(f"{self.blobs}/ff"):
            return
        os.makedirs(self.packs, mode=0o700, exist_ok=True)
        for byte in range(256):
            os.makedirs(f"{self.blobs}/{byte:02x}", mode=0o700, exist_ok=True)
        for folder in (self.blobs, os.path.dirname(self.blobs), str(self.root / "zones"), str(self.root)):
            files.fsync_dir(folder)

    def folder(self, blob: bytes) -> str:
        return f"{self.blobs}/{blob[-1]:02x}"

    def blob_file(self, blob: bytes) -> str:
        return f"{self.blobs}/{blob[-1]:02x}/{blob.hex()}"

    def pack(self, blob: bytes) -> str:
        return f"{self.packs}/{blob.hex()}"

    def of(self, extent: Extent) -> str:
        """The file that holds the extent."""
        return self.pack(extent.blob) if in_pack(extent) else self.blob_file(extent.blob)

    def all_packs(self) -> Iterator[tuple[bytes, str]]:
        """Every pack's id and path, oldest first."""
        for name in sorted(os.listdir(self.packs)):
            if (blob := _id_of(name)) is not None:
                yield blob, f"{self.packs}/{name}"

    def all_blob_files(self) -> Iterator[tuple[bytes, str]]:
        """Every blob file's id and path; drafts (DRAFT at the end of the path) too."""
        for byte in range(256):
            folder = f"{self.blobs}/{byte:02x}"
            for name in sorted(os.listdir(folder)):
                if (blob := _id_of(name.removesuffix(DRAFT))) is not None:
                    yield blob, f"{folder}/{name}"


def in_pack(extent: Extent) -> bool:
    """Whether the extent lies in a pack: only in a blob file do frames begin right after the header."""
    return extent.offset != HEADER_BYTES


def _id_of(name: str) -> bytes | None:
    try:
        blob = bytes.fromhex(name)
    except ValueError:
        return None
    return blob if len(blob) == 16 else None
