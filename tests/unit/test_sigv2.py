"""Verification of Signature Version 2, against botocore's own signers; and requests that must not pass."""

import calendar
import email.utils
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from access.identity import Credential, Principal
from access.session_tokens import not_a_token
from access.sigv2 import SUBRESOURCES
from access.sigv4 import UNSIGNED_PAYLOAD, Verifier
from gateway.operations import OPERATIONS, UNMODELLED
from schemas import errors

ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
NOW = calendar.timegm((2007, 3, 27, 19, 36, 42))  # the time of AWS's examples
DATE = "Tue, 27 Mar 2007 19:36:42 +0000"
ROOT = Principal("0" * 64, "root", ACCESS_KEY)
URL = "http://127.0.0.1:9000/bucket/key"

Arrived = tuple[str, str, str, dict[str, str]]  # method, path, query, headers


class OneIdentity:
    def credential(self, access_key: str) -> Credential | None:
        return Credential(ACCESS_KEY, SECRET_KEY, ROOT) if access_key == ACCESS_KEY else None

    def session(self, access_key: str, token: str) -> Credential | None:
        raise not_a_token(token)


@pytest.fixture(autouse=True)
def _botocore_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore.auth.time, "time", lambda: NOW)
    monkeypatch.setattr(
        botocore.auth, "formatdate", lambda usegmt: email.utils.formatdate(NOW, usegmt=usegmt)
    )


def verifier(now: float = NOW, domains: tuple[str, ...] = ()) -> Verifier:
    return Verifier(OneIdentity(), clock=lambda: now, domains=domains)


def arrived(request: AWSRequest) -> Arrived:
    """The request as the HTTP server hands it over."""
    parts = urlsplit(request.url)
    headers = {name.lower(): value.strip() for name, value in request.headers.items()}
    headers.setdefault("host", parts.netloc)
    return request.method, unquote(parts.path), parts.query, headers


def sign(method: str, url: str, headers: dict[str, str] | None = None, **more: Any) -> Arrived:
    request = AWSRequest(method=method, url=url, headers=headers or {}, **more)
    botocore.auth.HmacV1Auth(Credentials(ACCESS_KEY, SECRET_KEY)).add_auth(request)
    return arrived(request)


def presign(
    method: str, url: str, expires: int = 3600, headers: dict[str, str] | None = None, **more: Any
) -> Arrived:
    request = AWSRequest(method=method, url=url, headers=headers or {}, **more)
    botocore.auth.HmacV1QueryAuth(Credentials(ACCESS_KEY, SECRET_KEY), expires).add_auth(request)
    method, path, query, sent = arrived(request)
    # Whoever uses the URL sends no Date, and x-amz-… only as parameters of it.
    kept = {name: value for name, value in sent.items() if name in ("host", "content-type", "content-md5")}
    return method, path, query, kept


KEYS = [
    "key",
    "a b",
    "a+b",
    "ü/ß",
    "a//b",
    "../x",
    "a?acl",
    "%2F",
    "100%",
    "x&y=z",
    "tab\there",
    "🐚",
    "~-_.!*'()",
]
QUERIES = [
    "",
    "?acl",
    "?acl=",
    "?versionId=a%2Bb%2F%3D",
    "?uploadId=x%3D%3D&partNumber=2",
    "?uploads",
    "?list-type=2&prefix=a%20b",
    "?response-content-disposition=attachment%3B%20filename%3D%22a%20b.txt%22&response-content-type=image%2Fpng",
    "?versionId=1&tagging",
]


@pytest.mark.parametrize("signer", [sign, presign])
@pytest.mark.parametrize("query", QUERIES)
def test_what_botocore_signs_passes(signer: Callable[..., Arrived], query: str) -> None:
    for key in KEYS:
        signed = verifier().verify(*signer("GET", f"http://h/bucket/{quote(key, safe='/~')}{query}"))
        assert signed.principal == ROOT
        assert signed.payload == UNSIGNED_PAYLOAD


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.sampled_from([sign, presign]))
def test_any_key(key: str, signer: Callable[..., Arrived]) -> None:
    assert verifier().verify(*signer("GET", f"http://h/bucket/{quote(key, safe='/~')}")).principal == ROOT


@pytest.mark.parametrize("signer", [sign, presign])
def test_punctuation_that_was_sent_as_it_is(signer: Callable[..., Arrived]) -> None:
    assert verifier().verify(*signer("GET", "http://h/bucket/a+b!$&'()*,:;=@")).principal == ROOT


