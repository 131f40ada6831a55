"""What no honest client sends: the right S3 error, never a 500, and the server goes on."""

import random
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.s3.conftest import Store
from tests.s3.expecting import body, keys, refused
from tests.s3.raw import Raw, content_md5

BILLION = b"""<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">
<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;"><!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;">]>
<Delete><Object><Key>&e;&e;&e;</Key></Object></Delete>"""
EXTERNAL = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>
<Delete><Object><Key>&f;</Key></Object></Delete>"""
MALFORMED = [
    b"", b"not xml", b"<", b"<Delete>", b"<Delete></Other>", b"\x00" * 100, b"\xff\xfe<\x00",
    b"<Delete/>" * 2,
    b"<Delete>" * 100_000, b"<Delete><Object><Key>&undefined;</Key></Object></Delete>", BILLION, EXTERNAL,
    b"<a " + b'b="c" ' * 50_000 + b"/>", b"<Delete><Object><Key>\x01</Key></Object></Delete>",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _still_serving(s3: Any, bucket: str) -> Iterator[None]:
    """After each test the server must still answer as it should."""
    yield
    s3.put_object(Bucket=bucket, Key="after", Body=b"fine")
    assert body(s3.get_object(Bucket=bucket, Key="after")) == b"fine"


@pytest.mark.parametrize("text", MALFORMED, ids=lambda text: ascii(text[:24]))
@pytest.mark.parametrize("query", ["delete=", "uploadId=x"])
def test_malformed_xml(raw: Raw, s3: Any, bucket: str, query: str, text: bytes) -> None:
    target = f"/{bucket}?{query}"
    if query == "uploadId=x":
        upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
        target = f"/{bucket}/k?uploadId={upload}"
    answer = raw.send("POST", target, content_md5(text), text)
    assert answer.status == 400
    missing = not text and query == "delete="
    assert answer.code == ("MissingRequestBodyError" if missing else "MalformedXML"), answer.body[:300]
    assert b"root:" not in answer.body


@pytest.mark.parametrize("query", ["versioning=", ""])
def test_malformed_bucket_documents(raw: Raw, bucket: str, query: str) -> None:
    for text in MALFORMED[1:]:
        target = f"/{bucket}?{query}" if query else f"/{bucket}-new"
        answer = raw.send("PUT", target, {}, text)
        assert answer.status == 400
        assert answer.code in ("MalformedXML", "MaxMessageLengthExceeded"), text[:50]


SUB_RESOURCES = (
    "object-lock",
    "tagging",
    "versioning",
    "cors",
    "lifecycle",
    "website",
    "logging",
    "ownershipControls",
)


@pytest.mark.parametrize("name", SUB_RESOURCES)
def test_a_document_is_required(raw: Raw, bucket: str, name: str) -> None:
    """Error responses, MissingRequestBodyError: "the user sends an empty XML document as a request"."""
    answer = raw.send("PUT", f"/{bucket}?{name}=", content_md5(b""), b"")
    assert (answer.status, answer.code) == (400, "MissingRequestBodyError")


def test_xml_that_is_too_long(raw: Raw, bucket: str) -> None:
    text = b"<Delete>" + b"<Object><Key>" + b"k" * 8_000_000 + b"</Key></Object></Delete>"
    answer = raw.send("POST", f"/{bucket}?delete=", content_md5(text), text)
    # Either the whole document is refused, or the one key in it.
    assert answer.status == 400 or (answer.status == 200 and b"<Code>KeyTooLongError</Code>" in answer.body)


def connect(store: Store) -> socket.socket:
    parts = urlsplit(store.endpoint)
    assert parts.hostname
    assert parts.port
    return socket.create_connection((parts.hostname, parts.port), timeout=60)


def exchange(store: Store, text: bytes) -> bytes:
    """Send bytes as they are; what came back until the server closed (b"" when it just closed)."""
    with connect(store) as link:
        try:
            link.sendall(text)
            link.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the server may refuse before it has read everything
        received = b""
        try:
            while piece := link.recv(65536):
                received += piece
        except ConnectionResetError:
            pass
        return received


@pytest.mark.parametrize(
    "text",
    [b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
     b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20,
     b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nBad Header\r\n\r\n",
     b"PUT /b/k HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\nhello",
     b"PUT /b/k HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
     b"PUT /b/k HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
     b"PUT /b/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
     b"PUT /b/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
     b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", random.Random(5000).randbytes(5000),
     b"FROB / HTTP/1.1\r\nHost: x\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
     b"GET http://elsewhere.example/ HTTP/1.1\r\nHost: x\r\n\r\n",
     b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"],
    ids=lambda text: ascii(text[:30]),
)  # fmt: skip
def test_bytes_that_are_no_request(store: Store, text: bytes) -> None:
    answer = exchange(store, text)
    assert not answer.startswith((b"HTTP/1.1 2", b"HTTP/1.1 500")), answer[:300]


def test_headers_that_are_too_long_or_too_many(raw: Raw, store: Store, bucket: str) -> None:
    for headers in (
        {"x-amz-meta-a": "v" * 20_000},
        {f"x-amz-meta-{i}": "v" * 40 for i in range(90)},
        {"Cookie": "c" * 60_000},
    ):
        answer = raw.send("PUT", f"/{bucket}/k", headers, b"x")
        assert 400 <= answer.status < 500
        assert answer.code in ("RequestHeaderSectionTooLarge", "MetadataTooLarge", ""), answer.code
    lines = b"".join(b"X-%d: %b\r\n" % (i, b"v" * 100) for i in range(5000))
    text = exchange(store, b"GET / HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n")
    assert not text.startswith((b"HTTP/1.1 2", b"HTTP/1.1 500"))


@pytest.mark.parametrize(
    "header",
    [("x-amz-decoded-content-length", "x"), ("x-amz-decoded-content-length", "-1"), ("Content-MD5", "ü"),
     ("x-amz-decoded-content-length", "9" * 4400),
     ("x-amz-content-sha256", "nonsense"), ("x-amz-content-sha256", ""), ("x-amz-storage-class", "\x7f"),
     ("x-amz-checksum-crc32", "====" * 100), ("x-amz-sdk-checksum-algorithm", "CRC33"),
     ("x-amz-copy-source", "/"), ("x-amz-copy-source", "%%%"), ("x-amz-copy-source", "../../../etc/passwd"),
     ("x-amz-trailer", "x-amz-checksum-crc32")],
    ids=ascii,
)  # fmt: skip
def test_odd_values_of_headers(raw: Raw, s3: Any, bucket: str, header: tuple[str, str]) -> None:
    name, value = header
    try:
        answer = raw.send("PUT", f"/{bucket}/k", {name: value}, b"data")
    except UnicodeEncodeError:
        pytest.skip("not a value that this client can send")
    assert answer.status < 500
    if answer.status == 200:
        assert body(s3.get_object(Bucket=bucket, Key="k")) == b"data"
    else:
        # The HTTP server itself refuses what no header can hold, before there is an S3 to answer.
        assert answer.code or value == "\x7f"
        with refused("404", 404):
            s3.head_object(Bucket=bucket, Key="k")


CHUNKED = [
    b"5\r\nhello\r\n0\r\n\r\n", b"4\r\nhello\r\n0\r\n\r\n", b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    b"-5\r\nhello\r\n0\r\n\r\n", b"5;chunk-signature=\r\nhello", b"5\r\nhel", b"", b"\r\n\r\n",
    b"5\nhello\n0\n\n",
    b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:", b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n",
    b"5\r\nhello\r\n0\r\nother-trailer:1\r\n\r\n", b"a" * 100_000, b"6\r\nhello!\r\n0\r\n\r\n",
]  # fmt: skip


@pytest.mark.parametrize("framed", CHUNKED, ids=lambda text: ascii(text[:30]))
def test_malformed_chunks_store_nothing(raw: Raw, s3: Any, bucket: str, framed: bytes) -> None:
    headers = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-trailer": "x-amz-checksum-crc32",
        "x-amz-decoded-content-length": "5",
        "content-encoding": "aws-chunked",
    }
    answer = raw.send("PUT", f"/{bucket}/k", headers, framed)
    assert 400 <= answer.status < 500, answer.body[:300]
    assert answer.code
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="k")


@pytest.mark.parametrize("size", [100, 10_000, 3_000_000])
def test_a_client_that_goes_away_leaves_nothing(
    store: Store, raw: Raw, s3: Any, bucket: str, size: int
) -> None:
    signed = raw.sign("PUT", f"/{bucket}/k", b"", {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    head = f"PUT /{bucket}/k HTTP/1.1\r\nContent-Length: {size}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in signed.items())
    with connect(store) as link:
        link.sendall(head.encode() + b"\r\n" + b"x" * (size // 2))
    # One that says that nothing more comes, but still listens, learns what was wrong.
    answer = exchange(store, head.encode() + b"\r\n" + b"x" * (size - 1))
    assert not answer or answer.split(b" ")[1] == b"400", answer[:200]
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="k")
    assert keys(s3.list_objects_v2(Bucket=bucket)) == []


def test_a_put_without_a_length(raw: Raw, s3: Any, bucket: str) -> None:
    chunked = {"Transfer-Encoding": "chunked", "x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
    signed = raw.sign("PUT", f"/{bucket}/k", b"", {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    answer = raw.send("PUT", f"/{bucket}/k", signed | chunked, b"5\r\nhello\r\n0\r\n\r\n", signed=False)
    assert (answer.status, answer.code) == (411, "MissingContentLength")


def test_a_body_is_asked_for_only_when_the_request_is_good(store: Store, raw: Raw, bucket: str) -> None:
    """Expect: 100-continue: a refused upload is never sent."""
    with connect(store) as link:
        head = f"PUT /{bucket}/k HTTP/1.1\r\nHost: {raw.host}\r\nContent-Length: 1000000000\r\n"
        link.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert b" 403 " in link.recv(65536).split(b"\r\n")[0]


@pytest.mark.usefixtures("server")
def test_an_empty_body_that_is_announced_is_asked_for(store: Store, raw: Raw, bucket: str) -> None:
    """The AWS CLI sends Expect with empty files too, and loses its place when no 100 comes."""
    headers = raw.sign("PUT", f"/{bucket}/k", b"", {"Expect": "100-continue", "Content-Length": "0"})
    head = f"PUT /{bucket}/k HTTP/1.1\r\n" + "".join(f"{name}: {headers[name]}\r\n" for name in headers)
    with connect(store) as link, link.makefile("rb") as lines:
        for _ in range(2):
            link.sendall(head.encode() + b"\r\n")
            assert lines.readline() == b"HTTP/1.1 100 Continue\r\n"
            assert lines.readline() == b"\r\n"
            assert lines.readline() == b"HTTP/1.1 200 OK\r\n"
            while lines.readline() != b"\r\n":
                pass


def test_slow_clients_do_not_stop_others(store: Store, s3: Any, bucket: str) -> None:
    links = [connect(store) for _ in range(100)]
    try:
        for link in links:
            link.sendall(b"PUT /b/k HTTP/1.1\r\nHost: x\r\nContent-Le")
        done = threading.Event()

        def work() -> None:
            s3.put_object(Bucket=bucket, Key="k", Body=b"x")
            done.set()

        threading.Thread(target=work).start()
        assert done.wait(30)
    finally:
        for link in links:
            link.close()


@pytest.mark.usefixtures("server")
def test_what_is_not_built_says_so(s3: Any, raw: Raw, bucket: str) -> None:
    for query in ("abac=", "metadataConfiguration=", "metadataTable=", "session="):
        answer = raw.send("GET", f"/{bucket}?{query}")
        assert (answer.status, answer.code) == (501, "NotImplemented"), query
    for headers in ({"x-amz-server-side-encryption": "aws:kms:dsse"}, {"x-amz-write-offset-bytes": "1"}):
        answer = raw.send("PUT", f"/{bucket}/k", headers, b"x")
        assert (answer.status, answer.code) == (501, "NotImplemented"), headers
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="k")


def test_methods_that_no_resource_has(raw: Raw, bucket: str) -> None:
    for method, target in (
        ("PATCH", f"/{bucket}/k"),
        ("POST", f"/{bucket}/k"),
        ("DELETE", "/"),
        ("PUT", "/"),
    ):
        answer = raw.send(method, target)
        assert answer.status in (400, 405, 501), (method, target)
        assert answer.code


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_keys_have_no_sub_resources_of_buckets(raw: Raw, s3: Any, bucket: str, method: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for name in ("versions", "lifecycle", "policy"):
        answer = raw.send(method, f"/{bucket}/k?{name}")
        assert (answer.status, answer.code) == (400, "InvalidRequest")
        assert f"no such thing as the ?{name} sub-resource for a key" in answer.body.decode()
    answer = raw.send("GET", f"/{bucket}/k?uploads")
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    answer = raw.send("PUT", f"/{bucket}/k?partNumber=1", body=b"part")
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_errors_are_well_formed_xml_whatever_the_key(raw: Raw, bucket: str) -> None:
    for path in ("%01", "%3C%26%3E", "%EF%BF%BF", "a%0D%0Ab"):
        answer = raw.send("GET", f"/{bucket}/{path}")
        assert (answer.status, answer.code) == (404, "NoSuchKey"), path
        assert answer.headers["content-type"] == "application/xml"
