"""Addresses that are not one's own: X-Forwarded-For from a proxy that is trusted (127.0.0.2), and others."""

import base64
import json
import time
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.attacks.conftest import Target
from tests.attacks.wire import PROXY, asked_from
from tests.iam.accounts import new_account
from tests.iam.conftest import REGION
from tests.iam.test_audit_events import events
from tests.iam.test_permissions import User, allow
from tests.s3.links import Links
from tests.s3.raw import Raw, content_md5

OFFICE = "203.0.113.7"
ELSEWHERE = "198.51.100.9"
DIRECT = "127.0.0.1"
IN_OFFICE = {"IpAddress": {"aws:SourceIp": f"{OFFICE}/32"}}


@pytest.fixture
def officer(site: Target, iam: Any) -> User:
    """Who may do anything, from the office."""
    return User(site, iam, allow("*", **IN_OFFICE))


def forwarded(*hops: str) -> dict[str, str]:
    return {"X-Forwarded-For": ", ".join(hops)} if hops else {}


def got(site: Target, user: User, target: str, source: str, headers: dict[str, str]) -> tuple[int, bytes]:
    """A GET of the S3 port, signed by the user and sent from `source`."""
    with Raw(site.server.endpoint, *user.keys) as raw:
        signed = raw.sign("GET", target, b"", {})
    return asked_from(source, site.server.port, "GET", target, {**signed, **headers})


@pytest.mark.parametrize(
    "hops", [[OFFICE], [ELSEWHERE, OFFICE], ["nonsense", OFFICE, PROXY], [f"{OFFICE}:4711"]]
)
def test_a_trusted_proxy_tells_the_client_s_address(
    site: Target, officer: User, bucket: str, hops: list[str]
) -> None:
    assert got(site, officer, f"/{bucket}/key", PROXY, forwarded(*hops)) == (200, b"secret")


@pytest.mark.parametrize(
    "hops",
    [[], [ELSEWHERE], [OFFICE, ELSEWHERE], [OFFICE, "nonsense"], [OFFICE, ""], [OFFICE, ELSEWHERE, PROXY]],
)
def test_a_client_behind_the_proxy_cannot_choose_its_address(
    site: Target, officer: User, bucket: str, hops: list[str]
) -> None:
    assert got(site, officer, f"/{bucket}/key", PROXY, forwarded(*hops))[0] == 403


@pytest.mark.parametrize(
    "name", ["X-Forwarded-For", "x-forwarded-for", "X-Real-IP", "Forwarded", "True-Client-IP"]
)
def test_nobody_else_is_believed(site: Target, officer: User, bucket: str, name: str) -> None:
    value = f"for={OFFICE}" if name == "Forwarded" else OFFICE
    assert got(site, officer, f"/{bucket}/key", DIRECT, {name: value})[0] == 403


def test_two_headers_are_one_list(site: Target, officer: User, bucket: str) -> None:
    """A proxy that adds a header of its own after the client's."""
    with Raw(site.server.endpoint, *officer.keys) as raw:
        signed = raw.sign("GET", f"/{bucket}/key", b"", {})
    for values, status in (((OFFICE, ELSEWHERE), 403), ((ELSEWHERE, OFFICE), 200)):
        first = {**signed, "X-Forwarded-For": values[0], "x-forwarded-for": values[1]}
        assert asked_from(PROXY, site.server.port, "GET", f"/{bucket}/key", first)[0] == status


def test_on_the_api_port(site: Target, officer: User, bucket: str) -> None:
    """REST and IAM go by the same address."""
    port = site.server.api_port
    url = f"http://127.0.0.1:{port}/buckets/{bucket}/objects/key"
    rest = AWSRequest("GET", url)
    S3SigV4Auth(Credentials(*officer.keys), "s3", REGION).add_auth(rest)
    query = b"Action=ListUsers&Version=2010-05-08"
    listing = AWSRequest("POST", f"http://127.0.0.1:{port}/", data=query)
    listing.headers["Content-Type"] = "application/x-www-form-urlencoded"
    SigV4Auth(Credentials(*officer.keys), "iam", REGION).add_auth(listing)
    for source, hops, status in (
        (PROXY, (OFFICE,), 200), (PROXY, (OFFICE, ELSEWHERE), 403),
        (PROXY, (), 403), (DIRECT, (OFFICE,), 403),
    ):  # fmt: skip
        more = forwarded(*hops)
        path = f"/buckets/{bucket}/objects/key"
        assert asked_from(source, port, "GET", path, {**dict(rest.headers), **more})[0] == status
        assert asked_from(source, port, "POST", "/", {**dict(listing.headers), **more}, query)[0] == status


