"""Object keys around data keys: what was sealed opens with its key alone, and any flipped bit is noticed."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.customer_key import SECRET_BYTES, unwrap_for_customer, wrap_for_customer
from access.keyring import KeyRing
from blobs.envelope import opened, sealed
from blobs.sealing import seal_inline
from schemas.errors import BlobCorrupt, WrongCustomerKey
from schemas.manifest import Extent, Manifest
from tests.unit.keys import flipped

OBJECT_KEY, CUSTOMER_KEY = b"o" * 32, b"c" * 32
# Made once: what is in somebody's log can never change.
GOLDEN_SECRET = bytes.fromhex(
    "73737373737373737373737373737373e88a9afe68e8b5888385f3b39031c70a6e6e6e6e6e6e6e6e6e6e6e6e14f5ec1d"
    "46d2ec31623db9e2db0a155822f7e7e67957b848950829e85e77e85f146a71c4fe8ee3c79c3e9d939f91ce62"
)


def test_an_object_key_comes_back() -> None:
    secret = wrap_for_customer(CUSTOMER_KEY, OBJECT_KEY)
    assert unwrap_for_customer(CUSTOMER_KEY, secret) == OBJECT_KEY
    assert len(secret) == SECRET_BYTES
    with pytest.raises(WrongCustomerKey):
        unwrap_for_customer(OBJECT_KEY, secret)
    with pytest.raises(BlobCorrupt):
        unwrap_for_customer(CUSTOMER_KEY, secret[:-1])


@given(st.integers(0, SECRET_BYTES * 8 - 1))
def test_any_flipped_bit_of_a_secret_is_noticed(bit: int) -> None:
    secret = wrap_for_customer(CUSTOMER_KEY, OBJECT_KEY)
    with pytest.raises((BlobCorrupt, WrongCustomerKey)):
        unwrap_for_customer(CUSTOMER_KEY, flipped(secret, bit))


def test_a_manifest_opens_with_its_object_key_alone(tmp_path: Path) -> None:
    keys = KeyRing(tmp_path)
    key_id = keys.new_bucket_key()
    plain = seal_inline(keys, key_id, b"d" * 32, b"data")
    secret = sealed(plain, keys, OBJECT_KEY)
    data_key = opened(secret, keys, OBJECT_KEY).extents[0].data_key
    assert keys.unwrap(key_id, data_key) == b"d" * 32
    with pytest.raises(BlobCorrupt):
        opened(secret, keys, CUSTOMER_KEY)
    with pytest.raises(BlobCorrupt):
        opened(plain, keys, OBJECT_KEY)  # never sealed
    keys.erase(key_id)
    with pytest.raises(Exception, match="not in the key ring"):
        opened(secret, keys, OBJECT_KEY)


def test_a_data_key_belongs_to_its_extent(tmp_path: Path) -> None:
    """Extents that changed places do not open: each wrapped key is bound to blob, offset and length."""
    keys = KeyRing(tmp_path)
    key_id = keys.new_bucket_key()
    first, second = (
        Extent(blob * 16, 64, 300, 280, key_id, keys.wrap(key_id, blob * 32)) for blob in (b"1", b"2")
    )
    whole = sealed(Manifest("file", (first, second)), keys, OBJECT_KEY)
    one, two = whole.extents
    swapped = Extent(two.blob, two.offset, two.stored, two.length, key_id, one.data_key)
    with pytest.raises(BlobCorrupt):
        opened(Manifest("file", (swapped,)), keys, OBJECT_KEY)
    assert [keys.unwrap(key_id, e.data_key) for e in opened(whole, keys, OBJECT_KEY).extents] == [
        b"1" * 32, b"2" * 32,
    ]  # fmt: skip


def test_bytes_as_they_are_kept() -> None:
    assert unwrap_for_customer(CUSTOMER_KEY, GOLDEN_SECRET) == OBJECT_KEY
