"""Ownership controls (API Reference: PutBucketOwnershipControls and its siblings)."""

from typing import Any

import pytest

from tests.s3.expecting import refused
from tests.s3.raw import Raw


def put(s3: Any, bucket: str, ownership: str) -> Any:
    controls = {"Rules": [{"ObjectOwnership": ownership}]}
    return s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=controls)


def get(s3: Any, bucket: str) -> Any:
    return s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]


def test_a_new_bucket_has_its_acls_disabled(s3: Any, bucket: str) -> None:
    """Since April 2023 (User Guide, "Default settings for new buckets")."""
    assert get(s3, bucket) == [{"ObjectOwnership": "BucketOwnerEnforced"}]


@pytest.mark.parametrize("ownership", ["BucketOwnerPreferred", "ObjectWriter", "BucketOwnerEnforced"])
def test_each_setting(s3: Any, bucket: str, ownership: str) -> None:
    assert put(s3, bucket, ownership)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert get(s3, bucket) == [{"ObjectOwnership": ownership}]


def test_delete(s3: Any, bucket: str) -> None:
    for _ in range(2):
        answer = s3.delete_bucket_ownership_controls(Bucket=bucket)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
        with refused("OwnershipControlsNotFoundError", 404):
            get(s3, bucket)
    put(s3, bucket, "BucketOwnerEnforced")
    assert get(s3, bucket) == [{"ObjectOwnership": "BucketOwnerEnforced"}]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "<Rule/>",
        "<Rule><ObjectOwnership>Nobody</ObjectOwnership></Rule>",
        "<Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule>" * 2,
    ],
    ids=["no rule", "empty rule", "unknown", "two rules"],
)
def test_bodies_that_are_none(raw: Raw, bucket: str, content: str) -> None:
    body = f"<OwnershipControls>{content}</OwnershipControls>".encode()
    answer = raw.send("PUT", f"/{bucket}?ownershipControls=", {}, body)
    assert (answer.status, answer.code) == (400, "MalformedXML")


def test_no_bucket(s3: Any) -> None:
    with refused("NoSuchBucket", 404):
        get(s3, "no-such-bucket-to-own")
