"""Snapshots of the index, made from the log alone: where they lie, and which is the newest.

A snapshot is a folder named by the offsets it covers; `snapshot.json` is written last, so a folder without
one is the rest of an attempt that was cut short.
"""

import hashlib
import json
import shutil
from pathlib import Path
from typing import NamedTuple

from schemas.errors import IndexCorrupt
from schemas.events import OBJECT_VERSIONS, POLICIES
from strandline.data_dir import DataDir

DESCRIPTION = "snapshot.json"
INDEX = "index.sqlite"


class Snapshot(NamedTuple):
    """A verified snapshot. `positions` maps a topic to the offset of the first event it does not cover;
    `content` is the digest of its rows, `sha256` that of the file."""

    folder: Path
    positions: dict[str, int]
    content: str
    sha256: str

    @property
    def index_file(self) -> Path:
        return self.folder / INDEX


def all_snapshots(data: DataDir) -> list[Snapshot]:
    """Every whole snapshot, oldest first. Raises IndexCorrupt for a description that cannot be read."""
    found = []
    for description in sorted(data.snapshots.glob(f"*/{DESCRIPTION}")):
        try:
            fields = json.loads(description.read_text())
            positions = {topic: int(fields["positions"][topic]) for topic in (OBJECT_VERSIONS, POLICIES)}
            found.append(
                Snapshot(description.parent, positions, str(fields["content"]), str(fields["sha256"]))
            )
        except (ValueError, KeyError, TypeError) as error:
            raise IndexCorrupt(f"{description} cannot be read: {error!r}") from error
    return found


def latest_snapshot(data: DataDir) -> Snapshot | None:
    """The snapshot that covers most of the log."""
    snapshots = all_snapshots(data)
    return snapshots[-1] if snapshots else None


def check_file(snapshot: Snapshot) -> None:
    """Raises IndexCorrupt when the file is not the one that was verified."""
    if file_sha256(snapshot.index_file) != snapshot.sha256:
        raise IndexCorrupt(
            f"{snapshot.index_file} does not match the SHA-256 in {DESCRIPTION}: it is damaged"
        )


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def keep_newest(data: DataDir, count: int) -> None:
    """Remove all but the newest `count` snapshots, and what attempts cut short have left."""
    whole = [snapshot.folder for snapshot in all_snapshots(data)]
    for folder in data.snapshots.iterdir():
        if folder.is_dir() and folder not in whole[-count:]:
            shutil.rmtree(folder)
