"""Signature Version 2: what boto3 does by default with presigned URLs, and with signature_version="s3"."""

import time
import urllib.error
import urllib.request
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.s3.conftest import REGION, Store
from tests.s3.expecting import body, refused

KEYS = ["plain", "a b+ü", "x&y=z?", "a//b", "~!*'()"]


def fetch(method: str, url: str, data: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(url, data, {"Content-Type": "", **headers}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.fixture
def default(store: Store) -> Any:
    """A client with no configuration but endpoint and credentials."""
    return boto3.client(
        "s3",
        endpoint_url=store.endpoint,
        aws_access_key_id=store.access_key,
        aws_secret_access_key=store.secret_key,
        region_name=REGION,
    )


@pytest.mark.parametrize("key", KEYS)
def test_presigned_by_default(default: Any, bucket: str, key: str) -> None:
    def url(call: str, **more: Any) -> str:
        text: str = default.generate_presigned_url(call, {"Bucket": bucket, "Key": key, **more}, ExpiresIn=60)
        assert "AWSAccessKeyId=" in text
        return text

    assert fetch("PUT", url("put_object"), b"data")[0] == 200
    assert fetch("GET", url("get_object")) == (200, b"data")
    assert fetch("GET", url("get_object", VersionId="null", ResponseContentType="a/b")) == (200, b"data")
    assert fetch("HEAD", url("head_object")) == (200, b"")
    assert fetch("DELETE", url("delete_object"))[0] == 204
    assert fetch("GET", url("get_object"))[0] == 404


def test_presigned_with_headers(default: Any, s3: Any, bucket: str) -> None:
    wanted = {"Bucket": bucket, "Key": "k", "ContentType": "text/x", "Metadata": {"a": "1"}}
    url = default.generate_presigned_url("put_object", wanted, ExpiresIn=60)
    assert fetch("PUT", url, b"data")[0] == 403
    assert fetch("PUT", url, b"data", **{"Content-Type": "text/x"})[0] == 200
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["ContentType"], head["Metadata"]) == ("text/x", {"a": "1"})


def test_presigned_listing_and_parts(default: Any, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a b", Body=b"1")
    url = default.generate_presigned_url("list_objects_v2", {"Bucket": bucket, "Prefix": "a "}, ExpiresIn=60)
    assert b"<Key>a%20b</Key>" in fetch("GET", url)[1]  # botocore asks for encoding-type=url
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
    part = {"Bucket": bucket, "Key": "m", "UploadId": upload, "PartNumber": 1}
    assert fetch("PUT", default.generate_presigned_url("upload_part", part, ExpiresIn=60), b"part")[0] == 200


def test_an_expired_or_changed_url_is_refused(default: Any, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    url = default.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"}, ExpiresIn=1)
    limit = time.monotonic() + 30
    while (answer := fetch("GET", url))[0] == 200:
        assert time.monotonic() < limit
        time.sleep(0.1)
    assert answer[0] == 403
    assert b"<Code>AccessDenied</Code><Message>Request has expired" in answer[1]
    good = default.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"}, ExpiresIn=60)
    for changed in (good.replace("/k?", "/l?"), good + "&versionId=null", good + "&x-amz-acl=private"):
        status, text = fetch("GET", changed)
        assert status == 403
        assert b"<Code>SignatureDoesNotMatch</Code>" in text
        assert b"<StringToSign>GET" in text


@pytest.mark.parametrize("style", ["path", "auto"])
def test_a_client_of_version_2(store: Store, s3: Any, bucket: str, style: str) -> None:
    old = store.client(signature_version="s3", s3={"addressing_style": style})
    for key in KEYS:
        old.put_object(
            Bucket=bucket, Key=key, Body=b"data", Metadata={"a": "two  words"}, ContentType="text/x"
        )
        answer = old.get_object(
            Bucket=bucket, Key=key, ResponseContentDisposition='attachment; filename="ü b"'
        )
        assert body(answer) == b"data"
    listed = old.list_objects_v2(Bucket=bucket)["Contents"]
    assert sorted(entry["Key"] for entry in listed) == sorted(KEYS)
    assert bucket in [entry["Name"] for entry in old.list_buckets()["Buckets"]]
    old.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": KEYS[1]})
    upload = old.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
    part = old.upload_part(Bucket=bucket, Key="m", UploadId=upload, PartNumber=1, Body=b"part")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    old.complete_multipart_upload(Bucket=bucket, Key="m", UploadId=upload, MultipartUpload=parts)
    assert body(s3.get_object(Bucket=bucket, Key="m")) == b"part"
    objects = [{"Key": key} for key in [*KEYS, "copy", "m"]]
    assert "Errors" not in old.delete_objects(Bucket=bucket, Delete={"Objects": objects})


def test_a_wrong_secret_and_an_unknown_key(store: Store, bucket: str) -> None:
    for access_key, code in ((store.access_key, "SignatureDoesNotMatch"), ("AKNOBODY", "InvalidAccessKeyId")):
        client = boto3.client(
            "s3",
            endpoint_url=store.endpoint,
            aws_access_key_id=access_key,
            aws_secret_access_key="wrong-secret",
            region_name=REGION,
            config=Config(signature_version="s3", s3={"addressing_style": "path"}),
        )
        with refused(code, 403):
            client.list_objects_v2(Bucket=bucket)
