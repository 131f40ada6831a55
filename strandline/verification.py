"""Rebuild, verify, snapshot: an index made from the log alone, beside the live one.

    snapshot n+1 = apply(snapshot n, the slice of the log up to the live index's position)

and it counts only when its rows are equal to the live index's at that same position. All of it reads a
data folder that a server may be using; only `rebuild` needs the folder for itself.
"""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from bus.local import LocalPartitionLog, LogReader, partition_directory
from disk.durable import sync_path
from disk.files import Files
from index.comparison import Difference, IndexDigest
from index.sqlite.connection import open_reader
from index.sqlite.differences import diff
from index.sqlite.digest import digest_index
from index.sqlite.failures import translate
from index.sqlite.reader import SqliteReader
from index.sqlite.writer import SqliteWriter
from processors.replay import replay
from schemas.errors import ConfigurationError, IndexCorrupt, OffsetOutOfRange
from schemas.events import AUDIT, FACTS, OBJECT_VERSIONS, POLICIES
from schemas.facts import decode_fact
from schemas.seq import POLICY_PARTITIONS, decode_seq
from strandline.data_dir import DataDir
from strandline.services import index_file
from strandline.snapshots import (
    DESCRIPTION,
    INDEX,
    Snapshot,
    check_file,
    describe,
    file_sha256,
    keep_newest,
    read_snapshots,
    remove,
    snapshot_name,
    workshop,
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


def open_log(data: DataDir, topic: str, *, following: bool = False) -> LogReader:
    """The log of a topic's only partition, read-only."""
    return LogReader(partition_directory(str(data.log), topic, 0, 0), following=following)


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
    with workshop(data) as folder:
        live, copy = _freeze(data, folder)
        positions = {topic: live.positions.get((topic, 0), 0) for topic in TOPICS}
        target = folder / INDEX
        base, events = await build(data, target, positions)
        replayed = digest_index(target)
        differences = [] if replayed.digest == live.digest else diff(copy, target)
        equal = replayed.digest == live.digest and not live.damaged
        rows = sum(table.rows for table in live.tables.values())
        return Verification(equal, base, events, positions, rows, live.damage, differences)


async def take_snapshot(data: DataDir) -> Snapshot:
    """Make the next snapshot and prove it equal to the live index. Raises IndexCorrupt when it is not."""
    with workshop(data) as folder:
        live, copy = _freeze(data, folder)
        positions = {topic: live.positions.get((topic, 0), 0) for topic in TOPICS}
        target = folder / INDEX
        await build(data, target, positions, await _unpublished(copy, positions))
        replayed = digest_index(target)
        if replayed.digest != live.digest:
            found = diff(copy, target, 3)
            raise IndexCorrupt(
                "the live index is not equal to the replayed log, so no snapshot was made: "
                + "; ".join(f"{d.table} {d.row} {d.kind}" for d in found)
            )
        copy.unlink()
        return _keep(data, folder, positions, replayed)


async def rebuild(data: DataDir, files: Files | None = None) -> tuple[str, int]:
    """Make the live index anew; returns what it began from and how many events were applied.

    The caller holds the folder's lock. The old index stays in place until the new one is whole. Raises
    LogCorrupt when the old index has applied more than the log holds: the new one would know less. `files`
    is the file layer of the logs: fault tests put their own in.
    """
    live = index_file(data)
    await _make_log_durable(data, live, files)
    with workshop(data) as folder:
        target = folder / INDEX
        base, events = await build(data, target, None, _published(data))
        sync_path(target)
        # The old file goes first: without its write-ahead log it could be a mixture of two states, and
        # the new one must not meet that log. After a crash in between there is no index at all.
        live.unlink(missing_ok=True)
        sync_path(live.parent)
        for suffix in ("-wal", "-shm"):
            live.with_name(live.name + suffix).unlink(missing_ok=True)
        sync_path(live.parent)
        os.replace(target, live)
        sync_path(live.parent)
        return base, events


async def _make_log_durable(data: DataDir, live: Path, files: Files | None) -> None:
    """Cut torn tails and sync, as a start does. What a power cut could still take from the log must be in no
    index; and facts that it could still take count as not published."""
    for topic in TOPICS:
        _ = open_log(data, topic).start_offset  # a log that is not there must not become an empty one
    for topic in (*TOPICS, FACTS, AUDIT):
        directory = partition_directory(str(data.log), topic, 0, 0)
        applied = await _applied(live, topic) if topic in TOPICS else 0
        LocalPartitionLog(directory, durable_offset=applied, ahead=0, files=files).close()


async def _applied(live: Path, topic: str) -> int:
    """How far the live index has come; 0 when it cannot say."""
    try:
        reader = SqliteReader(live)
    except (ConfigurationError, IndexCorrupt):
        return 0
    try:
        return await reader.applied(topic, 0)
    except (IndexCorrupt, sqlite3.Error):
        return 0
    finally:
        reader.close()


def _copy_base(data: DataDir, target: Path, until: Mapping[str, int] | None) -> str:
    """Copy the newest snapshot that does not go too far; a damaged one is passed over for an older one,
    as long as the log still holds what comes after that."""
    snapshots, problems = read_snapshots(data)
    for snapshot in reversed(snapshots):
        if until is not None and any(snapshot.positions[topic] > until[topic] for topic in TOPICS):
            continue
        try:
            check_file(snapshot)
        except IndexCorrupt as error:
            problems.append(error.message)
            continue
        starts = {topic: open_log(data, topic).start_offset for topic in TOPICS}
        if any(snapshot.positions[topic] < starts[topic] for topic in TOPICS):
            problems.append(f"{snapshot.folder} ends before the log begins")
            break
        shutil.copyfile(snapshot.index, target)
        return str(snapshot.folder)
    starts = {topic: open_log(data, topic).start_offset for topic in TOPICS}
    if any(starts.values()):
        why = "; ".join(problems) or "there is no snapshot"
        raise OffsetOutOfRange(f"the log begins at {starts}, and what was before is lost: {why}")
    return "the beginning of the log"


def _freeze(data: DataDir, folder: Path) -> tuple[IndexDigest, Path]:
    """A copy of the live index at one moment, with its digest: for comparison only, never a snapshot."""
    copy = folder / "live.sqlite"
    with contextlib.closing(open_reader(index_file(data))) as live:
        with contextlib.closing(sqlite3.connect(copy)) as frozen:
            try:
                live.backup(frozen)
            except sqlite3.Error as error:
                raise translate(error, index_file(data)) from error
    return digest_index(copy), copy


async def _unpublished(copy: Path, positions: Mapping[str, int]) -> dict[str, int]:
    """For every topic the offset from which on facts are not durable in the facts log: a snapshot keeps
    those, since the events that they come from may be dropped from the log."""
    index = SqliteWriter(copy)
    try:
        pending = {topic: await index.pending_facts(topic, 0) for topic in TOPICS}
    finally:
        await index.close()
    return {topic: found[0].first if found else positions[topic] for topic, found in pending.items()}


def _keep(data: DataDir, folder: Path, positions: dict[str, int], content: IndexDigest) -> Snapshot:
    """Give a verified snapshot its name, durably."""
    final = data.snapshots / snapshot_name(positions)
    sha256 = file_sha256(folder / INDEX)
    (folder / DESCRIPTION).write_text(describe(positions, content.digest, sha256))
    for path in (folder / INDEX, folder / DESCRIPTION, folder):
        sync_path(path)
    if final.exists():
        remove(final)
    os.replace(folder, final)
    sync_path(data.snapshots)
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
