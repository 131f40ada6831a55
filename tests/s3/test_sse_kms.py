"""Server-side encryption with keys of the KMS (User Guide, "Using server-side encryption with AWS KMS keys
(SSE-KMS)")."""

import hashlib
import json
import os
from base64 import b64encode
from typing import Any

import pytest

from tests.s3.expecting import refused
from tests.s3.raw import Answer, Raw

MIB = 1024**2
KMS = {"ServerSideEncryption": "aws:kms"}
CONTEXT = b64encode(json.dumps({"team": "blue"}).encode()).decode()
CUSTOMER = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"k" * 32}
KEY_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"


def read(s3: Any, bucket: str, key: str, **more: Any) -> bytes:
    body: bytes = s3.get_object(Bucket=bucket, Key=key, **more)["Body"].read()
    return body


@pytest.mark.parametrize("size", [0, 1, 600, 70_000, 3 * MIB])
@pytest.mark.parametrize("bucket_key", [True, False])
def test_what_was_stored_comes_back(s3: Any, bucket: str, size: int, bucket_key: bool) -> None:
    data = os.urandom(size)
    stored = s3.put_object(Bucket=bucket, Key="k", Body=data, BucketKeyEnabled=bucket_key, **KMS)
    answers = [stored, s3.get_object(Bucket=bucket, Key="k"), s3.head_object(Bucket=bucket, Key="k")]
    for answer in answers:
        assert answer["ServerSideEncryption"] == "aws:kms"
        assert answer["SSEKMSKeyId"].startswith("arn:aws:kms:us-east-1:")
        assert answer.get("BucketKeyEnabled", False) == bucket_key
        assert answer["ETag"] == stored["ETag"] != f'"{hashlib.md5(data).hexdigest()}"'
    assert answers[1]["Body"].read() == data
    if size > MIB:
        assert read(s3, bucket, "k", Range="bytes=300000-700000") == data[300000:700001]


def test_a_context_is_told_to_who_gave_it(s3: Any, bucket: str) -> None:
    for more in ({}, {"BucketKeyEnabled": True}):
        stored = s3.put_object(
            Bucket=bucket, Key="k", Body=b"x", SSEKMSEncryptionContext=CONTEXT, **KMS, **more
        )
        assert stored["SSEKMSEncryptionContext"] == CONTEXT
        found = s3.get_object(Bucket=bucket, Key="k")
        assert found["Body"].read() == b"x"
        assert "SSEKMSEncryptionContext" not in found


@pytest.mark.parametrize("context", ["nonsense", b64encode(b"[]").decode(), b64encode(b'{"a":1}').decode()])
def test_a_context_is_a_map_of_texts(s3: Any, bucket: str, context: str) -> None:
    with refused("InvalidArgument", 400):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", SSEKMSEncryptionContext=context, **KMS)


