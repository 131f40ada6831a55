"""ListBuckets: pages, prefix, region (API Reference: ListBuckets)."""

import uuid
from typing import Any

import pytest

from tests.s3.expecting import refused
from tests.s3.raw import Raw


@pytest.fixture(scope="module")
def names(s3: Any) -> list[str]:
    """Seven buckets with a prefix of their own, in order."""
    prefix = f"page-{uuid.uuid4().hex[:12]}"
    found = [f"{prefix}-{n}" for n in range(7)]
    for name in reversed(found):
        s3.create_bucket(Bucket=name)
    return found


def prefix_of(names: list[str]) -> str:
    return names[0][:-1]


def listed(answer: Any) -> list[str]:
    return [one["Name"] for one in answer["Buckets"]]


def test_a_prefix(s3: Any, names: list[str]) -> None:
    answer = s3.list_buckets(Prefix=prefix_of(names))
    assert listed(answer) == names
    assert answer["Prefix"] == prefix_of(names)
    assert "ContinuationToken" not in answer
    assert listed(s3.list_buckets(Prefix="no-such-prefix-of-buckets")) == []


@pytest.mark.parametrize("size", [1, 3, 6, 7, 10_000])
def test_pages(s3: Any, names: list[str], size: int) -> None:
    pages: list[list[str]] = []
    token: dict[str, str] = {}
    while True:
        answer = s3.list_buckets(Prefix=prefix_of(names), MaxBuckets=size, **token)
        pages.append(listed(answer))
        if "ContinuationToken" not in answer:
            break
        assert len(pages) <= len(names), "a listing that never ends"
        token = {"ContinuationToken": answer["ContinuationToken"]}
    assert [name for page in pages for name in page] == names
    assert [len(page) for page in pages[:-1]] == [size] * (len(pages) - 1)
    assert len(pages) == -(-len(names) // size)


def test_the_paginator_of_boto3(s3: Any, names: list[str]) -> None:
    pages = s3.get_paginator("list_buckets").paginate(
        Prefix=prefix_of(names), PaginationConfig={"PageSize": 2}
    )
    assert [name for page in pages for name in listed(page)] == names


def test_a_bucket_deleted_between_pages_is_no_gap(s3: Any) -> None:
    prefix = f"gap-{uuid.uuid4().hex[:12]}"
    for n in range(4):
        s3.create_bucket(Bucket=f"{prefix}-{n}")
    first = s3.list_buckets(Prefix=prefix, MaxBuckets=2)
    s3.delete_bucket(Bucket=f"{prefix}-1")
    rest = s3.list_buckets(Prefix=prefix, MaxBuckets=9, ContinuationToken=first["ContinuationToken"])
    assert listed(rest) == [f"{prefix}-2", f"{prefix}-3"]


def test_a_region(s3: Any, names: list[str]) -> None:
    region = s3.head_bucket(Bucket=names[0])["BucketRegion"]
    assert listed(s3.list_buckets(Prefix=prefix_of(names), BucketRegion=region)) == names
    assert listed(s3.list_buckets(Prefix=prefix_of(names), BucketRegion="xx-nowhere-9")) == []


def test_regions_are_told_where_the_request_has_a_parameter(s3: Any, names: list[str]) -> None:
    region = s3.head_bucket(Bucket=names[0])["BucketRegion"]
    paged = s3.list_buckets(Prefix=prefix_of(names))["Buckets"]
    assert {one["BucketRegion"] for one in paged} == {region}
    plain = s3.list_buckets()["Buckets"]
    assert not any("BucketRegion" in one for one in plain)


@pytest.mark.parametrize("size", ["0", "-1", "10001", "ten", "1.5", "99999999999"])
def test_sizes_that_are_none(raw: Raw, size: str) -> None:
    answer = raw.send("GET", f"/?max-buckets={size}")
    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_ten_thousand_is_the_most(s3: Any, names: list[str]) -> None:
    assert listed(s3.list_buckets(Prefix=prefix_of(names), MaxBuckets=10_000)) == names


@pytest.mark.parametrize("token", ["", "nonsense", "!!!"])
def test_tokens_that_are_none(lax: Any, token: str) -> None:
    with refused("InvalidArgument", 400):
        lax.list_buckets(ContinuationToken=token)
