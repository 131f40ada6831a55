"""Default encryption of a bucket (API Reference: PutBucketEncryption and its siblings)."""

from typing import Any

import pytest

from tests.s3.expecting import refused
from tests.s3.raw import Raw


def put(s3: Any, bucket: str, *rules: dict[str, Any]) -> Any:
    return s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": list(rules)})


def rule(**default: str) -> dict[str, Any]:
    return {"ApplyServerSideEncryptionByDefault": default}


def get(s3: Any, bucket: str) -> Any:
    return s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]


UNASKED = [rule(SSEAlgorithm="AES256") | {"BucketKeyEnabled": False}]


def test_a_new_bucket_is_encrypted(s3: Any, bucket: str) -> None:
    """Since January 2023 (User Guide, "Setting default server-side encryption behavior")."""
    assert get(s3, bucket) == UNASKED
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert s3.head_object(Bucket=bucket, Key="k")["ServerSideEncryption"] == "AES256"


def test_a_configuration_comes_back(s3: Any, bucket: str) -> None:
    asked = rule(SSEAlgorithm="AES256") | {"BucketKeyEnabled": True}
    assert put(s3, bucket, asked)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert get(s3, bucket) == [asked]


def test_blocked_encryption_types_come_back(s3: Any, bucket: str) -> None:
    asked = rule(SSEAlgorithm="AES256") | {"BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]}}
    put(s3, bucket, asked)
    assert get(s3, bucket) == [asked]


def test_delete_brings_the_default_back(s3: Any, bucket: str) -> None:
    put(s3, bucket, rule(SSEAlgorithm="AES256") | {"BucketKeyEnabled": True})
    for _ in range(2):
        answer = s3.delete_bucket_encryption(Bucket=bucket)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
        assert get(s3, bucket) == UNASKED


def test_two_layers_are_not_built(s3: Any, bucket: str) -> None:
    with refused("NotImplemented", 501):
        put(s3, bucket, rule(SSEAlgorithm="aws:kms:dsse", KMSMasterKeyID="alias/mine"))
    assert get(s3, bucket) == UNASKED


def test_a_key_of_the_kms_comes_back_whether_it_exists_or_not(s3: Any, bucket: str) -> None:
    asked = rule(SSEAlgorithm="aws:kms", KMSMasterKeyID="alias/none") | {"BucketKeyEnabled": True}
    put(s3, bucket, asked)
    assert get(s3, bucket) == [asked]
    with refused("KMS.NotFoundException", 400):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="AES256")
    assert s3.head_object(Bucket=bucket, Key="k")["ServerSideEncryption"] == "AES256"


def test_a_key_goes_with_a_kms_only(s3: Any, bucket: str) -> None:
    with refused("InvalidArgument", 400):
        put(s3, bucket, rule(SSEAlgorithm="AES256", KMSMasterKeyID="alias/mine"))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "<Rule/><Rule/>",
        "<Rule><ApplyServerSideEncryptionByDefault/></Rule>",
        "<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>ROT13</SSEAlgorithm>"
        "</ApplyServerSideEncryptionByDefault></Rule>",
        "<Rule><BucketKeyEnabled>perhaps</BucketKeyEnabled></Rule>",
    ],
    ids=["no rule", "two rules", "no algorithm", "unknown algorithm", "no boolean"],
)
def test_bodies_that_are_none(raw: Raw, bucket: str, content: str) -> None:
    root = "ServerSideEncryptionConfiguration"
    answer = raw.send("PUT", f"/{bucket}?encryption=", {}, f"<{root}>{content}</{root}>".encode())
    assert (answer.status, answer.code) == (400, "MalformedXML")