@pytest.mark.parametrize("signer", [sign, presign])
def test_headers_that_are_signed(signer: Callable[..., Arrived]) -> None:
    headers = {
        "Content-Type": "text/plain",
        "Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg==",
        "X-Amz-Meta-B": "two  words",
        "x-amz-meta-a": "1",
        "x-amz-acl": "private",
    }
    request = signer("PUT", URL, headers=headers)
    assert verifier().verify(*request).principal == ROOT


def test_what_a_presigned_url_leaves_to_the_gateway() -> None:
    request = presign("GET", f"{URL}?versionId=a%20b&x=1", headers={"x-amz-meta-a": "1"})
    assert verifier().verify(*request).query == "versionId=a%20b&x=1&x-amz-meta-a=1"
    assert verifier().verify(*presign("GET", URL)).query == ""


@pytest.mark.parametrize("path", ["/", "/key", "/a%20b"])
def test_a_bucket_in_the_host(path: str) -> None:
    for signer in (sign, presign):
        request = signer("GET", f"http://bucket.s3.example:9000{path}", auth_path=f"/bucket{path}")
        assert verifier(domains=("s3.example",)).verify(*request).principal == ROOT
        with pytest.raises(errors.SignatureDoesNotMatch):
            verifier().verify(*request)


def test_a_bucket_is_signed_with_a_slash_that_it_was_not_sent_with() -> None:
    request = sign("GET", "http://h/bucket?versioning", auth_path="/bucket/")
    assert verifier().verify(*request).principal == ROOT


EXAMPLES = [
    ("GET", "/awsexamplebucket1/photos/puppy.jpg", "", {}, "qgk2+6Sv9/oM7G3qLEjTH1a1l1g="),
    (
        "PUT",
        "/awsexamplebucket1/photos/puppy.jpg",
        "",
        {"content-type": "image/jpeg", "date": "Tue, 27 Mar 2007 21:15:45 +0000"},
        "iqRzw+ileNPu1fhspnRs8nOjjIA=",
    ),
]


@pytest.mark.parametrize(("method", "path", "query", "headers", "signature"), EXAMPLES)
def test_the_examples_of_the_guide(
    method: str, path: str, query: str, headers: dict[str, str], signature: str
) -> None:
    sent = {"host": "h", "date": DATE, "authorization": f"AWS {ACCESS_KEY}:{signature}"} | headers
    assert verifier(NOW + (6000 if headers else 0)).verify(method, path, query, sent).principal == ROOT


# --- refused -----------------------------------------------------------------------------------------
TAMPERED: list[tuple[str, Callable[[Arrived], Arrived]]] = [
    ("method", lambda r: ("DELETE", *r[1:])),
    ("path", lambda r: (r[0], r[1] + "x", *r[2:])),
    (
        "question mark into the path",
        lambda r: (r[0], r[1] + "?versionId=1", r[2].replace("versionId=1", ""), r[3]),
    ),
    ("version", lambda r: (*r[:2], r[2].replace("versionId=1", "versionId=2"), r[3])),
    ("version left out", lambda r: (*r[:2], r[2].replace("versionId=1", ""), r[3])),
    ("another sub-resource", lambda r: (*r[:2], r[2] + "&retention", r[3])),
    ("an encoded sub-resource", lambda r: (*r[:2], r[2] + "&%74agging", r[3])),
    ("a header", lambda r: (*r[:3], r[3] | {"x-amz-copy-source": "/b/k"})),
    ("a header as parameter", lambda r: (*r[:2], r[2] + "&x-amz-acl=public-read", r[3])),
    ("an encoded header as parameter", lambda r: (*r[:2], r[2] + "&x%2Damz-acl=public-read", r[3])),
    ("content type", lambda r: (*r[:3], r[3] | {"content-type": "text/html"})),
    ("digest", lambda r: (*r[:3], r[3] | {"content-md5": "1B2M2Y8AsgTpgAmY7PhCfg=="})),
]


@pytest.mark.parametrize("signer", [sign, presign])
@pytest.mark.parametrize(("what", "change"), TAMPERED, ids=[what for what, _ in TAMPERED])
def test_a_changed_request_is_refused(
    signer: Callable[..., Arrived], what: str, change: Callable[[Arrived], Arrived]
) -> None:
    request = signer("GET", f"{URL}?versionId=1")
    assert verifier().verify(*request).principal == ROOT
    with pytest.raises(errors.SignatureDoesNotMatch) as caught:
        verifier().verify(*change(request))
    assert caught.value.details["StringToSign"].startswith(change(request)[0] + "\n")
    assert SECRET_KEY not in str(caught.value.details)


def test_the_expiry_is_signed() -> None:
    method, path, query, headers = presign("GET", URL, 60)
    later = query.replace(str(NOW + 60), str(NOW + 90))
    with pytest.raises(errors.SignatureDoesNotMatch):
        verifier().verify(method, path, later, headers)


