"""`strandline fsck`: check every byte of the data folder that has a checksum, and name what is damaged."""

import argparse
from collections.abc import Iterator
from functools import partial

from schemas.errors import StrandlineError
from strandline.data_dir import DataDir
from strandline.settings import Settings

NAME = "fsck"
HELP = "check log, index, snapshots, keys, object bytes and audit trail; name everything damaged"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beside the settings."""


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """0 when nothing is damaged, else 1 after naming all of it."""
    data = DataDir(settings.data_dir)
    data.check_format()
    damage = 0
    for line in check(data, settings):
        print(line)
        damage += 1
    print(f"{damage} damaged" if damage else "everything matches its checksums")
    return 1 if damage else 0


def check(data: DataDir, settings: Settings) -> Iterator[str]:
    """What is damaged, one line each."""
    for part in (_log, _index, _snapshots, partial(_keys, settings), _blobs, _audit):
        try:
            yield from part(data)
        except (StrandlineError, OSError) as error:
            yield str(error)


def _log(data: DataDir) -> Iterator[str]:
    from schemas.events import AUDIT, FACTS, OBJECT_VERSIONS, POLICIES
    from strandline.verification import open_log

    for topic in (POLICIES, OBJECT_VERSIONS, FACTS, AUDIT):
        try:
            open_log(data, topic).verify()
        except StrandlineError as error:
            yield f"log {topic}: {error.message}"


def _index(data: DataDir) -> Iterator[str]:
    from index.sqlite.digest import digest_index
    from strandline.services import index_file

    found = digest_index(index_file(data), integrity=True)
    for line in found.damage:
        yield f"index {index_file(data)}: {line}"
    if found.damaged > len(found.damage):
        yield f"index {index_file(data)}: {found.damaged - len(found.damage)} more rows"


def _snapshots(data: DataDir) -> Iterator[str]:
    from strandline.snapshots import check_file, read_snapshots

    snapshots, problems = read_snapshots(data)
    yield from problems
    for snapshot in snapshots:
        try:
            check_file(snapshot)
        except (StrandlineError, OSError) as error:
            yield str(error)


def _keys(settings: Settings, data: DataDir) -> Iterator[str]:
    from strandline.key_ring import open_key_ring

    file = settings.master_file
    if file is not None and not (data.keys / file).exists():  # opening the ring would make one
        missing = data.keys / file
        yield f"{missing} is missing, and no STRANDLINE_MASTER_KEY is given: no object can be read without it"
        return
    yield from open_key_ring(settings, data.keys).verify()


def _blobs(data: DataDir) -> Iterator[str]:
    from blobs.scrub import scrub

    for damage in scrub(data.blobs):
        yield str(damage)


def _audit(data: DataDir) -> Iterator[str]:
    from processors.audit_trail import verify_trail

    verify_trail(data.audit)
    yield from ()
