"""Signatures of requests that a proxy has given another Host header."""

from collections.abc import Callable
from urllib.parse import unquote, urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from access.forwarded import forwarded_hosts
from access.identity import Credential, Principal
from access.session_tokens import not_a_token
from access.sigv4 import Verifier
from schemas.errors import SignatureDoesNotMatch

CLIENT, PROXY = "s3.example.com", "10.0.0.1:9000"
ROOT = Principal("0" * 64, "root", "AK")
KEYS = Credentials("AK", "SK")

Signer = Callable[[AWSRequest], None]


class OneIdentity:
    def credential(self, access_key: str) -> Credential | None:
        return Credential("AK", "SK", ROOT) if access_key == "AK" else None

    def session(self, access_key: str, token: str) -> Credential | None:
        raise not_a_token(token)


def version_4(request: AWSRequest) -> None:
    botocore.auth.S3SigV4Auth(KEYS, "s3", "us-east-1").add_auth(request)


def version_4_query(request: AWSRequest) -> None:
    botocore.auth.S3SigV4QueryAuth(KEYS, "s3", "us-east-1").add_auth(request)


def version_2(request: AWSRequest) -> None:
    botocore.auth.HmacV1Auth(KEYS).add_auth(request)


def told_by(values: dict[str, str]) -> dict[str, str]:
    return {f"x-forwarded-{name}": value for name, value in values.items()}


def arrived(
    sign: Signer, url: str, told: dict[str, str], host: str = PROXY
) -> tuple[str, str, str, dict[str, str]]:
    """A signed request as it comes out of a proxy that put `host` in its place and tells of the old one."""
    request = AWSRequest(method="GET", url=url)
    sign(request)
    parts = urlsplit(request.url)
    headers = {name.lower(): value.strip() for name, value in request.headers.items()}
    return "GET", unquote(parts.path), parts.query, {**headers, "host": host, **told_by(told)}


@pytest.mark.parametrize("sign", [version_4, version_4_query])
@pytest.mark.parametrize(
    ("host", "told"),
    [
        (PROXY, {"host": f"{CLIENT}:8443"}),
        (PROXY, {"host": f"{CLIENT}:8443, inner.example.com"}),
        (PROXY, {"host": CLIENT, "port": "8443"}),
        (PROXY, {"host": f"{CLIENT}:80", "port": "8443, 9000"}),
        (CLIENT, {"port": "8443"}),
        (f"{CLIENT}:9000", {"port": "8443"}),
    ],
)
def test_the_host_that_was_signed_is_found(sign: Signer, host: str, told: dict[str, str]) -> None:
    request = arrived(sign, f"http://{CLIENT}:8443/bucket/key", told, host)
    verifier = Verifier(OneIdentity())
    for _ in range(2):  # presigned requests are remembered
        signed = verifier.verify(*request)
        assert (signed.principal, signed.host) == (ROOT, f"{CLIENT}:8443")


@pytest.mark.parametrize("sign", [version_4, version_4_query])
def test_a_default_port_may_have_been_added(sign: Signer) -> None:
    request = arrived(sign, f"http://{CLIENT}/bucket/key", {"host": f"{CLIENT}:443", "port": "443"})
    assert Verifier(OneIdentity()).verify(*request).host == CLIENT


def test_the_host_as_it_comes_goes_first() -> None:
    request = arrived(version_4, f"http://{PROXY}/bucket/key", {"host": "elsewhere.example.com"})
    assert Verifier(OneIdentity()).verify(*request).host == ""


@pytest.mark.parametrize("sign", [version_4, version_4_query])
@pytest.mark.parametrize(
    "told", [{}, {"host": "other.example.com"}, {"port": "1"}, {"host": "", "port": "x"}]
)
def test_another_host_is_refused(sign: Signer, told: dict[str, str]) -> None:
    with pytest.raises(SignatureDoesNotMatch):
        Verifier(OneIdentity()).verify(*arrived(sign, f"http://{CLIENT}/bucket/key", told))


def test_version_2_signs_the_bucket_in_the_clients_host() -> None:
    verifier = Verifier(OneIdentity(), domains=(CLIENT,))
    request = arrived(version_2, f"http://{CLIENT}/bucket/key", {"host": f"bucket.{CLIENT}"})
    method, _, query, headers = request
    assert verifier.verify(method, "/key", query, headers).host == f"bucket.{CLIENT}"


def test_hosts() -> None:
    def hosts(**told: str) -> list[str]:
        return list(forwarded_hosts({"host": "inner:1", **told_by(told)}))

    assert hosts(host="a.com") == ["a.com"]
    assert hosts(host="a.com:81", port="82") == ["a.com:81", "a.com", "a.com:82"]
    assert hosts(port="82") == ["inner:1", "inner", "inner:82"]
    assert hosts(host="[::1]", port="82") == ["[::1]", "[::1]:82"]
