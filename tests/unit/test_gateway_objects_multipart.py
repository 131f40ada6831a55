"""Multipart uploads over the embedded engine: ETags, parts, checksums, pages, refusals."""

import base64
import hashlib
import re
from pathlib import Path

import pytest

from schemas import errors
from tests.gateway_client import MIB, Client, run


def test_multipart(tmp_path: Path) -> None:
    parts = [b"a" * 5 * MIB, b"b" * (5 * MIB + 1), b"c"]

    async def scenario(client: Client) -> None:
        done = await client.upload("key", *parts, content_type="text/plain", x_amz_meta_a="b")
        digest = hashlib.md5(b"".join(hashlib.md5(part).digest() for part in parts)).hexdigest()
        assert done.element("ETag") == f"&quot;{digest}-3&quot;"
        assert done.element("Location") == "http://here/bucket/key"
        got = await client.get()
        assert got.body == b"".join(parts)
        assert got.headers["content-type"] == "text/plain"
        second = await client.get(query="partNumber=2")
        assert (second.status, second.body) == (206, parts[1])
        assert second.headers["x-amz-mp-parts-count"] == "3"
        assert second.headers["content-range"] == f"bytes {5 * MIB}-{10 * MIB}/{10 * MIB + 2}"
        with pytest.raises(errors.InvalidPartNumber):
            await client.get(query="partNumber=4")
        with pytest.raises(errors.InvalidRequest, match="both Range header and partNumber"):
            await client.get(query="partNumber=1", range="bytes=0-1")
        for number in ("0", "10001", "x", ""):
            with pytest.raises(errors.InvalidArgument, match="between 1 and 10000"):
                await client.get(query=f"partNumber={number}")

    run(tmp_path, scenario)