def test_a_key_that_does_not_exist(s3: Any, bucket: str) -> None:
    for name in ("alias/none", "12345678-1234-1234-1234-123456789012", "x", "arn:aws:kms:us-east-1:1:key/x"):
        with refused("KMS.NotFoundException", 400):
            s3.put_object(Bucket=bucket, Key="k", Body=b"x", SSEKMSKeyId=name, **KMS)
        with refused("KMS.NotFoundException", 400):
            s3.create_multipart_upload(Bucket=bucket, Key="k", SSEKMSKeyId=name, **KMS)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_key_without_the_method(raw: Raw, bucket: str) -> None:
    for method in ({}, {"x-amz-server-side-encryption": "AES256"}):
        answer = raw.send("PUT", f"/{bucket}/k", {KEY_HEADER: "alias/aws/s3", **method}, b"x")
        assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_reading_takes_no_method(raw: Raw, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", **KMS)
    for method in ("GET", "HEAD"):
        answer = raw.send(method, f"/{bucket}/k", {"x-amz-server-side-encryption": "aws:kms"}, b"")
        assert answer.status == 400
    with refused("InvalidRequest", 400):
        s3.get_object(Bucket=bucket, Key="k", **CUSTOMER)


@pytest.mark.parametrize("bucket_key", [True, False])
def test_parts(s3: Any, bucket: str, bucket_key: bool) -> None:
    data = os.urandom(6 * MIB)
    made = s3.create_multipart_upload(
        Bucket=bucket, Key="k", BucketKeyEnabled=bucket_key, SSEKMSEncryptionContext=CONTEXT, **KMS
    )
    assert (made["ServerSideEncryption"], made["SSEKMSEncryptionContext"]) == ("aws:kms", CONTEXT)
    s3.put_object(Bucket=bucket, Key="source", Body=data[5 * MIB :], **KMS)
    upload = {"Bucket": bucket, "Key": "k", "UploadId": made["UploadId"]}
    first = s3.upload_part(PartNumber=1, Body=data[: 5 * MIB], **upload)
    second = s3.upload_part_copy(PartNumber=2, CopySource=f"{bucket}/source", **upload)
    for answer in (first, second):
        assert (answer["ServerSideEncryption"], answer["SSEKMSKeyId"]) == ("aws:kms", made["SSEKMSKeyId"])
    with refused("InvalidRequest", 400):
        s3.upload_part(PartNumber=3, Body=b"x", **upload, **CUSTOMER)
    parts = [
        {"PartNumber": 1, "ETag": first["ETag"]},
        {"PartNumber": 2, "ETag": second["CopyPartResult"]["ETag"]},
    ]
    done = s3.complete_multipart_upload(MultipartUpload={"Parts": parts}, **upload)
    assert (done["ServerSideEncryption"], done["SSEKMSKeyId"]) == ("aws:kms", made["SSEKMSKeyId"])
    assert read(s3, bucket, "k") == data
    assert read(s3, bucket, "k", PartNumber=2) == data[5 * MIB :]


def complete_with(raw: Raw, s3: Any, bucket: str, made: dict[str, Any], said: dict[str, str]) -> Answer:
    """Complete an upload that was created so, saying that of its encryption."""
    upload = {"Bucket": bucket, "Key": "k"}
    upload["UploadId"] = s3.create_multipart_upload(**upload, **made)["UploadId"]
    etag = s3.upload_part(**upload, PartNumber=1, Body=b"part")["ETag"]
    parts = f"<Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>"
    document = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
    return raw.send("POST", f"/{bucket}/k?uploadId={upload['UploadId']}", said, document)


METHOD_HEADER = "x-amz-server-side-encryption"
NAMED = {METHOD_HEADER: "aws:kms", KEY_HEADER: "alias/aws/s3"}
TOLD = {METHOD_HEADER: "aws:kms", f"{METHOD_HEADER}-context": CONTEXT}


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({}, {METHOD_HEADER: "AES256"}),
        (KMS, {METHOD_HEADER: "aws:kms"}),
        (KMS, NAMED),
        (KMS | {"SSEKMSEncryptionContext": CONTEXT}, TOLD),
        (KMS | {"SSEKMSEncryptionContext": CONTEXT}, {METHOD_HEADER: "aws:kms"}),
    ],
)
def test_what_protects_an_upload_may_be_said_again_at_its_end(
    raw: Raw, s3: Any, bucket: str, made: dict[str, Any], said: dict[str, str]
) -> None:
    """AWS takes none of these headers there; minio-go leaves them out for AWS only."""
    answer = complete_with(raw, s3, bucket, made, said)
    assert (answer.status, answer.headers[METHOD_HEADER]) == (200, said[METHOD_HEADER])
    assert read(s3, bucket, "k") == b"part"


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({}, {METHOD_HEADER: "aws:kms"}),
        (KMS, {METHOD_HEADER: "AES256"}),
        (KMS, TOLD),
        (KMS, {METHOD_HEADER: "aws:kms", f"{METHOD_HEADER}-bucket-key-enabled": "true"}),
        ({}, {f"{METHOD_HEADER}-bucket-key-enabled": "true"}),
    ],
)
def test_but_nothing_else_may(
    raw: Raw, s3: Any, bucket: str, made: dict[str, Any], said: dict[str, str]
) -> None:
    answer = complete_with(raw, s3, bucket, made, said)
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="k")


def test_the_default_of_a_bucket(s3: Any, bucket: str) -> None:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": True}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    for more, method, bucket_key in (
        ({}, "aws:kms", True),
        ({"BucketKeyEnabled": False}, "aws:kms", False),
        (KMS, "aws:kms", True),
        ({"ServerSideEncryption": "AES256"}, "AES256", False),
    ):
        s3.put_object(Bucket=bucket, Key="k", Body=b"data", **more)
        found = s3.get_object(Bucket=bucket, Key="k")
        told = found["ServerSideEncryption"], found.get("BucketKeyEnabled", False)
        assert told == (method, bucket_key), more
        assert found["Body"].read() == b"data"
    s3.put_object(Bucket=bucket, Key="k", Body=b"data", **CUSTOMER)
    assert read(s3, bucket, "k", **CUSTOMER) == b"data"
    s3.delete_bucket_encryption(Bucket=bucket)
    assert s3.put_object(Bucket=bucket, Key="k", Body=b"")["ServerSideEncryption"] == "AES256"


@pytest.mark.parametrize("size", [5, 2 * MIB])
def test_copies_are_protected_as_they_ask(s3: Any, bucket: str, size: int) -> None:
    """Between every two ways, and what a copy is not asked for it does not take from its source."""
    data = os.urandom(size)
    ways: dict[str, dict[str, Any]] = {
        "none": {},
        "kms": KMS,
        "bucket-key": {**KMS, "BucketKeyEnabled": True},
    }
    for source, asked in ways.items():
        s3.put_object(Bucket=bucket, Key=source, Body=data, **asked)
        for target, wanted in ways.items():
            copy = s3.copy_object(
                Bucket=bucket, Key=f"{source}-{target}", CopySource=f"{bucket}/{source}", **wanted
            )
            assert copy["ServerSideEncryption"] == ("aws:kms" if wanted else "AES256")
            assert copy.get("BucketKeyEnabled", False) == (target == "bucket-key")
            s3.copy_object(Bucket=bucket, Key="own", CopySource=f"{bucket}/{source}-{target}", **CUSTOMER)
            assert read(s3, bucket, "own", **CUSTOMER) == data
        s3.delete_object(Bucket=bucket, Key=source)
    for source in ways:
        for target in ways:
            assert read(s3, bucket, f"{source}-{target}") == data
