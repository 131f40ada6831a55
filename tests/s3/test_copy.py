"""CopyObject."""

import base64
import hashlib
import os
import uuid
from datetime import timedelta
from typing import Any

import pytest

from tests.s3.expecting import body, refused


@pytest.fixture
def source(s3: Any, bucket: str) -> dict[str, str]:
    s3.put_object(
        Bucket=bucket,
        Key="from",
        Body=b"text",
        Metadata={"a": "1"},
        ContentType="text/plain",
        CacheControl="no-store",
    )
    return {"Bucket": bucket, "Key": "from"}


@pytest.mark.parametrize("size", [0, 100, 5000, 2_500_000])
def test_a_copy_has_the_bytes_and_outlives_the_source(s3: Any, bucket: str, size: int) -> None:
    data = os.urandom(size)
    put = s3.put_object(Bucket=bucket, Key="from", Body=data)
    answer = s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "from"})
    assert answer["CopyObjectResult"]["ETag"] == put["ETag"]
    s3.delete_object(Bucket=bucket, Key="from")
    assert body(s3.get_object(Bucket=bucket, Key="to")) == data


def test_metadata_is_copied_unless_replaced(s3: Any, bucket: str, source: dict[str, str]) -> None:
    s3.copy_object(Bucket=bucket, Key="same", CopySource=source, Metadata={"ignored": "x"})
    same = s3.head_object(Bucket=bucket, Key="same")
    assert (same["Metadata"], same["ContentType"], same["CacheControl"]) == (
        {"a": "1"},
        "text/plain",
        "no-store",
    )
    s3.copy_object(
        Bucket=bucket, Key="other", CopySource=source, MetadataDirective="REPLACE", Metadata={"b": "2"},
        ContentType="image/png",
    )  # fmt: skip
    other = s3.head_object(Bucket=bucket, Key="other")
    assert (other["Metadata"], other["ContentType"]) == ({"b": "2"}, "image/png")
    assert "CacheControl" not in other


def test_onto_itself_something_must_change(s3: Any, bucket: str, source: dict[str, str]) -> None:
    with refused("InvalidRequest", 400):
        s3.copy_object(Bucket=bucket, Key="from", CopySource=source)
    s3.copy_object(
        Bucket=bucket, Key="from", CopySource=source, MetadataDirective="REPLACE", Metadata={"new": "1"}
    )
    assert s3.head_object(Bucket=bucket, Key="from")["Metadata"] == {"new": "1"}
    assert body(s3.get_object(Bucket=bucket, Key="from")) == b"text"


def test_between_buckets(s3: Any, bucket: str, source: dict[str, str]) -> None:
    other = f"test-{uuid.uuid4().hex[:20]}"
    s3.create_bucket(Bucket=other)
    s3.copy_object(Bucket=other, Key="to", CopySource=source)
    s3.delete_object(**source)
    s3.delete_bucket(Bucket=bucket)
    assert body(s3.get_object(Bucket=other, Key="to")) == b"text"


def test_a_version_by_its_id(s3: Any, versioned: str) -> None:
    first = s3.put_object(Bucket=versioned, Key="k", Body=b"first")["VersionId"]
    s3.put_object(Bucket=versioned, Key="k", Body=b"second")
    source = {"Bucket": versioned, "Key": "k", "VersionId": first}
    answer = s3.copy_object(Bucket=versioned, Key="to", CopySource=source)
    assert answer["CopySourceVersionId"] == first
    assert answer["VersionId"] not in (None, first)
    assert body(s3.get_object(Bucket=versioned, Key="to")) == b"first"


def test_restoring_an_old_version_over_the_new_one(s3: Any, versioned: str) -> None:
    first = s3.put_object(Bucket=versioned, Key="k", Body=b"first")["VersionId"]
    s3.put_object(Bucket=versioned, Key="k", Body=b"second")
    s3.copy_object(
        Bucket=versioned, Key="k", CopySource={"Bucket": versioned, "Key": "k", "VersionId": first}
    )
    assert body(s3.get_object(Bucket=versioned, Key="k")) == b"first"
    assert len(s3.list_object_versions(Bucket=versioned)["Versions"]) == 3


