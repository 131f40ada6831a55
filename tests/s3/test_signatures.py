"""Signature Version 4: header, query, streaming; and signatures that must not pass."""

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import pytest

from tests.s3.conftest import Store
from tests.s3.expecting import body, refused
from tests.s3.raw import Answer, Raw


@pytest.fixture
def stored(s3: Any, bucket: str) -> str:
    s3.put_object(Bucket=bucket, Key="k", Body=b"secret")
    return bucket


def test_without_credentials_nothing_is_shown(raw: Raw, stored: str) -> None:
    for method, target in (
        ("GET", "/"),
        ("GET", f"/{stored}"),
        ("GET", f"/{stored}/k"),
        ("PUT", f"/{stored}/k"),
    ):
        answer = raw.send(method, target, signed=False)
        assert (answer.status, answer.code) == (403, "AccessDenied")


def test_another_secret_or_key_is_refused(store: Store, raw: Raw, stored: str) -> None:
    raw.secret_key = "not-the-secret-0123456789"
    answer = raw.send("GET", f"/{stored}/k")
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    raw.access_key, raw.secret_key = "NOSUCHKEY", store.secret_key
    answer = raw.send("GET", f"/{stored}/k")
    assert (answer.status, answer.code) == (403, "InvalidAccessKeyId")


CHANGES: list[tuple[str, Callable[[str], str]]] = [
    ("signature", lambda text: text[:-1] + ("0" if text[-1] != "0" else "1")),
    ("short signature", lambda text: text[:-5]),
    ("no signature", lambda text: text.split(", Signature=")[0]),
    ("other service", lambda text: text.replace("/s3/", "/ec2/")),
    ("other region", lambda text: text.replace("/us-east-1/", "/mars-1/")),
    ("other end", lambda text: text.replace("aws4_request", "aws5_request")),
    ("other algorithm", lambda text: text.replace("AWS4-HMAC-SHA256", "AWS4-HMAC-MD5")),
    ("no scheme", lambda text: text.split(" ", 1)[1]),
    ("empty", lambda _: ""),
    ("garbage", lambda _: "AWS4-HMAC-SHA256 " + "=,;/" * 50),
    ("no host among the signed headers", lambda text: text.replace("host;", "")),
    ("basic", lambda _: "Basic dXNlcjpwYXNz"),
    ("version 2", lambda _: "AWS key:c2lnbmF0dXJl"),
]


@pytest.mark.parametrize(("what", "change"), CHANGES, ids=[what for what, _ in CHANGES])
def test_a_changed_authorization_is_refused(
    raw: Raw, stored: str, what: str, change: Callable[[str], str]
) -> None:
    headers = raw.sign("GET", f"/{stored}/k", b"", {})
    changed = {"Authorization": change(headers["Authorization"])}
    answer = raw.send("GET", f"/{stored}/k", headers, signed=False, change=changed)
    assert answer.status in (400, 403), what
    assert answer.code in (
        "AccessDenied", "SignatureDoesNotMatch", "AuthorizationHeaderMalformed", "InvalidRequest",
        "InvalidArgument", "MissingSecurityHeader", "InvalidAccessKeyId",
    )  # fmt: skip
    assert b"secret" not in answer.body


def test_what_is_signed_cannot_be_changed(raw: Raw, stored: str) -> None:
    headers = raw.sign("GET", f"/{stored}/k", b"", {"x-amz-meta-a": "1"})
    for method, target, change in (
        ("GET", f"/{stored}/other", {}),
        ("DELETE", f"/{stored}/k", {}),
        ("GET", f"/{stored}/k?versionId=null", {}),
        ("GET", f"/{stored}/k", {"x-amz-meta-a": "2"}),
        ("GET", f"/{stored}/k", {"Host": "elsewhere.example"}),
        ("GET", f"/{stored}/k", {"X-Amz-Date": "20200101T000000Z"}),
    ):
        answer = raw.send(method, target, headers, signed=False, change=change)
        # 400: the date no longer belongs to the credential's scope.
        assert answer.status == (400 if "X-Amz-Date" in change else 403), (method, target, change)
    assert raw.send("GET", f"/{stored}/k").body == b"secret"


