"""aws-chunked uploads in every form, whole and spoilt: a wrong chunk stores nothing."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from tests.s3.chunked import (
    CHECKSUM,
    FORMS,
    SIGNED,
    SIGNED_TRAILER,
    UNSIGNED_TRAILER,
    Change,
    crc32,
    send_chunked,
)
from tests.s3.expecting import body, refused
from tests.s3.raw import Raw

DATA = os.urandom(200_000)
SIZES = [0, 1, 65_536, 200_000, 3_000_000]
SIGNED_FORMS = [SIGNED, SIGNED_TRAILER]
TRAILED_FORMS = [SIGNED_TRAILER, UNSIGNED_TRAILER]


def nothing_stored(s3: Any, bucket: str) -> None:
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="key")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("unknown_length", [False, True])
def test_every_form_arrives_whole(
    raw: Raw, s3: Any, bucket: str, form: str, size: int, unknown_length: bool
) -> None:
    data = os.urandom(size)
    answer = send_chunked(raw, f"/{bucket}/key", form, data, unknown_length=unknown_length)
    assert answer.status == 200, answer.body
    got = s3.get_object(Bucket=bucket, Key="key", ChecksumMode="ENABLED")
    assert body(got) == data
    assert "ContentEncoding" not in got
    if form != SIGNED:
        assert got["ChecksumCRC32"] == crc32(data) == answer.headers[CHECKSUM]


@pytest.mark.parametrize("form", FORMS)
def test_parts_too(raw: Raw, s3: Any, bucket: str, form: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="key")["UploadId"]
    answer = send_chunked(raw, f"/{bucket}/key?partNumber=1&uploadId={upload}", form, DATA)
    assert answer.status == 200, answer.body
    parts = {"Parts": [{"PartNumber": 1, "ETag": answer.headers["etag"]}]}
    s3.complete_multipart_upload(Bucket=bucket, Key="key", UploadId=upload, MultipartUpload=parts)
    assert body(s3.get_object(Bucket=bucket, Key="key")) == DATA


def test_another_encoding_is_kept(raw: Raw, s3: Any, bucket: str) -> None:
    send_chunked(raw, f"/{bucket}/key", UNSIGNED_TRAILER, DATA, Content_Encoding="aws-chunked,gzip")
    assert s3.head_object(Bucket=bucket, Key="key")["ContentEncoding"] == "gzip"


# --- signatures of chunks ------------------------------------------------------------------------------
SPOILT: dict[str, Change] = {
    "a byte of the first chunk": lambda frames: [flipped(frames[0]), *frames[1:]],
    "a byte of a later chunk": lambda frames: [*frames[:2], flipped(frames[2]), *frames[3:]],
    "two chunks in each other's place": lambda frames: [frames[1], frames[0], *frames[2:]],
    "a chunk left out": lambda frames: [frames[0], *frames[2:]],
    "a chunk twice": lambda frames: [frames[0], *frames],
    "the signature of another chunk": lambda frames: [
        frames[0].replace(signature_of(frames[0]), signature_of(frames[1])), *frames[1:],
    ],
    "the signature of the last chunk": lambda frames: [
        *frames[:-2], frames[-2].replace(signature_of(frames[-2]), b"0" * 64), frames[-1],
    ],
    "a signature that is none": lambda frames: [
        frames[0].replace(signature_of(frames[0]), b"x" * 64), *frames[1:],
    ],
}  # fmt: skip


def flipped(frame: bytes) -> bytes:
    """The chunk with its last byte changed."""
    return frame[:-3] + bytes([frame[-3] ^ 1]) + frame[-2:]


def signature_of(frame: bytes) -> bytes:
    return frame.partition(b"chunk-signature=")[2][:64]


@pytest.mark.parametrize("form", SIGNED_FORMS)
@pytest.mark.parametrize("what", SPOILT)
def test_chunks_whose_signatures_do_not_hold(raw: Raw, s3: Any, bucket: str, form: str, what: str) -> None:
    longer = {"length": len(DATA) + 65_536} if what == "a chunk twice" else {}
    answer = send_chunked(raw, f"/{bucket}/key", form, DATA, change=SPOILT[what], **longer)  # type: ignore[arg-type]
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    nothing_stored(s3, bucket)


@pytest.mark.parametrize("form", SIGNED_FORMS)
def test_chunks_without_signatures(raw: Raw, s3: Any, bucket: str, form: str) -> None:
    def bare(frames: list[bytes]) -> list[bytes]:
        return [one.replace(b";chunk-signature=" + signature_of(one), b"") for one in frames]

    answer = send_chunked(raw, f"/{bucket}/key", form, DATA, change=bare)
    assert (answer.status, answer.code) == (400, "IncompleteBody")
    nothing_stored(s3, bucket)


@pytest.mark.parametrize("form", SIGNED_FORMS)
def test_the_chunks_of_a_large_body_too(raw: Raw, s3: Any, bucket: str, form: str) -> None:
    spoil = SPOILT["a byte of a later chunk"]
    answer = send_chunked(raw, f"/{bucket}/key", form, os.urandom(3_000_000), change=spoil)
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    nothing_stored(s3, bucket)


# --- trailers ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("form", TRAILED_FORMS)
def test_a_wrong_checksum_in_the_trailer(raw: Raw, s3: Any, bucket: str, form: str) -> None:
    answer = send_chunked(raw, f"/{bucket}/key", form, DATA, trailer=crc32(b"other"))
    assert (answer.status, answer.code) == (400, "BadDigest")
    nothing_stored(s3, bucket)


@pytest.mark.parametrize("form", TRAILED_FORMS)
def test_a_trailer_that_does_not_come(raw: Raw, s3: Any, bucket: str, form: str) -> None:
    answer = send_chunked(raw, f"/{bucket}/key", form, DATA, change=lambda frames: [*frames[:-1], b"\r\n"])
    assert answer.status in (400, 403)
    nothing_stored(s3, bucket)


def test_a_trailer_changed_after_it_was_signed(raw: Raw, s3: Any, bucket: str) -> None:
    def other(frames: list[bytes]) -> list[bytes]:
        return [*frames[:-1], frames[-1].replace(crc32(DATA).encode(), crc32(b"other").encode())]

    answer = send_chunked(raw, f"/{bucket}/key", SIGNED_TRAILER, DATA, change=other)
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    nothing_stored(s3, bucket)


def test_an_empty_line_before_the_signature_of_the_trailers(raw: Raw, s3: Any, bucket: str) -> None:
    """AWS's example of a trailing checksum ("Signature calculations: including trailing headers") has a line
    feed after the checksum and an empty line before the signature; minio-go sends it so."""

    def gap(frames: list[bytes]) -> list[bytes]:
        return [*frames[:-1], frames[-1].replace(b"\r\n", b"\n\r\n", 1)]

    answer = send_chunked(raw, f"/{bucket}/key", SIGNED_TRAILER, DATA, change=gap)
    assert answer.status == 200
    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == DATA


@pytest.mark.parametrize("spoilt", [b"", b"x-amz-trailer-signature:" + b"0" * 64 + b"\r\n"])
def test_a_trailer_without_its_signature(raw: Raw, s3: Any, bucket: str, spoilt: bytes) -> None:
    def unsigned(frames: list[bytes]) -> list[bytes]:
        return [*frames[:-1], frames[-1].partition(b"x-amz-trailer-signature")[0] + spoilt + b"\r\n"]

    answer = send_chunked(raw, f"/{bucket}/key", SIGNED_TRAILER, DATA, change=unsigned)
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    nothing_stored(s3, bucket)


# --- lengths -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("off", [-1, 1])
def test_a_decoded_length_that_is_off(raw: Raw, s3: Any, bucket: str, form: str, off: int) -> None:
    answer = send_chunked(raw, f"/{bucket}/key", form, DATA, length=len(DATA) + off)
    assert (answer.status, answer.code) == (400, "IncompleteBody")
    nothing_stored(s3, bucket)


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "no size": lambda frame: b"x" + frame,
    "line ends without CR": lambda frame: frame.replace(b"\r\n", b"\n", 1),
    "no CRLF after the bytes": lambda frame: frame[:-2],
    "other bytes after the bytes": lambda frame: frame[:-2] + b"dd",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("broken", BROKEN)
def test_chunks_that_are_not_framed(raw: Raw, s3: Any, bucket: str, form: str, broken: str) -> None:
    answer = send_chunked(
        raw, f"/{bucket}/key", form, DATA, change=lambda frames: [BROKEN[broken](frames[0]), *frames[1:]]
    )
    assert (answer.status, answer.code) == (400, "IncompleteBody")
    nothing_stored(s3, bucket)


@pytest.mark.parametrize("form", FORMS)
def test_without_a_last_chunk(raw: Raw, s3: Any, bucket: str, form: str) -> None:
    answer = send_chunked(raw, f"/{bucket}/key", form, DATA, change=lambda frames: frames[:-2])
    assert (answer.status, answer.code) == (400, "IncompleteBody")
    nothing_stored(s3, bucket)


def test_a_decoded_length_is_required(raw: Raw, s3: Any, bucket: str) -> None:
    sent = {"x-amz-content-sha256": UNSIGNED_TRAILER, "Content-Encoding": "aws-chunked"}
    answer = raw.send("PUT", f"/{bucket}/key", sent, b"4\r\ndata\r\n0\r\n\r\n")
    assert (answer.status, answer.code) == (411, "MissingContentLength")
    nothing_stored(s3, bucket)


@pytest.mark.parametrize("trailer", ["", "x-amz-checksum-crc32c:AAAAAA==\r\n", "no header\r\n"])
def test_a_trailer_that_is_not_the_one_announced(raw: Raw, s3: Any, bucket: str, trailer: str) -> None:
    sent = {
        "x-amz-content-sha256": UNSIGNED_TRAILER,
        "Content-Encoding": "aws-chunked",
        "x-amz-decoded-content-length": "4",
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    answer = raw.send("PUT", f"/{bucket}/key", sent, f"4\r\ndata\r\n0\r\n{trailer}\r\n".encode())
    assert (answer.status, answer.code) == (400, "MalformedTrailerError")
    nothing_stored(s3, bucket)
