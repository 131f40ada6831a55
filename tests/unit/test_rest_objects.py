"""Objects over REST: bytes in and out, headers, conditions, ranges, keys that paths misread."""

import hashlib
from base64 import b64encode
from urllib.parse import quote

import pytest

from ingest.checksums import compute
from tests.unit.rest_api import RestApi, with_api

OBJECTS = "/buckets/photos/objects"
MIB = 1024 * 1024


@with_api
async def test_put_get_head_delete(api: RestApi) -> None:
    put = await api.call("PUT", f"{OBJECTS}/a/b.txt", b"hello", {"content-type": "text/plain"})
    assert put.status == 200
    assert put.json["key"] == "a/b.txt"
    assert put.json["etag"] == hashlib.md5(b"hello").hexdigest()
    assert put.json["size"] == 5
    got = await api.call("GET", f"{OBJECTS}/a/b.txt")
    assert (got.status, got.body) == (200, b"hello")
    assert got.headers["content-type"] == "text/plain"
    assert got.headers["etag"] == f'"{put.json["etag"]}"'
    assert got.headers["content-length"] == "5"
    assert got.headers["x-checksum"] == f"CRC64NVME={compute('CRC64NVME', b'hello')}"
    head = await api.call("HEAD", f"{OBJECTS}/a/b.txt")
    assert (head.status, head.body) == (200, b"")
    assert {**head.headers, "x-request-id": ""} == {**got.headers, "x-request-id": ""}
    deleted = await api.call("DELETE", f"{OBJECTS}/a/b.txt")
    assert (deleted.status, deleted.json["delete_marker"]) == (200, False)
    gone = await api.call("GET", f"{OBJECTS}/a/b.txt")
    assert (gone.status, gone.json["code"]) == (404, "NoSuchKey")
    assert (await api.call("HEAD", f"{OBJECTS}/a/b.txt")).status == 404


@with_api
async def test_large_bodies_are_streamed_both_ways(api: RestApi) -> None:
    chunks = [bytes([n]) * 300_000 for n in range(12)]
    data = b"".join(chunks)
    put = await api.call("PUT", f"{OBJECTS}/large", chunks, {"content-length": str(len(data))})
    assert (put.status, put.json["size"]) == (200, len(data))
    assert (await api.call("GET", f"{OBJECTS}/large")).body == data
    part = await api.call("GET", f"{OBJECTS}/large", headers={"range": f"bytes=299999-{2 * MIB}"})
    assert (part.status, part.body) == (206, data[299_999 : 2 * MIB + 1])
    assert part.headers["content-range"] == f"bytes 299999-{2 * MIB}/{len(data)}"
    chunked = await api.call("PUT", f"{OBJECTS}/chunked", chunks, {"transfer-encoding": "chunked"})
    assert (chunked.status, chunked.json["size"]) == (200, len(data))
    assert (await api.call("GET", f"{OBJECTS}/chunked")).body == data


@with_api
async def test_empty_objects(api: RestApi) -> None:
    assert (await api.call("PUT", f"{OBJECTS}/empty")).json["size"] == 0
    got = await api.call("GET", f"{OBJECTS}/empty")
    assert (got.status, got.body, got.headers["content-length"]) == (200, b"", "0")


@with_api
async def test_attributes_come_back(api: RestApi) -> None:
    headers = {
        "content-type": "image/png", "cache-control": "no-cache", "content-encoding": "gzip",
        "content-language": "de", "content-disposition": "inline", "expires": "never",
        "x-meta-place": "Zürich 🐋", "x-storage-class": "GLACIER_IR",
    }  # fmt: skip
    assert (await api.call("PUT", f"{OBJECTS}/k", b"x", headers)).status == 200
    got = await api.call("GET", f"{OBJECTS}/k")
    assert {name: got.headers[name] for name in headers} == headers


@with_api
async def test_an_archived_object_cannot_be_read(api: RestApi) -> None:
    await api.call("PUT", f"{OBJECTS}/k", b"data", {"x-storage-class": "GLACIER"})
    refused = await api.call("GET", f"{OBJECTS}/k")
    assert (refused.status, refused.json["code"]) == (403, "InvalidObjectState")
    head = await api.call("HEAD", f"{OBJECTS}/k")
    assert (head.status, head.headers["x-storage-class"]) == (200, "GLACIER")


@with_api
async def test_digests_are_verified(api: RestApi) -> None:
    good = {
        "content-md5": b64encode(hashlib.md5(b"hello").digest()).decode(),
        "x-checksum": f"sha256={compute('SHA256', b'hello')}",
    }
    assert (await api.call("PUT", f"{OBJECTS}/k", b"hello", good)).status == 200
    assert (await api.call("GET", f"{OBJECTS}/k")).headers["x-checksum"].startswith("SHA256=")
    for name, code in (("content-md5", "BadDigest"), ("x-checksum", "BadDigest")):
        wrong = await api.call("PUT", f"{OBJECTS}/wrong", b"other", {name: good[name]})
        assert (wrong.status, wrong.json["code"]) == (400, code)
    for value in ("SHA256", "SHA256=abc", "ROT13=abcd", "CRC32=AAAA="):
        wrong = await api.call("PUT", f"{OBJECTS}/wrong", b"other", {"x-checksum": value})
        assert (wrong.status, wrong.json["code"]) == (400, "InvalidArgument")
    wrong = await api.call("PUT", f"{OBJECTS}/wrong", b"other", {"content-md5": "abc"})
    assert (wrong.status, wrong.json["code"]) == (400, "InvalidDigest")
    assert (await api.call("HEAD", f"{OBJECTS}/wrong")).status == 404


