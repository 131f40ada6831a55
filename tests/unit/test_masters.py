"""Master keys: replaced under running processes, taken up again after a crash, never mistaken for another."""

import os
import threading
from pathlib import Path

import pytest

from access.keyring import KeyRing
from access.kms import Kms
from access.master_sources import FileMaster, GivenMaster
from access.rotation import rotate_master
from schemas.errors import BlobCorrupt, ConfigurationError

DATA_KEY = bytes(range(32))
OLD, NEW = "11" * 32, "22" * 32


def kept(ring: KeyRing) -> tuple[str, bytes, str]:
    """A bucket key with something wrapped under it, and a KMS key."""
    key_id = ring.new_bucket_key()
    return key_id, ring.wrap(key_id, DATA_KEY), Kms(ring.kms_keys, "r", "1" * 12).create().key_id


def test_a_rotation_wraps_keys_anew_and_nothing_else(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    key_id, wrapped, kms_id = kept(ring)
    before = (tmp_path / "master.key").read_bytes()
    assert rotate_master(ring) == (2, True)
    assert (tmp_path / "master.key").read_bytes() != before
    assert not (tmp_path / "master.next").exists()
    for each in (ring, KeyRing(tmp_path)):
        assert each.unwrap(key_id, wrapped) == DATA_KEY
        assert each.kms_keys.get(kms_id).key_id == kms_id
        assert each.verify() == []


def test_a_process_that_runs_on_follows(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    key_id, wrapped, kms_id = kept(ring)
    other = KeyRing(tmp_path, now=lambda: 0.0)
    for _ in range(2):
        rotate_master(ring)
    assert other.unwrap(key_id, wrapped) == DATA_KEY
    assert other.kms_keys.get(kms_id).key_id == kms_id
    made = other.new_bucket_key()
    assert KeyRing(tmp_path).unwrap(made, other.wrap(made, DATA_KEY)) == DATA_KEY


def test_an_interrupted_rotation_goes_on_with_the_same_master(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    key_id, wrapped, _ = kept(ring)
    following = bytes(32)
    ring.masters.announce(ring.masters.source.load(), following)
    second = KeyRing(tmp_path)
    made = second.new_bucket_key()  # under the new one already
    assert ring.unwrap(made, second.wrap(made, DATA_KEY)) == DATA_KEY
    assert rotate_master(KeyRing(tmp_path))[1]
    assert FileMaster(tmp_path).load() == following
    assert KeyRing(tmp_path).unwrap(key_id, wrapped) == DATA_KEY


def test_a_master_that_is_given_is_replaced_by_who_gives_it(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path, source=GivenMaster(OLD))
    key_id, wrapped, _ = kept(ring)
    assert not (tmp_path / "master.key").exists()
    with pytest.raises(ConfigurationError, match="in force already"):
        rotate_master(ring)
    assert rotate_master(ring, GivenMaster(NEW)) == (2, False)
    with_old = KeyRing(tmp_path, source=GivenMaster(OLD))
    with_new = KeyRing(tmp_path, source=GivenMaster(NEW))
    for each in (ring, with_old, with_new):
        assert each.unwrap(key_id, wrapped) == DATA_KEY
    assert rotate_master(with_new) == (0, True)  # every process has the new one by now
    assert not (tmp_path / "master.next").exists()
    with pytest.raises(ConfigurationError, match="not the one"):
        KeyRing(tmp_path, source=GivenMaster(OLD))


def test_a_master_moves_from_its_file_to_another_place(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    key_id, wrapped, _ = kept(ring)
    assert rotate_master(ring, GivenMaster(NEW)) == (2, False)
    assert KeyRing(tmp_path).unwrap(key_id, wrapped) == DATA_KEY  # not told yet
    assert (tmp_path / "master.key").exists()
    moved = KeyRing(tmp_path, source=GivenMaster(NEW))
    assert rotate_master(moved) == (0, True)
    assert not (tmp_path / "master.key").exists()
    assert moved.unwrap(key_id, wrapped) == DATA_KEY


@pytest.mark.parametrize("text", ["", "11" * 31, "zz" * 32])
def test_a_master_that_is_none_is_not_repeated_in_the_error(text: str) -> None:
    with pytest.raises(ConfigurationError, match="64 hex digits") as caught:
        GivenMaster(text)
    assert not text or text not in caught.value.message


def test_another_master_is_refused_at_the_start(tmp_path: Path) -> None:
    KeyRing(tmp_path, source=GivenMaster(OLD)).new_bucket_key()
    with pytest.raises(ConfigurationError, match="put that one back"):
        KeyRing(tmp_path, source=GivenMaster(NEW))


def test_a_damaged_next_master_is_told(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    ring.masters.announce(ring.masters.source.load(), bytes(32))
    path = tmp_path / "master.next"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ConfigurationError, match=r"master\.next is damaged"):
        KeyRing(tmp_path)


def test_a_key_erased_during_a_rotation_does_not_come_back(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    ids = [ring.new_bucket_key() for _ in range(60)]
    eraser = threading.Thread(target=lambda: [KeyRing(tmp_path).erase(key_id) for key_id in ids[::2]])
    eraser.start()
    rotate_master(ring)
    eraser.join()
    assert sorted(os.listdir(tmp_path / "bucket-keys")) == sorted(ids[1::2])
    assert ring.verify() == []


def test_a_key_that_no_master_opens_stops_a_rotation_before_the_old_master_goes(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    key_id, wrapped, _ = kept(ring)
    foreign = KeyRing(tmp_path / "other").new_bucket_key()
    (tmp_path / "bucket-keys" / foreign).write_bytes((tmp_path / "other/bucket-keys" / foreign).read_bytes())
    master = (tmp_path / "master.key").read_bytes()
    with pytest.raises(BlobCorrupt, match=foreign):
        rotate_master(ring)
    assert (tmp_path / "master.key").read_bytes() == master
    (tmp_path / "bucket-keys" / foreign).unlink()
    assert KeyRing(tmp_path).unwrap(key_id, wrapped) == DATA_KEY
    assert rotate_master(ring)[1]
    assert KeyRing(tmp_path).unwrap(key_id, wrapped) == DATA_KEY
