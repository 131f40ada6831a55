"""Limits and quotas in either mode: a rate is held, and a quota goes by what is stored."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.s3.conftest import REGION, Store
from tests.server import Server


class Limited:
    """A bucket and its limits over REST."""

    def __init__(self, store: Store, server: Server, bucket: str) -> None:
        self.keys = Credentials(store.access_key, store.secret_key)
        self.url = f"http://127.0.0.1:{server.api_port}/buckets/{bucket}"

    def ask(self, method: str, more: str = "", body: Any = None) -> tuple[int, Any]:
        data = b"" if body is None else json.dumps(body).encode()
        request = AWSRequest(method, self.url + more, data=data)
        S3SigV4Auth(self.keys, "s3", REGION).add_auth(request)
        answer = urllib3.request(
            method, self.url + more, body=data, headers=dict(request.headers), retries=False
        )
        return answer.status, json.loads(answer.data) if answer.data else None


@pytest.fixture
def limited(store: Store, server: Server, bucket: str) -> Iterator[Limited]:
    made = Limited(store, server, bucket)
    yield made
    assert made.ask("DELETE", "/limits")[0] == 204


def _refused(call: Any, **arguments: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    found = caught.value.response
    return found["Error"]["Code"], found["ResponseMetadata"]["HTTPStatusCode"]


def test_a_rate_is_held_from_when_it_was_set(s3: Any, bucket: str, limited: Limited) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"v")
    assert limited.ask("PUT", "/limits", {"requests_per_second": 2})[0] == 200
    began, answered, refused = time.monotonic(), 0, 0
    while time.monotonic() - began < 3:
        try:
            s3.get_object(Bucket=bucket, Key="k")
            answered += 1
        except ClientError as error:
            refused += error.response["Error"]["Code"] == "SlowDown"
    assert 5 <= answered <= 2 * (time.monotonic() - began + 1)
    assert refused


def test_a_quota_goes_by_what_is_stored(s3: Any, bucket: str, limited: Limited) -> None:
    assert limited.ask("PUT", "/limits", {"max_bytes": 1000, "max_versions": 5})[0] == 200
    for number in range(4):
        s3.put_object(Bucket=bucket, Key=f"k{number}", Body=bytes(200))
    assert _refused(s3.put_object, Bucket=bucket, Key="k", Body=bytes(201)) == ("QuotaExceeded", 403)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="m", UploadId=upload, PartNumber=1, Body=bytes(200))
    assert limited.ask("GET")[1]["usage"] == {"bytes": 1000, "objects": 4, "versions": 4}
    assert _refused(s3.put_object, Bucket=bucket, Key="k", Body=b"x") == ("QuotaExceeded", 403)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=bucket, Key="m", UploadId=upload, MultipartUpload=parts)
    assert limited.ask("GET")[1]["usage"] == {"bytes": 1000, "objects": 5, "versions": 5}
    for number in range(4):
        s3.delete_object(Bucket=bucket, Key=f"k{number}")
    s3.put_object(Bucket=bucket, Key="k", Body=bytes(800))
    assert limited.ask("GET")[1]["usage"] == {"bytes": 1000, "objects": 2, "versions": 2}
