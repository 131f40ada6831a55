"""HTTP as old and odd clients speak it: 1.0, kept and closed connections, dates, proxies, encodings."""

import base64
import email.utils
import gzip
import hashlib
import hmac
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.s3.conftest import REGION
from tests.s3.expecting import body, headers
from tests.s3.raw import Answer, Raw

MIB = 1024**2


@contextmanager
def connection(raw: Raw) -> Iterator[socket.socket]:
    host, _, port = raw.host.partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as link:
        yield link


def http_1_0(raw: Raw, method: str, target: str, data: bytes = b"", **more: str) -> bytes:
    """A signed request of HTTP/1.0, as text."""
    signed = raw.sign(method, target, data, {"Content-Length": str(len(data))} if method == "PUT" else {})
    lines = [
        f"{method} {target} HTTP/1.0",
        *(f"{name}: {value}" for name, value in {**signed, **more}.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def until_closed(link: socket.socket) -> tuple[bytes, bytes]:
    """Head and body of an answer that ends with its connection."""
    head, _, rest = b"".join(iter(lambda: link.recv(65536), b"")).partition(b"\r\n\r\n")
    return head, rest


# --- HTTP/1.0 ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [0, 100, 3 * MIB])
def test_an_answer_to_http_1_0_ends_with_its_connection(raw: Raw, s3: Any, bucket: str, size: int) -> None:
    data = b"a" * size
    with connection(raw) as link:
        link.sendall(http_1_0(raw, "PUT", f"/{bucket}/key", data))
        head, _ = until_closed(link)
    assert b" 200 " in head.splitlines()[0]
    with connection(raw) as link:
        link.sendall(http_1_0(raw, "GET", f"/{bucket}/key"))
        head, rest = until_closed(link)
    assert b" 200 " in head.splitlines()[0]
    assert rest == data
    assert b"transfer-encoding" not in head.lower()


def test_http_1_0_may_keep_its_connection(raw: Raw, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"data")
    with connection(raw) as link:
        for _ in range(3):
            link.sendall(http_1_0(raw, "GET", f"/{bucket}/key", Connection="keep-alive"))
            received = b""
            while not received.endswith(b"\r\n\r\ndata"):
                piece = link.recv(65536)
                assert piece, f"closed after {received!r}"
                received += piece


def test_an_error_to_http_1_0(raw: Raw, bucket: str) -> None:
    with connection(raw) as link:
        link.sendall(http_1_0(raw, "GET", f"/{bucket}/none"))
        head, rest = until_closed(link)
    assert b" 404 " in head.splitlines()[0]
    assert b"<Code>NoSuchKey</Code>" in rest


# --- HEAD ----------------------------------------------------------------------------------------------
def test_errors_of_head_have_no_body(raw: Raw, s3: Any, versioned: str) -> None:
    s3.put_object(Bucket=versioned, Key="key", Body=b"data")
    marker = s3.delete_object(Bucket=versioned, Key="key")["VersionId"]
    for target, sent, status in (
        (f"/{versioned}/none", {}, 404),
        (f"/{versioned}/key?versionId={marker}", {}, 405),
        (f"/{versioned}/key?versionId=nonsense", {}, 400),
        ("/no-such-bucket-at-all", {}, 404),
        ("/no-such-bucket-at-all/key", {}, 404),
        (f"/{versioned}/key", {"x-amz-expected-bucket-owner": "1" * 12}, 403),
    ):
        answer = raw.send("HEAD", target, sent)
        assert (answer.status, answer.body) == (status, b""), target
    answer = raw.send("HEAD", f"/{versioned}/none", signed=False)
    assert (answer.status, answer.body) == (403, b"")


def test_a_connection_goes_on_after_the_error_of_a_head(raw: Raw, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"data")
    with connection(raw) as link:
        for _ in range(2):
            missing = http_1_0(raw, "HEAD", f"/{bucket}/none").replace(b"HTTP/1.0", b"HTTP/1.1")
            link.sendall(missing)
            received = b""
            while not received.endswith(b"\r\n\r\n"):
                received += link.recv(65536)
            assert b" 404 " in received.splitlines()[0]
        link.sendall(http_1_0(raw, "GET", f"/{bucket}/key"))
        assert until_closed(link)[1] == b"data"


# --- Date and x-amz-date -------------------------------------------------------------------------------
def dated(raw: Raw, target: str, dates: dict[str, str], stamp: str) -> Answer:
    """A GET signed by hand for that timestamp, with those headers of dates, all of them signed."""
    sent = {"Host": raw.host, "x-amz-content-sha256": "UNSIGNED-PAYLOAD", **dates}
    ordered = sorted((name.lower(), value) for name, value in sent.items())
    names = ";".join(name for name, _ in ordered)
    lines = "".join(f"{name}:{value}\n" for name, value in ordered)
    request = f"GET\n{target}\n\n{lines}\n{names}\nUNSIGNED-PAYLOAD"
    scope = f"{stamp[:8]}/{REGION}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.new(raw.signing_key(stamp[:8]), text.encode(), hashlib.sha256).hexdigest()
    authorization = (
        f"AWS4-HMAC-SHA256 Credential={raw.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return raw.send("GET", target, {**sent, "Authorization": authorization}, signed=False)


def stamp_of(seconds: float) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))


@pytest.fixture
def stored(s3: Any, bucket: str) -> str:
    """The path of an object."""
    s3.put_object(Bucket=bucket, Key="key", Body=b"data")
    return f"/{bucket}/key"


def test_a_request_may_be_dated_by_date_alone(raw: Raw, stored: str) -> None:
    now = int(time.time())
    for text in (email.utils.formatdate(now, usegmt=True), stamp_of(now)):
        assert dated(raw, stored, {"date": text}, stamp_of(now)).body == b"data"


def test_x_amz_date_goes_before_date(raw: Raw, stored: str) -> None:
    now, old = stamp_of(time.time()), email.utils.formatdate(0, usegmt=True)
    assert dated(raw, stored, {"date": old, "x-amz-date": now}, now).body == b"data"
    answer = dated(raw, stored, {"date": "nonsense", "x-amz-date": now}, now)
    assert answer.body == b"data"
    past = stamp_of(time.time() - 3600)
    fresh = email.utils.formatdate(usegmt=True)
    answer = dated(raw, stored, {"date": fresh, "x-amz-date": past}, past)
    assert (answer.status, answer.code) == (403, "RequestTimeTooSkewed")


def test_without_any_date(raw: Raw, stored: str) -> None:
    answer = dated(raw, stored, {}, stamp_of(time.time()))
    assert (answer.status, answer.code) == (403, "AccessDenied")


def test_a_date_that_is_off(raw: Raw, stored: str) -> None:
    past = int(time.time()) - 3600
    answer = dated(raw, stored, {"date": email.utils.formatdate(past, usegmt=True)}, stamp_of(past))
    assert (answer.status, answer.code) == (403, "RequestTimeTooSkewed")


# --- through a proxy -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("signed", "told"),
    [
        ("s3.example.com", {"X-Forwarded-Host": "s3.example.com"}),
        ("s3.example.com:8443", {"X-Forwarded-Host": "s3.example.com:8443"}),
        ("s3.example.com:8443", {"X-Forwarded-Host": "s3.example.com", "X-Forwarded-Port": "8443"}),
        ("s3.example.com", {"X-Forwarded-Host": "s3.example.com", "X-Forwarded-Port": "443"}),
    ],
)
def test_a_proxy_may_put_its_own_host_in(raw: Raw, stored: str, signed: str, told: dict[str, str]) -> None:
    answer = raw.send("GET", stored, {"Host": signed}, change={"Host": raw.host, **told})
    assert (answer.status, answer.body) == (200, b"data")


