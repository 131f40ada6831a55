"""TLS that was not used: X-Forwarded-Proto from a proxy that is trusted (127.0.0.2), and others."""

from typing import Any

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.attacks.conftest import Target
from tests.attacks.test_forwarded_for import DIRECT, got
from tests.attacks.wire import PROXY, asked_from
from tests.iam.conftest import REGION
from tests.iam.test_permissions import User, allow

BY_TLS = {"Bool": {"aws:SecureTransport": "true"}}


@pytest.fixture
def careful(site: Target, iam: Any) -> User:
    """Who may do anything, by TLS."""
    return User(site, iam, allow("*", **BY_TLS))


@pytest.mark.parametrize("told", ["https", "HTTPS", "https, https", " https ,https"])
def test_a_trusted_proxy_tells_that_its_client_used_tls(
    site: Target, careful: User, bucket: str, told: str
) -> None:
    headers = {"X-Forwarded-Proto": told}
    assert got(site, careful, f"/{bucket}/key", PROXY, headers) == (200, b"secret")


@pytest.mark.parametrize("told", ["", "http", "https, http", "http,https", "https,", "wss", "https://"])
def test_tls_on_a_part_of_the_way_is_none(site: Target, careful: User, bucket: str, told: str) -> None:
    headers = {"X-Forwarded-Proto": told} if told else {}
    assert got(site, careful, f"/{bucket}/key", PROXY, headers)[0] == 403


def test_two_headers_are_one_list_of_schemes(site: Target, careful: User, bucket: str) -> None:
    """A proxy that adds a header of its own after the client's."""
    headers = {"X-Forwarded-Proto": "https", "x-forwarded-proto": "http"}
    assert got(site, careful, f"/{bucket}/key", PROXY, headers)[0] == 403


@pytest.mark.parametrize("name", ["X-Forwarded-Proto", "X-Forwarded-Scheme", "Forwarded", "X-Forwarded-Ssl"])
def test_nobody_else_is_believed_about_tls(site: Target, careful: User, bucket: str, name: str) -> None:
    value = {"Forwarded": "proto=https", "X-Forwarded-Ssl": "on"}.get(name, "https")
    assert got(site, careful, f"/{bucket}/key", DIRECT, {name: value})[0] == 403


def test_tls_on_the_api_port(site: Target, careful: User, bucket: str) -> None:
    """REST and IAM go by the same header."""
    port = site.server.api_port
    path = f"/buckets/{bucket}/objects/key"
    rest = AWSRequest("GET", f"http://127.0.0.1:{port}{path}")
    S3SigV4Auth(Credentials(*careful.keys), "s3", REGION).add_auth(rest)
    query = b"Action=ListUsers&Version=2010-05-08"
    listing = AWSRequest("POST", f"http://127.0.0.1:{port}/", data=query)
    listing.headers["Content-Type"] = "application/x-www-form-urlencoded"
    SigV4Auth(Credentials(*careful.keys), "iam", REGION).add_auth(listing)
    for source, told, status in ((PROXY, "https", 200), (PROXY, "http", 403), (DIRECT, "https", 403)):
        more = {"X-Forwarded-Proto": told}
        assert asked_from(source, port, "GET", path, {**dict(rest.headers), **more})[0] == status
        assert asked_from(source, port, "POST", "/", {**dict(listing.headers), **more}, query)[0] == status
