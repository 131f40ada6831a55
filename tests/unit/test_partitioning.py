"""The partition of a key and of a bucket's name: fixed for ever, and even."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.partitioning import partition_of, policy_partition_of

BUCKET = bytes(range(16))


@pytest.mark.parametrize(("key", "expected"), [("", 2), ("photo.jpg", 0), ("ключ", 7), ("a" * 1024, 3)])
def test_golden_partitions(key: str, expected: int) -> None:
    """A change of these would tear the histories of keys apart."""
    assert partition_of(BUCKET, key, 12) == expected


def test_golden_policy_partitions() -> None:
    names = ["photos", "logs", "backups", "a-b-c"]
    assert [policy_partition_of(name, 4) for name in names] == [1, 1, 3, 2]


def test_keys_spread_evenly() -> None:
    counts = Counter(partition_of(BUCKET, f"key-{n}", 12) for n in range(12_000))
    assert len(counts) == 12
    assert all(800 < count < 1200 for count in counts.values())


@given(bucket=st.binary(min_size=16, max_size=16), key=st.text(), partitions=st.integers(1, 4000))
def test_a_partition_is_one_of_those_there_are(bucket: bytes, key: str, partitions: int) -> None:
    assert 0 <= partition_of(bucket, key, partitions) < partitions
    assert partition_of(bucket, key, 1) == 0
