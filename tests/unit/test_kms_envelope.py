"""Object keys under the KMS: each belongs to its object, context and key, and goes with the key."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from access.keyring import KeyRing
from access.kms_envelope import BUCKET_KEY_SECONDS, KmsEnvelope, Place
from access.kms_keys import KmsKey, Material
from access.object_keys import Protection
from schemas.errors import BlobCorrupt, KmsDisabled, KmsNotFound
from schemas.rows import Encryption
from tests.unit.keys import flipped

ACCOUNT = "1" * 12
PLACE = Place("bucket", "key")
CONTEXT = {"team": "blue"}
BOTH = pytest.mark.parametrize("bucket_key", [False, True])


def envelope(folder: Path) -> KmsEnvelope:
    return KmsEnvelope(KeyRing(folder).kms_keys, "us-east-1")


def protected(kms: KmsEnvelope, bucket_key: bool) -> tuple[Encryption, Protection]:
    found = kms.protect(kms.key_of(ACCOUNT, None), PLACE, CONTEXT, bucket_key)
    assert found.encryption is not None
    return found.encryption, found


@BOTH
def test_an_object_key_comes_back_in_any_process(tmp_path: Path, bucket_key: bool) -> None:
    encryption, made = protected(envelope(tmp_path), bucket_key)
    assert envelope(tmp_path).object_key(encryption, PLACE) == made.object_key
    assert made.object_key not in encryption.secret


@BOTH
def test_an_object_key_belongs_to_its_object_and_context(tmp_path: Path, bucket_key: bool) -> None:
    kms = envelope(tmp_path)
    encryption, _ = protected(kms, bucket_key)
    for place in (Place("bucket", "other"), Place("other", "key"), Place("bucket/key", "")):
        with pytest.raises(BlobCorrupt):
            kms.object_key(encryption, place)
    for context in ({}, {"team": "red"}, {**CONTEXT, "more": ""}):
        changed = msgspec.structs.replace(encryption, context=context)
        with pytest.raises(BlobCorrupt):
            kms.object_key(changed, PLACE)


@BOTH
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(data=st.data())
def test_any_flipped_bit_is_noticed(tmp_path: Path, bucket_key: bool, data: st.DataObject) -> None:
    kms = envelope(tmp_path)
    encryption, _ = protected(kms, bucket_key)
    bit = data.draw(st.integers(0, len(encryption.secret) * 8 - 1))
    changed = msgspec.structs.replace(encryption, secret=flipped(encryption.secret, bit))
    with pytest.raises((BlobCorrupt, KmsNotFound)):
        kms.object_key(changed, PLACE)


@BOTH
def test_neither_a_disabled_nor_an_erased_key_opens_anything(tmp_path: Path, bucket_key: bool) -> None:
    kms = envelope(tmp_path)
    encryption, made = protected(kms, bucket_key)
    key = kms.key_of(ACCOUNT, None)
    kms.kms(ACCOUNT).set_enabled(key.key_id, False)
    with pytest.raises(KmsDisabled):
        kms.object_key(encryption, PLACE)
    with pytest.raises(KmsDisabled):
        kms.protect(kms.key_of(ACCOUNT, None), PLACE, CONTEXT, bucket_key)
    kms.kms(ACCOUNT).set_enabled(key.key_id, True)
    assert kms.object_key(encryption, PLACE) == made.object_key
    kms.keys.remove(key.key_id)
    with pytest.raises(KmsNotFound):
        kms.object_key(encryption, PLACE)


def test_a_bucket_key_is_used_for_a_while_and_not_after_a_rotation(tmp_path: Path) -> None:
    now = [0.0]
    kms = KmsEnvelope(KeyRing(tmp_path).kms_keys, "us-east-1", now=lambda: now[0])
    key_id = kms.key_of(ACCOUNT, None).key_id

    def wrapped() -> bytes:
        secret = protected(kms, True)[0].secret
        return secret[2 : 2 + int.from_bytes(secret[:2], "big")]

    first = wrapped()
    assert wrapped() == first
    now[0] = BUCKET_KEY_SECONDS + 1
    second = wrapped()
    assert second != first
    kms.kms(ACCOUNT).rotate(key_id)
    assert wrapped() not in (first, second)


@pytest.mark.parametrize("bucket_key", [False, True])
def test_bytes_as_they_are_kept(tmp_path: Path, bucket_key: bool) -> None:
    kms = envelope(tmp_path)
    kms.keys.add(KEY)
    encryption = Encryption("kms", GOLDEN[bucket_key], kms.arn(KEY), CONTEXT, bucket_key)
    assert kms.object_key(encryption, PLACE) == b"o" * 32


KEY = KmsKey("00112233-4455-6677-8899-aabbccddeeff", ACCOUNT, 5, (Material(b"m" * 32, 5),))
GOLDEN = {
    False: bytes.fromhex(
        "534c6b6d733100112233445566778899aabbccddeeff000000006f6f6f6f6f6f6f6f6f6f6f6f0b25f86ca8dd0c3957a1"
        "73bce726f849d2bd2fff215a1f70ef43a90bd67ef63f309a1a00f41be6320c27c39ad8d43605"
    ),
    True: bytes.fromhex(
        "0056534c6b6d733100112233445566778899aabbccddeeff000000006f6f6f6f6f6f6f6f6f6f6f6f0b25f86ca8dd0c39"
        "57a173bce726f849d2bd2fff215a1f70ef43a90bd67ef63fb7fb32637315c4b705521c88bee9c6f56f6f6f6f6f6f6f6f"
        "6f6f6f6f18360f0addda0785b845452880db6e8ca781012b51e41300834e3e49eede8e96406d88dc4d31a9df5b655938"
        "c775b1e9"
    ),
}
