"""The audit trail of a running server, asked over REST and on the command line."""

import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import boto3
import pytest
import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.iam.accounts import Account
from tests.iam.conftest import REGION, Keys, Site
from tests.iam.test_permissions import allow, document
from tests.server import strandline

WAIT_SECONDS = 15


def unique(word: str) -> str:
    return f"{word}-{uuid.uuid4().hex[:12]}"


def ask(site: Site, keys: Keys | None, **parameters: Any) -> tuple[int, Any]:
    """GET /audit/events, signed with the keys if any: status and answer."""
    url = f"http://127.0.0.1:{site.server.api_port}/audit/events?{urlencode(parameters)}"
    request = AWSRequest("GET", url)
    if keys is not None:
        S3SigV4Auth(Credentials(*keys), "s3", REGION).add_auth(request)
    answer = urllib3.request("GET", url, headers=dict(request.headers), retries=False)
    return answer.status, json.loads(answer.data)


def page(site: Site, **parameters: Any) -> Any:
    """What the operator's root is answered."""
    status, answer = ask(site, site.root, **parameters)
    assert status == 200, answer
    return answer


def events(site: Site, count: int, **parameters: Any) -> list[dict[str, Any]]:
    """As many as there should be; the trail is a little behind the answers."""
    limit = time.monotonic() + WAIT_SECONDS
    while True:
        found = page(site, **parameters)["events"]
        if len(found) >= count:
            return list(found)
        assert time.monotonic() < limit, found
        time.sleep(0.1)


@pytest.fixture
def ann(iam: Any) -> tuple[str, Keys]:
    name = unique("ann")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return name, (key["AccessKeyId"], key["SecretAccessKey"])


def test_who_did_what_is_found(site: Site, iam: Any, ann: tuple[str, Keys]) -> None:
    name, keys = ann
    bucket = unique("audited")
    root = site.client("s3", site.root)
    root.create_bucket(Bucket=bucket)
    root.put_object(Bucket=bucket, Key="a b/ü", Body=b"12345")
    with pytest.raises(ClientError, match="AccessDenied") as refused:
        site.client("s3", keys).get_object(Bucket=bucket, Key="a b/ü")
    found = {event["eventName"]: event for event in events(site, 3, bucket=bucket)}
    assert found.keys() == {"CreateBucket", "PutObject", "GetObject"}
    put, get = found["PutObject"], found["GetObject"]
    assert put["userIdentity"]["type"] == "Root"
    assert put["requestParameters"] == {"bucketName": bucket, "key": "a b/ü"}
    assert put["additionalEventData"]["httpStatus"] == 200
    assert "Boto3" in put["userAgent"]
    assert get["errorCode"] == "AccessDenied"
    assert get["requestID"] == refused.value.response["ResponseMetadata"]["RequestId"]
    assert get["userIdentity"]["userName"] == name
    assert get["userIdentity"]["accessKeyId"] == keys[0]
    assert get["userIdentity"]["arn"].endswith(f":user/{name}")
    for question in ({"principal": name}, {"principal": keys[0]}, {"request_id": get["requestID"]}):
        assert [event["requestID"] for event in events(site, 1, **question)] == [get["requestID"]]
    created = events(site, 1, action="iam:CreateUser", limit=1000)
    assert {event["eventSource"] for event in created} == {"iam.amazonaws.com"}


def test_time_and_pages(site: Site) -> None:
    bucket = unique("paged")
    root = site.client("s3", site.root)
    root.create_bucket(Bucket=bucket)
    for number in range(5):
        root.put_object(Bucket=bucket, Key=str(number), Body=b"")
    events(site, 6, bucket=bucket)
    seen, after = [], 0
    while after is not None:
        found = page(site, bucket=bucket, action="PutObject", limit=2, after=after)
        seen += [event["requestParameters"]["key"] for event in found["events"]]
        after = found["after"]
    assert sorted(seen) == ["0", "1", "2", "3", "4"]
    now = datetime.now(UTC)
    later, earlier = (now + timedelta(hours=1)).isoformat(), (now - timedelta(hours=2)).isoformat()
    assert page(site, bucket=bucket, since=later) == {"events": [], "after": None}
    assert page(site, bucket=bucket, until=earlier)["events"] == []