def test_a_url_expires() -> None:
    request = presign("GET", URL, 60)
    assert verifier(NOW + 60).verify(*request).principal == ROOT
    with pytest.raises(errors.ExpiredRequest, match="Request has expired"):
        verifier(NOW + 61).verify(*request)


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("AWSAccessKeyId=AKID&Expires=99999999999&Signature=x", errors.InvalidAccessKeyId),
        (f"AWSAccessKeyId={ACCESS_KEY}&Expires=99999999999&Signature=%C3%BC", errors.SignatureDoesNotMatch),
        (f"AWSAccessKeyId={ACCESS_KEY}&Expires=99999999999", errors.AccessDenied),
        (f"AWSAccessKeyId={ACCESS_KEY}&Signature=x", errors.AccessDenied),
        (f"AWSAccessKeyId={ACCESS_KEY}&Expires=&Signature=x", errors.AccessDenied),
        (f"AWSAccessKeyId={ACCESS_KEY}&Expires=tomorrow&Signature=x", errors.AccessDenied),
        (f"AWSAccessKeyId={ACCESS_KEY}&Expires=-1&Signature=x", errors.AccessDenied),
        (f"AWSAccessKeyId={ACCESS_KEY}&Expires=%D9%A1&Signature=x", errors.AccessDenied),
        (f"AWSAccessKeyId={ACCESS_KEY}&Expires={'9' * 500}&Signature=x", errors.AccessDenied),
    ],
)
def test_a_query_that_is_wrong(query: str, error: type[errors.StrandlineError]) -> None:
    with pytest.raises(errors.StrandlineError) as caught:
        verifier().verify("GET", "/b/k", query, {"host": "h"})
    assert type(caught.value) is error


@pytest.mark.parametrize("text", ["AWS ", "AWS x", "AWS :", "AWS x:", "AWS :x"])
def test_a_header_that_is_wrong(text: str) -> None:
    with pytest.raises(errors.InvalidArgument):
        verifier().verify("GET", "/b/k", "", {"host": "h", "date": DATE, "authorization": text})


def test_an_unknown_access_key_in_the_header() -> None:
    with pytest.raises(errors.InvalidAccessKeyId):
        verifier().verify("GET", "/b/k", "", {"host": "h", "date": DATE, "authorization": "AWS AKID:x"})


@pytest.mark.parametrize("seconds", [-901, 901])
def test_a_clock_that_is_off(seconds: int) -> None:
    with pytest.raises(errors.RequestTimeTooSkewed):
        verifier(NOW + seconds).verify(*sign("GET", URL))


def test_the_amazon_date_goes_before_the_date() -> None:
    request = AWSRequest(method="GET", url=URL, headers={"x-amz-date": DATE})
    signer = botocore.auth.HmacV1Auth(Credentials(ACCESS_KEY, SECRET_KEY))
    text = f"GET\n\n\n\nx-amz-date:{DATE}\n/bucket/key"
    headers = {
        "host": "h",
        "date": "Thu, 01 Jan 1970 00:00:00 GMT",
        "x-amz-date": DATE,
        "authorization": f"AWS {ACCESS_KEY}:{signer.sign_string(text)}",
    }
    assert verifier().verify(request.method, "/bucket/key", "", headers).principal == ROOT


@pytest.mark.parametrize("date", ["", "yesterday", None])
def test_a_date_that_is_none(date: str | None) -> None:
    headers = {"host": "h", "authorization": f"AWS {ACCESS_KEY}:x"}
    with pytest.raises(errors.AccessDenied):
        verifier().verify("GET", "/b/k", "", headers if date is None else headers | {"date": date})


def test_a_session_token_is_refused() -> None:
    for signer in (sign, presign):
        with pytest.raises(errors.InvalidToken):
            verifier().verify(*signer("GET", URL, headers={"x-amz-security-token": "t"}))


def test_two_mechanisms_at_once() -> None:
    method, path, query, _ = presign("GET", URL)
    with pytest.raises(errors.InvalidArgument):
        verifier().verify(method, path, query, sign("GET", URL)[3])


def test_every_parameter_that_selects_an_operation_is_signed() -> None:
    """list-type chooses between two listings of the same; id and annotationName never come alone."""
    names = {word.partition("=")[0] for o in OPERATIONS + UNMODELLED for word in o.parameters.split()}
    assert names - SUBRESOURCES == {"list-type", "id", "annotationName"}
    assert set(botocore.auth.HmacV1Auth.QSAOfInterest) <= SUBRESOURCES
