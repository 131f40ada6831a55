"""The data folder: made once, private, versioned, and held by one server."""

import multiprocessing
import os
import stat
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from schemas.errors import ConfigurationError
from strandline.data_dir import FOLDERS, DataDir


def test_made_private_and_again_harmlessly(tmp_path: Path) -> None:
    data_dir = DataDir(tmp_path / "new" / "data")
    data_dir.create()
    data_dir.create()
    for name in ("", *FOLDERS):
        assert stat.S_IMODE((data_dir.root / name).stat().st_mode) == 0o700, name
    assert data_dir.format_file.read_text() == "strandline 1\n"
    assert {data_dir.log, data_dir.index, data_dir.blobs, data_dir.keys, data_dir.snapshots, data_dir.audit,
            data_dir.consumers} == {data_dir.root / name for name in FOLDERS}  # fmt: skip


def test_a_first_start_that_was_killed_is_finished_by_the_next(tmp_path: Path) -> None:
    data_dir = DataDir(tmp_path)
    data_dir.create()
    data_dir.format_file.rename(tmp_path / "format.new")
    data_dir.create()
    data_dir.check_format()


def test_a_folder_restored_without_its_master_key_is_refused(tmp_path: Path) -> None:
    data_dir = DataDir(tmp_path)
    data_dir.create()
    data_dir.create()  # a first start that was killed before it made the key
    (data_dir.log / "policies").mkdir()
    with pytest.raises(ConfigurationError, match=r"master\.key is missing"):
        data_dir.create()
    (data_dir.keys / "master.key").touch()
    data_dir.create()


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("my life")
    with pytest.raises(ConfigurationError, match=r"thesis\.doc"):
        DataDir(tmp_path).create()
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.doc"]


def test_a_later_format_is_refused(tmp_path: Path) -> None:
    data_dir = DataDir(tmp_path)
    data_dir.create()
    data_dir.format_file.write_text("strandline 2\n")
    with pytest.raises(ConfigurationError, match="'strandline 2'"):
        data_dir.create()


def test_what_is_no_data_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not a data folder"):
        DataDir(tmp_path / "none").check_format()
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be used"):
        DataDir(tmp_path / "file").create()


def _hold(root: Path, pipe: Connection) -> None:
    with DataDir(root).lock():
        pipe.send(os.getpid())
        pipe.recv()


def test_a_second_process_is_refused_and_told_by_whom(tmp_path: Path) -> None:
    data_dir = DataDir(tmp_path)
    data_dir.create()
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_hold, args=(tmp_path, theirs))
    process.start()
    assert ours.poll(60)
    pid = ours.recv()
    with pytest.raises(ConfigurationError, match=f"in use by process {pid}"), data_dir.lock():
        pass
    process.kill()  # the kernel drops the lock, however the process ends
    process.join(60)
    with data_dir.lock():
        assert data_dir.lock_file.read_text() == f"{os.getpid()}\n"
    with data_dir.lock():
        pass
