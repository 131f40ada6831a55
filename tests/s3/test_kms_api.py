"""The KMS over the AWS KMS API, by boto3, and what its keys do to objects (AWS KMS API Reference)."""

import contextlib
import hashlib
import http.client
import json
import os
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.s3.conftest import Store
from tests.s3.expecting import refused
from tests.server import Server

CONTEXT = {"purpose": "test"}


def client(store: Store, server: Server, secret: str | None = None) -> Any:
    return boto3.client(
        "kms",
        endpoint_url=api(server),
        aws_access_key_id=store.access_key,
        aws_secret_access_key=secret or store.secret_key,
        region_name="us-east-1",
        config=Config(retries={"max_attempts": 1}),
    )


def api(server: Server) -> str:
    return f"http://127.0.0.1:{server.api_port}"


@pytest.fixture
def kms(store: Store, server: Server) -> Any:
    return client(store, server)


@pytest.fixture
def key(kms: Any) -> Iterator[str]:
    """The ARN of a key."""
    arn = kms.create_key(Description="of a test")["KeyMetadata"]["Arn"]
    yield arn
    with contextlib.suppress(kms.exceptions.KMSInvalidStateException):
        kms.schedule_key_deletion(KeyId=arn, PendingWindowInDays=7)


def test_a_key_is_described(kms: Any) -> None:
    made = kms.create_key(Description="mine", Tags=[{"TagKey": "a", "TagValue": "b"}])["KeyMetadata"]
    assert made["Arn"] == f"arn:aws:kms:us-east-1:{made['AWSAccountId']}:key/{made['KeyId']}"
    assert (made["KeyState"], made["Enabled"], made["KeyManager"]) == ("Enabled", True, "CUSTOMER")
    assert kms.describe_key(KeyId=made["KeyId"])["KeyMetadata"] == made
    assert kms.list_resource_tags(KeyId=made["KeyId"])["Tags"] == [{"TagKey": "a", "TagValue": "b"}]
    kms.tag_resource(KeyId=made["KeyId"], Tags=[{"TagKey": "c", "TagValue": ""}])
    kms.untag_resource(KeyId=made["KeyId"], TagKeys=["a"])
    assert kms.list_resource_tags(KeyId=made["KeyId"])["Tags"] == [{"TagKey": "c", "TagValue": ""}]
    kms.update_key_description(KeyId=made["KeyId"], Description="other")
    assert kms.describe_key(KeyId=made["KeyId"])["KeyMetadata"]["Description"] == "other"
    assert kms.list_key_policies(KeyId=made["KeyId"])["PolicyNames"] == ["default"]
    assert (
        f"{made['AWSAccountId']}:root"
        in kms.get_key_policy(KeyId=made["KeyId"], PolicyName="default")["Policy"]
    )


def test_lists_come_in_pages(kms: Any) -> None:
    made = {kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(3)}
    pages = list(kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 2}))
    assert len(pages) > 1
    assert made <= {entry["KeyId"] for page in pages for entry in page["Keys"]}
    with refused("ValidationException", 400):
        kms.list_keys(Limit=1001)


def test_encryption(kms: Any, key: str) -> None:
    sealed = kms.encrypt(KeyId=key, Plaintext=b"plain", EncryptionContext=CONTEXT)
    assert sealed["KeyId"] == key
    blob = sealed["CiphertextBlob"]
    opened = kms.decrypt(CiphertextBlob=blob, EncryptionContext=CONTEXT)
    assert (opened["Plaintext"], opened["KeyId"]) == (b"plain", key)
    with refused("InvalidCiphertextException", 400):
        kms.decrypt(CiphertextBlob=blob)
    with refused("InvalidCiphertextException", 400):
        kms.decrypt(CiphertextBlob=b"x" * 80)
    other = kms.create_key()["KeyMetadata"]["Arn"]
    with refused("IncorrectKeyException", 400):
        kms.decrypt(CiphertextBlob=blob, EncryptionContext=CONTEXT, KeyId=other)
    again = kms.re_encrypt(CiphertextBlob=blob, SourceEncryptionContext=CONTEXT, DestinationKeyId=other)
    assert (again["SourceKeyId"], again["KeyId"]) == (key, other)
    assert kms.decrypt(CiphertextBlob=again["CiphertextBlob"])["Plaintext"] == b"plain"


def test_data_keys(kms: Any, key: str) -> None:
    made = kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=CONTEXT)
    assert len(made["Plaintext"]) == 32
    opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=CONTEXT)
    assert opened["Plaintext"] == made["Plaintext"]
    silent = kms.generate_data_key_without_plaintext(KeyId=key, NumberOfBytes=7)
    assert "Plaintext" not in silent
    assert len(kms.decrypt(CiphertextBlob=silent["CiphertextBlob"])["Plaintext"]) == 7
    assert len(kms.generate_random(NumberOfBytes=9)["Plaintext"]) == 9
    for size in ({}, {"KeySpec": "AES_256", "NumberOfBytes": 1}, {"NumberOfBytes": 1025}):
        with refused("ValidationException", 400):
            kms.generate_data_key(KeyId=key, **size)


