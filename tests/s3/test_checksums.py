"""Checksums of every algorithm, in headers and in trailers: verified, stored, returned."""

import base64
import hashlib
import os
from typing import Any

import botocore.session
import pytest
from awscrt import checksums

from tests.s3.expecting import body, refused
from tests.s3.raw import Raw

DATA = os.urandom(300_000)


def big_endian(number: int, size: int) -> str:
    return base64.b64encode(number.to_bytes(size, "big")).decode()


def encoded(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def value_of(algorithm: str, data: bytes) -> str:
    """The checksum as S3 writes it: by the standard library, or AWS's own for what that lacks."""
    name = algorithm.lower()
    if name in ("sha1", "sha256", "sha512", "md5"):
        return encoded(hashlib.new(name, data).digest())
    if name in ("crc32", "crc32c", "crc64nvme"):
        return big_endian(getattr(checksums, name)(data), 8 if name == "crc64nvme" else 4)
    once = {
        "xxhash64": "compute_xxhash64",
        "xxhash3": "compute_xxhash3_64",
        "xxhash128": "compute_xxhash3_128",
    }
    if name in once:
        return encoded(getattr(checksums.XXHash, once[name])(data))
    pytest.skip(f"{algorithm}: no implementation at hand")


def known_algorithms() -> list[str]:
    """Those that botocore's model of S3 names."""
    model = botocore.session.get_session().get_service_model("s3")
    return list(model.shape_for("ChecksumAlgorithm").enum)


def test_the_main_ones_are_among_those_tested() -> None:
    assert {"CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME"} <= set(known_algorithms())


@pytest.mark.parametrize("algorithm", known_algorithms())
@pytest.mark.parametrize("size", [0, 400, 300_000])
def test_in_a_header(s3: Any, raw: Raw, bucket: str, algorithm: str, size: int) -> None:
    data = DATA[:size]
    value, header = value_of(algorithm, data), f"x-amz-checksum-{algorithm.lower()}"
    answer = raw.send("PUT", f"/{bucket}/k", {header: value}, data)
    assert (answer.status, answer.headers[header]) == (200, value)
    for method in ("GET", "HEAD"):
        got = raw.send(method, f"/{bucket}/k", {"x-amz-checksum-mode": "ENABLED"})
        assert got.headers[header] == value
        assert got.headers["x-amz-checksum-type"] == "FULL_OBJECT"
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["ChecksumAlgorithm"] == [algorithm]


@pytest.mark.parametrize("algorithm", known_algorithms())
def test_a_wrong_one_in_a_header_stores_nothing(s3: Any, raw: Raw, bucket: str, algorithm: str) -> None:
    header = f"x-amz-checksum-{algorithm.lower()}"
    answer = raw.send("PUT", f"/{bucket}/k", {header: value_of(algorithm, b"other")}, b"data")
    assert (answer.status, answer.code) == (400, "BadDigest")
    answer = raw.send("PUT", f"/{bucket}/k", {header: "bm90IG9uZQ!"}, b"data")
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="k")


def trailer_request(header: str, value: str, data: bytes, chunk: int = 65536) -> bytes:
    """A body in aws-chunked coding, unsigned, with a trailing checksum."""
    pieces = [data[start : start + chunk] for start in range(0, len(data), chunk)]
    framed = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return framed + f"0\r\n{header}:{value}\r\n\r\n".encode()


def send_with_trailer(raw: Raw, bucket: str, header: str, value: str, data: bytes) -> Any:
    headers = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-trailer": header,
        "x-amz-decoded-content-length": str(len(data)),
        "content-encoding": "aws-chunked",
    }
    return raw.send("PUT", f"/{bucket}/k", headers, trailer_request(header, value, data))


@pytest.mark.parametrize("algorithm", known_algorithms())
def test_in_a_trailer(s3: Any, raw: Raw, bucket: str, algorithm: str) -> None:
    value, header = value_of(algorithm, DATA), f"x-amz-checksum-{algorithm.lower()}"
    assert send_with_trailer(raw, bucket, header, value, DATA).status == 200
    got = raw.send("GET", f"/{bucket}/k", {"x-amz-checksum-mode": "ENABLED"})
    assert (got.headers[header], got.body) == (value, DATA)
    # The framing is no part of the object, so its name is not kept as the content's coding.
    assert "aws-chunked" not in got.headers.get("content-encoding", "")


@pytest.mark.parametrize("algorithm", known_algorithms())
def test_a_wrong_one_in_a_trailer_stores_nothing(s3: Any, raw: Raw, bucket: str, algorithm: str) -> None:
    header = f"x-amz-checksum-{algorithm.lower()}"
    answer = send_with_trailer(raw, bucket, header, value_of(algorithm, DATA + b"!"), DATA)
    assert (answer.status, answer.code) == (400, "BadDigest")
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="k")


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME"])
def test_as_the_sdk_sends_it(s3: Any, bucket: str, algorithm: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="k", Body=DATA, ChecksumAlgorithm=algorithm)
    assert put[f"Checksum{algorithm}"] == value_of(algorithm, DATA)
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got[f"Checksum{algorithm}"] == value_of(algorithm, DATA)
    assert body(got) == DATA