def test_a_refused_key_is_told_and_no_secret(site: Site) -> None:
    name = "AKIA" + unique("x").replace("-", "").upper()[:16]
    stranger = boto3.client(
        "s3", endpoint_url=f"http://127.0.0.1:{site.server.port}", region_name=REGION,
        aws_access_key_id=name, aws_secret_access_key="not-a-secret-of-ours",
    )  # fmt: skip
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        stranger.list_buckets()
    (event,) = events(site, 1, principal=name)
    assert (event["errorCode"], event["userIdentity"]["accountId"]) == ("InvalidAccessKeyId", "anonymous")
    trail = b"".join(path.read_bytes() for path in (site.server.data_dir / "audit").glob("audit-*.jsonl"))
    assert site.root[1].encode() not in trail
    assert b"Signature=" not in trail


def test_a_wrong_signature_is_told_with_its_service(site: Site, ann: tuple[str, Keys]) -> None:
    key = ann[1][0]
    for service, call in (("sts", "get_caller_identity"), ("iam", "list_users"), ("kms", "list_keys")):
        with pytest.raises(ClientError):
            getattr(site.client(service, (key, "wrong")), call)()
    found = events(site, 3, principal=key)
    sources = {event["eventSource"].partition(".")[0]: event for event in found}
    assert sources.keys() == {"sts", "iam", "kms"}
    assert all("errorCode" in event for event in found)


def test_nobody_is_named_who_was_let_in_without_a_key(site: Site) -> None:
    bucket = unique("open")
    root = site.client("s3", site.root)
    root.create_bucket(Bucket=bucket)
    root.delete_public_access_block(Bucket=bucket)
    opened = allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*") | {"Principal": "*"}
    root.put_bucket_policy(Bucket=bucket, Policy=document(opened))
    root.put_object(Bucket=bucket, Key="k", Body=b"x")
    url = f"http://127.0.0.1:{site.server.port}/{bucket}/k?x-Credential=AKIAVICTIM"
    assert urllib3.request("GET", url, retries=False).status == 200
    (event,) = events(site, 1, bucket=bucket, action="GetObject")
    assert "accessKeyId" not in event["userIdentity"]


def test_only_the_operators_account_may_ask(
    site: Site, iam: Any, ann: tuple[str, Keys], alt: Account
) -> None:
    name, keys = ann
    status, answer = ask(site, keys)
    assert status == 403
    assert "cloudtrail:LookupEvents" in answer["detail"]
    iam.put_user_policy(
        UserName=name, PolicyName="auditor", PolicyDocument=document(allow("cloudtrail:LookupEvents"))
    )
    assert ask(site, keys, limit=1)[0] == 200
    status, answer = ask(site, alt.keys)
    assert status == 403
    assert "the operator's" in answer["detail"]
    assert ask(site, None)[0] == 401


@pytest.mark.parametrize(
    ("parameters", "named"),
    [({"since": "yesterday"}, "since"), ({"limit": 0}, "limit"), ({"buckt": "b"}, "buckt")],
)
def test_what_cannot_be_asked_is_named(site: Site, parameters: dict[str, Any], named: str) -> None:
    status, answer = ask(site, site.root, **parameters)
    assert status == 400
    assert named in answer["detail"]


def test_the_command_finds_the_same(site: Site) -> None:
    bucket = unique("by-command")
    site.client("s3", site.root).create_bucket(Bucket=bucket)
    (event,) = events(site, 1, bucket=bucket)
    command = ("audit", "query", "--data-dir", str(site.server.data_dir), "--bucket", bucket)
    found = strandline(*command, "--since", "1h", "--limit", "5").stdout
    assert [json.loads(line) for line in found.splitlines()] == [event]
    assert strandline(*command, "--until", "1h").stdout == ""
