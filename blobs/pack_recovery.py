"""After a crash: packs that nobody writes any more get their end found, their torn tail cut, their seal."""

import fcntl
import os
from collections.abc import Callable, Mapping
from typing import NamedTuple

from blobs.headers import HEADER_BYTES, RECORD_BYTES, seal
from blobs.pack_records import Found, Gap, bad_frames, read_seal, walk
from blobs.places import Places
from disk.files import Files, full_device, write_fully

DeadOf = Callable[[bytes], Mapping[int, int]]


class Recovered(NamedTuple):
    """What was done to one pack: how many records it keeps, how many bytes behind them were cut off."""

    path: str
    records: int
    cut: int


def recover_packs(files: Files, places: Places, dead_of: DeadOf, now: int) -> list[Recovered]:
    """Seal every pack of a process that ended without doing so. Packs of living processes are locked by
    them and left alone. Never appended to again, a recovered pack keeps all that was ever acknowledged."""
    done = []
    for blob, path in places.all_packs():
        try:
            if _is_sealed(path):
                continue
            fd = files.open(path, os.O_RDWR)
        except FileNotFoundError:
            continue  # another process recovered it meanwhile, and found nothing in it
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if read_seal(fd) is None:
                with full_device(path):
                    done.append(_recover(files, fd, path, dead_of(blob), now))
        except BlockingIOError:
            continue
        finally:
            files.close(fd)
    if done:
        files.fsync_dir(places.packs)
    return done


def _is_sealed(path: str) -> bool:
    with open(path, "rb") as file:
        return read_seal(file.fileno()) is not None


def _recover(files: Files, fd: int, path: str, dead: Mapping[int, int], now: int) -> Recovered:
    size = os.fstat(fd).st_size
    end, records = find_end(fd, size, dead)
    if not records:
        files.unlink(path)
        return Recovered(path, 0, size)
    # Sealed as of its last write, so that the first sweep after the crash comes to its leftovers.
    last_write = int(os.fstat(fd).st_mtime * 1000)
    files.ftruncate(fd, end)
    write_fully(files, fd, seal(records, end, min(now, last_write)), end)
    files.fdatasync(fd)
    return Recovered(path, records, max(0, size - end))


def find_end(fd: int, size: int, dead: Mapping[int, int]) -> tuple[int, int]:
    """Where the records of an unsealed pack end, and how many there are.

    Only the last batch can be torn: everything before it was synced before it was written. So damage in
    the last batch ends the pack (nothing from there on was acknowledged), and damage further back is
    left for the scrub to name: cutting there would lose what was acknowledged."""
    tail: list[Found | Gap] = []
    before = 0
    batch = HEADER_BYTES
    for item in walk(fd, size, dead):
        if isinstance(item, Found) and not item.dead and item.batch > batch:
            batch = item.batch
            settled = sum(_begin(found) < batch for found in tail)
            before += sum(isinstance(found, Found) for found in tail[:settled])
            del tail[:settled]
        tail.append(item)
    end, records = batch, before
    for item in tail:
        if isinstance(item, Gap) or not (item.dead or _intact(fd, item)):
            break
        end, records = item.offset + item.stored, records + 1
    return end, records


def _begin(item: Found | Gap) -> int:
    return item.start if isinstance(item, Gap) else item.offset - RECORD_BYTES


def _intact(fd: int, record: Found) -> bool:
    return next(bad_frames(fd, record.offset, record.stored), None) is None
