"""Requests that nobody signed: they get what a policy or an ACL opens to everybody, and nothing else."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from botocore import UNSIGNED

from tests.s3.conftest import Store
from tests.s3.expecting import body, keys, refused
from tests.s3.raw import Raw

DENIED = ("AccessDenied", 403)
STRANGER = "65a011a29cdf8ec533ec3d1ccaae921c"


@pytest.fixture(scope="module")
def nobody(store: Store) -> Iterator[Any]:
    """A client without credentials."""
    client = store.client(signature_version=UNSIGNED)
    yield client
    client.close()


def allow(s3: Any, bucket: str, *actions: str, **more: Any) -> None:
    statement = {
        "Effect": "Allow", "Principal": "*", "Action": list(actions),
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    } | more  # fmt: skip
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": statement}))


def test_nothing_is_open_unless_somebody_opened_it(s3: Any, nobody: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    place = {"Bucket": bucket, "Key": "k"}
    for call, arguments in (
        (nobody.get_object, place), (nobody.put_object, {**place, "Body": b"y"}),
        (nobody.delete_object, place),
        (nobody.list_objects_v2, {"Bucket": bucket}), (nobody.list_objects, {"Bucket": bucket}),
        (nobody.list_object_versions, {"Bucket": bucket}), (nobody.get_bucket_acl, {"Bucket": bucket}),
        (nobody.get_object_acl, place), (nobody.get_bucket_policy, {"Bucket": bucket}),
        (nobody.get_object_tagging, place), (nobody.delete_bucket, {"Bucket": bucket}),
        (nobody.create_multipart_upload, place), (nobody.list_buckets, {}),
        (nobody.create_bucket, {"Bucket": f"test-{uuid.uuid4().hex[:20]}"}),
        (nobody.copy_object, {**place, "CopySource": f"{bucket}/k"}),
    ):  # fmt: skip
        with refused(*DENIED):
            call(**arguments)
    for head in (lambda: nobody.head_object(**place), lambda: nobody.head_bucket(Bucket=bucket)):
        with refused("403", 403):
            head()
    outcome = nobody.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k"}]})
    assert [one["Code"] for one in outcome["Errors"]] == ["AccessDenied"]
    with refused("NoSuchBucket", 404):
        nobody.get_object(Bucket=f"test-{uuid.uuid4().hex}", Key="k")
    assert body(s3.get_object(**place)) == b"x"


def test_a_policy_that_opens_to_everybody(s3: Any, nobody: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"bytes")
    with refused(*DENIED):
        allow(s3, bucket, "s3:GetObject")  # BlockPublicPolicy
    s3.delete_public_access_block(Bucket=bucket)
    allow(s3, bucket, "s3:GetObject")
    assert body(nobody.get_object(Bucket=bucket, Key="k")) == b"bytes"
    assert nobody.head_object(Bucket=bucket, Key="k")["ContentLength"] == 5
    assert body(nobody.get_object(Bucket=bucket, Key="k", Range="bytes=1-2")) == b"yt"
    with refused(*DENIED):
        nobody.get_object(Bucket=bucket, Key="missing")
    with refused(*DENIED):
        nobody.list_objects_v2(Bucket=bucket)
    with refused("InvalidRequest", 400):
        nobody.get_object(Bucket=bucket, Key="k", ResponseContentType="text/html")
    allow(s3, bucket, "s3:GetObject", "s3:ListBucket")
    assert keys(nobody.list_objects_v2(Bucket=bucket)) == ["k"]
    with refused("NoSuchKey", 404):
        nobody.get_object(Bucket=bucket, Key="missing")
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"RestrictPublicBuckets": True})
    with refused(*DENIED):
        nobody.get_object(Bucket=bucket, Key="k")
    s3.delete_bucket_policy(Bucket=bucket)
    s3.delete_public_access_block(Bucket=bucket)
    with refused(*DENIED):
        nobody.get_object(Bucket=bucket, Key="k")


def test_a_denial_of_the_policy_counts_for_the_root_too(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    allow(s3, bucket, "s3:GetObject", Effect="Deny")
    with refused(*DENIED) as caught:
        s3.get_object(Bucket=bucket, Key="k")
    told = caught.value.response["Error"]["Message"]
    assert told.endswith("with an explicit deny in a resource-based policy")
    allow(s3, bucket, "s3:*", Effect="Deny")
    with refused(*DENIED):
        s3.list_objects_v2(Bucket=bucket)
    # Its policy the root may always mend.
    s3.get_bucket_policy(Bucket=bucket)
    s3.delete_bucket_policy(Bucket=bucket)
    assert body(s3.get_object(Bucket=bucket, Key="k")) == b"x"


def test_acls_open_to_everybody(s3: Any, nobody: Any, open_bucket: str) -> None:
    bucket = open_bucket
    s3.put_object(Bucket=bucket, Key="open", Body=b"open", ACL="public-read")
    s3.put_object(Bucket=bucket, Key="closed", Body=b"closed")
    assert body(nobody.get_object(Bucket=bucket, Key="open")) == b"open"
    for key in ("closed", "missing"):
        with refused(*DENIED):
            nobody.get_object(Bucket=bucket, Key=key)
    with refused(*DENIED):
        nobody.put_object(Bucket=bucket, Key="new", Body=b"x")
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    assert keys(nobody.list_objects(Bucket=bucket)) == ["closed", "open"]
    with refused("NoSuchKey", 404):
        nobody.get_object(Bucket=bucket, Key="missing")
    nobody.put_object(Bucket=bucket, Key="new", Body=b"x")
    entry = next(one for one in s3.list_objects(Bucket=bucket)["Contents"] if one["Key"] == "new")
    assert entry["Owner"]["ID"] == STRANGER
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"IgnorePublicAcls": True})
    for call in (
        lambda: nobody.get_object(Bucket=bucket, Key="open"),
        lambda: nobody.list_objects(Bucket=bucket),
        lambda: nobody.put_object(Bucket=bucket, Key="new", Body=b"x"),
    ):
        with refused(*DENIED):
            call()


def test_nobody_starts_an_upload_in_parts(s3: Any, nobody: Any, open_bucket: str) -> None:
    """User Guide, "Multipart upload process": anonymous users cannot initiate multipart uploads."""
    s3.put_bucket_acl(Bucket=open_bucket, ACL="public-read-write")
    allow(s3, open_bucket, "s3:*")
    place = {"Bucket": open_bucket, "Key": "parts"}
    with refused(*DENIED):
        nobody.create_multipart_upload(**place)


def test_parts_of_anybody(s3: Any, nobody: Any, open_bucket: str) -> None:
    s3.put_bucket_acl(Bucket=open_bucket, ACL="public-read-write")
    place = {"Bucket": open_bucket, "Key": "parts"}
    upload = s3.create_multipart_upload(**place)["UploadId"]
    part = nobody.upload_part(**place, UploadId=upload, PartNumber=1, Body=b"part")
    with refused(*DENIED):
        nobody.list_parts(**place, UploadId=upload)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    nobody.complete_multipart_upload(**place, UploadId=upload, MultipartUpload=parts)
    assert body(s3.get_object(**place)) == b"part"


def test_requester_pays(s3: Any, nobody: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.delete_public_access_block(Bucket=bucket)
    allow(s3, bucket, "s3:GetObject")
    s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "Requester"})
    for asked in ({}, {"RequestPayer": "requester"}):
        with refused(*DENIED):
            nobody.get_object(Bucket=bucket, Key="k", **asked)
    assert body(s3.get_object(Bucket=bucket, Key="k")) == b"x"


# --- what looks like a signature is no reason to be let through as nobody ---------------------------------
@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("", {"Authorization": "Basic dXNlcjpwYXNzd29yZA=="}),
        ("", {"Authorization": ""}),
        ("", {"Authorization": "AWS4-HMAC-SHA256"}),
        ("", {"Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request"}),
        ("?X-Amz-Algorithm=AWS4-HMAC-SHA256", {}),
        ("?X-Amz-Credential=a", {}),
        ("?X-Amz-Signature=00", {}),
        ("?AWSAccessKeyId=a", {}),
        ("", {"x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
              "x-amz-decoded-content-length": "1", "content-encoding": "aws-chunked"}),
    ],
)  # fmt: skip
def test_a_spoilt_signature_is_not_anonymous(
    s3: Any, raw: Raw, open_bucket: str, query: str, headers: dict[str, str]
) -> None:
    s3.put_bucket_acl(Bucket=open_bucket, ACL="public-read-write")
    answer = raw.send("PUT", f"/{open_bucket}/k{query}", headers, b"x", signed=False)
    assert answer.status in (400, 403), answer.body
    assert "Contents" not in s3.list_objects_v2(Bucket=open_bucket)