def test_the_audit_trail_names_the_client(site: Target, s3: Any, iam: Any, bucket: str) -> None:
    user = User(site, iam, allow("s3:GetObject"))
    assert got(site, user, f"/{bucket}/key", PROXY, forwarded(ELSEWHERE, OFFICE))[0] == 200
    assert got(site, user, f"/{bucket}/key", DIRECT, forwarded(OFFICE))[0] == 200
    found = events(site, 2, principal=user.name, bucket=bucket, action="GetObject")
    assert sorted(event["sourceIPAddress"] for event in found) == [DIRECT, OFFICE]


def test_the_access_log_names_the_client(site: Target, s3: Any, bucket: str) -> None:
    owner = new_account(site, "logged")
    source, target = (f"{kind}-{uuid.uuid4().hex[:12]}" for kind in ("source", "target"))
    for name in (source, target):
        owner.s3.create_bucket(Bucket=name)
    allowed = {
        "Effect": "Allow", "Principal": {"Service": "logging.s3.amazonaws.com"}, "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{target}/*",
    }  # fmt: skip
    owner.s3.put_bucket_policy(
        Bucket=target, Policy=json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    )
    owner.s3.put_bucket_logging(
        Bucket=source,
        BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": target, "TargetPrefix": "log/"}},
    )
    with Raw(site.server.endpoint, *owner.keys) as raw:
        signed = raw.sign("GET", f"/{source}/none", b"", {})
    asked_from(PROXY, site.server.port, "GET", f"/{source}/none", {**signed, **forwarded(ELSEWHERE, OFFICE)})
    limit = time.monotonic() + 60
    while True:
        keys = [one["Key"] for one in owner.s3.list_objects_v2(Bucket=target).get("Contents", [])]
        text = "".join(owner.s3.get_object(Bucket=target, Key=key)["Body"].read().decode() for key in keys)
        if f"/{source}/none" in text:
            break
        assert time.monotonic() < limit, f"{datetime.now(UTC)}: {text}"
        time.sleep(0.2)
    assert f"] {OFFICE} " in text
    assert ELSEWHERE not in text


def test_a_customer_s_key_is_not_taken_from_far_away(site: Target, raw: Raw, bucket: str) -> None:
    """Over plain HTTP they are taken from this machine only: who comes by a proxy is somewhere else."""
    secret = bytes(32)
    key = {
        "x-amz-server-side-encryption-customer-algorithm": "AES256",
        "x-amz-server-side-encryption-customer-key": base64.b64encode(secret).decode(),
        "x-amz-server-side-encryption-customer-key-md5": content_md5(secret)["Content-MD5"],
    }
    signed = raw.sign("GET", f"/{bucket}/key", b"", key)
    status, text = asked_from(
        PROXY, site.server.port, "GET", f"/{bucket}/key", {**signed, **forwarded(OFFICE)}
    )
    assert status == 400, text
    assert b"secure connection" in text


def test_a_link_for_some_addresses_behind_a_proxy(site: Target, s3: Any) -> None:
    links = Links(site.server, f"linked-{uuid.uuid4().hex[:12]}")
    made = links.make(source=[f"{OFFICE}/32"], one_use=True)
    url = urlsplit(made["url"])
    target, host = f"{url.path}?{url.query}", {"Host": url.netloc}
    for source, hops, status in (
        (DIRECT, (OFFICE,), 403), (PROXY, (), 403), (PROXY, (ELSEWHERE,), 403),
        (PROXY, (OFFICE, ELSEWHERE), 403),
        (PROXY, (ELSEWHERE, OFFICE), 200), (PROXY, (OFFICE,), 403),
    ):  # fmt: skip
        answer = asked_from(source, site.server.port, "GET", target, {**host, **forwarded(*hops)})
        assert answer[0] == status, answer
