"""Requests that a proxy and the server could read differently: a second one must never hide in a first."""

from typing import Any

import pytest

from tests.attacks.conftest import Target
from tests.attacks.wire import lines, sent, statuses
from tests.s3.raw import Raw

HIDDEN = b"GET /hidden-request HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"0\r\n\r\n"

# Name → headers of framing, and the body in which the second request hides.
FRAMINGS: dict[str, tuple[list[str], bytes]] = {
    "length and chunked": (["Content-Length: 5", "Transfer-Encoding: chunked"], CHUNKED + HIDDEN),
    "chunked and length": (["Transfer-Encoding: chunked", "Content-Length: 5"], CHUNKED + HIDDEN),
    "two lengths": (["Content-Length: 0", f"Content-Length: {len(HIDDEN)}"], HIDDEN),
    "a list of lengths": ([f"Content-Length: 0, {len(HIDDEN)}"], HIDDEN),
    "a length with a sign": (["Content-Length: +0"], HIDDEN),
    "a negative length": (["Content-Length: -1"], HIDDEN),
    "a length in hexadecimal": (["Content-Length: 0x0"], HIDDEN),
    "a length beyond 64 bits": (["Content-Length: 18446744073709551616"], HIDDEN),
    "a coding that is none": (["Transfer-Encoding: xchunked"], CHUNKED + HIDDEN),
    "chunked not last": (["Transfer-Encoding: chunked, identity"], CHUNKED + HIDDEN),
    "chunked twice": (["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], CHUNKED + HIDDEN),
    "a vertical tab": (["Transfer-Encoding: \x0bchunked"], CHUNKED + HIDDEN),
    "a space before the colon": (["Transfer-Encoding : chunked"], CHUNKED + HIDDEN),
    "a folded line": (["X-Fold: a", " Transfer-Encoding: chunked"], CHUNKED + HIDDEN),
    "a folded coding": (["Transfer-Encoding:", " chunked", "Content-Length: 5"], CHUNKED + HIDDEN),
    "a NUL in a value": (["X-Null: a\x00b", "Content-Length: 0"], b""),
    "a CR in a value": (["X-Return: a\rTransfer-Encoding: chunked"], CHUNKED + HIDDEN),
    "a name with a NUL": (["Content-Length\x00: 5"], b"xxxxx" + HIDDEN),
}  # fmt: skip


def opened(site: Target, kind: str) -> int:
    return {"s3": site.server.port, "api": site.server.api_port, "website": site.website_port}[kind]


@pytest.mark.parametrize("kind", ["s3", "api", "website"])
@pytest.mark.parametrize("name", FRAMINGS)
def test_framing_that_can_be_read_two_ways(site: Target, kind: str, name: str) -> None:
    """Either the request is refused and the connection ends, or what follows is its body: nobody gets an
    answer to the hidden request."""
    headers, body = FRAMINGS[name]
    head = "\r\n".join(["PUT /some-bucket/key HTTP/1.1", "Host: x", *headers]).encode("latin-1")
    received = sent(opened(site, kind), head + b"\r\n\r\n" + body, half_close=kind != "api")
    found = statuses(received)
    assert len(found) <= 1, received
    assert not found or 400 <= found[0] < 500, received
    assert b"hidden-request" not in received


@pytest.mark.parametrize("kind", ["s3", "website"])
def test_hosts_that_are_none_or_two(site: Target, kind: str) -> None:
    """RFC 9112 §3.2: a proxy may choose its target by one, and the server the bucket by another."""
    for hosts in ((), ("one.example.org", "two.example.org")):
        head = "\r\n".join(["GET /key HTTP/1.1", *(f"Host: {one}" for one in hosts)]).encode()
        assert statuses(sent(opened(site, kind), head + b"\r\n\r\n")) == [400], hosts


@pytest.mark.parametrize("ending", [b"\n", b"\r"])
@pytest.mark.parametrize("kind", ["s3", "api"])
def test_lines_that_end_otherwise(site: Target, kind: str, ending: bytes) -> None:
    """A line feed or a carriage return alone may end no more than the line it ends: one answer at most."""
    text = ending.join([b"GET / HTTP/1.1", b"Host: x", b"X: a", b"", b""])
    received = sent(opened(site, kind), text, half_close=kind != "api")
    assert len(statuses(received)) <= 1


def test_chunks_with_extensions_and_odd_sizes(site: Target, raw: Raw, s3: Any, bucket: str) -> None:
    """Sizes that parsers disagree on, and line feeds in an extension."""
    signed = raw.sign("PUT", f"/{bucket}/new", b"", {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    signed["Transfer-Encoding"] = "chunked"
    for body in (
        b"0x5\r\nhello\r\n0\r\n\r\n", b"+5\r\nhello\r\n0\r\n\r\n", b"5;a\n=b\r\nhello\r\n0\r\n\r\n",
        b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n", b"-5\r\nhello\r\n0\r\n\r\n", b"5\r\nhelloXX0\r\n\r\n",
        b" 5\r\nhello\r\n0\r\n\r\n",
    ):  # fmt: skip
        received = sent(site.server.port, lines("PUT", f"/{bucket}/new", signed) + body + HIDDEN)
        assert [one for one in statuses(received) if one < 400] == [], (body, received)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix="new")


def test_trailers_are_no_headers(site: Target, raw: Raw, s3: Any, bucket: str) -> None:
    """What comes after the body cannot change the request that was signed, nor become headers of the next."""
    signed = raw.sign("PUT", f"/{bucket}/new", b"", {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    signed["Transfer-Encoding"] = "chunked"
    body = (
        b"5\r\nhello\r\n0\r\nx-amz-meta-evil: 1\r\nx-amz-acl: public-read\r\nContent-Type: evil/evil\r\n\r\n"
    )
    received = sent(site.server.port, lines("PUT", f"/{bucket}/new", signed, body))
    assert len(statuses(received)) == 1
    if statuses(received) == [200]:
        head = s3.head_object(Bucket=bucket, Key="new")
        assert (head["Metadata"], head["ContentType"]) == ({}, "binary/octet-stream")


def test_an_offered_protocol_hides_nothing(site: Target, raw: Raw, s3: Any, bucket: str) -> None:
    """h2c and websockets are not taken up: what follows is the body as announced, then another request."""
    for upgrade in ("h2c", "websocket"):
        signed = raw.sign("PUT", f"/{bucket}/{upgrade}", b"", {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
        signed |= {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": upgrade, "HTTP2-Settings": ""}
        signed["Content-Length"] = str(len(HIDDEN))
        received = sent(site.server.port, lines("PUT", f"/{bucket}/{upgrade}", signed, HIDDEN))
        assert statuses(received) == [200]
        assert s3.get_object(Bucket=bucket, Key=upgrade)["Body"].read() == HIDDEN


@pytest.mark.parametrize("kind", ["s3", "api", "website"])
@pytest.mark.parametrize(
    "line",
    ["CONNECT inner.example:80 HTTP/1.1", "TRACE / HTTP/1.1", "GET http://127.0.0.1:1/ HTTP/1.1",
     "GET //127.0.0.1:1/ HTTP/1.1", "GET * HTTP/1.1", "GET / HTTP/2.0", "PRI * HTTP/2.0",
     "GET /a b HTTP/1.1"],
)  # fmt: skip
def test_the_server_is_no_proxy(site: Target, kind: str, line: str) -> None:
    """Targets for other servers, and methods that would echo or tunnel."""
    text = line.encode() + b"\r\nHost: x\r\nX-Secret: echo-me\r\n\r\n"
    received = sent(opened(site, kind), text, half_close=kind != "api")
    assert all(status == 307 or status >= 400 for status in statuses(received)), received
    assert len(statuses(received)) <= 1
    assert b"echo-me" not in received
