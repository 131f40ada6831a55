"""Checksums: published check values, combination, multipart forms, and comparison with what was announced."""

import asyncio
import base64
import hashlib
from collections.abc import Callable

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.checksums import (
    ALGORITHMS,
    HEADERS,
    Hasher,
    checksum_type,
    composite,
    compute,
    decode_expected,
    encode,
    full_object,
    multipart_etag,
    parse_content_md5,
)
from ingest.digests import Digested, Digests, digest_whole
from ingest.md5 import SideBySide
from ingest.payload import Payload
from schemas import errors
from schemas.rows import Checksum

CHECK = b"123456789"  # the text of the CRC catalogue's check values
CRCS = ("CRC32", "CRC32C", "CRC64NVME")

KNOWN = {
    # CRC RevEng catalogue: CRC-32/ISO-HDLC, CRC-32/ISCSI, CRC-64/NVME
    "CRC32": (CHECK, "cbf43926"),
    "CRC32C": (CHECK, "e3069283"),
    "CRC64NVME": (CHECK, "ae8b14860a799888"),
    # RFC 3174, FIPS 180-4, RFC 1321
    "SHA1": (b"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
    "SHA256": (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    "SHA512": (
        b"abc",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    ),
    "MD5": (b"abc", "900150983cd24fb0d6963f7d28e17f72"),
    # xxHash's own values for the empty input with seed 0
    "XXHASH64": (b"", "ef46db3751d8e999"),
    "XXHASH3": (b"", "2d06800538d394c2"),
    "XXHASH128": (b"", "99aa06d3014798d86001c324468d497f"),
}


def test_every_algorithm_of_the_model_is_there() -> None:
    model = botocore.session.get_session().get_service_model("s3")
    assert set(model.shape_for("ChecksumAlgorithm").enum) == set(ALGORITHMS) == set(KNOWN)
    put = model.shape_for("PutObjectRequest").members
    names = {member.serialization["name"] for name, member in put.items() if name.startswith("Checksum")}
    assert names - {"x-amz-sdk-checksum-algorithm"} == set(HEADERS)


@pytest.mark.parametrize("algorithm", KNOWN)
def test_known_answers(algorithm: str) -> None:
    data, digest = KNOWN[algorithm]
    expected = encode(bytes.fromhex(digest))
    assert compute(algorithm, data) == expected
    hasher = Hasher.new(algorithm.lower())
    hasher.update(data[:3])
    hasher.update(memoryview(data)[3:])
    assert hasher.digest_base64() == expected
    assert compute(algorithm, bytearray(data)) == compute(algorithm, memoryview(data)) == expected
    assert decode_expected(algorithm, expected).hex() == digest


@given(st.sampled_from(sorted(ALGORITHMS)), st.lists(st.binary(max_size=200), max_size=6))
def test_pieces_equal_the_whole(algorithm: str, pieces: list[bytes]) -> None:
    hasher = Hasher.new(algorithm)
    for piece in pieces:
        hasher.update(piece)
    assert hasher.digest_base64() == compute(algorithm, b"".join(pieces))


@given(st.sampled_from(CRCS), st.lists(st.binary(max_size=200), min_size=1, max_size=6))
def test_combined_parts_equal_the_whole(algorithm: str, parts: list[bytes]) -> None:
    announced = [(compute(algorithm, part), len(part)) for part in parts]
    assert full_object(algorithm, announced) == compute(algorithm, b"".join(parts))


def test_composite_is_the_checksum_of_checksums() -> None:
    parts = [b"one", b"two", b"three"]
    digests = b"".join(hashlib.sha256(part).digest() for part in parts)
    expected = base64.b64encode(hashlib.sha256(digests).digest()).decode() + "-3"
    assert composite("SHA256", [compute("SHA256", part) for part in parts]) == expected


def test_multipart_etag() -> None:
    parts = [hashlib.md5(b"one"), hashlib.md5(b"two")]
    expected = hashlib.md5(b"".join(part.digest() for part in parts)).hexdigest() + "-2"
    assert multipart_etag([part.hexdigest() for part in parts]) == expected


def test_types_of_multipart_checksums() -> None:
    assert checksum_type("CRC64NVME", None) == "FULL_OBJECT"
    assert {checksum_type(name, None) for name in ALGORITHMS if name != "CRC64NVME"} == {"COMPOSITE"}
    assert checksum_type("crc32", "FULL_OBJECT") == "FULL_OBJECT"
    for name, wrong in (("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")):
        with pytest.raises(errors.InvalidRequest, match=f"The {wrong} checksum type cannot be used with the"):
            checksum_type(name, wrong)
    with pytest.raises(errors.InvalidRequest, match="x-amz-checksum-type"):
        checksum_type("CRC32", "HALF")
    with pytest.raises(errors.InvalidRequest, match="FULL_OBJECT"):
        full_object("SHA1", [])


@pytest.mark.parametrize(
    "text", ["", "x", "AAAA", "AAAAAA", "AAAAAA==AAAA", "AAAA\nAA==", "éAAAAA==", "!AAAAAA="]
)
def test_announced_checksums_must_be_base64_of_the_right_length(text: str) -> None:
    with pytest.raises(errors.InvalidRequest, match="Value for x-amz-checksum-crc32 header is invalid"):
        decode_expected("CRC32", text)
    with pytest.raises(errors.InvalidRequest, match="x-amz-checksum-crc32 trailing header is invalid"):
        decode_expected("CRC32", text, trailing=True)
    with pytest.raises(errors.InvalidDigest) as caught:
        parse_content_md5(text)
    assert caught.value.details == {"Content-MD5": text}


def test_unknown_algorithm() -> None:
    with pytest.raises(errors.InvalidRequest, match="unsupported"):
        Hasher.new("CRC16")
    with pytest.raises(errors.InvalidRequest, match="unsupported"):
        Digests(Payload(b"", 0, checksum_algorithm="CRC16"), SideBySide())
    with pytest.raises(errors.InvalidRequest, match="unsupported"):
        digest_whole(Payload(b"", 0, checksum_algorithm="CRC16"), b"")


# --- a body against what was announced ------------------------------------------------------------------
BODY = b"the quick brown fox"


def in_pieces(payload: Payload, body: bytes) -> Digested:
    async def digest() -> Digested:
        digests = Digests(payload, SideBySide())
        for at in range(0, len(body), 4):
            await digests.update(body[at : at + 4])
        await digests.finish()
        digests.close()
        return digests.verify(payload)

    return asyncio.run(digest())


@pytest.fixture(params=[in_pieces, digest_whole], ids=["pieces", "whole"])
def digest(request: pytest.FixtureRequest) -> Callable[[Payload, bytes], Digested]:
    return request.param  # type: ignore[no-any-return]


Digest = Callable[[Payload, bytes], Digested]


def test_nothing_announced_keeps_md5_and_crc64(digest: Digest) -> None:
    etag = hashlib.md5(BODY).hexdigest()
    checksum = Checksum("CRC64NVME", compute("CRC64NVME", BODY), "FULL_OBJECT")
    assert digest(Payload(BODY, None), BODY) == (etag, checksum, len(BODY))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_everything_announced_and_right(digest: Digest, algorithm: str) -> None:
    value = compute(algorithm, BODY)
    payload = Payload(
        BODY, len(BODY), hashlib.md5(BODY).digest(), hashlib.sha256(BODY).digest(), algorithm, value
    )
    assert digest(payload, BODY).checksum == Checksum(algorithm, value)
    trailing = Payload(BODY, len(BODY), checksum_algorithm=algorithm, trailing_checksum=lambda: value)
    assert digest(trailing, BODY).checksum == Checksum(algorithm, value)


def test_length_that_was_not_announced(digest: Digest) -> None:
    for size in (len(BODY) - 1, len(BODY) + 1):
        with pytest.raises(errors.IncompleteBody) as caught:
            digest(Payload(BODY, size), BODY)
        assert caught.value.details["NumberBytesExpected"] == str(size)


def test_wrong_md5(digest: Digest) -> None:
    with pytest.raises(errors.BadDigest, match="The Content-MD5 you specified did not match") as caught:
        digest(Payload(BODY, None, md5=b"\0" * 16), BODY)
    assert caught.value.details == {
        "ExpectedDigest": encode(b"\0" * 16),
        "CalculatedDigest": encode(hashlib.md5(BODY).digest()),
    }


def test_wrong_sha256(digest: Digest) -> None:
    with pytest.raises(errors.ContentSHA256Mismatch) as caught:
        digest(Payload(BODY, None, sha256=b"\0" * 32), BODY)
    assert caught.value.details == {
        "ClientComputedContentSHA256": "00" * 32,
        "S3ComputedContentSHA256": hashlib.sha256(BODY).hexdigest(),
    }


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_wrong_checksum_in_header_or_trailer(digest: Digest, algorithm: str) -> None:
    wrong = compute(algorithm, BODY + b"!")
    for payload in (
        Payload(BODY, None, checksum_algorithm=algorithm, checksum=wrong),
        Payload(BODY, None, checksum_algorithm=algorithm, trailing_checksum=lambda: wrong),
    ):
        with pytest.raises(
            errors.BadDigest, match=f"The {algorithm} you specified did not match the calculated checksum"
        ):
            digest(payload, BODY)


def test_trailer_that_is_no_checksum(digest: Digest) -> None:
    payload = Payload(BODY, None, checksum_algorithm="CRC32", trailing_checksum=lambda: "?")
    with pytest.raises(errors.InvalidRequest, match="trailing header is invalid"):
        digest(payload, BODY)
