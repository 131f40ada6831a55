"""aws-chunked framing: bodies as botocore makes them, AWS's published examples, splits, damage."""

import hashlib
import hmac
import io
from itertools import pairwise

import pytest
from botocore.httpchecksum import AwsChunkedWrapper, Crc32Checksum
from hypothesis import given
from hypothesis import strategies as st

from access.chunked import (
    MIN_SIGNED_CHUNK,
    ChunkedDecoder,
    decoder_for,
    is_chunked,
    stored_content_encoding,
)
from access.identity import Principal
from access.signing import signing_key
from access.sigv4 import (
    STREAMING_SIGNED,
    STREAMING_SIGNED_TRAILER,
    STREAMING_UNSIGNED_TRAILER,
    UNSIGNED_PAYLOAD,
    Signed,
)
from schemas import errors

SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SCOPE = "20130524/us-east-1/s3/aws4_request"
TIMESTAMP = "20130524T000000Z"
ROOT = Principal("0" * 64, "root")
KEY = signing_key(SECRET_KEY, "20130524", "us-east-1", "s3")
CRC = "x-amz-checksum-crc32"


def seed(signature: str, payload: str = STREAMING_SIGNED) -> Signed:
    return Signed(ROOT, payload, KEY, SCOPE, TIMESTAMP, signature)


def whole(decoder: ChunkedDecoder, pieces: list[bytes]) -> bytes:
    out = b"".join([b"".join(decoder.feed(piece)) for piece in pieces])
    decoder.finish()
    return out


