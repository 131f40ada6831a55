"""Files mapped by all processes: every block is there, so a full disk cannot end a process with SIGBUS."""

import errno
import os
from pathlib import Path

import pytest

from index.directory import GenerationCounter
from index.head_cache import STAMP_BYTES, STAMPS, HeadStamps
from index.mapped_file import map_shared
from schemas.errors import StorageFull
from strandline.metrics import Metrics


def allocated(path: Path) -> bool:
    status = path.stat()
    return status.st_size > 0 and status.st_blocks * 512 >= status.st_size


def test_every_mapped_file_is_allocated(tmp_path: Path) -> None:
    HeadStamps(tmp_path / "stamps").close()
    GenerationCounter(tmp_path / "generation").close()
    Metrics(["PutObject"], path=tmp_path / "metrics", slabs=16).close()
    assert all(allocated(tmp_path / name) for name in ("stamps", "generation", "metrics"))


def test_holes_of_an_older_version_are_filled_and_values_kept(tmp_path: Path) -> None:
    path = tmp_path / "stamps"
    path.write_bytes(b"\x07")
    os.truncate(path, STAMPS * STAMP_BYTES)
    stamps = HeadStamps(path)
    assert stamps.cells[0] == 7
    stamps.close()
    assert allocated(path)


def test_no_space_is_told_when_the_file_is_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(StorageFull, match=r"no space left for .*counters"):
        map_shared(tmp_path / "counters", 4096)
