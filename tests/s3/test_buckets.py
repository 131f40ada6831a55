"""Buckets: create, list, head, location, delete."""

import uuid
from typing import Any

import pytest

from tests.s3.expecting import refused
from tests.s3.raw import Raw


def new_name() -> str:
    return f"test-{uuid.uuid4().hex[:20]}"


def test_a_bucket_is_listed_with_its_time_once_created(s3: Any) -> None:
    name = new_name()
    answer = s3.create_bucket(Bucket=name)
    assert answer["Location"] == f"/{name}"
    listing = s3.list_buckets()
    found = [one for one in listing["Buckets"] if one["Name"] == name]
    assert len(found) == 1
    assert found[0]["CreationDate"].tzinfo is not None
    assert listing["Owner"]["ID"]


def test_buckets_are_listed_in_order(s3: Any) -> None:
    names = sorted(new_name() for _ in range(5))
    for name in reversed(names):
        s3.create_bucket(Bucket=name)
    listed = [one["Name"] for one in s3.list_buckets()["Buckets"]]
    assert listed == sorted(listed)
    assert set(names) <= set(listed)


def test_head_and_location(s3: Any, bucket: str) -> None:
    assert s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] in (None, "us-east-1")


def test_creating_ones_own_bucket_again_says_so(s3: Any, bucket: str) -> None:
    with refused("BucketAlreadyOwnedByYou", 409):
        s3.create_bucket(Bucket=bucket)


def test_another_region_is_refused(s3: Any) -> None:
    with refused("InvalidLocationConstraint", 400):
        s3.create_bucket(Bucket=new_name(), CreateBucketConfiguration={"LocationConstraint": "nowhere-1"})


@pytest.mark.parametrize(
    "name", ["ab", "Upper", "under_score", "a..b", "-dash", "dash-", "192.168.0.1", "x" * 64]
)
def test_names_against_the_rules_are_refused(raw: Raw, name: str) -> None:
    answer = raw.send("PUT", f"/{name}")
    assert (answer.status, answer.code) == (400, "InvalidBucketName")


def test_a_missing_bucket_is_said_to_be_missing(s3: Any) -> None:
    name = new_name()
    with refused("404", 404):
        s3.head_bucket(Bucket=name)
    for call in (s3.list_objects_v2, s3.list_objects, s3.delete_bucket, s3.get_bucket_versioning):
        with refused("NoSuchBucket", 404):
            call(Bucket=name)
    for call in (s3.get_bucket_location, s3.list_multipart_uploads, s3.list_object_versions):
        with refused("NoSuchBucket", 404):
            call(Bucket=name)
    with refused("NoSuchBucket", 404):
        s3.put_object(Bucket=name, Key="k", Body=b"x")
    with refused("NoSuchBucket", 404):
        s3.get_object(Bucket=name, Key="k")
    with refused("NoSuchBucket", 404):
        s3.delete_object(Bucket=name, Key="k")


def test_only_an_empty_bucket_is_deleted(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    with refused("BucketNotEmpty", 409):
        s3.delete_bucket(Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="k")
    assert s3.delete_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 204
    with refused("404", 404):
        s3.head_bucket(Bucket=bucket)


def test_old_versions_keep_a_bucket_from_being_deleted(s3: Any, versioned: str) -> None:
    first = s3.put_object(Bucket=versioned, Key="k", Body=b"x")["VersionId"]
    marker = s3.delete_object(Bucket=versioned, Key="k")["VersionId"]
    for version in (first, marker):
        with refused("BucketNotEmpty", 409):
            s3.delete_bucket(Bucket=versioned)
        s3.delete_object(Bucket=versioned, Key="k", VersionId=version)
    s3.delete_bucket(Bucket=versioned)


def test_a_bucket_made_again_under_its_name_is_empty(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="old", Body=b"x")
    s3.delete_object(Bucket=bucket, Key="old")
    s3.delete_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=bucket, Key="old")


def test_every_answer_carries_a_request_id(s3: Any, bucket: str) -> None:
    first = s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPHeaders"]["x-amz-request-id"]
    second = s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPHeaders"]["x-amz-request-id"]
    assert first
    assert first != second
