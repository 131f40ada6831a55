"""GetObject with Range and partNumber."""

import os
from typing import Any

import pytest

from tests.s3.expecting import body, headers, refused

SIZE = 1_500_000
FRAME = 262_144
RANGES = [
    ("bytes=0-0", 0, 1),
    ("bytes=0-99", 0, 100),
    ("bytes=100-", 100, SIZE),
    ("bytes=-1", SIZE - 1, SIZE),
    ("bytes=-100", SIZE - 100, SIZE),
    (f"bytes=-{SIZE * 2}", 0, SIZE),
    (f"bytes=0-{SIZE * 2}", 0, SIZE),
    (f"bytes={SIZE - 1}-{SIZE - 1}", SIZE - 1, SIZE),
    (f"bytes={FRAME - 1}-{FRAME}", FRAME - 1, FRAME + 1),
    (f"bytes={FRAME}-{2 * FRAME - 1}", FRAME, 2 * FRAME),
    (f"bytes={FRAME + 5}-{4 * FRAME + 5}", FRAME + 5, 4 * FRAME + 6),
]


@pytest.fixture(scope="module")
def data() -> bytes:
    return os.urandom(SIZE)


@pytest.fixture(scope="module")
def stored(s3: Any, data: bytes) -> str:
    name = f"ranges-{os.urandom(8).hex()}"
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="large", Body=data)
    s3.put_object(Bucket=name, Key="small", Body=data[:5000])
    s3.put_object(Bucket=name, Key="tiny", Body=data[:100])
    s3.put_object(Bucket=name, Key="empty", Body=b"")
    return name


@pytest.mark.parametrize(("asked", "start", "end"), RANGES)
def test_a_range_of_a_large_object(
    s3: Any, stored: str, data: bytes, asked: str, start: int, end: int
) -> None:
    got = s3.get_object(Bucket=stored, Key="large", Range=asked)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["ContentRange"] == f"bytes {start}-{end - 1}/{SIZE}"
    assert got["ContentLength"] == end - start
    assert body(got) == data[start:end]


@pytest.mark.parametrize("key", ["small", "tiny"])
def test_ranges_of_packed_and_inline_objects(s3: Any, stored: str, data: bytes, key: str) -> None:
    for asked, expected in (
        ("bytes=10-19", data[10:20]),
        ("bytes=0-0", data[:1]),
        ("bytes=50-59", data[50:60]),
    ):
        assert body(s3.get_object(Bucket=stored, Key=key, Range=asked)) == expected


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={SIZE + 5}-{SIZE + 9}", "bytes=-0"])
def test_a_range_without_a_byte_in_it_is_refused(s3: Any, stored: str, asked: str) -> None:
    with refused("InvalidRange", 416):
        s3.get_object(Bucket=stored, Key="large", Range=asked)


def test_ranges_of_an_empty_object(s3: Any, stored: str) -> None:
    """It has no byte at any place; but its last bytes, however many are asked for, are the whole of it
    (RFC 9110 §14.1.2)."""
    for asked in ("bytes=0-0", "bytes=0-", "bytes=-0"):
        with refused("InvalidRange", 416):
            s3.get_object(Bucket=stored, Key="empty", Range=asked)
    answer = s3.get_object(Bucket=stored, Key="empty", Range="bytes=-5")
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["ContentLength"]) == (200, 0)
    assert s3.head_object(Bucket=stored, Key="empty", Range="bytes=-5")["ContentLength"] == 0


@pytest.mark.parametrize(
    "asked", ["bytes=5-2", "bytes=x-y", "lines=0-1", "bytes", "bytes=--1", "bytes=1-2,4-5"]
)
def test_a_range_that_cannot_be_read_gives_the_whole(s3: Any, stored: str, data: bytes, asked: str) -> None:
    """RFC 9110, 14.2: a Range that is not understood is ignored. S3 serves no multipart ranges."""
    got = s3.get_object(Bucket=stored, Key="small", Range=asked)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert body(got) == data[:5000]


def test_head_of_a_range(s3: Any, stored: str) -> None:
    head = s3.head_object(Bucket=stored, Key="large", Range="bytes=10-19")
    assert head["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert head["ContentLength"] == 10
    assert headers(head)["content-range"] == f"bytes 10-19/{SIZE}"


def test_if_range_gives_the_range_only_of_the_same_object(s3: Any, stored: str, raw: Any) -> None:
    tag = s3.head_object(Bucket=stored, Key="small")["ETag"]
    same = raw.send("GET", f"/{stored}/small", {"Range": "bytes=0-9", "If-Range": tag})
    assert (same.status, len(same.body)) == (206, 10)
    other = raw.send("GET", f"/{stored}/small", {"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (other.status, len(other.body)) == (200, 5000)


def test_part_one_of_a_plain_object_is_the_whole(s3: Any, stored: str, data: bytes) -> None:
    got = s3.get_object(Bucket=stored, Key="small", PartNumber=1)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert body(got) == data[:5000]
    with refused("InvalidPartNumber", 416):
        s3.get_object(Bucket=stored, Key="small", PartNumber=2)


@pytest.mark.parametrize("number", ["0", "-3", "10001", "x", ""])
def test_part_numbers_are_read_before_the_key(raw: Any, stored: str, number: str) -> None:
    """GetObject, partNumber: 1 to 10,000. What it says is wrong whether or not there is such an object."""
    answer = raw.send("GET", f"/{stored}/none?partNumber={number}", {})
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert raw.send("HEAD", f"/{stored}/none?partNumber={number}", {}).status == 400
