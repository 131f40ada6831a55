"""ListObjects and ListObjectsV2: order, pages, prefixes, delimiters, encodings."""

import os
from typing import Any

import pytest

from tests.s3.expecting import every_page, keys, prefixes

TREE = [
    "a.txt",
    "a/1",
    "a/2",
    "a/b/1",
    "a/b/2",
    "b/1",
    "b//2",
    "c",
    "photos/2024/01/x.jpg",
    "photos/2024/02/y.jpg",
    "photos/2025/z.jpg",
    "zoë/1",
    "ζ",
    "\U0001f30a/wave",
]


@pytest.fixture(scope="module")
def tree(s3: Any) -> str:
    name = f"list-{os.urandom(8).hex()}"
    s3.create_bucket(Bucket=name)
    for key in TREE:
        s3.put_object(Bucket=name, Key=key, Body=key.encode())
    return name


def rolled_up(prefix: str, delimiter: str, after: str = "") -> tuple[list[str], list[str]]:
    """What a listing must give: keys and common prefixes, by S3's rules."""
    found: list[str] = []
    common: set[str] = set()
    for key in sorted(TREE, key=lambda text: text.encode()):
        if not key.startswith(prefix) or key.encode() <= after.encode():
            continue
        rest = key[len(prefix) :]
        if delimiter and delimiter in rest:
            common.add(prefix + rest[: rest.index(delimiter) + len(delimiter)])
        else:
            found.append(key)
    return found, sorted(common, key=lambda text: text.encode())


def test_an_empty_bucket(s3: Any, bucket: str) -> None:
    page = s3.list_objects_v2(Bucket=bucket)
    assert (page["KeyCount"], page["IsTruncated"], page["MaxKeys"], page["Name"]) == (0, False, 1000, bucket)
    assert keys(s3.list_objects(Bucket=bucket)) == []


def test_keys_are_in_the_order_of_their_bytes(s3: Any, tree: str) -> None:
    page = s3.list_objects_v2(Bucket=tree)
    assert keys(page) == sorted(TREE, key=lambda text: text.encode())
    first = page["Contents"][0]
    assert first["Size"] == len(first["Key"].encode())
    assert first["ETag"].startswith('"')
    assert first["StorageClass"] == "STANDARD"
    assert "Owner" not in first


def test_the_owner_when_asked_for(s3: Any, tree: str) -> None:
    owner = s3.list_objects_v2(Bucket=tree, FetchOwner=True)["Contents"][0]["Owner"]["ID"]
    assert owner == s3.list_buckets()["Owner"]["ID"]
    assert s3.list_objects(Bucket=tree)["Contents"][0]["Owner"]["ID"] == owner


@pytest.mark.parametrize(
    "prefix", ["", "a", "a/", "a/b", "photos/", "photos/2024/", "b/", "none", "zoë/", "ζ"]
)
@pytest.mark.parametrize("delimiter", ["", "/", "//", "o", "/2024/", "🌊"])
def test_prefix_and_delimiter(s3: Any, tree: str, prefix: str, delimiter: str) -> None:
    expected = rolled_up(prefix, delimiter)
    page = s3.list_objects_v2(Bucket=tree, Prefix=prefix, Delimiter=delimiter)
    assert (keys(page), prefixes(page)) == expected
    assert page["KeyCount"] == len(expected[0]) + len(expected[1])
    page = s3.list_objects(Bucket=tree, Prefix=prefix, Delimiter=delimiter)
    assert (keys(page), prefixes(page)) == expected


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("delimiter", ["", "/", "2024"])
def test_pages_joined_are_the_whole(s3: Any, tree: str, size: int, delimiter: str) -> None:
    expected = rolled_up("", delimiter)
    arguments = {"Bucket": tree, "MaxKeys": size, "Delimiter": delimiter}
    pages = every_page(s3.list_objects_v2, "ContinuationToken", "NextContinuationToken", **arguments)
    assert all(page["KeyCount"] <= size for page in pages)
    assert (
        [k for page in pages for k in keys(page)],
        [p for page in pages for p in prefixes(page)],
    ) == expected


