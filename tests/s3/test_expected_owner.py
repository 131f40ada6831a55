"""x-amz-expected-bucket-owner and x-amz-source-expected-bucket-owner: 403 where somebody else owns it."""

from typing import Any

import pytest

from tests.s3.expecting import body, refused
from tests.s3.raw import Raw

EXPECTED = "x-amz-expected-bucket-owner"
STRANGER = "0123456789ab" * 5 + "0123"

# Every request that names a bucket, except CreateBucket: its bucket has no owner yet.
BUCKET_REQUESTS = [
    "HEAD", "GET", "DELETE", "GET ?location", "GET ?versioning", "PUT ?versioning", "GET ?uploads",
    "GET ?versions", "GET ?list-type=2", "POST ?delete", "GET ?tagging", "PUT ?tagging", "DELETE ?tagging",
    "GET ?acl", "GET ?policy", "PUT ?policy", "DELETE ?policy", "GET ?cors", "PUT ?cors", "DELETE ?cors",
    "GET ?lifecycle", "PUT ?lifecycle", "DELETE ?lifecycle", "GET ?encryption", "GET ?object-lock",
]  # fmt: skip
OBJECT_REQUESTS = [
    "HEAD", "GET", "PUT", "DELETE", "GET ?attributes", "GET ?tagging", "PUT ?tagging", "DELETE ?tagging",
    "POST ?uploads", "PUT ?partNumber=1&uploadId=u", "POST ?uploadId=u", "DELETE ?uploadId=u",
    "GET ?uploadId=u", "POST ?restore", "GET ?acl", "PUT ?acl", "GET ?legal-hold", "GET ?retention",
]  # fmt: skip


@pytest.fixture
def owner(s3: Any) -> str:
    """Whose buckets these are."""
    name: str = s3.list_buckets()["Owner"]["ID"]
    return name


@pytest.mark.parametrize("request_line", BUCKET_REQUESTS)
def test_a_bucket_of_somebody_else(raw: Raw, s3: Any, bucket: str, request_line: str) -> None:
    method, _, query = request_line.partition(" ")
    answer = raw.send(method, f"/{bucket}{query}", {EXPECTED: STRANGER})
    assert answer.status == 403
    assert answer.code == ("" if method == "HEAD" else "AccessDenied")
    s3.head_bucket(Bucket=bucket)


@pytest.mark.parametrize("request_line", OBJECT_REQUESTS)
def test_an_object_of_somebody_else(raw: Raw, s3: Any, bucket: str, request_line: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"data")
    method, _, query = request_line.partition(" ")
    answer = raw.send(method, f"/{bucket}/key{query}", {EXPECTED: STRANGER})
    assert answer.status == 403
    assert answer.code == ("" if method == "HEAD" else "AccessDenied")
    assert body(s3.get_object(Bucket=bucket, Key="key")) == b"data"


def test_the_owner_may(s3: Any, bucket: str, owner: str) -> None:
    place = {"Bucket": bucket, "ExpectedBucketOwner": owner}
    s3.put_object(**place, Key="key", Body=b"data")
    assert body(s3.get_object(**place, Key="key")) == b"data"
    s3.put_object_tagging(**place, Key="key", Tagging={"TagSet": []})
    s3.copy_object(**place, Key="to", CopySource={"Bucket": bucket, "Key": "key"})
    assert s3.list_objects_v2(**place)["KeyCount"] == 2
    s3.delete_objects(**place, Delete={"Objects": [{"Key": "key"}, {"Key": "to"}]})
    s3.delete_bucket(**place)


def test_a_bucket_that_is_not_there_has_no_owner(s3: Any, owner: str) -> None:
    with refused("NoSuchBucket", 404):
        s3.list_objects_v2(Bucket="no-such-bucket-at-all", ExpectedBucketOwner=owner)


def test_in_a_presigned_url(s3: Any, raw: Raw, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"data")
    wanted = {"Bucket": bucket, "Key": "key", "ExpectedBucketOwner": STRANGER}
    url = s3.generate_presigned_url("get_object", wanted, ExpiresIn=60)
    path = url.removeprefix(raw.endpoint)
    answer = raw.send("GET", path, {EXPECTED: STRANGER}, signed=False)
    assert (answer.status, answer.code) == (403, "AccessDenied")


def test_the_source_of_a_copy(s3: Any, bucket: str, owner: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"data")
    source = {"CopySource": {"Bucket": bucket, "Key": "key"}}
    with refused("AccessDenied", 403):
        s3.copy_object(Bucket=bucket, Key="to", **source, ExpectedSourceBucketOwner=STRANGER)
    s3.copy_object(Bucket=bucket, Key="to", **source, ExpectedSourceBucketOwner=owner)


def test_the_source_of_a_part(s3: Any, bucket: str, owner: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"data")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="to")["UploadId"]
    part = {"Bucket": bucket, "Key": "to", "UploadId": upload, "PartNumber": 1}
    source = {"CopySource": {"Bucket": bucket, "Key": "key"}}
    with refused("AccessDenied", 403):
        s3.upload_part_copy(**part, **source, ExpectedSourceBucketOwner=STRANGER)
    s3.upload_part_copy(**part, **source, ExpectedSourceBucketOwner=owner)
