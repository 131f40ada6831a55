"""Rebuild, verify, snapshot: an index made from the log alone, beside the live one.

    snapshot n+1 = apply(snapshot n, the slice of the log up to the live index's position)

and it counts only when its rows are equal to the live index's at that same position. All of it reads a
data folder that a server may be using; only `rebuild` needs the folder for itself.
"""

import contextlib
import json
import os
import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from bus.local import LogReader, partition_directory
from index.sqlite.differences import Difference, diff
from index.sqlite.digest import IndexDigest, digest_index
from index.sqlite.writer import SqliteWriter
from processors.replay import replay
from schemas.errors import IndexCorrupt, OffsetOutOfRange
from schemas.events import FACTS, OBJECT_VERSIONS, POLICIES
from schemas.facts import decode_fact
from schemas.seq import POLICY_PARTITIONS, decode_seq
from strandline.data_dir import DataDir
from strandline.services import index_file
from strandline.snapshots import (
    DESCRIPTION,
    INDEX,
    Snapshot,
    all_snapshots,
    check_file,
    file_sha256,
    keep_newest,
)

TOPICS = (POLICIES, OBJECT_VERSIONS)
KEPT_SNAPSHOTS = 2


class Verification(NamedTuple):
    """Whether the live index is equal to the replayed one.

    events       how many events were replayed, from `base` (a snapshot's folder, or "the beginning")
    damage       rows of the live index that do not match their checksum
    differences  rows that the two do not agree on
    """

    equal: bool
    base: str
    events: int
    positions: dict[str, int]
    rows: int
    damage: list[str]
    differences: list[Difference]


def open_log(data: DataDir, topic: str) -> LogReader:
    """The log of a topic's only partition, read-only."""
    return LogReader(partition_directory(str(data.log), topic, 0, 0))


async def build(
    data: DataDir,
    target: Path,
    until: Mapping[str, int] | None,
    published: Mapping[str, int] | None = None,
) -> tuple[str, int]:
    """Make an index at `target` from the newest usable snapshot and the log; returns what it began from
    and how many events were applied.

    until      maps topics to the offset to stop at; None: all there is
    published  maps topics to the first offset whose facts are still to be published; None: none are
    """
    base = _copy_base(data, target, until)
    index = SqliteWriter(target)
    applied = 0
    try:
        for topic in TOPICS:
            stop = None if until is None else until[topic]
            first = None if published is None else published[topic]
            applied += await replay(index, topic, 0, open_log(data, topic), stop, first)
    finally:
        await index.close()
    return base, applied


async def verify(data: DataDir) -> Verification:
    """Compare the live index, as it is at one moment, with one replayed up to that moment."""
    folder = _scratch(data)
    try:
        live, copy = _freeze(data, folder)
        positions = {topic: live.positions.get((topic, 0), 0) for topic in TOPICS}
        target = folder / INDEX
        base, events = await build(data, target, positions)
        replayed = digest_index(target)
        differences = [] if replayed.digest == live.digest else diff(copy, target)
        equal = replayed.digest == live.digest and not live.damaged
        rows = sum(table.rows for table in live.tables.values())
        return Verification(equal, base, events, positions, rows, live.damage, differences)
    finally:
        shutil.rmtree(folder)


async def take_snapshot(data: DataDir) -> Snapshot:
    """Make the next snapshot and prove it equal to the live index. Raises IndexCorrupt when it is not."""
    folder = _scratch(data)
    try:
        live, copy = _freeze(data, folder)
        positions = {topic: live.positions.get((topic, 0), 0) for topic in TOPICS}
        target = folder / INDEX
        await build(data, target, positions)
        replayed = digest_index(target)
        if replayed.digest != live.digest:
            found = diff(copy, target, 3)
            raise IndexCorrupt(
                "the live index is not equal to the replayed log, so no snapshot was made: "
                + "; ".join(f"{d.table} {d.row} {d.kind}" for d in found)
            )
        copy.unlink()
        return _keep(data, folder, positions, replayed)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


async def rebuild(data: DataDir) -> tuple[str, int]:
    """Make the live index anew; returns what it began from and how many events were applied.

    The caller holds the folder's lock. The old index stays in place until the new one is whole.
    """
    folder = _scratch(data)
    try:
        target = folder / INDEX
        base, events = await build(data, target, None, _published(data))
        live = index_file(data)
        _sync(target)
        for suffix in ("-wal", "-shm"):
            live.with_name(live.name + suffix).unlink(missing_ok=True)
        os.replace(target, live)
        _sync(live.parent)
        return base, events
    finally:
        shutil.rmtree(folder)


def _copy_base(data: DataDir, target: Path, until: Mapping[str, int] | None) -> str:
    """Copy the newest snapshot that does not go too far; a damaged one is passed over for an older one,
    as long as the log still holds what comes after that."""
    problems = []
    for snapshot in reversed(all_snapshots(data)):
        if until is not None and any(snapshot.positions[topic] > until[topic] for topic in TOPICS):
            continue
        try:
            check_file(snapshot)
        except (IndexCorrupt, FileNotFoundError) as error:
            problems.append(str(error))
            continue
        shutil.copyfile(snapshot.index_file, target)
        return str(snapshot.folder)
    starts = {topic: open_log(data, topic).start_offset for topic in TOPICS}
    if any(starts.values()):
        why = "; ".join(problems) or "there is no snapshot"
        raise OffsetOutOfRange(f"the log begins at {starts}, and what was before is lost: {why}")
    return "the beginning of the log"


def _freeze(data: DataDir, folder: Path) -> tuple[IndexDigest, Path]:
    """A copy of the live index at one moment, with its digest: for comparison only, never a snapshot."""
    copy = folder / "live.sqlite"
    with contextlib.closing(sqlite3.connect(f"file:{index_file(data)}?mode=ro", uri=True)) as live:
        with contextlib.closing(sqlite3.connect(copy)) as frozen:
            live.backup(frozen)
    return digest_index(copy), copy


def _keep(data: DataDir, folder: Path, positions: dict[str, int], content: IndexDigest) -> Snapshot:
    """Give a verified snapshot its name, durably."""
    name = f"{positions[OBJECT_VERSIONS]:020d}-{positions[POLICIES]:020d}"
    final = data.snapshots / name
    sha256 = file_sha256(folder / INDEX)
    description = {"positions": positions, "content": content.digest, "sha256": sha256}
    (folder / DESCRIPTION).write_text(json.dumps(description, indent=1) + "\n")
    for path in (folder / INDEX, folder / DESCRIPTION, folder):
        _sync(path)
    shutil.rmtree(final, ignore_errors=True)
    os.replace(folder, final)
    _sync(data.snapshots)
    keep_newest(data, KEPT_SNAPSHOTS)
    return Snapshot(final, positions, content.digest, sha256)


def _published(data: DataDir) -> dict[str, int]:
    """For every topic the first offset whose fact is not in the facts log. What is published twice does no
    harm, what is left out would never be published."""
    first = dict.fromkeys(TOPICS, 0)
    log = open_log(data, FACTS)
    offset = log.start_offset
    while records := log.read(offset):
        for record in records:
            _, partition, source = decode_seq(decode_fact(record.payload).seq)
            topic = POLICIES if partition >= POLICY_PARTITIONS else OBJECT_VERSIONS
            first[topic] = max(first[topic], source + 1)
        offset = records[-1].offset + 1
    return first


def _scratch(data: DataDir) -> Path:
    folder = data.snapshots / f"building-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    return folder


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
