"""The key ring: what it makes, what it refuses, and that an erased key is gone."""

import os
import stat
from pathlib import Path

import pytest

from access.keyring import BUCKET_KEY_BYTES, RECHECK_SECONDS, KeyRing
from schemas.errors import BlobCorrupt, ConfigurationError, KeyMissing

DATA_KEY = bytes(range(32))


def test_wrap_round_trip_across_openings(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    key_id = ring.new_bucket_key()
    wrapped = ring.wrap(key_id, DATA_KEY)
    assert len(wrapped) == 12 + 32 + 16
    assert wrapped != ring.wrap(key_id, DATA_KEY)
    assert KeyRing(tmp_path).unwrap(key_id, wrapped) == DATA_KEY


def test_files_are_private(tmp_path: Path) -> None:
    key_id = KeyRing(tmp_path).new_bucket_key()
    for path in (tmp_path / "master.key", tmp_path / "bucket-keys" / key_id):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (tmp_path / "bucket-keys" / key_id).stat().st_size == BUCKET_KEY_BYTES
    assert sorted(os.listdir(tmp_path)) == ["bucket-keys", "master.key", "ring.lock"]


def test_wide_permissions_are_refused(tmp_path: Path) -> None:
    KeyRing(tmp_path)
    (tmp_path / "master.key").chmod(0o640)
    with pytest.raises(ConfigurationError, match="0600"):
        KeyRing(tmp_path)


def test_a_missing_master_key_is_not_replaced_while_bucket_keys_need_it(tmp_path: Path) -> None:
    KeyRing(tmp_path).new_bucket_key()
    (tmp_path / "master.key").unlink()
    with pytest.raises(ConfigurationError, match="restore"):
        KeyRing(tmp_path)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"strandline master key 1\nzz\n0\n"])
def test_a_damaged_master_key_is_refused(tmp_path: Path, content: bytes) -> None:
    KeyRing(tmp_path)
    (tmp_path / "master.key").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"master\.key"):
        KeyRing(tmp_path)


def test_every_flipped_byte_of_the_master_key_is_refused(tmp_path: Path) -> None:
    KeyRing(tmp_path)
    path = tmp_path / "master.key"
    whole = path.read_bytes()
    for position in range(len(whole.rstrip())):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        with pytest.raises(ConfigurationError):
            KeyRing(tmp_path)


def test_every_flipped_byte_of_a_bucket_key_is_named(tmp_path: Path) -> None:
    key_id = KeyRing(tmp_path).new_bucket_key()
    path = tmp_path / "bucket-keys" / key_id
    whole = path.read_bytes()
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        ring = KeyRing(tmp_path)
        assert key_id in ring.verify()[0]
        with pytest.raises(BlobCorrupt, match=key_id):
            ring.wrap(key_id, DATA_KEY)


def test_a_flipped_wrapped_key_does_not_unwrap(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path)
    key_id = ring.new_bucket_key()
    wrapped = ring.wrap(key_id, DATA_KEY)
    for position in range(len(wrapped)):
        damaged = wrapped[:position] + bytes([wrapped[position] ^ 0x80]) + wrapped[position + 1 :]
        with pytest.raises(BlobCorrupt):
            ring.unwrap(key_id, damaged)
    for short in (b"", wrapped[:11], wrapped[:20]):
        with pytest.raises(BlobCorrupt):
            ring.unwrap(key_id, short)


def test_erased_is_erased(tmp_path: Path) -> None:
    moment = [0.0]
    ring = KeyRing(tmp_path)
    other = KeyRing(tmp_path, now=lambda: moment[0])
    key_id = ring.new_bucket_key()
    wrapped = other.wrap(key_id, DATA_KEY)
    ring.erase(key_id)
    ring.erase(key_id)
    with pytest.raises(KeyMissing):
        ring.unwrap(key_id, wrapped)
    moment[0] += RECHECK_SECONDS + 1
    with pytest.raises(KeyMissing):
        other.unwrap(key_id, wrapped)


def test_keys_of_another_process_are_found(tmp_path: Path) -> None:
    ring, other = KeyRing(tmp_path), KeyRing(tmp_path)
    key_id = other.new_bucket_key()
    assert other.unwrap(key_id, ring.wrap(key_id, DATA_KEY)) == DATA_KEY


@pytest.mark.parametrize("key_id", ["", "../master.key", "f" * 31, "F" * 32, "0" * 32])
def test_unknown_key_ids(tmp_path: Path, key_id: str) -> None:
    with pytest.raises(KeyMissing):
        KeyRing(tmp_path).wrap(key_id, DATA_KEY)


def test_golden_bucket_key(tmp_path: Path) -> None:
    """Files as the first release wrote them: they must stay readable for ever."""
    key_id = "0192f0c1d2e37a4b8c5d6e7f80910a0b"
    (tmp_path / "bucket-keys").mkdir()
    (tmp_path / "master.key").write_text(MASTER)
    (tmp_path / "master.key").chmod(0o600)
    (tmp_path / "bucket-keys" / key_id).write_bytes(bytes.fromhex(BUCKET_KEY))
    assert KeyRing(tmp_path).unwrap(key_id, bytes.fromhex(WRAPPED)) == DATA_KEY


MASTER = (
    "strandline master key 1\n6465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80818283\n62328c83\n"
)
BUCKET_KEY = (
    "534c626b6579310a000102030405060708090a0b5762f28771800f264dc24c1b424f5e6531cee74bf1de0efa27f30be8"
    "b709a707cf364b4126d0eb4316658e4e51a9fe71d7d817dc"
)
WRAPPED = (
    "000102030405060708090a0bd8207dea079e42cbdeeb3cb257e7de86c5ab19def8e4ad4a1922b6d21a954c7e1ecfb37b"
    "90cdcc8004ccf6ddc55ffa91"
)
