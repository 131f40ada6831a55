"""GetObject and HeadObject over the embedded engine: ranges, conditions, overrides, what is not there."""

from pathlib import Path

import pytest

from access.identity import ANONYMOUS
from schemas import errors
from tests.gateway_client import MIB, Client, md5, run


def test_put_get_head(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        put = await client.put("key", b"hello", content_type="text/plain", x_amz_meta_a="b", expires="later")
        assert put.status == 200
        assert put.headers["etag"] == f'"{md5(b"hello")}"'
        assert put.headers["x-amz-server-side-encryption"] == "AES256"
        assert put.headers["x-amz-checksum-type"] == "FULL_OBJECT"
        assert "x-amz-version-id" not in put.headers
        got = await client.get()
        assert (got.status, got.body) == (200, b"hello")
        head = await client.call("HeadObject")
        assert (head.status, head.body, head.headers) == (200, b"", got.headers)
        assert got.headers["content-length"] == "5"
        assert got.headers["content-type"] == "text/plain"
        assert got.headers["x-amz-meta-a"] == "b"
        assert got.headers["expires"] == "later"
        assert not [name for name in got.headers if name.startswith("x-amz-checksum")]
        checked = await client.get(x_amz_checksum_mode="ENABLED")
        for name in ("x-amz-checksum-crc64nvme", "x-amz-checksum-type"):
            assert checked.headers[name] == put.headers[name]

    run(tmp_path, scenario)


@pytest.mark.parametrize("size", [0, 1, 600, 70_000, MIB, MIB + 1, 3 * MIB])
def test_every_way_of_storing_reads_back_and_cuts(tmp_path: Path, size: int) -> None:
    data = bytes(i * 31 % 251 for i in range(size))

    async def scenario(client: Client) -> None:
        await client.put("key", data)
        assert (await client.get()).body == data
        if not size:
            return
        middle = size // 2
        part = await client.get(range=f"bytes={middle}-")
        assert (part.status, part.body) == (206, data[middle:])
        assert part.headers["content-range"] == f"bytes {middle}-{size - 1}/{size}"
        assert part.headers["content-length"] == str(size - middle)
        assert (await client.get(range="bytes=-1")).body == data[-1:]
        head = await client.call("HeadObject", range="bytes=0-0")
        assert (head.status, head.headers["content-length"], head.body) == (206, "1", b"")

    run(tmp_path, scenario)


def test_ranges_that_hold_nothing_or_mean_nothing(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        await client.put("key", b"0123456789")
        for header in ("bytes=1-2,4-5", "bytes=5-2", "lines=1-2", "bytes=x"):
            got = await client.get(range=header)
            assert (got.status, got.body) == (200, b"0123456789")
        with pytest.raises(errors.InvalidRange):
            await client.get(range="bytes=10-")
        stale = await client.get(range="bytes=1-2", if_range='"other"')
        assert (stale.status, stale.body) == (200, b"0123456789")

    run(tmp_path, scenario)


def test_conditional_reads(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        etag = (await client.put("key", b"x", cache_control="max-age=5", x_amz_meta_a="b")).headers["etag"]
        unchanged = await client.get(if_none_match=etag)
        assert (unchanged.status, unchanged.body) == (304, b"")
        assert set(unchanged.headers) == {"etag", "last-modified", "cache-control"}
        again = await client.get(if_modified_since=unchanged.headers["last-modified"])
        assert again.status == 304
        assert (await client.get(if_match=etag)).status == 200
        with pytest.raises(errors.PreconditionFailed):
            await client.get(if_match='"other"')
        with pytest.raises(errors.PreconditionFailed):
            await client.call("HeadObject", if_unmodified_since="Sun, 06 Nov 1994 08:49:37 GMT")

    run(tmp_path, scenario)


def test_overrides(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        await client.put("key", b"x", content_type="text/plain")
        got = await client.get(query="response-content-type=image/png&response-expires=some day")
        assert got.headers["content-type"] == "image/png"
        assert got.headers["expires"] == "some day"
        for value in ("a\r\nset-cookie: x", "\u20ac", "\x7f"):
            with pytest.raises(errors.InvalidArgument, match="ISO-8859-1"):
                await client.get(query=f"response-content-disposition={value}")
        await client.open_to_all()
        with pytest.raises(errors.InvalidRequest, match="anonymous"):
            await client.call("GetObject", query="response-expires=x", principal=ANONYMOUS)

    run(tmp_path, scenario)


def test_what_is_not_there(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        with pytest.raises(errors.NoSuchKey):
            await client.get()
        with pytest.raises(errors.NoSuchBucket):
            await client.call("GetObject", bucket="other")
        with pytest.raises(errors.NoSuchVersion):
            await client.get(query=f"versionId={'0' * 32}")
        for version in ("", "nonsense"):
            with pytest.raises(errors.InvalidArgument):
                await client.get(query=f"versionId={version}")

    run(tmp_path, scenario)