def test_without_one_the_default_is_kept(s3: Any, raw: Raw, bucket: str) -> None:
    """S3 adds CRC64NVME to what comes without a checksum."""
    raw.send("PUT", f"/{bucket}/k", {}, DATA)
    got = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["ChecksumCRC64NVME"] == value_of("CRC64NVME", DATA)


def test_a_checksum_is_only_returned_when_asked_for(raw: Raw, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ChecksumAlgorithm="SHA256")
    answer = raw.send("GET", f"/{bucket}/k")
    assert not [name for name in answer.headers if name.startswith("x-amz-checksum")]


def test_content_md5(raw: Raw, s3: Any, bucket: str) -> None:
    right = encoded(hashlib.md5(DATA).digest())
    assert raw.send("PUT", f"/{bucket}/k", {"Content-MD5": right}, DATA).status == 200
    answer = raw.send("PUT", f"/{bucket}/bad", {"Content-MD5": right}, DATA[1:])
    assert (answer.status, answer.code) == (400, "BadDigest")
    answer = raw.send("PUT", f"/{bucket}/bad", {"Content-MD5": "c2hvcnQ="}, DATA)
    assert (answer.status, answer.code) == (400, "InvalidDigest")
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="bad")


@pytest.mark.parametrize("header", ["x-amz-checksum-sha3", "x-amz-checksum-"])
def test_one_of_an_unknown_algorithm(raw: Raw, s3: Any, bucket: str, header: str) -> None:
    answer = raw.send("PUT", f"/{bucket}/k", {header: value_of("SHA256", DATA)}, DATA)
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="k")


def test_two_checksums_are_one_too_many(raw: Raw, bucket: str) -> None:
    both = {f"x-amz-checksum-{name.lower()}": value_of(name, DATA) for name in ("CRC32", "SHA256")}
    answer = raw.send("PUT", f"/{bucket}/k", both, DATA)
    assert (answer.status, answer.code) == (400, "InvalidRequest")


def test_a_payload_that_does_not_match_its_hash_stores_nothing(raw: Raw, s3: Any, bucket: str) -> None:
    for size in (10, len(DATA)):
        wrong = {"x-amz-content-sha256": hashlib.sha256(b"other").hexdigest()}
        answer = raw.send("PUT", f"/{bucket}/k", wrong, DATA[:size])
        assert (answer.status, answer.code) == (400, "XAmzContentSHA256Mismatch")
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="k")


def test_any_case_of_enabled_asks_for_it(raw: Raw, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"data", ChecksumAlgorithm="SHA1")
    for value, there in (("ENABLED", True), ("enabled", True), ("DISABLED", False), ("", False)):
        for method in ("GET", "HEAD"):
            answer = raw.send(method, f"/{bucket}/k", {"x-amz-checksum-mode": value})
            assert answer.status == 200
            assert ("x-amz-checksum-sha1" in answer.headers) == there
            assert ("x-amz-checksum-type" in answer.headers) == there


def test_a_range_has_no_checksum_of_the_whole(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"data", ChecksumAlgorithm="SHA1")
    part = s3.get_object(Bucket=bucket, Key="k", Range="bytes=0-1", ChecksumMode="ENABLED")
    assert "ChecksumSHA1" not in part
    assert body(part) == b"da"
    whole = s3.get_object(Bucket=bucket, Key="k", Range="bytes=0-3", ChecksumMode="ENABLED")
    assert whole["ChecksumSHA1"] == base64.b64encode(hashlib.sha1(b"data").digest()).decode()


def test_a_part_has_its_own_checksum(s3: Any, bucket: str) -> None:
    bodies = [b"a" * (5 * 1024**2), b"b"]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm="SHA256")["UploadId"]
    place = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    parts = [
        {"PartNumber": n, **{k: v for k, v in stored.items() if k in ("ETag", "ChecksumSHA256")}}
        for n, one in enumerate(bodies, 1)
        if (stored := s3.upload_part(**place, PartNumber=n, Body=one, ChecksumAlgorithm="SHA256"))
    ]
    s3.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})
    for part in parts:
        head = s3.head_object(Bucket=bucket, Key="k", PartNumber=part["PartNumber"], ChecksumMode="ENABLED")
        assert head["ChecksumSHA256"] == part["ChecksumSHA256"]
        assert head["PartsCount"] == 2
    whole = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert whole["ChecksumSHA256"].endswith("-2")
    assert whole["ChecksumType"] == "COMPOSITE"