def test_a_proxy_that_tells_nothing_breaks_the_signature(raw: Raw, stored: str) -> None:
    for told in ({}, {"X-Forwarded-Host": "other.example.com"}, {"X-Forwarded-Port": "8443"}):
        answer = raw.send("GET", stored, {"Host": "s3.example.com"}, change={"Host": raw.host, **told})
        assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")


def test_a_location_is_that_of_the_client(raw: Raw, s3: Any, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="key")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="key", UploadId=upload, PartNumber=1, Body=b"data")
    document = (
        f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{part['ETag']}</ETag></Part>"
        "</CompleteMultipartUpload>"
    ).encode()
    told = {"X-Forwarded-Host": "s3.example.com", "X-Forwarded-Proto": "https"}
    answer = raw.send(
        "POST", f"/{bucket}/key?uploadId={upload}", {"Host": "s3.example.com"}, document,
        change={"Host": raw.host, **told},
    )  # fmt: skip
    assert f"<Location>https://s3.example.com/{bucket}/key</Location>".encode() in answer.body


# --- encodings -----------------------------------------------------------------------------------------
def test_what_is_compressed_is_left_alone(raw: Raw, s3: Any, bucket: str) -> None:
    data = gzip.compress(b"data" * 1000)
    md5 = {"ContentMD5": base64.b64encode(hashlib.md5(data).digest()).decode()}
    s3.put_object(Bucket=bucket, Key="key", Body=data, ContentEncoding="gzip", **md5)
    answer = raw.send("GET", f"/{bucket}/key", {"Accept-Encoding": "identity"})
    assert answer.body == data
    assert (answer.headers["content-encoding"], answer.headers["content-length"]) == ("gzip", str(len(data)))
    part = raw.send("GET", f"/{bucket}/key", {"Range": "bytes=2-5", "Accept-Encoding": "gzip"})
    assert part.body == data[2:6]


def test_nothing_is_compressed_on_the_way(raw: Raw, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"a" * 100_000, ContentType="text/plain")
    answer = raw.send("GET", f"/{bucket}/key", {"Accept-Encoding": "gzip, deflate, br"})
    assert answer.body == b"a" * 100_000
    assert "content-encoding" not in answer.headers
    assert "content-encoding" not in headers(s3.head_object(Bucket=bucket, Key="key"))
    assert body(s3.get_object(Bucket=bucket, Key="key")) == b"a" * 100_000


# --- what general purpose buckets do not have ----------------------------------------------------------
@pytest.mark.parametrize(
    ("method", "query", "operation"),
    [
        ("PUT", "/key?renameObject", "RenameObject"),
        ("GET", "?session", "CreateSession"),
        ("PUT", "/key?encryption", "UpdateObjectEncryption"),
        ("GET", "/key?torrent", "GetObjectTorrent"),
        ("GET", "?metadataConfiguration", "GetBucketMetadataConfiguration"),
    ],
)
def test_operations_that_are_out_answer_with_their_name(
    raw: Raw, s3: Any, bucket: str, method: str, query: str, operation: str
) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"data")
    answer = raw.send(method, f"/{bucket}{query}", {"x-amz-rename-source": "from"})
    assert (answer.status, answer.code) == (501, "NotImplemented")
    assert operation.encode() in answer.body
    assert body(s3.get_object(Bucket=bucket, Key="key")) == b"data"


def test_appending_is_out(raw: Raw, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"data")
    answer = raw.send("PUT", f"/{bucket}/key", {"x-amz-write-offset-bytes": "4"}, b"more")
    assert (answer.status, answer.code) == (501, "NotImplemented")
    assert b"x-amz-write-offset-bytes" in answer.body
    assert body(s3.get_object(Bucket=bucket, Key="key")) == b"data"
