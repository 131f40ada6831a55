"""x-amz-storage-class: which are taken, and where they are told."""

from typing import Any

import pytest

from tests.s3.expecting import body, headers, refused
from tests.s3.raw import Raw

# Those that a general purpose bucket has.
CLASSES = [
    "STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER",
    "DEEP_ARCHIVE", "GLACIER_IR",
]  # fmt: skip
# Of other products, or of nobody.
OTHERS = ["OUTPOSTS", "SNOW", "EXPRESS_ONEZONE", "standard", "FAST", ""]


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_is_told_by_head_and_listings(s3: Any, bucket: str, name: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"data", StorageClass=name)
    head = headers(s3.head_object(Bucket=bucket, Key="key"))
    assert head.get("x-amz-storage-class") == (None if name == "STANDARD" else name)
    for call, rows in (
        (s3.list_objects, "Contents"),
        (s3.list_objects_v2, "Contents"),
        (s3.list_object_versions, "Versions"),
    ):
        assert call(Bucket=bucket)[rows][0]["StorageClass"] == name


def test_get_tells_it_too(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"data", StorageClass="STANDARD_IA")
    answer = s3.get_object(Bucket=bucket, Key="key", Range="bytes=1-1")
    assert (answer["StorageClass"], body(answer)) == ("STANDARD_IA", b"a")


def test_without_the_header_it_is_standard(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"data")
    assert "StorageClass" not in s3.get_object(Bucket=bucket, Key="key")
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["StorageClass"] == "STANDARD"


@pytest.mark.parametrize("name", OTHERS)
def test_other_classes_are_refused(raw: Raw, s3: Any, bucket: str, name: str) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=b"data")
    sent = {"x-amz-storage-class": name}
    for method, target, more in (
        ("PUT", f"/{bucket}/key", {}),
        ("POST", f"/{bucket}/key?uploads", {}),
        ("PUT", f"/{bucket}/key", {"x-amz-copy-source": f"{bucket}/from"}),
    ):
        answer = raw.send(method, target, {**sent, **more})
        assert (answer.status, answer.code) == (400, "InvalidStorageClass")
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="key")


def test_of_a_multipart_upload(s3: Any, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="key", StorageClass="ONEZONE_IA")["UploadId"]
    place = {"Bucket": bucket, "Key": "key", "UploadId": upload}
    assert s3.list_parts(**place)["StorageClass"] == "ONEZONE_IA"
    assert s3.list_multipart_uploads(Bucket=bucket)["Uploads"][0]["StorageClass"] == "ONEZONE_IA"
    part = s3.upload_part(**place, PartNumber=1, Body=b"data")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(**place, MultipartUpload=parts)
    assert s3.head_object(Bucket=bucket, Key="key")["StorageClass"] == "ONEZONE_IA"


def test_a_copy_is_standard_unless_it_says_otherwise(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=b"data", StorageClass="STANDARD_IA")
    source = {"Bucket": bucket, "Key": "from"}
    s3.copy_object(Bucket=bucket, Key="to", CopySource=source)
    assert "StorageClass" not in s3.head_object(Bucket=bucket, Key="to")
    s3.copy_object(Bucket=bucket, Key="to", CopySource=source, StorageClass="ONEZONE_IA")
    assert s3.head_object(Bucket=bucket, Key="to")["StorageClass"] == "ONEZONE_IA"


def test_a_copy_onto_itself_may_change_it(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"data", Metadata={"a": "1"})
    source = {"Bucket": bucket, "Key": "key"}
    s3.copy_object(Bucket=bucket, Key="key", CopySource=source, StorageClass="STANDARD_IA")
    head = s3.head_object(Bucket=bucket, Key="key")
    assert (head["StorageClass"], head["Metadata"]) == ("STANDARD_IA", {"a": "1"})