def test_aliases(kms: Any, key: str) -> None:
    name = f"alias/test-{os.urandom(4).hex()}"
    kms.create_alias(AliasName=name, TargetKeyId=key)
    assert kms.encrypt(KeyId=name, Plaintext=b"x")["KeyId"] == key
    assert [alias["AliasName"] for alias in kms.list_aliases(KeyId=key)["Aliases"]] == [name]
    with refused("AlreadyExistsException", 400):
        kms.create_alias(AliasName=name, TargetKeyId=key)
    with refused("InvalidAliasNameException", 400):
        kms.create_alias(AliasName="alias/aws/mine", TargetKeyId=key)
    other = kms.create_key()["KeyMetadata"]["Arn"]
    kms.update_alias(AliasName=name, TargetKeyId=other)
    assert kms.describe_key(KeyId=name)["KeyMetadata"]["Arn"] == other
    kms.delete_alias(AliasName=name)
    with refused("NotFoundException", 400):
        kms.describe_key(KeyId=name)


def test_rotation(kms: Any, key: str) -> None:
    sealed = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert not kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=100)
    assert kms.get_key_rotation_status(KeyId=key)["RotationPeriodInDays"] == 100
    kms.rotate_key_on_demand(KeyId=key)
    assert [r["RotationType"] for r in kms.list_key_rotations(KeyId=key)["Rotations"]] == ["ON_DEMAND"]
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"
    kms.disable_key_rotation(KeyId=key)
    assert not kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]


def test_objects_go_with_their_key(kms: Any, s3: Any, bucket: str, key: str) -> None:
    """Disabled, about to be deleted: not readable; enabled again: as before. Copies and parts too."""
    wanted = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    s3.put_object(Bucket=bucket, Key="k", Body=b"data", BucketKeyEnabled=True, **wanted)
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k", **wanted)
    s3.copy_object(Bucket=bucket, Key="free", CopySource=f"{bucket}/k")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts", **wanted)["UploadId"]

    def closed(code: str) -> None:
        for name in ("k", "copy"):
            with refused(code, 400):
                s3.get_object(Bucket=bucket, Key=name)
            assert s3.head_object(Bucket=bucket, Key=name)["SSEKMSKeyId"] == key
        for write in (
            lambda: s3.put_object(Bucket=bucket, Key="new", Body=b"x", **wanted),
            lambda: s3.copy_object(Bucket=bucket, Key="new", CopySource=f"{bucket}/k"),
            lambda: s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"x"),
        ):
            with refused(code, 400):
                write()
        assert s3.get_object(Bucket=bucket, Key="free")["Body"].read() == b"data"

    kms.disable_key(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"
    closed("KMS.DisabledException")
    kms.enable_key(KeyId=key)
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == b"data"
    assert kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)["KeyState"] == "PendingDeletion"
    closed("KMS.KMSInvalidStateException")
    kms.cancel_key_deletion(KeyId=key)
    kms.enable_key(KeyId=key)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"data"


def test_a_key_named_by_the_bucket(kms: Any, s3: Any, bucket: str, key: str) -> None:
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rules = [{"ApplyServerSideEncryptionByDefault": default}]
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})
    assert s3.put_object(Bucket=bucket, Key="k", Body=b"x")["SSEKMSKeyId"] == key
    named = s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms")["SSEKMSKeyId"]
    assert named != key
    assert kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]["Arn"] == named
    with refused("AccessDeniedException", 400):
        kms.disable_key(KeyId=named)


def test_what_is_wrong_with_a_request(store: Store, server: Server, kms: Any, key: str) -> None:
    for name in ("12345678-1234-1234-1234-123456789012", "alias/none", key.replace("us-east-1", "eu-west-1")):
        with refused("NotFoundException", 400):
            kms.describe_key(KeyId=name)
    with refused("InvalidSignatureException", 400):
        client(store, server, "wrong-secret").list_keys()
    with refused("MalformedPolicyDocumentException", 400):
        kms.create_key(Policy="{}")
    with refused("ValidationException", 400):
        kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")
    with refused("UnknownOperationException", 400):
        kms.get_public_key(KeyId=key)
    target = {"x-amz-target": "TrentService.ListKeys"}
    connection = http.client.HTTPConnection("127.0.0.1", server.api_port, timeout=10)
    connection.request("POST", "/", b"{}", target)
    unsigned = connection.getresponse()
    told = json.loads(unsigned.read())["__type"]
    assert (unsigned.status, told) == (400, "MissingAuthenticationTokenException")
    connection.close()


def test_a_body_that_was_not_signed_is_refused(kms: Any) -> None:
    def changed(request: Any, **_: object) -> None:
        request.body = b'{"Limit": 1}'

    kms.meta.events.register("before-send.kms.ListKeys", changed)
    with refused("InvalidSignatureException", 400):
        kms.list_keys(Limit=2)


@pytest.mark.embedded
def test_no_secret_is_in_log_or_audit(server: Server, kms: Any, key: str) -> None:
    """Neither what was encrypted nor a data key as it is, in any form, is in any file of the store but as a
    ciphertext."""
    secret = os.urandom(24).hex().encode()
    kms.encrypt(KeyId=key, Plaintext=secret)
    data_key = kms.generate_data_key(KeyId=key, KeySpec="AES_256")["Plaintext"]
    traces = [secret, b64encode(secret), data_key, b64encode(data_key), data_key.hex().encode()]
    traces.append(hashlib.sha256(data_key).hexdigest().encode())
    files = [path for path in server.data_dir.rglob("*") if path.is_file()]
    for path in [*files, server.log]:
        content = path.read_bytes()
        assert not [trace for trace in traces if trace in content], path