@pytest.mark.parametrize("size", [1, 3])
def test_pages_of_the_old_listing(s3: Any, tree: str, size: int) -> None:
    pages = every_page(s3.list_objects, "Marker", "NextMarker", Bucket=tree, MaxKeys=size, Delimiter="/")
    joined = [k for page in pages for k in keys(page)], [p for page in pages for p in prefixes(page)]
    assert joined == rolled_up("", "/")
    # Without a delimiter there is no NextMarker: the last key continues.
    found: list[str] = []
    while True:
        page = s3.list_objects(Bucket=tree, MaxKeys=size, Marker=found[-1] if found else "")
        found += keys(page)
        if not page["IsTruncated"]:
            break
    assert found == rolled_up("", "")[0]


@pytest.mark.parametrize("after", ["a", "a.txt", "a/1", "b", "b/1", "photos/2024/01/x.jpg", "zzz", "ζ"])
def test_start_after(s3: Any, tree: str, after: str) -> None:
    assert keys(s3.list_objects_v2(Bucket=tree, StartAfter=after)) == rolled_up("", "", after)[0]
    assert keys(s3.list_objects(Bucket=tree, Marker=after)) == rolled_up("", "", after)[0]


def test_no_keys_when_none_are_asked_for(s3: Any, tree: str) -> None:
    page = s3.list_objects_v2(Bucket=tree, MaxKeys=0)
    assert (keys(page), page["IsTruncated"], page["KeyCount"]) == ([], False, 0)


def test_more_than_a_thousand_gives_a_thousand(s3: Any, tree: str) -> None:
    page = s3.list_objects_v2(Bucket=tree, MaxKeys=5000)
    assert keys(page) == sorted(TREE, key=lambda text: text.encode())
    assert page["MaxKeys"] in (1000, 5000)


def test_names_that_xml_cannot_carry_are_encoded_when_asked(s3: Any, raw: Any, bucket: str) -> None:
    names = ["a b+c", "control\x01", "per%cent", "new\nline", "a&b<c>"]
    for name in names:
        s3.put_object(Bucket=bucket, Key=name, Body=b"x")
    # boto3 asks for encoding-type=url by itself and decodes the answer.
    assert keys(s3.list_objects_v2(Bucket=bucket)) == sorted(names)
    assert keys(s3.list_objects(Bucket=bucket)) == sorted(names)
    answer = raw.send("GET", f"/{bucket}?encoding-type=url&list-type=2")
    assert b"<Key>control%01</Key>" in answer.body
    assert b"<Key>a%26b%3Cc%3E</Key>" in answer.body
    assert b"<EncodingType>url</EncodingType>" in answer.body


def test_encoded_prefixes_and_delimiters(s3: Any, bucket: str) -> None:
    for name in ("a b/x\x02y/1", "a b/x\x02y/2", "a b/z"):
        s3.put_object(Bucket=bucket, Key=name, Body=b"x")
    page = s3.list_objects_v2(Bucket=bucket, Prefix="a b/", Delimiter="\x02")
    assert prefixes(page) == ["a b/x\x02"]
    assert keys(page) == ["a b/z"]
    pages = every_page(
        s3.list_objects_v2, "ContinuationToken", "NextContinuationToken",
        Bucket=bucket, MaxKeys=1, Delimiter="/", Prefix="a b/",
    )  # fmt: skip
    assert [prefixes(page) or keys(page) for page in pages] == [["a b/x\x02y/"], ["a b/z"]]


@pytest.mark.parametrize(
    "query",
    ["max-keys=-1", "max-keys=many", "max-keys=99999999999999", "encoding-type=rot13",
     "list-type=2&continuation-token=", "list-type=2&continuation-token=%00%01", "list-type=3"],
)  # fmt: skip
def test_arguments_out_of_range_are_refused(raw: Any, bucket: str, query: str) -> None:
    answer = raw.send("GET", f"/{bucket}?{query}")
    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_a_listing_follows_every_write_at_once(s3: Any, bucket: str) -> None:
    expected: list[str] = []
    for number in range(30):
        name = f"k{number:02}"
        s3.put_object(Bucket=bucket, Key=name, Body=b"x")
        expected.append(name)
        if number % 3 == 2:
            gone = expected.pop(number // 3)
            s3.delete_object(Bucket=bucket, Key=gone)
        assert keys(s3.list_objects_v2(Bucket=bucket)) == expected