@pytest.mark.parametrize("key", ["with space", "a+b", "per%20cent", "ünï/cødé 🌊", "q?uery", "a&b=c"])
def test_odd_source_keys(s3: Any, bucket: str, key: str) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": key})
    assert body(s3.get_object(Bucket=bucket, Key="to")) == key.encode()


def test_a_plus_in_the_source_is_a_space(s3: Any, raw: Any, bucket: str) -> None:
    """S3 reads the header as a form's value: Go's url.QueryEscape writes a space so, and a plus as %2B."""
    for key in ("a b", "a+b"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    for source, key in (("a+b", "a b"), ("a%2Bb", "a+b"), ("a%20b", "a b")):
        answer = raw.send("PUT", f"/{bucket}/to", {"x-amz-copy-source": f"{bucket}%2F{source}"})
        assert answer.status == 200, answer.body
        assert body(s3.get_object(Bucket=bucket, Key="to")) == key.encode(), source


def test_conditions_on_the_source(s3: Any, bucket: str, source: dict[str, str]) -> None:
    head = s3.head_object(**source)
    changed, before = head["LastModified"], head["LastModified"] - timedelta(hours=1)
    to = {"Bucket": bucket, "Key": "to", "CopySource": source}
    s3.copy_object(**to, CopySourceIfMatch=head["ETag"])
    s3.copy_object(**to, CopySourceIfModifiedSince=before)
    for wrong in (
        {"CopySourceIfMatch": '"other"'},
        {"CopySourceIfNoneMatch": head["ETag"]},
        {"CopySourceIfModifiedSince": changed + timedelta(seconds=1)},
        {"CopySourceIfUnmodifiedSince": before},
    ):
        with refused("PreconditionFailed", 412):
            s3.copy_object(**to, **wrong)


def test_sources_that_are_not_there(s3: Any, bucket: str) -> None:
    with refused("NoSuchKey", 404):
        s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "none"})
    with refused("NoSuchBucket", 404):
        s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": "no-such-bucket-at-all", "Key": "k"})
    with refused("InvalidArgument", 400):
        s3.copy_object(Bucket=bucket, Key="to", CopySource="nonsense")


def test_a_checksum_can_be_asked_for(s3: Any, bucket: str, source: dict[str, str]) -> None:
    answer = s3.copy_object(Bucket=bucket, Key="to", CopySource=source, ChecksumAlgorithm="SHA256")
    expected = base64.b64encode(hashlib.sha256(b"text").digest()).decode()
    head = s3.head_object(Bucket=bucket, Key="to", ChecksumMode="ENABLED")
    assert answer["CopyObjectResult"]["ChecksumSHA256"] == head["ChecksumSHA256"] == expected


@pytest.mark.parametrize("algorithm", ["CRC32C", "SHA256"])
def test_the_checksum_of_a_copy_is_that_of_the_whole_object(s3: Any, bucket: str, algorithm: str) -> None:
    """User Guide, "Checking object integrity": a composite belongs to the parts of an upload; CopyObject
    writes one piece, so its checksum is a full-object one. minio-go's own suite asks for this."""
    data = [os.urandom(5 * 1024 * 1024), b"tail"]
    upload = s3.create_multipart_upload(
        Bucket=bucket, Key="parts", ChecksumAlgorithm=algorithm, ChecksumType="COMPOSITE"
    )["UploadId"]
    named = []
    for number, piece in enumerate(data, 1):
        part = s3.upload_part(
            Bucket=bucket,
            Key="parts",
            UploadId=upload,
            PartNumber=number,
            Body=piece,
            ChecksumAlgorithm=algorithm,
        )
        named.append({"PartNumber": number} | {k: part[k] for k in ("ETag", f"Checksum{algorithm}")})
    s3.complete_multipart_upload(
        Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": named}
    )
    s3.put_object(Bucket=bucket, Key="whole", Body=b"".join(data), ChecksumAlgorithm=algorithm)
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "parts"})
    source, whole, copy = (
        s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED") for key in ("parts", "whole", "copy")
    )
    assert source[f"Checksum{algorithm}"].endswith("-2")
    assert copy[f"Checksum{algorithm}"] == whole[f"Checksum{algorithm}"]
    assert copy["ChecksumType"] == "FULL_OBJECT"
