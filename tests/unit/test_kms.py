"""The local KMS: what it makes opens for nobody else, and what it refuses it refuses as AWS KMS does."""

import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from access import kms_ciphertext
from access.keyring import KeyRing
from access.kms import DAY, S3_ALIAS, Kms
from access.kms_keys import KmsGrant, KmsKey, Material
from schemas.errors import (
    BlobCorrupt,
    KmsAlreadyExists,
    KmsDisabled,
    KmsIncorrectKey,
    KmsInvalidAlias,
    KmsInvalidCiphertext,
    KmsInvalidState,
    KmsNotFound,
    KmsValidation,
)
from tests.unit.keys import flipped

ACCOUNT, OTHER = "1" * 12, "2" * 12
CONTEXT = {"purpose": "test", "b": "ä"}
KEY = KmsKey("00112233-4455-6677-8899-aabbccddeeff", ACCOUNT, 5, (Material(b"m" * 32, 5),))
# Made once: what somebody keeps can never change.
GOLDEN_CIPHERTEXT = bytes.fromhex(
    "534c6b6d733100112233445566778899aabbccddeeff00000000000102030405060708090a0b36d5109c2991307010f0"
    "9b461048317d03e14707d9d4"
)
# As of before grants had a retiring principal and an issuer; such files are read for ever.
GOLDEN_KEY = bytes.fromhex(
    "9cd92430303131323233332d343435352d363637372d383839392d616162626363646465656666ac3131313131313131"
    "31313131059293c4206d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6d05c293c4206e6e"
    "6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e6e06c3a164c2095aa27b7d81a174a1769197a1"
    "67a17091a74465637279707407a16e81a161a16281a163a164a3415753"
)


@pytest.fixture
def kms(tmp_path: Path) -> Kms:
    return Kms(KeyRing(tmp_path).kms_keys, "us-east-1", ACCOUNT)


def test_what_was_encrypted_comes_back_with_its_context_alone(kms: Kms) -> None:
    key = kms.create()
    sealed, _ = kms.encrypt(key.key_id, b"plain", CONTEXT)
    assert kms.decrypt(sealed, dict(reversed(CONTEXT.items()))) == (b"plain", key)
    for context in ({}, {**CONTEXT, "c": ""}, {"purpose": "test"}, {"purpose": "testb", "": "ä"}):
        with pytest.raises(KmsInvalidCiphertext):
            kms.decrypt(sealed, context)
    with pytest.raises(KmsIncorrectKey):
        kms.decrypt(sealed, CONTEXT, kms.create().key_id)


@given(st.integers(0, (6 + 16 + 4 + 12 + 5 + 16) * 8 - 1))
def test_any_flipped_bit_of_a_ciphertext_is_noticed(bit: int) -> None:
    sealed = kms_ciphertext.encrypt(KEY, b"plain", CONTEXT)
    with pytest.raises(KmsInvalidCiphertext):
        kms_ciphertext.decrypt(KEY, flipped(sealed, bit), CONTEXT)


texts = st.text(max_size=5)


@given(st.dictionaries(texts, texts, max_size=4), st.dictionaries(texts, texts, max_size=4))
def test_two_contexts_never_have_one_encoding(one: dict[str, str], other: dict[str, str]) -> None:
    assert (kms_ciphertext.canonical(one) == kms_ciphertext.canonical(other)) == (one == other)


def test_bytes_as_they_are_kept() -> None:
    assert kms_ciphertext.decrypt(KEY, GOLDEN_CIPHERTEXT, CONTEXT) == b"plain!"
    whole = KmsKey(
        KEY.key_id, ACCOUNT, 5, (Material(b"m" * 32, 5), Material(b"n" * 32, 6, True)), "d", False, 9, 90,
        "{}", {"t": "v"}, (KmsGrant("g", "p", ("Decrypt",), 7, "n", {"a": "b"}, {"c": "d"}),), "AWS",
    )  # fmt: skip
    assert msgspec.msgpack.decode(GOLDEN_KEY, type=KmsKey) == whole
    grant = msgspec.structs.replace(whole.grants[0], retiring="r", issuer="i")
    written = msgspec.msgpack.encode(msgspec.structs.replace(whole, grants=(grant,)))
    assert written == GOLDEN_KEY.replace(b"\x97\xa1g", b"\x99\xa1g").replace(
        b"\xa1d\xa3AWS", b"\xa1d\xa1r\xa1i\xa3AWS"
    )


def test_names_of_a_key(kms: Kms) -> None:
    key = kms.create("described")
    kms.create_alias("alias/mine", key.key_id)
    for name in (key.key_id, kms.arn(key), "alias/mine", kms.alias_arn("alias/mine")):
        assert kms.find(name) == key
    other = Kms(kms.keys, "us-east-1", OTHER)
    assert other.find(kms.arn(key)) == key
    assert other.find(kms.alias_arn("alias/mine")) == key
    missing = (
        "x", "alias/none", "../master.key", f"key/{key.key_id}", "arn:aws:s3:::b",
        kms.arn(key).replace("us-east-1", "eu-west-1"), kms.arn(key).replace(ACCOUNT, OTHER),
    )  # fmt: skip
    for name in missing:
        with pytest.raises(KmsNotFound):
            kms.find(name)
    for name in (key.key_id, "alias/mine"):
        with pytest.raises(KmsNotFound):
            other.find(name)
    assert other.all_keys() == []
    assert other.aliases() == []


