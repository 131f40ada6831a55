"""Quotas of buckets and accounts on a server of two workers, and the usage that they go by."""

import http.client
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.iam.accounts import Account, new_account, told
from tests.iam.conftest import REGION, Site
from tests.iam.test_iam import refused
from tests.iam.test_limits import ask, limit

MIB = 1024**2
EXCEEDED = ("QuotaExceeded", 403)


@pytest.fixture(scope="module")
def account(site: Site) -> Account:
    return new_account(site, "quotas")


@pytest.fixture
def bucket(account: Account, name: str) -> str:
    account.s3.create_bucket(Bucket=name)
    return name


def usage(site: Site, account: Account, bucket: str) -> tuple[int, int, int]:
    """Bytes, objects and versions of a bucket, as REST tells them."""
    found = ask(site, "GET", f"/buckets/{bucket}", keys=account.keys).json()["usage"]
    return found["bytes"], found["objects"], found["versions"]


def counted(s3: Any, bucket: str) -> tuple[int, int, int]:
    """The same, counted from listings."""
    listed = s3.list_object_versions(Bucket=bucket)
    versions, markers = listed.get("Versions", []), listed.get("DeleteMarkers", [])
    parts = 0
    for one in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
        found = s3.list_parts(Bucket=bucket, Key=one["Key"], UploadId=one["UploadId"])
        parts += sum(part["Size"] for part in found.get("Parts", []))
    objects = len(s3.list_objects_v2(Bucket=bucket).get("Contents", []))
    return sum(one["Size"] for one in versions) + parts, objects, len(versions) + len(markers)


def test_usage_is_what_listings_show_after_every_kind_of_write(
    site: Site, account: Account, bucket: str
) -> None:
    s3 = account.s3

    def check(*expected: int) -> None:
        assert usage(site, account, bucket) == expected == counted(s3, bucket)

    check(0, 0, 0)
    s3.put_object(Bucket=bucket, Key="a", Body=bytes(100))
    s3.put_object(Bucket=bucket, Key="b", Body=bytes(50))
    check(150, 2, 2)
    s3.put_object(Bucket=bucket, Key="a", Body=bytes(10))  # takes the place of what was there
    check(60, 2, 2)
    s3.copy_object(Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "b"})
    check(110, 3, 3)
    s3.delete_object(Bucket=bucket, Key="b")
    s3.delete_object(Bucket=bucket, Key="never there")
    check(60, 2, 2)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    made = s3.put_object(Bucket=bucket, Key="a", Body=bytes(7))
    check(67, 2, 3)
    s3.put_object_tagging(Bucket=bucket, Key="a", Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
    check(67, 2, 3)
    s3.delete_object(Bucket=bucket, Key="a")
    check(67, 1, 4)
    s3.delete_object(Bucket=bucket, Key="a", VersionId=made["VersionId"])
    check(60, 1, 3)
    s3.delete_object(Bucket=bucket, Key="a", VersionId="null")  # under the delete marker
    check(50, 1, 2)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    s3.put_object(Bucket=bucket, Key="c", Body=bytes(5))  # over the null version
    check(5, 1, 2)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
    given = {"Bucket": bucket, "Key": "m", "UploadId": upload}
    s3.upload_part(**given, PartNumber=1, Body=bytes(30))
    tags = [s3.upload_part(**given, PartNumber=1, Body=bytes(20))["ETag"]]
    s3.upload_part(**given, PartNumber=2, Body=bytes(3))
    check(28, 1, 2)
    s3.complete_multipart_upload(**given, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tags[0]}]})
    check(25, 2, 3)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="m", UploadId=upload, PartNumber=1, Body=bytes(9))
    check(34, 2, 3)
    s3.abort_multipart_upload(Bucket=bucket, Key="m", UploadId=upload)
    check(25, 2, 3)


def test_what_would_exceed_a_bucket_s_quota_is_refused(site: Site, account: Account, bucket: str) -> None:
    s3 = account.s3
    limit(site, f"/buckets/{bucket}", max_bytes=1000)
    s3.put_object(Bucket=bucket, Key="a", Body=bytes(600))
    assert refused(s3.put_object, Bucket=bucket, Key="b", Body=bytes(401)) == EXCEEDED
    with pytest.raises(ClientError, match=f"the bucket {bucket} may hold 1000 bytes, and would hold 1001"):
        s3.put_object(Bucket=bucket, Key="b", Body=bytes(401))
    source = {"Bucket": bucket, "Key": "a"}
    assert refused(s3.copy_object, Bucket=bucket, Key="b", CopySource=source) == EXCEEDED
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
    given = {"Bucket": bucket, "Key": "m", "UploadId": upload, "PartNumber": 1}
    assert refused(s3.upload_part, **given, Body=bytes(401)) == EXCEEDED
    assert refused(s3.upload_part_copy, **given, CopySource=source) == EXCEEDED
    s3.upload_part(**given, Body=bytes(400))
    assert refused(s3.put_object, Bucket=bucket, Key="b", Body=b"x") == EXCEEDED
    answer = ask(site, "PUT", f"/buckets/{bucket}/objects/b", b"x", account.keys)
    assert (answer.status, answer.json()["code"]) == (403, "QuotaExceeded")
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")  # adds no bytes
    # Whoever deletes has room again, at once and on whichever worker.
    s3.delete_object(Bucket=bucket, Key="a")
    for number in range(6):
        s3.put_object(Bucket=bucket, Key=f"n{number}", Body=bytes(100))
    assert refused(s3.put_object, Bucket=bucket, Key="b", Body=b"x") == EXCEEDED
    assert usage(site, account, bucket) == counted(s3, bucket) == (1000, 7, 7)


