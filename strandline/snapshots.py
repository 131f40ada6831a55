"""Snapshots of the index, made from the log alone: where they lie, and which is the newest.

A snapshot is a folder named by the offsets it covers. It gets that name last, when it is whole, verified
and on stable storage; until then it is a *workshop*, a folder locked by whoever builds in it.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import IndexCorrupt
from schemas.events import OBJECT_VERSIONS, POLICIES
from strandline.data_dir import DataDir

NAME = re.compile(r"\d{20}-\d{20}")
DESCRIPTION = "snapshot.json"
INDEX = "index.sqlite"
WORKSHOP = "building-"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A verified snapshot. `positions` maps a topic to the offset of the first event it does not cover;
    `content` is the digest of its rows, `sha256` that of the file."""

    folder: Path
    positions: dict[str, int]
    content: str
    sha256: str

    @property
    def index(self) -> Path:
        return self.folder / INDEX


def snapshot_name(positions: Mapping[str, int]) -> str:
    """The folder's name: names sort as the snapshots' coverage does."""
    return f"{positions[OBJECT_VERSIONS]:020d}-{positions[POLICIES]:020d}"


def describe(positions: Mapping[str, int], content: str, sha256: str) -> str:
    """The text of a snapshot's description, which ends with the SHA-256 of the rest."""
    fields = {"positions": dict(sorted(positions.items())), "content": content, "sha256": sha256}
    return json.dumps({**fields, "check": _check(fields)}, indent=1) + "\n"


def read_snapshots(data: DataDir) -> tuple[list[Snapshot], list[str]]:
    """Every snapshot that can be read, oldest first; and what is wrong with the others, a line each."""
    found, problems = [], []
    for folder in sorted(data.snapshots.iterdir()):
        if NAME.fullmatch(folder.name) is not None:
            try:
                found.append(_read(folder))
            except IndexCorrupt as error:
                problems.append(error.message)
    return found, problems


def check_file(snapshot: Snapshot) -> None:
    """Raises IndexCorrupt when the file is not the one that was verified."""
    try:
        found = file_sha256(snapshot.index)
    except OSError as error:
        raise IndexCorrupt(f"{snapshot.index} cannot be read: {error.strerror}") from error
    if found != snapshot.sha256:
        raise IndexCorrupt(f"{snapshot.index} does not match the SHA-256 in {DESCRIPTION}: it is damaged")


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def keep_newest(data: DataDir, count: int) -> None:
    """Remove all but the newest `count` snapshots, and workshops in which nobody builds any more."""
    for snapshot in read_snapshots(data)[0][:-count]:
        remove(snapshot.folder)
    for folder in data.snapshots.glob(f"{WORKSHOP}*"):
        with contextlib.suppress(BlockingIOError, FileNotFoundError), _locked(folder):
            shutil.rmtree(folder)


def remove(folder: Path) -> None:
    """Remove a snapshot. It loses its name first, so that half of it is never taken for one."""
    leftover = folder.with_name(f"{WORKSHOP}{folder.name}")
    shutil.rmtree(leftover, ignore_errors=True)
    folder.rename(leftover)
    shutil.rmtree(leftover)


@contextlib.contextmanager
def workshop(data: DataDir) -> Iterator[Path]:
    """A folder to build in, removed at the end unless it was renamed. Several may build at once."""
    folder = data.snapshots / f"{WORKSHOP}{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    with _locked(folder):
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _read(folder: Path) -> Snapshot:
    description = folder / DESCRIPTION
    try:
        fields = json.loads(description.read_text())
        check = fields.pop("check")
        positions = {topic: int(fields["positions"][topic]) for topic in (OBJECT_VERSIONS, POLICIES)}
        snapshot = Snapshot(folder, positions, str(fields["content"]), str(fields["sha256"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise IndexCorrupt(f"{description} cannot be read: {error!r}") from error
    if check != _check(fields) or folder.name != snapshot_name(positions):
        raise IndexCorrupt(f"{description} does not match its checksum: it is damaged")
    return snapshot


def _check(fields: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