def test_part_number_of_an_object_that_has_none(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        await client.put("key", b"abc")
        got = await client.get(query="partNumber=1")
        assert (got.status, got.body, got.headers["content-range"]) == (206, b"abc", "bytes 0-2/3")
        assert "x-amz-mp-parts-count" not in got.headers
        await client.put("key", b"")
        assert (await client.get(query="partNumber=1")).status == 200

    run(tmp_path, scenario)


def test_checksums_of_parts(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        begun = await client.call("CreateMultipartUpload", query="uploads", x_amz_checksum_algorithm="SHA256")
        assert begun.headers["x-amz-checksum-algorithm"] == "SHA256"
        assert begun.headers["x-amz-checksum-type"] == "COMPOSITE"
        upload = begun.element("UploadId")
        parts, listed = [b"a" * 5 * MIB, b"b"], ""
        sums = [base64.b64encode(hashlib.sha256(part).digest()).decode() for part in parts]
        for number, part in enumerate(parts, 1):
            stored = await client.call(
                "UploadPart", body=part, query=f"partNumber={number}&uploadId={upload}",
                x_amz_checksum_sha256=sums[number - 1],
            )  # fmt: skip
            assert stored.headers["x-amz-checksum-sha256"] == sums[number - 1]
            listed += (
                f"<Part><PartNumber>{number}</PartNumber><ETag>{stored.headers['etag']}</ETag>"
                f"<ChecksumSHA256>{sums[number - 1]}</ChecksumSHA256></Part>"
            )
        whole = base64.b64encode(hashlib.sha256(b"".join(map(base64.b64decode, sums))).digest()).decode()
        wrong = base64.b64encode(bytes(32)).decode()
        with pytest.raises(errors.BadDigest):
            await client.complete("key", upload, listed, x_amz_checksum_sha256=wrong)
        done = await client.complete(
            "key", upload, listed, x_amz_checksum_sha256=f"{whole}-2", x_amz_checksum_type="COMPOSITE"
        )
        assert done.element("ChecksumSHA256") == f"{whole}-2"
        assert done.element("ChecksumType") == "COMPOSITE"
        got = await client.get(x_amz_checksum_mode="ENABLED")
        assert got.headers["x-amz-checksum-sha256"] == f"{whole}-2"
        # A piece that is exactly a part has the part's checksum; another has none.
        for piece in ({"query": "partNumber=2"}, {"range": f"bytes={5 * MIB}-"}):
            got = await client.get(x_amz_checksum_mode="ENABLED", **piece)
            assert got.headers["x-amz-checksum-sha256"] == sums[1]
        got = await client.get(x_amz_checksum_mode="ENABLED", range="bytes=0-9")
        assert "x-amz-checksum-sha256" not in got.headers

    run(tmp_path, scenario)


def test_list_parts_and_abort(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        begun = await client.call("CreateMultipartUpload", query="uploads", x_amz_storage_class="GLACIER_IR")
        upload = begun.element("UploadId")
        for number in (1, 3, 5):
            await client.call("UploadPart", body=b"x", query=f"partNumber={number}&uploadId={upload}")
        page = await client.call("ListParts", query=f"uploadId={upload}&max-parts=2")
        assert re.findall("<PartNumber>(.*?)</PartNumber>", page.body.decode()) == ["1", "3"]
        assert (page.element("IsTruncated"), page.element("NextPartNumberMarker")) == ("true", "3")
        assert page.element("StorageClass") == "GLACIER_IR"
        assert page.element("Owner") == page.element("Initiator")
        page = await client.call("ListParts", query=f"uploadId={upload}&part-number-marker=3")
        assert re.findall("<PartNumber>(.*?)</PartNumber>", page.body.decode()) == ["5"]
        assert page.element("IsTruncated") == "false"
        with pytest.raises(errors.InvalidArgument):
            await client.call("ListParts", query=f"uploadId={upload}&max-parts=-1")
        assert (await client.call("AbortMultipartUpload", query=f"uploadId={upload}")).status == 204
        for operation in ("AbortMultipartUpload", "ListParts"):
            with pytest.raises(errors.NoSuchUpload):
                await client.call(operation, query=f"uploadId={upload}")

    run(tmp_path, scenario)


def test_copies_into_parts(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        data = bytes(range(256)) * 40_000
        await client.put("source", data)
        begun = await client.call("CreateMultipartUpload", query="uploads")
        upload = begun.element("UploadId")
        query = f"partNumber=%d&uploadId={upload}"
        listed = ""
        for number, (first, last) in enumerate([(1, 6 * MIB), (5, 9)], 1):
            copied = await client.call(
                "UploadPartCopy", query=query % number, x_amz_copy_source="bucket/source",
                x_amz_copy_source_range=f"bytes={first}-{last}",
            )  # fmt: skip
            etag = copied.element("ETag")
            listed += f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
        await client.complete("key", upload, listed)
        assert (await client.get()).body == data[1 : 6 * MIB + 1] + data[5:10]

    run(tmp_path, scenario)


def test_copies_into_parts_that_are_refused(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        await client.put("source", b"abc")
        upload = (await client.call("CreateMultipartUpload", query="uploads")).element("UploadId")
        query = f"partNumber=1&uploadId={upload}"
        for header in ("bytes=0-3", "bytes=0-", "0-1"):
            with pytest.raises(errors.InvalidArgument):
                await client.call("UploadPartCopy", query=query, x_amz_copy_source="bucket/source",
                                  x_amz_copy_source_range=header)  # fmt: skip
        with pytest.raises(errors.InvalidArgument, match="between 1 and 10000"):
            await client.call("UploadPart", query=f"partNumber=10001&uploadId={upload}")

    run(tmp_path, scenario)


def test_completes_that_are_refused(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        begun = await client.call("CreateMultipartUpload", query="uploads")
        upload = begun.element("UploadId")
        etags = []
        for number in (1, 2):
            stored = await client.call(
                "UploadPart", body=b"x", query=f"partNumber={number}&uploadId={upload}"
            )
            etags.append(stored.headers["etag"])
        one, two = (
            f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
            for number, etag in enumerate(etags, 1)
        )
        with pytest.raises(errors.EntityTooSmall):
            await client.complete("key", upload, one + two)
        with pytest.raises(errors.InvalidPartOrder):
            await client.complete("key", upload, two + one)
        with pytest.raises(errors.InvalidPart):
            await client.complete("key", upload, one.replace("<PartNumber>1", "<PartNumber>7"))
        with pytest.raises(errors.InvalidRequest, match="less than zero"):
            await client.complete("key", upload, one, x_amz_mp_object_size="-1")
        with pytest.raises(errors.InvalidRequest, match="does not match what was computed"):
            await client.complete("key", upload, one, x_amz_mp_object_size="2")
        with pytest.raises(errors.NoSuchUpload):
            await client.complete("other", upload, one)
        await client.put("key", b"there")
        with pytest.raises(errors.PreconditionFailed):
            await client.complete("key", upload, one, if_none_match="*")
        assert (await client.complete("key", upload, one, x_amz_mp_object_size="1")).status == 200

    run(tmp_path, scenario)