def test_versions_and_delete_markers_count(site: Site, account: Account, bucket: str) -> None:
    s3 = account.s3
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    limit(site, f"/buckets/{bucket}", max_versions=3)
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    s3.put_object(Bucket=bucket, Key="a", Body=b"2")
    s3.delete_object(Bucket=bucket, Key="a")
    assert refused(s3.put_object, Bucket=bucket, Key="a", Body=b"3") == EXCEEDED
    marker = s3.delete_object(Bucket=bucket, Key="a")["VersionId"]  # never refused
    assert refused(s3.put_object, Bucket=bucket, Key="a", Body=b"3") == EXCEEDED
    s3.delete_object(Bucket=bucket, Key="a", VersionId=marker)
    assert usage(site, account, bucket) == (2, 0, 3)


def test_the_body_is_not_taken(site: Site, account: Account, bucket: str) -> None:
    limit(site, f"/buckets/{bucket}", max_bytes=10)
    url = f"http://127.0.0.1:{site.server.port}/{bucket}/large"
    size = 1024 * MIB
    headers = {"Content-Length": str(size), "x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
    request = AWSRequest("PUT", url, headers=headers)
    S3SigV4Auth(Credentials(*account.keys), "s3", REGION).add_auth(request)
    connection = http.client.HTTPConnection("127.0.0.1", site.server.port, timeout=30)
    connection.putrequest("PUT", f"/{bucket}/large")
    for name, value in dict(request.headers).items():
        connection.putheader(name, value)
    connection.endheaders()  # and not a byte of the body
    answer = connection.getresponse()
    assert (answer.status, b"<Code>QuotaExceeded</Code>" in answer.read()) == (403, True)
    connection.close()
    # A body that does not tell its length cannot be judged before it is taken.
    connection = http.client.HTTPConnection("127.0.0.1", site.server.api_port, timeout=30)
    signed = AWSRequest(
        "PUT", f"http://127.0.0.1:{site.server.api_port}/buckets/{bucket}/objects/k",
        headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"},
    )  # fmt: skip
    S3SigV4Auth(Credentials(*account.keys), "s3", REGION).add_auth(signed)
    connection.putrequest("PUT", f"/buckets/{bucket}/objects/k")
    for name, value in {**signed.headers, "Transfer-Encoding": "chunked"}.items():
        connection.putheader(name, value)
    connection.endheaders()  # it is answered before a byte of the body has come
    assert connection.getresponse().status == 411
    connection.close()


def test_an_account_s_quota_is_of_all_its_buckets(site: Site, name: str) -> None:
    account = new_account(site, "quota")
    s3 = account.s3
    names = [f"{name}-{number}" for number in range(3)]
    for one in names:
        s3.create_bucket(Bucket=one)
    limit(site, f"/accounts/{account.id}", max_bytes=1000, max_versions=100)
    for one in names:
        s3.put_object(Bucket=one, Key="k", Body=bytes(300))
    time.sleep(1.1)  # what the other worker wrote is seen within a second
    for one in names * 2:
        assert refused(s3.put_object, Bucket=one, Key="more", Body=bytes(101)) == EXCEEDED
    s3.put_object(Bucket=names[0], Key="more", Body=bytes(100))
    s3.delete_object(Bucket=names[2], Key="k")
    s3.put_object(Bucket=names[1], Key="more", Body=bytes(300))  # what was deleted is seen at once
    found = told(site.server, "limit", "show", "--account", account.id)["Limits"]
    assert found == {"MaxBytes": 1000, "MaxVersions": 100}


def test_writers_on_two_workers_overshoot_by_what_they_have_under_way(
    site: Site, account: Account, bucket: str
) -> None:
    size, clients, most = 50_000, 8, 2_000_000
    limit(site, f"/buckets/{bucket}", max_bytes=most)
    codes: list[str] = []

    def write(client: int) -> None:
        s3 = site.client("s3", account.keys)
        for number in range(15):
            try:
                s3.put_object(Bucket=bucket, Key=f"{client}-{number}", Body=bytes(size))
            except ClientError as error:
                codes.append(error.response["Error"]["Code"])

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(write, range(clients)))
    found = usage(site, account, bucket)
    assert found == counted(account.s3, bucket)
    assert set(codes) == {"QuotaExceeded"}
    # Each of the two workers does not see what the other has under way: at most one write of each client.
    assert most - clients * size <= found[0] <= most + clients * size


def test_keys_have_no_quotas(site: Site, account: Account) -> None:
    key = account.keys[0]
    said = told(site.server, "limit", "set", "--access-key", key, "--max-bytes", "1GiB", code=1)
    assert f"access key {key}: quotas are of buckets and accounts" in said
