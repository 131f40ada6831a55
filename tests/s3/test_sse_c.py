"""Server-side encryption with keys of the customer (User Guide, "Using server-side encryption with
customer-provided keys (SSE-C)")."""

import hashlib
import os
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from tests.s3.conftest import Store
from tests.s3.expecting import refused
from tests.s3.raw import Raw

MIB = 1024**2
KEY, OTHER = b"k" * 32, b"o" * 32
SSE = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": KEY}
WRONG = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": OTHER}
SOURCE = {"CopySourceSSECustomerAlgorithm": "AES256", "CopySourceSSECustomerKey": KEY}
MD5 = b64encode(hashlib.md5(KEY).digest()).decode()
PREFIX = "x-amz-server-side-encryption-customer"


def headers(key: bytes = KEY, prefix: str = PREFIX) -> dict[str, str]:
    return {
        f"{prefix}-algorithm": "AES256",
        f"{prefix}-key": b64encode(key).decode(),
        f"{prefix}-key-md5": b64encode(hashlib.md5(key).digest()).decode(),
    }


def read(s3: Any, bucket: str, key: str, **more: Any) -> bytes:
    body: bytes = s3.get_object(Bucket=bucket, Key=key, **more)["Body"].read()
    return body


@pytest.mark.parametrize("size", [0, 1, 600, 70_000, 3 * MIB])
def test_what_was_stored_comes_back(s3: Any, bucket: str, size: int) -> None:
    data = os.urandom(size)
    stored = s3.put_object(Bucket=bucket, Key="k", Body=data, **SSE)
    answers = [
        stored,
        s3.get_object(Bucket=bucket, Key="k", **SSE),
        s3.head_object(Bucket=bucket, Key="k", **SSE),
    ]
    for answer in answers:
        assert (answer["SSECustomerAlgorithm"], answer["SSECustomerKeyMD5"]) == ("AES256", MD5)
        assert "ServerSideEncryption" not in answer
        assert answer["ETag"] == stored["ETag"] != f'"{hashlib.md5(data).hexdigest()}"'
    assert answers[1]["Body"].read() == data


def test_ranges_and_conditions(s3: Any, bucket: str) -> None:
    data = os.urandom(2 * MIB)
    stored = s3.put_object(Bucket=bucket, Key="k", Body=data, **SSE)
    assert read(s3, bucket, "k", Range="bytes=300000-700000", **SSE) == data[300000:700001]
    assert read(s3, bucket, "k", PartNumber=1, **SSE) == data
    assert read(s3, bucket, "k", IfMatch=stored["ETag"], **SSE) == data


@pytest.mark.parametrize("operation", ["get_object", "head_object"])
def test_reading_without_the_key(s3: Any, bucket: str, operation: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"data", **SSE)
    get = operation == "get_object"
    with refused("InvalidRequest" if get else "400", 400) as told:
        getattr(s3, operation)(Bucket=bucket, Key="k")
    assert not get or told.value.response["Error"]["Message"] == (
        "The object was stored using a form of Server Side Encryption. The correct parameters must be "
        "provided to retrieve the object."
    )
    with refused("AccessDenied" if get else "403", 403):
        getattr(s3, operation)(Bucket=bucket, Key="k", **WRONG)


def test_attributes_need_the_key(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"data", **SSE)
    wanted = {"Bucket": bucket, "Key": "k", "ObjectAttributes": ["ObjectSize"]}
    # botocore neither encodes the key nor adds its digest here.
    right, wrong = (
        {
            "SSECustomerAlgorithm": "AES256",
            "SSECustomerKey": b64encode(key).decode(),
            "SSECustomerKeyMD5": b64encode(hashlib.md5(key).digest()).decode(),
        }
        for key in (KEY, OTHER)
    )
    assert s3.get_object_attributes(**wanted, **right)["ObjectSize"] == 4
    with refused("InvalidRequest", 400):
        s3.get_object_attributes(**wanted)
    with refused("AccessDenied", 403):
        s3.get_object_attributes(**wanted, **wrong)