def test_amz_headers_must_be_signed(raw: Raw, stored: str) -> None:
    """Otherwise whoever sees a request could add to it (grants, a copy source)."""
    headers = raw.sign("PUT", f"/{stored}/new", b"x", {})
    answer = raw.send(
        "PUT", f"/{stored}/new", headers, b"x", signed=False, change={"x-amz-copy-source": f"/{stored}/k"}
    )
    assert answer.status in (400, 403)


@pytest.mark.parametrize("minutes", [-16, 16, -100_000])
def test_a_clock_that_is_off_is_refused(raw: Raw, stored: str, minutes: int) -> None:
    raw.clock_ahead = minutes * 60
    answer = raw.send("GET", f"/{stored}/k")
    assert (answer.status, answer.code) == (403, "RequestTimeTooSkewed")


@pytest.mark.parametrize(
    "date", ["", "yesterday", "20261301T000000Z", "2026-01-01T00:00:00Z", "99999999T999999Z"]
)
def test_a_date_that_is_none(raw: Raw, stored: str, date: str) -> None:
    headers = raw.sign("GET", f"/{stored}/k", b"", {})
    answer = raw.send("GET", f"/{stored}/k", headers, signed=False, change={"X-Amz-Date": date})
    assert answer.status in (400, 403)
    assert answer.code in (
        "AccessDenied",
        "AuthorizationHeaderMalformed",
        "MissingSecurityHeader",
        "SignatureDoesNotMatch",
    )


# --- presigned ---------------------------------------------------------------------------------------
def fetch(raw: Raw, method: str, url: str, data: bytes = b"", **headers: str) -> Answer:
    parts = urlsplit(url)
    return raw.send(method, f"{parts.path}?{parts.query}", headers, data, signed=False)


def test_presigned_get_put_delete(raw: Raw, s3: Any, bucket: str) -> None:
    def url(call: str, **more: Any) -> str:
        return str(s3.generate_presigned_url(call, {"Bucket": bucket, "Key": "a b+ü", **more}, ExpiresIn=60))

    assert fetch(raw, "PUT", url("put_object"), b"data").status == 200
    assert fetch(raw, "GET", url("get_object")).body == b"data"
    typed = fetch(raw, "GET", url("get_object", ResponseContentType="image/png"))
    assert typed.headers["content-type"] == "image/png"
    assert fetch(raw, "HEAD", url("head_object")).status == 200
    assert fetch(raw, "DELETE", url("delete_object")).status == 204
    assert fetch(raw, "GET", url("get_object")).status == 404


def test_a_presigned_url_expires(raw: Raw, s3: Any, stored: str) -> None:
    url = s3.generate_presigned_url("get_object", {"Bucket": stored, "Key": "k"}, ExpiresIn=1)
    limit = time.monotonic() + 30
    while (answer := fetch(raw, "GET", url)).status == 200:
        assert time.monotonic() < limit
        time.sleep(0.2)
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert b"expired" in answer.body


@pytest.mark.parametrize("seconds", ["604801", "-1", "x", "", "99999999999999999999"])
def test_an_expiry_out_of_range(raw: Raw, s3: Any, stored: str, seconds: str) -> None:
    url = s3.generate_presigned_url("get_object", {"Bucket": stored, "Key": "k"}, ExpiresIn=77)
    answer = fetch(raw, "GET", url.replace("X-Amz-Expires=77", f"X-Amz-Expires={seconds}"))
    assert answer.status in (400, 403)
    assert answer.code in ("AuthorizationQueryParametersError", "SignatureDoesNotMatch", "AccessDenied")


def test_a_presigned_url_is_good_for_its_request_only(raw: Raw, s3: Any, stored: str) -> None:
    url = s3.generate_presigned_url("get_object", {"Bucket": stored, "Key": "k"}, ExpiresIn=60)
    assert fetch(raw, "DELETE", url).status == 403
    assert fetch(raw, "GET", url.replace("/k?", "/other?")).status == 403
    assert fetch(raw, "GET", url + "&versionId=null").status == 403
    assert fetch(raw, "GET", url[:-1] + ("0" if url[-1] != "0" else "1")).status == 403
    cut = url.replace("X-Amz-Credential", "X-Amz-Kredential")
    assert fetch(raw, "GET", cut).status in (400, 403)
    assert fetch(raw, "GET", url).body == b"secret"