def sign_chunks(data: list[bytes], signature: str, trailers: dict[str, str] | None = None) -> bytes:
    """A signed body, built apart from the code under test from AWS's description."""
    key = b"AWS4" + SECRET_KEY.encode()
    for part in ("20130524", "us-east-1", "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()

    def link(kind: str, *rest: str) -> str:
        text = "\n".join((kind, TIMESTAMP, SCOPE, signature, *rest))
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()

    body = b""
    for chunk in [*data, b""]:
        empty = hashlib.sha256().hexdigest()
        signature = link("AWS4-HMAC-SHA256-PAYLOAD", empty, hashlib.sha256(chunk).hexdigest())
        body += b"%x;chunk-signature=%s\r\n" % (len(chunk), signature.encode())
        body += chunk + (b"\r\n" if chunk else b"")
    if trailers:
        lines = "".join(f"{name}:{value}\n" for name, value in trailers.items())
        for name, value in trailers.items():
            body += f"{name}:{value}\r\n".encode()
        last = link("AWS4-HMAC-SHA256-TRAILER", hashlib.sha256(lines.encode()).hexdigest())
        body += f"x-amz-trailer-signature:{last}\r\n".encode()
    return body + b"\r\n"


def unsigned(data: bytes, chunk_size: int = 1024 * 1024) -> bytes:
    """As botocore sends it."""
    return AwsChunkedWrapper(io.BytesIO(data), Crc32Checksum, CRC, chunk_size).read()


# AWS's example: 65 KiB of "a", chunks of 64 KiB, seed signature and chunk signatures as published.
AWS_SEED = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
AWS_SIGNATURES = (
    b"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    b"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    b"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
)


def test_signed_example_of_aws() -> None:
    body = (
        b"10000;chunk-signature=%s\r\n" % AWS_SIGNATURES[0] + b"a" * 65536 + b"\r\n"
        b"400;chunk-signature=%s\r\n" % AWS_SIGNATURES[1] + b"a" * 1024 + b"\r\n"
        b"0;chunk-signature=%s\r\n\r\n" % AWS_SIGNATURES[2]
    )  # fmt: skip
    assert body == sign_chunks([b"a" * 65536, b"a" * 1024], AWS_SEED)
    assert ChunkedDecoder(66560, (), seed(AWS_SEED)).decode(body) == b"a" * 66560


def test_signed_example_of_aws_with_trailer() -> None:
    signature = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
    trailers = {"x-amz-checksum-crc32c": "sOO8/Q=="}
    body = sign_chunks([b"a" * 65536, b"a" * 1024], signature, trailers)
    for published in (
        b"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        b"1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        b"2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
        b"d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435",
    ):
        assert published in body
    decoder = ChunkedDecoder(66560, tuple(trailers), seed(signature, STREAMING_SIGNED_TRAILER))
    assert decoder.decode(body) == b"a" * 66560
    assert decoder.trailers == trailers


@pytest.mark.parametrize("size", [0, 1, 15, 16, 4096, 1024 * 1024, 1024 * 1024 + 1, 3_000_000])
def test_bodies_of_botocore(size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    crc = Crc32Checksum()
    crc.update(data)
    decoder = ChunkedDecoder(size, (CRC,))
    assert decoder.decode(unsigned(data)) == data
    assert decoder.trailers == {CRC: crc.b64digest()}
    assert decoder.size == size
    incremental = ChunkedDecoder(size, (CRC,))
    body = unsigned(data)
    assert whole(incremental, [body[i : i + 300_000] for i in range(0, len(body), 300_000)]) == data
    assert incremental.trailers == decoder.trailers


def test_without_trailer() -> None:
    assert ChunkedDecoder(3).decode(b"3\r\nabc\r\n0\r\n\r\n") == b"abc"
    assert ChunkedDecoder(0).decode(b"0\r\n\r\n") == b""


def test_a_split_at_every_byte_gives_the_same() -> None:
    plain = (unsigned(b"0123456789\r\n" * 5, 17), lambda: ChunkedDecoder(60, (CRC,)))
    data = b"z" * MIN_SIGNED_CHUNK
    body = sign_chunks([data, b"end"], AWS_SEED, {CRC: "AAAAAA=="})
    signed = (body, lambda: ChunkedDecoder(len(data) + 3, (CRC,), seed(AWS_SEED)))
    for framed, make in (plain, signed):
        expected = make().decode(framed)
        for at in range(len(framed) + 1):
            assert whole(make(), [framed[:at], framed[at:]]) == expected
        assert whole(make(), [framed[i : i + 1] for i in range(len(framed))]) == expected


@given(st.binary(max_size=300), st.integers(1, 64), st.lists(st.integers(0, 600), max_size=8))
def test_any_split(data: bytes, chunk: int, cuts: list[int]) -> None:
    framed = unsigned(data, chunk)
    edges = [0, *sorted(min(cut, len(framed)) for cut in cuts), len(framed)]
    pieces = [framed[a:b] for a, b in pairwise(edges)]
    assert whole(ChunkedDecoder(len(data), (CRC,)), pieces) == data


@pytest.mark.parametrize("signed", [False, True])
def test_every_truncation_is_noticed(signed: bool) -> None:
    trailers = {CRC: "AAAAAA=="}
    framed = sign_chunks([b"hello"], AWS_SEED, trailers) if signed else unsigned(b"hello")
    for end in range(len(framed)):
        decoder = ChunkedDecoder(5, (CRC,), seed(AWS_SEED) if signed else None)
        with pytest.raises(errors.IncompleteBody):
            decoder.decode(framed[:end])


def test_an_empty_line_may_come_before_the_signature_of_the_trailers() -> None:
    trailers = {CRC: "AAAAAA=="}
    usual = sign_chunks([b"hello"], AWS_SEED, trailers)
    body = usual.replace(b"AAAAAA==\r\n", b"AAAAAA==\n\r\n")
    for at in range(len(body) + 1):
        decoder = ChunkedDecoder(5, (CRC,), seed(AWS_SEED))
        assert whole(decoder, [body[:at], body[at:]]) == b"hello"
        assert decoder.trailers == trailers
    for end in range(len(body)):
        with pytest.raises((errors.IncompleteBody, errors.SignatureDoesNotMatch)):
            ChunkedDecoder(5, (CRC,), seed(AWS_SEED)).decode(body[:end])
    twice = body.replace(b"\n\r\n", b"\n\r\n\r\n")
    with pytest.raises(errors.SignatureDoesNotMatch):
        ChunkedDecoder(5, (CRC,), seed(AWS_SEED)).decode(twice)


def test_every_changed_byte_of_a_signed_body_is_noticed() -> None:
    framed = sign_chunks([b"hello"], AWS_SEED, {CRC: "AAAAAA=="})
    for at in range(len(framed)):
        for flip in (1, 0x20):
            damaged = framed[:at] + bytes([framed[at] ^ flip]) + framed[at + 1 :]
            decoder = ChunkedDecoder(5, (CRC,), seed(AWS_SEED))
            try:
                assert decoder.decode(damaged) == b"hello"
            except errors.StrandlineError:
                continue
            # What may differ is only what HTTP lets differ: the case of a trailer's name.
            assert decoder.trailers == {CRC: "AAAAAA=="}
            assert damaged.lower() == framed.lower()


def test_chunks_cannot_be_reordered_or_left_out() -> None:
    first, second = b"a" * MIN_SIGNED_CHUNK, b"b" * MIN_SIGNED_CHUNK
    body = sign_chunks([first, second], AWS_SEED)
    length = len(b"2000;chunk-signature=") + 64 + 2 + MIN_SIGNED_CHUNK + 2
    swapped = body[length : 2 * length] + body[:length] + body[2 * length :]
    for wrong in (swapped, body[length:]):
        with pytest.raises(errors.SignatureDoesNotMatch):
            ChunkedDecoder(None, (), seed(AWS_SEED)).decode(wrong)
    with pytest.raises(errors.SignatureDoesNotMatch):
        ChunkedDecoder(None, (), seed("0" * 64)).decode(body)


def test_length_must_be_the_one_announced() -> None:
    with pytest.raises(errors.IncompleteBody) as caught:
        ChunkedDecoder(6, (CRC,)).decode(unsigned(b"hello"))
    assert caught.value.details == {"NumberBytesExpected": "6", "NumberBytesProvided": "5"}
    for pieces in ([unsigned(b"hello")], [unsigned(b"hello")[:4], unsigned(b"hello")[4:]]):
        with pytest.raises(errors.IncompleteBody, match="announces"):
            whole(ChunkedDecoder(4, (CRC,)), pieces)
    with pytest.raises(errors.IncompleteBody, match="announces"):
        ChunkedDecoder(4, (CRC,)).decode(unsigned(b"hello"))


def test_trailers_must_be_those_announced() -> None:
    with pytest.raises(errors.MalformedTrailer, match="did not come"):
        ChunkedDecoder(5, (CRC,)).decode(b"5\r\nhello\r\n0\r\n\r\n")
    with pytest.raises(errors.MalformedTrailer, match="not announced"):
        ChunkedDecoder(5).decode(unsigned(b"hello"))
    with pytest.raises(errors.MalformedTrailer, match="twice"):
        ChunkedDecoder(1, ("a",)).decode(b"1\r\nx\r\n0\r\na:1\r\na:2\r\n\r\n")
    body = sign_chunks([b"x"], AWS_SEED)[:-2] + b"a:1\r\n\r\n"
    with pytest.raises(errors.SignatureDoesNotMatch):
        ChunkedDecoder(1, ("a",), seed(AWS_SEED)).decode(body)


@pytest.mark.parametrize(
    "body",
    [
        b"\r\n", b"x\r\n", b"-1\r\n", b"+1\r\n", b"0x1\r\na\r\n0\r\n\r\n",
        b"1_0\r\n" + b"a" * 16 + b"\r\n0\r\n\r\n",
        b" 1\r\na\r\n0\r\n\r\n", b"1\na\n0\n\n", b"1\r\nab\r\n0\r\n\r\n", b"f" * 17 + b"\r\n", b"1" * 600,
        b"1\r\na\r\n0\r\n\r\nmore", b"0\r\n\r\n\r\n\r\n", b"0\r\n:v\r\n\r\n", b"0\r\nname\r\n\r\n",
        b"0\r\n\xff:v\r\n\r\n", b"0\r\n" + b"a" * 5000, b"0\r\n" + b"a:b\r\n" * 2000 + b"\r\n",
    ],
)  # fmt: skip
def test_malformed_framing_is_refused(body: bytes) -> None:
    for signed in (None, seed(AWS_SEED)):
        with pytest.raises((errors.IncompleteBody, errors.MalformedTrailer)):
            ChunkedDecoder(None, ("a",), signed).decode(body)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_parser(junk: bytes) -> None:
    for body in (junk, b"5\r\nhello\r\n0\r\n" + junk, b"5\r\nhello\r\n" + junk):
        decoder = ChunkedDecoder(5, (CRC,))
        try:
            assert decoder.decode(body) == b"hello"
        except (errors.IncompleteBody, errors.MalformedTrailer):
            continue


def test_one_crlf_too_many_at_the_end_is_let_pass() -> None:
    assert ChunkedDecoder(5, (CRC,)).decode(unsigned(b"hello") + b"\r\n") == b"hello"


def test_small_signed_chunks_are_refused_unless_last() -> None:
    assert ChunkedDecoder(3, (), seed(AWS_SEED)).decode(sign_chunks([b"end"], AWS_SEED)) == b"end"
    body = sign_chunks([b"a" * (MIN_SIGNED_CHUNK - 1), b"end"], AWS_SEED)
    with pytest.raises(errors.InvalidChunkSize, match="Only the last chunk") as caught:
        ChunkedDecoder(None, (), seed(AWS_SEED)).decode(body)
    assert caught.value.details == {"Chunk": "2", "BadChunkSize": "8191"}
    assert ChunkedDecoder(2).decode(b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n") == b"ab"


def test_pieces_are_not_copied() -> None:
    data = unsigned(b"x" * 1000)
    piece = ChunkedDecoder(1000, (CRC,)).feed(data)[0]
    assert isinstance(piece, memoryview)
    assert piece.obj is data


# --- from headers ---------------------------------------------------------------------------------------
def test_which_bodies_are_chunked() -> None:
    headers = {"content-encoding": "gzip,aws-chunked", "x-amz-decoded-content-length": "5"}
    assert is_chunked(Signed(ROOT, STREAMING_SIGNED), {})
    assert is_chunked(Signed(ROOT, UNSIGNED_PAYLOAD), headers)
    assert not is_chunked(Signed(ROOT, UNSIGNED_PAYLOAD), {"content-encoding": "gzip"})
    assert not is_chunked(Signed(ROOT, "0" * 64), {})


def test_decoder_from_headers() -> None:
    headers = {"x-amz-decoded-content-length": "5", "x-amz-trailer": f" {CRC.upper()} "}
    decoder = decoder_for(Signed(ROOT, STREAMING_UNSIGNED_TRAILER), headers)
    assert decoder.decode(unsigned(b"hello")) == b"hello"
    assert not decoder.signed
    assert decoder_for(seed(AWS_SEED), {"x-amz-decoded-content-length": "5"}).signed
    with pytest.raises(errors.MissingContentLength):
        decoder_for(Signed(ROOT, STREAMING_UNSIGNED_TRAILER), {})
    for wrong in ("-1", "x", "", "1" * 19, "²"):
        with pytest.raises(errors.InvalidArgument):
            decoder_for(Signed(ROOT, UNSIGNED_PAYLOAD), {"x-amz-decoded-content-length": wrong})
    with pytest.raises(errors.InvalidRequest, match="trailer"):
        decoder_for(seed(AWS_SEED), headers)
    with pytest.raises(errors.InvalidRequest, match="signed request"):
        decoder_for(Signed(None, STREAMING_SIGNED), {"x-amz-decoded-content-length": "5"})


def test_content_encoding_is_kept_without_aws_chunked() -> None:
    assert stored_content_encoding("aws-chunked") == ""
    assert stored_content_encoding("gzip, aws-chunked") == "gzip"
    assert stored_content_encoding("aws-chunked,gzip,br") == "gzip,br"
    assert stored_content_encoding("gzip, br") == "gzip, br"