def test_a_key_for_what_needs_none(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"data")
    with refused("InvalidRequest", 400) as told:
        s3.get_object(Bucket=bucket, Key="k", **SSE)
    assert told.value.response["Error"]["Message"] == (
        "The encryption parameters are not applicable to this object."
    )


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"algorithm": None}, "InvalidArgument", "must provide a valid encryption algorithm"),
        ({"algorithm": "AES128"}, "InvalidEncryptionAlgorithmError", "Supported value: AES256"),
        ({"key": None}, "InvalidArgument", "must provide an appropriate secret key"),
        ({"key": b64encode(b"short").decode()}, "InvalidArgument", "invalid for the specified algorithm"),
        ({"key": "no base64 at all"}, "InvalidArgument", "invalid for the specified algorithm"),
        ({"key-md5": None}, "InvalidArgument", "client calculated MD5 of the secret key"),
        ({"key-md5": b64encode(b"m" * 16).decode()}, "InvalidArgument", "MD5 hash of the key did not match"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_headers_that_are_wrong(
    raw: Raw, s3: Any, bucket: str, method: str, change: dict[str, str | None], code: str, message: str
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"data", **SSE)
    sent = headers() | {f"{PREFIX}-{name}": value for name, value in change.items()}  # type: ignore[dict-item]
    answer = raw.send(method, f"/{bucket}/k", {n: v for n, v in sent.items() if v is not None}, b"")
    assert (answer.status, answer.code) == (400, code)
    assert message in answer.body.decode()
    assert b64encode(KEY) not in answer.body


def test_both_kinds_of_encryption(raw: Raw, bucket: str) -> None:
    answer = raw.send("PUT", f"/{bucket}/k", headers() | {"x-amz-server-side-encryption": "AES256"}, b"")
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert b"incompatible" in answer.body


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_method_says_nothing_to_a_read(raw: Raw, s3: Any, bucket: str, method: str) -> None:
    """User Guide, "Specifying Amazon S3 encryption": such a GET or HEAD answers 400."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"data")
    answer = raw.send(method, f"/{bucket}/k", {"x-amz-server-side-encryption": "AES256"}, b"")
    assert answer.status == 400


def test_an_upload_in_parts(s3: Any, bucket: str) -> None:
    data = os.urandom(5 * MIB), os.urandom(100_000)
    begun = s3.create_multipart_upload(Bucket=bucket, Key="k", **SSE)
    assert begun["SSECustomerKeyMD5"] == MD5
    upload = {"Bucket": bucket, "Key": "k", "UploadId": begun["UploadId"]}
    with refused("InvalidRequest", 400) as told:
        s3.upload_part(**upload, PartNumber=1, Body=b"x")
    assert "Subsequent part requests must include" in told.value.response["Error"]["Message"]
    with refused("InvalidRequest", 400) as told:
        s3.upload_part(**upload, PartNumber=1, Body=b"x", **WRONG)
    assert "did not match the ones used originally" in told.value.response["Error"]["Message"]
    parts = []
    for number, body in enumerate(data, 1):
        part = s3.upload_part(**upload, PartNumber=number, Body=body, **SSE)
        assert part["SSECustomerKeyMD5"] == MD5
        assert part["ETag"] != f'"{hashlib.md5(body).hexdigest()}"'
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    with refused("InvalidRequest", 400):
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **WRONG)
    done = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **SSE)
    assert done["ETag"].endswith('-2"')
    assert read(s3, bucket, "k", **SSE) == b"".join(data)
    assert read(s3, bucket, "k", PartNumber=2, **SSE) == data[1]
    assert (
        read(s3, bucket, "k", Range=f"bytes={5 * MIB - 10}-{5 * MIB + 9}", **SSE)
        == data[0][-10:] + data[1][:10]
    )
    with refused("InvalidRequest", 400):
        s3.get_object(Bucket=bucket, Key="k")


def test_a_part_with_a_key_for_an_upload_without(s3: Any, bucket: str) -> None:
    begun = s3.create_multipart_upload(Bucket=bucket, Key="k")
    with refused("InvalidRequest", 400):
        s3.upload_part(Bucket=bucket, Key="k", UploadId=begun["UploadId"], PartNumber=1, Body=b"x", **SSE)


def test_parts_copied_out_of_an_encrypted_object(s3: Any, bucket: str) -> None:
    data = os.urandom(6 * MIB)
    s3.put_object(Bucket=bucket, Key="source", Body=data, **SSE)
    begun = s3.create_multipart_upload(Bucket=bucket, Key="k", **WRONG)
    upload = {"Bucket": bucket, "Key": "k", "UploadId": begun["UploadId"]}
    copy = {"CopySource": f"{bucket}/source", "CopySourceRange": f"bytes=0-{5 * MIB - 1}", "PartNumber": 1}
    with refused("InvalidRequest", 400):
        s3.upload_part_copy(**upload, **copy, **WRONG)
    part = s3.upload_part_copy(**upload, **copy, **WRONG, **SOURCE)
    assert part["SSECustomerAlgorithm"] == "AES256"
    parts = [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert read(s3, bucket, "k", **WRONG) == data[: 5 * MIB]


@pytest.mark.parametrize("size", [200, 70_000, 2 * MIB])
@pytest.mark.parametrize("target", [{}, SSE, WRONG], ids=["into none", "same key", "another key"])
def test_copies(s3: Any, bucket: str, size: int, target: dict[str, Any]) -> None:
    """Into the same key, another one, or none: the bytes are the same, and only the new key opens them."""
    data = os.urandom(size)
    s3.put_object(Bucket=bucket, Key="source", Body=data, **SSE)
    source = f"{bucket}/source"
    with refused("InvalidRequest", 400):
        s3.copy_object(Bucket=bucket, Key="k", CopySource=source, **target)
    with refused("AccessDenied", 403):
        wrong = {name: OTHER if name.endswith("Key") else value for name, value in SOURCE.items()}
        s3.copy_object(Bucket=bucket, Key="k", CopySource=source, **wrong)
    copied = s3.copy_object(Bucket=bucket, Key="k", CopySource=source, **SOURCE, **target)
    assert read(s3, bucket, "k", **target) == data
    plain = copied["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    assert plain == (not target)
    s3.delete_object(Bucket=bucket, Key="source")
    assert read(s3, bucket, "k", **target) == data


def test_a_copy_onto_itself_changes_the_key(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"data", Metadata={"a": "1"}, **SSE)
    s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{bucket}/k", **SOURCE, **WRONG)
    answer = s3.get_object(Bucket=bucket, Key="k", **WRONG)
    assert (answer["Body"].read(), answer["Metadata"]) == (b"data", {"a": "1"})
    with refused("AccessDenied", 403):
        s3.get_object(Bucket=bucket, Key="k", **SSE)


def test_a_source_key_for_a_source_without(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="source", Body=b"data")
    with refused("InvalidRequest", 400):
        s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{bucket}/source", **SOURCE)


def test_presigned_urls_carry_the_key_in_headers(s3: Any, raw: Raw, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"data", **SSE)
    url = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k", **SSE})
    assert PREFIX in url


def test_a_bucket_can_block_it(s3: Any, bucket: str) -> None:
    """API Reference, BlockedEncryptionTypes."""
    rule = {"BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]}}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    with refused("AccessDenied", 403):
        s3.put_object(Bucket=bucket, Key="k", Body=b"data", **SSE)
    with refused("AccessDenied", 403):
        s3.create_multipart_upload(Bucket=bucket, Key="k", **SSE)
    s3.put_object(Bucket=bucket, Key="k", Body=b"data")


def test_versions_each_with_a_key_of_its_own(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"one", **SSE)["VersionId"]
    second = s3.put_object(Bucket=bucket, Key="k", Body=b"two", **WRONG)["VersionId"]
    assert read(s3, bucket, "k", VersionId=first, **SSE) == b"one"
    assert read(s3, bucket, "k", VersionId=second, **WRONG) == b"two"


@pytest.mark.embedded
def test_the_key_is_nowhere(store: Store, s3: Any, raw: Raw, bucket: str, tmp_path: Path) -> None:
    """Neither in a file of the store (log, index, audit, bytes) nor in what the server wrote."""
    key = os.urandom(32)
    sse = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": key}
    s3.put_object(Bucket=bucket, Key="k", Body=b"plaintext to be found nowhere", **sse)
    assert read(s3, bucket, "k", **sse)
    raw.send("GET", f"/{bucket}/k", headers(key) | {f"{PREFIX}-key-md5": "wrong"}, b"")
    assert store.server is not None
    texts = [key, key.hex().encode(), b64encode(key), b"plaintext to be found nowhere"]
    files = [path for path in store.server.data_dir.rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in [*files, store.server.log]:
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # the store has replaced it meanwhile
            continue
        assert not any(text in content for text in texts), path
