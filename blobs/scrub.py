"""Scrubbing: every stored file walked and checked without any key, damage named by file and position."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from blobs.frames import FRAME_OVERHEAD, STORED_FRAME
from blobs.headers import BLOB_MAGIC, HEADER_BYTES, PACK_MAGIC, SEAL_BYTES, header_matches
from blobs.pack_records import Found, Gap, bad_frames, read_seal, walk
from blobs.places import DRAFT, Places
from blobs.references import References


class Damage(NamedTuple):
    """Something stored that is not as it was written. `position` in bytes from the start of the file."""

    path: str
    position: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what} at byte {self.position}"


def scrub(root: Path | str) -> Iterator[Damage]:
    """Check every blob file, every pack and the table of references (blocking; reads everything once).

    Works beside a running store: files that vanish meanwhile were freed, and of a pack being written the
    last batch, which may be under way, is left out.
    """
    places = Places(root)
    references = References(places.references)
    try:
        for message in references.verify():
            yield Damage(places.references, 0, message)
        for blob, path in places.all_blob_files():
            if not path.endswith(DRAFT):
                with suppress(FileNotFoundError):
                    yield from scrub_blob_file(blob, path)
        for blob, path in places.all_packs():
            with suppress(FileNotFoundError):
                yield from scrub_pack(blob, path, references)
    finally:
        references.close()


def scrub_blob_file(blob: bytes, path: str) -> Iterator[Damage]:
    """One blob file: its header, and every frame's checksum."""
    with open(path, "rb") as file:
        fd = file.fileno()
        yield from _damaged_header(fd, path, BLOB_MAGIC, blob)
        stored = os.fstat(fd).st_size - HEADER_BYTES
        if stored <= 0 or 0 < stored % STORED_FRAME <= FRAME_OVERHEAD:
            yield Damage(path, HEADER_BYTES + stored, "the file is cut short")
        for position in bad_frames(fd, HEADER_BYTES, max(stored, 0)):
            yield Damage(path, position, "a frame that does not match its checksum")


def scrub_pack(blob: bytes, path: str, references: References) -> Iterator[Damage]:
    """One pack: its header, its records, every frame's checksum, and whether all that was sealed is there."""
    with open(path, "rb") as file:
        fd = file.fileno()
        sealed = read_seal(fd)
        dead = references.dead_of(blob)
        if sealed is None:
            yield from _scrub_open(fd, path, blob, dead)
            return
        yield from _damaged_header(fd, path, PACK_MAGIC, blob)
        records = 0
        for item in walk(fd, sealed.offset, dead):
            records += isinstance(item, Found)
            yield from _check(fd, path, item, references, blob)
        if records < sealed.records:
            lost = sealed.records - records
            yield Damage(path, sealed.offset, f"{lost} of {sealed.records} records missing")


def _damaged_header(fd: int, path: str, magic: bytes, blob: bytes) -> Iterator[Damage]:
    if not header_matches(os.pread(fd, HEADER_BYTES, 0), magic, blob):
        yield Damage(path, 0, "damaged header")


def _scrub_open(fd: int, path: str, blob: bytes, dead: dict[int, int]) -> Iterator[Damage]:
    """A pack without a seal, up to where its last batch begins: before that everything is durable.
    One without any record may be in the making."""
    items: list[Found | Gap] = []
    batch = HEADER_BYTES
    size = os.fstat(fd).st_size
    for item in walk(fd, size, dead):
        if isinstance(item, Found) and item.batch > batch:
            batch = item.batch
            for settled in items:
                yield from _damage(fd, path, settled)
            items.clear()
        items.append(item)
    last = items[-1] if items else None
    # As long as a seal, and not the zeros written ahead of records:
    sealed = isinstance(last, Gap) and last.end - last.start == SEAL_BYTES
    if last is not None and sealed and any(os.pread(fd, SEAL_BYTES, size - SEAL_BYTES)):
        yield Damage(path, size - SEAL_BYTES, "a damaged seal")
    if batch > HEADER_BYTES:
        yield from _damaged_header(fd, path, PACK_MAGIC, blob)


def _check(fd: int, path: str, item: Found | Gap, references: References, blob: bytes) -> Iterator[Damage]:
    for damage in _damage(fd, path, item):
        if isinstance(item, Gap) or not references.dead_at(blob, item.offset):  # freed since we looked
            yield damage


def _damage(fd: int, path: str, item: Found | Gap) -> Iterator[Damage]:
    if isinstance(item, Gap):
        yield Damage(path, item.start, "a damaged record header")
    elif not item.dead:
        for position in bad_frames(fd, item.offset, item.stored):
            yield Damage(path, position, "a frame that does not match its checksum")
