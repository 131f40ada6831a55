"""PutObject, GetObject, HeadObject: bytes and what is kept with them."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.s3.expecting import body, headers, refused

# Around the limits between inline, packed and large objects, and around frames of 256 KiB.
SIZES = [0, 1, 511, 512, 513, 4096, 262_143, 262_144, 262_145, 1_048_575, 1_048_576, 1_048_577, 3_000_001]


@pytest.mark.parametrize("size", SIZES)
def test_what_is_put_is_got(s3: Any, bucket: str, size: int) -> None:
    data = os.urandom(size)
    put = s3.put_object(Bucket=bucket, Key="k", Body=data)
    md5 = f'"{hashlib.md5(data).hexdigest()}"'
    assert put["ETag"] == md5
    got = s3.get_object(Bucket=bucket, Key="k")
    assert body(got) == data
    assert (got["ETag"], got["ContentLength"]) == (md5, size)
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["ETag"], head["ContentLength"]) == (md5, size)
    assert head["LastModified"] == got["LastModified"]
    assert abs(datetime.now(UTC) - head["LastModified"]) < timedelta(minutes=5)
    assert headers(got)["accept-ranges"] == "bytes"


def test_a_large_object_streams_both_ways(s3: Any, bucket: str) -> None:
    data = os.urandom(24 * 1024 * 1024 + 17)
    s3.put_object(Bucket=bucket, Key="large", Body=data)
    assert (
        hashlib.sha256(body(s3.get_object(Bucket=bucket, Key="large"))).digest()
        == hashlib.sha256(data).digest()
    )


def test_large_objects_read_side_by_side_are_each_their_own(s3: Any, bucket: str) -> None:
    """Their frames go through the same memory in turn."""
    bodies = {f"large-{number}": os.urandom(3_000_000 + number) for number in range(6)}
    for key, data in bodies.items():
        s3.put_object(Bucket=bucket, Key=key, Body=data)

    def is_right(key: str) -> bool:
        got: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return got == bodies[key]

    with ThreadPoolExecutor(6) as readers:
        assert all(readers.map(is_right, [*bodies] * 5))


def test_the_last_put_wins_and_its_size_counts(s3: Any, bucket: str) -> None:
    for size in (2_000_000, 10, 5000, 0, 700):
        data = os.urandom(size)
        s3.put_object(Bucket=bucket, Key="k", Body=data)
        assert body(s3.get_object(Bucket=bucket, Key="k")) == data
        assert [one["Size"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [size]


def test_system_headers_and_metadata_are_kept(s3: Any, bucket: str) -> None:
    expires = datetime(2031, 3, 4, 5, 6, 7, tzinfo=UTC)
    s3.put_object(
        Bucket=bucket, Key="k", Body=b"x", ContentType="text/x-tide", CacheControl="max-age=60",
        ContentDisposition='attachment; filename="a.txt"', ContentEncoding="identity",
        ContentLanguage="de-CH", Expires=expires,
        Metadata={"owner": "sea", "two-words": "a b  c", "empty": ""},
    )  # fmt: skip
    for answer in (s3.get_object(Bucket=bucket, Key="k"), s3.head_object(Bucket=bucket, Key="k")):
        assert answer["ContentType"] == "text/x-tide"
        assert answer["CacheControl"] == "max-age=60"
        assert answer["ContentDisposition"] == 'attachment; filename="a.txt"'
        assert answer["ContentEncoding"] == "identity"
        assert answer["ContentLanguage"] == "de-CH"
        assert headers(answer)["expires"] == "Tue, 04 Mar 2031 05:06:07 GMT"
        assert {name: answer["Metadata"][name] for name in ("owner", "two-words")} == {
            "owner": "sea",
            "two-words": "a b  c",
        }


def test_metadata_does_not_outlive_an_overwrite(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"a": "1"}, ContentType="text/plain")
    s3.put_object(Bucket=bucket, Key="k", Body=b"y")
    head = s3.head_object(Bucket=bucket, Key="k")
    assert head["Metadata"] == {}
    assert head["ContentType"] == "binary/octet-stream"


def test_a_storage_class_is_kept_by_name(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="plain", Body=b"x")
    s3.put_object(Bucket=bucket, Key="rare", Body=b"x", StorageClass="STANDARD_IA")
    assert s3.head_object(Bucket=bucket, Key="rare")["StorageClass"] == "STANDARD_IA"
    assert "StorageClass" not in s3.head_object(Bucket=bucket, Key="plain")
    listed = {one["Key"]: one["StorageClass"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert listed == {"plain": "STANDARD", "rare": "STANDARD_IA"}
    with refused("InvalidStorageClass", 400):
        s3.put_object(Bucket=bucket, Key="odd", Body=b"x", StorageClass="PAPER")


def test_response_headers_can_be_overridden(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentType="text/plain")
    got = s3.get_object(
        Bucket=bucket, Key="k", ResponseContentType="image/png", ResponseCacheControl="no-store",
        ResponseContentDisposition="inline", ResponseContentEncoding="gzip", ResponseContentLanguage="fr",
        ResponseExpires=datetime(2030, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    found = headers(got)
    assert got["ContentType"] == "image/png"
    assert got["CacheControl"] == "no-store"
    assert got["ContentDisposition"] == "inline"
    assert got["ContentEncoding"] == "gzip"
    assert got["ContentLanguage"] == "fr"
    assert found["expires"].startswith("Tue, 01 Jan 2030")


def test_a_missing_key_is_said_to_be_missing(s3: Any, bucket: str) -> None:
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=bucket, Key="none")
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="none")


def test_too_much_metadata_is_refused(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"a": "v" * 2000})
    with refused("MetadataTooLarge", 400):
        s3.put_object(Bucket=bucket, Key="k2", Body=b"x", Metadata={"a": "v" * 3000})
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="k2")


def test_keys_that_differ_only_in_slashes_are_different(s3: Any, bucket: str) -> None:
    names = ["a", "a/", "a//", "/a", "a/b", "a//b", "//a"]
    for name in names:
        s3.put_object(Bucket=bucket, Key=name, Body=name.encode())
    for name in names:
        assert body(s3.get_object(Bucket=bucket, Key=name)) == name.encode()
    listed = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert listed == sorted(names)