@with_api
async def test_a_client_that_goes_away_leaves_nothing(api: RestApi) -> None:
    for size in (1000, 3 * MIB):
        answer = await api.call(
            "PUT", f"{OBJECTS}/half", [b"x" * (size // 2)], {"content-length": str(size)}, gone=True
        )
        assert answer.json["code"] == "IncompleteBody"
    assert (await api.call("GET", f"{OBJECTS}/half")).status == 404
    short = await api.call("PUT", f"{OBJECTS}/half", [b"abc"], {"content-length": "4"})
    assert (short.status, short.json["code"]) == (400, "IncompleteBody")


@with_api
async def test_write_conditions(api: RestApi) -> None:
    only_new = {"if-none-match": "*"}
    first = await api.call("PUT", f"{OBJECTS}/k", b"1", only_new)
    assert first.status == 200
    again = await api.call("PUT", f"{OBJECTS}/k", b"2", only_new)
    assert (again.status, again.json["code"]) == (412, "PreconditionFailed")
    stale = await api.call("PUT", f"{OBJECTS}/k", b"2", {"if-match": '"abc"'})
    assert stale.status == 412
    assert (
        await api.call("PUT", f"{OBJECTS}/k", b"2", {"if-match": f'"{first.json["etag"]}"'})
    ).status == 200
    assert (await api.call("DELETE", f"{OBJECTS}/k", headers={"if-match": '"abc"'})).status == 412
    assert (await api.call("GET", f"{OBJECTS}/k")).body == b"2"


@with_api
async def test_read_conditions_and_ranges(api: RestApi) -> None:
    etag = (await api.call("PUT", f"{OBJECTS}/k", b"0123456789")).json["etag"]

    async def get(**headers: str) -> tuple[int, bytes]:
        answer = await api.call(
            "GET", f"{OBJECTS}/k", headers={name.replace("_", "-"): value for name, value in headers.items()}
        )
        return answer.status, answer.body

    assert await get(if_none_match=f'"{etag}"') == (304, b"")
    assert await get(if_none_match='"x"') == (200, b"0123456789")
    assert (await get(if_match='"x"'))[0] == 412
    assert await get(range="bytes=2-3") == (206, b"23")
    assert await get(range="bytes=-3") == (206, b"789")
    assert await get(range="bytes=2-3", if_range=f'"{etag}"') == (206, b"23")
    assert await get(range="bytes=2-3", if_range='"x"') == (200, b"0123456789")
    beyond = await api.call("GET", f"{OBJECTS}/k", headers={"range": "bytes=10-"})
    assert (beyond.status, beyond.headers["content-range"]) == (416, "bytes */10")
    head = await api.call("HEAD", f"{OBJECTS}/k", headers={"range": "bytes=2-3"})
    assert (head.status, head.headers["content-length"], head.body) == (206, "2", b"")


@pytest.mark.parametrize(
    "key",
    ["a//b", "../c", "/lead", "trail/", "ü🐋", "a b+c%2F", "?x=1&y#z", "line\nfeed", "x\n", "\x00\x7f", 
     "objects", "a/versions/b", "a\\b", "k" * 1024],
)  # fmt: skip
def test_any_key_by_path_and_by_query(key: str) -> None:
    @with_api
    async def run(api: RestApi) -> None:
        quoted = quote(key, safe="")
        by_path, by_query = f"{OBJECTS}/{quoted}", f"{OBJECTS}?key={quoted}"
        assert (await api.call("PUT", by_path, b"1")).json["key"] == key
        assert (await api.call("GET", by_query)).body == b"1"
        assert (await api.call("PUT", by_query, b"2")).json["key"] == key
        assert (await api.call("GET", f"{OBJECTS}/{quote(key)}")).body == b"2"
        assert (await api.call("HEAD", by_query)).headers["content-length"] == "1"
        versions = await api.call("GET", f"{by_path}/versions")
        assert [one["key"] for one in versions.json["versions"]] == [key]
        assert (await api.call("DELETE", by_query)).json["key"] == key
        assert (await api.call("GET", by_path)).status == 404

    run()


@with_api
async def test_a_key_that_ends_in_versions_goes_by_query(api: RestApi) -> None:
    for method in ("PUT", "HEAD", "DELETE"):
        refused = await api.call(method, f"{OBJECTS}/a/versions")
        assert refused.status == 400
    assert (await api.call("PUT", f"{OBJECTS}?key=a/versions", b"x")).status == 200
    assert (await api.call("GET", f"{OBJECTS}?key=a/versions")).body == b"x"
    assert (await api.call("GET", f"{OBJECTS}/a/versions")).status == 404
    listed = await api.call("GET", "/buckets/photos/versions?key=a/versions")
    assert [one["key"] for one in listed.json["versions"]] == ["a/versions"]


@with_api
async def test_keys_that_cannot_be(api: RestApi) -> None:
    too_long = await api.call("PUT", f"{OBJECTS}/{'k' * 1025}", b"")
    assert (too_long.status, too_long.json["code"]) == (400, "KeyTooLongError")
    for target in (f"{OBJECTS}/%FF", f"{OBJECTS}?key=%FF", f"{OBJECTS}/%ED%A0%80"):
        wrong = await api.call("PUT", target, b"")
        assert (wrong.status, wrong.json["code"]) == (400, "InvalidURI")
    for target in (f"{OBJECTS}/", f"{OBJECTS}?key=", f"{OBJECTS}"):
        assert (await api.call("PUT", target, b"")).status == 400


@with_api
async def test_nothing_asked_for_is_ignored(api: RestApi) -> None:
    await api.call("PUT", f"{OBJECTS}/k", b"x")
    for target in (f"{OBJECTS}/k?versoin=1", f"{OBJECTS}/k?version=", f"{OBJECTS}?key=k&Version=1"):
        assert (await api.call("DELETE", target)).status == 400
    for target in (f"{OBJECTS}?key=k&prefix=a", f"{OBJECTS}?version=null", f"{OBJECTS}/k?key=j"):
        assert (await api.call("GET", target)).status == 400
    encrypted = await api.call("PUT", f"{OBJECTS}/k", b"y", {"x-amz-server-side-encryption": "aws:kms"})
    assert encrypted.status == 400
    assert (await api.call("GET", f"{OBJECTS}/k")).body == b"x"
    assert (await api.call("PUT", f"{OBJECTS}/k", b"y", {"x-storage-class": "ATTIC"})).status == 400
    large = {"x-meta-a": "x" * 2049}
    assert (await api.call("PUT", f"{OBJECTS}/k", b"y", large)).json["code"] == "MetadataTooLarge"
    too_large = {"content-length": str(6 * 1024**3)}
    assert (await api.call("PUT", f"{OBJECTS}/k", [b"y"], too_large)).json["code"] == "EntityTooLarge"


@with_api
async def test_versions(api: RestApi) -> None:
    enabled = await api.call("PUT", "/buckets/photos/versioning", json_body={"status": "enabled"})
    assert enabled.json["versioning"] == "enabled"
    first = (await api.call("PUT", f"{OBJECTS}/k", b"1")).json["version"]
    second = (await api.call("PUT", f"{OBJECTS}/k", b"2")).json["version"]
    await api.call("PUT", f"{OBJECTS}/k2", b"other")
    marker = (await api.call("DELETE", f"{OBJECTS}/k")).json
    assert marker["delete_marker"]
    gone = await api.call("GET", f"{OBJECTS}/k")
    assert (gone.status, gone.headers["x-delete-marker"]) == (404, "true")
    assert gone.headers["x-version"] == marker["version"]
    old = await api.call("GET", f"{OBJECTS}/k?version={first}")
    assert (old.body, old.headers["x-version"]) == (b"1", first)
    assert (await api.call("GET", f"{OBJECTS}?key=k&version={second}")).body == b"2"
    listed = (await api.call("GET", f"{OBJECTS}/k/versions")).json["versions"]
    assert [one["version"] for one in listed] == [marker["version"], second, first]
    assert [one["latest"] for one in listed] == [True, False, False]
    assert [one["delete_marker"] for one in listed] == [True, False, False]
    assert (await api.call("DELETE", f"{OBJECTS}/k?version={marker['version']}")).json["delete_marker"]
    assert (await api.call("GET", f"{OBJECTS}/k")).body == b"2"
    unknown = await api.call("GET", f"{OBJECTS}/k?version={'0' * 32}")
    assert (unknown.status, unknown.json["code"]) == (404, "NoSuchVersion")


@with_api
async def test_versions_come_in_pages(api: RestApi) -> None:
    await api.call("PUT", "/buckets/photos/versioning", json_body={"status": "enabled"})
    made = [(await api.call("PUT", f"{OBJECTS}/{key}", b"x")).json for key in ("k", "k", "k", "k/a", "l")]
    expected = [one["version"] for one in (made[2], made[1], made[0])]

    async def pages(path: str, limit: int) -> list[str]:
        found: list[str] = []
        mark = ""
        for _ in range(10):
            page = (await api.call("GET", f"{path}limit={limit}{mark}")).json
            found += [one["version"] for one in page["versions"]]
            assert len(page["versions"]) <= limit
            if page["continuation"] is None:
                return found
            mark = f"&continuation={page['continuation']}"
        raise AssertionError("the listing never ends")

    for limit in (1, 2, 3, 4):
        assert await pages(f"{OBJECTS}/k/versions?", limit) == expected
        assert await pages("/buckets/photos/versions?key=k&", limit) == expected
        assert await pages("/buckets/photos/versions?", limit) == [
            *expected, made[3]["version"], made[4]["version"]
        ]  # fmt: skip