# --- streaming, each chunk signed -----------------------------------------------------------------------
def chunk_signed(raw: Raw, bucket: str, pieces: list[bytes], spoil: int | None = None) -> Answer:
    """A PUT in STREAMING-AWS4-HMAC-SHA256-PAYLOAD; `spoil` names a chunk whose bytes are changed."""
    size = sum(map(len, pieces))
    headers = {
        "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "x-amz-decoded-content-length": str(size),
        "content-encoding": "aws-chunked",
    }
    signed = raw.sign("PUT", f"/{bucket}/k", b"", headers)
    date = signed["X-Amz-Date"]
    scope = f"{date[:8]}/us-east-1/s3/aws4_request"
    key = raw.signing_key(date[:8])
    previous = signed["Authorization"].rsplit("Signature=", 1)[1]
    framed = b""
    for number, piece in enumerate([*pieces, b""]):
        parts = [
            "AWS4-HMAC-SHA256-PAYLOAD", date, scope, previous,
            hashlib.sha256(b"").hexdigest(), hashlib.sha256(piece).hexdigest(),
        ]  # fmt: skip
        previous = hmac.new(key, "\n".join(parts).encode(), hashlib.sha256).hexdigest()
        sent = b"!" + piece[1:] if number == spoil else piece
        framed += b"%x;chunk-signature=%b\r\n%b\r\n" % (len(piece), previous.encode(), sent)
    return raw.send("PUT", f"/{bucket}/k", signed, framed, signed=False)


def test_signed_chunks(raw: Raw, s3: Any, bucket: str) -> None:
    pieces = [b"a" * 65536, b"b" * 65536, b"c" * 1000]
    assert chunk_signed(raw, bucket, pieces).status == 200
    got = s3.get_object(Bucket=bucket, Key="k")
    assert body(got) == b"".join(pieces)
    assert "aws-chunked" not in got.get("ContentEncoding", "")


@pytest.mark.parametrize("spoil", [0, 1, 2])
def test_a_changed_chunk_stores_nothing(raw: Raw, s3: Any, bucket: str, spoil: int) -> None:
    answer = chunk_signed(raw, bucket, [b"a" * 65536, b"b" * 65536, b"c" * 1000], spoil)
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="k")


CREDENTIALS = {
    "/aws_request": 'incorrect terminal "aws_request". This endpoint uses "aws4_request".',
    "/ec2/aws4_request": 'incorrect service "ec2". This endpoint belongs to "s3".',
    "/32234Z34/us-east-1/s3/aws4_request":
        'incorrect date format "32234Z34". This date in the credential must be in the format "yyyyMMdd".',
    "nothing": 'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
}  # fmt: skip


@pytest.mark.parametrize("end", CREDENTIALS)
def test_what_is_wrong_with_a_credential_is_said(raw: Raw, stored: str, end: str) -> None:
    """Error responses, AuthorizationHeaderMalformed: which part of the scope is not what it has to be."""
    headers = raw.sign("GET", f"/{stored}/key", b"", {})
    credential = headers["Authorization"].partition("Credential=")[2].partition(",")[0]
    fields = credential.split("/")
    wrong = end if end == "nothing" else "/".join(fields[: 5 - end.count("/")]) + end
    headers["Authorization"] = headers["Authorization"].replace(credential, wrong)
    answer = raw.send("GET", f"/{stored}/key", headers, signed=False)
    assert (answer.status, answer.code) == (400, "AuthorizationHeaderMalformed")
    assert escape(CREDENTIALS[end], {'"': "&quot;"}).encode() in answer.body


@pytest.mark.parametrize("value", ["nonsense", "AWS4-HMAC-SHA256"])
def test_an_authorization_without_a_space(raw: Raw, stored: str, value: str) -> None:
    answer = raw.send("GET", f"/{stored}/key", {"Authorization": value}, signed=False)
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert b"one and only one ' ' (space) required" in answer.body