def test_aliases(kms: Kms) -> None:
    one, two = kms.create(), kms.create()
    kms.create_alias("alias/a", one.key_id)
    with pytest.raises(KmsAlreadyExists):
        kms.create_alias("alias/a", two.key_id)
    kms.update_alias("alias/a", two.key_id)
    assert kms.find("alias/a") == two
    for bad in ("a", "alias/", "alias/aws/s3", "alias/a b", "alias/" + "a" * 251):
        with pytest.raises(KmsInvalidAlias):
            kms.create_alias(bad, one.key_id)
    kms.delete_alias("alias/a")
    for change in (lambda: kms.delete_alias("alias/a"), lambda: kms.update_alias("alias/a", one.key_id)):
        with pytest.raises(KmsNotFound):
            change()


def test_rotated_keys_open_what_they_sealed_before(kms: Kms) -> None:
    key = kms.create()
    sealed = [kms.encrypt(key.key_id, b"0", {})[0]]
    for number in (1, 2):
        kms.rotate(key.key_id)
        sealed.append(kms.encrypt(key.key_id, b"%d" % number, {})[0])
    assert [kms.decrypt(each, {})[0] for each in sealed] == [b"0", b"1", b"2"]
    assert len({m.key for m in kms.find(key.key_id).materials}) == 3


def test_keys_rotate_on_their_own(kms: Kms) -> None:
    key = kms.create()
    with pytest.raises(KmsValidation):
        kms.set_rotation(key.key_id, 89)
    kms.set_rotation(key.key_id, 90)
    now = time.time()
    for days, materials in ((89, 1), (91, 2), (92, 2), (182, 3)):
        kms.keys.now = lambda days=days: now + days * 86400
        assert len(kms.find(key.key_id).materials) == materials, days


def test_a_disabled_key_does_nothing_until_it_is_enabled(kms: Kms, tmp_path: Path) -> None:
    key = kms.create()
    sealed, _ = kms.encrypt(key.key_id, b"x", {})
    other_process = Kms(KeyRing(tmp_path).kms_keys, "us-east-1", ACCOUNT)
    assert other_process.decrypt(sealed, {})[0] == b"x"
    kms.set_enabled(key.key_id, False)
    for each in (kms, other_process):
        for use in (lambda k: k.decrypt(sealed, {}), lambda k: k.encrypt(key.key_id, b"x", {})):
            with pytest.raises(KmsDisabled):
                use(each)
    kms.set_enabled(key.key_id, True)
    assert other_process.decrypt(sealed, {})[0] == b"x"


def test_a_deletion_waits_and_can_be_cancelled(kms: Kms, tmp_path: Path) -> None:
    key = kms.create()
    sealed, _ = kms.encrypt(key.key_id, b"x", {})
    kms.create_alias("alias/gone", key.key_id)
    with pytest.raises(KmsValidation):
        kms.schedule_deletion(key.key_id, 6)
    scheduled = kms.schedule_deletion(key.key_id, 7)
    refused = (
        lambda: kms.decrypt(sealed, {}), lambda: kms.set_enabled(key.key_id, True),
        lambda: kms.rotate(key.key_id), lambda: kms.schedule_deletion(key.key_id, 7),
        lambda: kms.create_alias("alias/no", key.key_id),
    )  # fmt: skip
    for use in refused:
        with pytest.raises(KmsInvalidState):
            use()
    assert not kms.cancel_deletion(key.key_id).enabled
    kms.set_enabled(key.key_id, True)
    assert kms.decrypt(sealed, {})[0] == b"x"
    scheduled = kms.schedule_deletion(key.key_id, 7)
    kms.keys.now = lambda: scheduled.deletion_at / 1000 - 1
    assert kms.keys.erase_due() == []
    kms.keys.now = lambda: scheduled.deletion_at / 1000
    with pytest.raises(KmsNotFound):
        kms.decrypt(sealed, {})
    assert kms.keys.ids() == []
    assert kms.aliases() == []
    kms.keys.now = lambda: scheduled.deletion_at / 1000 - 1
    other = kms.create()
    due = kms.schedule_deletion(other.key_id, 7).deletion_at
    kms.keys.now = lambda: due / 1000
    assert kms.keys.erase_due() == [other.key_id]
    assert scheduled.deletion_at - scheduled.created_at >= 7 * DAY


def test_the_key_of_s3_is_made_once(kms: Kms, tmp_path: Path) -> None:
    first = kms.key_of_s3()
    assert Kms(KeyRing(tmp_path).kms_keys, "us-east-1", ACCOUNT).key_of_s3() == first == kms.find(S3_ALIAS)
    assert Kms(kms.keys, "us-east-1", OTHER).key_of_s3() != first


def test_a_damaged_or_moved_file_is_told(kms: Kms, tmp_path: Path) -> None:
    one, two = kms.create(), kms.create()
    folder = tmp_path / "kms-keys"
    whole = (folder / one.key_id).read_bytes()
    for position in range(0, len(whole), 7):
        (folder / one.key_id).write_bytes(flipped(whole, position * 8))
        with pytest.raises(BlobCorrupt):
            kms.find(one.key_id)
    (folder / one.key_id).write_bytes((folder / two.key_id).read_bytes())
    with pytest.raises(BlobCorrupt):
        kms.find(one.key_id)
    assert len(kms.keys.verify()) == 1


def test_sizes_of_what_is_encrypted(kms: Kms) -> None:
    key = kms.create()
    assert kms.decrypt(kms.encrypt(key.key_id, b"x" * 4096, {})[0], {})[0] == b"x" * 4096
    for size in (0, 4097):
        with pytest.raises(KmsValidation):
            kms.encrypt(key.key_id, b"x" * size, {})
