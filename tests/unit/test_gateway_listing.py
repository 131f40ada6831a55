"""Listings over the embedded engine, read back with botocore's own parser."""

from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser

from gateway.listing_xml import Names, contents
from index.contract import ListEntry
from schemas.errors import InvalidArgument, NotImplementedOperation
from schemas.rows import Bucket
from tests.gateway_client import ROOT, Answer, Client, run

KEYS = ["a", "a/1", "a/2", "a&<b>", "b/c/d", "b/\x01", "ü/ö", "z z+%"]

_model = ServiceModel(Loader().load_service_model("s3", "service-2"), "s3")
_parser = create_parser("rest-xml")


def parsed(operation: str, answer: Answer) -> dict[str, Any]:
    """The answer as botocore hands it to its callers."""
    shape = _model.operation_model(operation).output_shape
    raw = {"status_code": answer.status, "headers": answer.headers, "body": answer.body}
    return dict(_parser.parse(raw, shape))


async def listed(client: Client, operation: str, query: str, **headers: str) -> dict[str, Any]:
    return parsed(operation, await client.call(operation, "", query=query, **headers))


async def fill(client: Client) -> None:
    for key in KEYS:
        await client.put(key, key.encode())


def test_version_2(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        await fill(client)
        page = await listed(client, "ListObjectsV2", "list-type=2&encoding-type=url&max-keys=3&start-after=a")
        assert [one["Key"] for one in page["Contents"]] == ["a%26%3Cb%3E", "a/1", "a/2"]
        assert (page["Name"], page["KeyCount"], page["MaxKeys"]) == ("bucket", 3, 3)
        assert (page["IsTruncated"], page["EncodingType"], page["StartAfter"]) == (True, "url", "a")
        assert all("Owner" not in one for one in page["Contents"])
        assert page["Contents"][1]["ChecksumType"] == "FULL_OBJECT"
        token = page["NextContinuationToken"]
        query = f"list-type=2&encoding-type=url&continuation-token={token}&fetch-owner=true"
        rest = await listed(client, "ListObjectsV2", query)
        assert [one["Key"] for one in rest["Contents"]] == ["b/%01", "b/c/d", "z%20z%2B%25", "%C3%BC/%C3%B6"]
        assert rest["ContinuationToken"] == token
        assert not rest["IsTruncated"]
        assert rest["Contents"][0]["Owner"]["ID"] == ROOT.id
        assert rest["Contents"][1]["ETag"].startswith('"')

    run(tmp_path, scenario)


def test_version_1_gives_the_next_marker_only_with_a_delimiter(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        await fill(client)
        page = await listed(client, "ListObjects", "max-keys=2")
        assert page["IsTruncated"]
        assert "NextMarker" not in page
        assert page["Contents"][0]["Owner"] == {"ID": ROOT.id, "DisplayName": "root"}
        page = await listed(client, "ListObjects", "max-keys=3&delimiter=/")
        assert [one["Key"] for one in page["Contents"]] == ["a", "a&<b>"]
        assert [one["Prefix"] for one in page["CommonPrefixes"]] == ["a/"]
        assert page["NextMarker"] == "a/"
        page = await listed(client, "ListObjects", "delimiter=/&marker=a/")
        assert [one["Prefix"] for one in page["CommonPrefixes"]] == ["b/", "ü/"]
        assert [one["Key"] for one in page["Contents"]] == ["z z+%"]
        assert (await listed(client, "ListObjects", "max-keys=0")).get("Contents") is None
        with pytest.raises(InvalidArgument, match="List Type"):
            await client.call("ListObjects", "", query="list-type=1")

    run(tmp_path, scenario)


def test_versions(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        await client.put("k", b"null")
        await client.versioning("enabled")
        await client.put("k", b"one")
        await client.call("DeleteObject", "k")
        await client.put("l", b"two")
        page = await listed(client, "ListObjectVersions", "max-keys=2")
        assert [one["IsLatest"] for one in page["DeleteMarkers"]] == [True]
        assert [(one["Size"], one["IsLatest"]) for one in page["Versions"]] == [(3, False)]
        assert (page["NextKeyMarker"], page["NextVersionIdMarker"]) == ("k", page["Versions"][0]["VersionId"])
        query = f"key-marker=k&version-id-marker={page['NextVersionIdMarker']}"
        rest = await listed(client, "ListObjectVersions", query)
        assert [(one["Key"], one["VersionId"] == "null") for one in rest["Versions"]] == [
            ("k", True),
            ("l", False),
        ]
        for wrong in ("version-id-marker=null", "key-marker=k&version-id-marker="):
            with pytest.raises(InvalidArgument):
                await client.call("ListObjectVersions", "", query=wrong)

    run(tmp_path, scenario)


def test_uploads(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        for key in ("a", "a", "b/1"):
            await client.call("CreateMultipartUpload", key, query="uploads", x_amz_checksum_algorithm="CRC32")
        page = await listed(client, "ListMultipartUploads", "uploads&max-uploads=1")
        (first,) = page["Uploads"]
        assert (first["Key"], first["Initiator"]["ID"], first["Owner"]["ID"]) == ("a", ROOT.id, ROOT.id)
        assert (first["StorageClass"], first["ChecksumAlgorithm"]) == ("STANDARD", "CRC32")
        assert (page["NextKeyMarker"], page["NextUploadIdMarker"]) == ("a", first["UploadId"])
        query = f"uploads&delimiter=/&key-marker=a&upload-id-marker={first['UploadId']}"
        rest = await listed(client, "ListMultipartUploads", query)
        assert [one["Key"] for one in rest["Uploads"]] == ["a"]
        assert [one["Prefix"] for one in rest["CommonPrefixes"]] == ["b/"]
        assert (rest["Bucket"], rest["IsTruncated"], rest["MaxUploads"]) == ("bucket", False, 1000)

    run(tmp_path, scenario)


def test_buckets(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        for name in ("aaa", "ccc", "abc"):
            await client.call("CreateBucket", "", bucket=name)
        await client.services.producer.create_bucket("aab", "e" * 64, client.origin())
        page = await listed(client, "ListBuckets", "max-buckets=2")
        assert [one["Name"] for one in page["Buckets"]] == ["aaa", "abc"]
        assert page["Owner"]["ID"] == ROOT.id
        rest = await listed(client, "ListBuckets", f"continuation-token={page['ContinuationToken']}")
        assert [one["Name"] for one in rest["Buckets"]] == ["bucket", "ccc"]
        assert "ContinuationToken" not in rest
        assert (await listed(client, "ListBuckets", "prefix=ab"))["Buckets"][0]["BucketRegion"] == "us-east-1"
        assert (await listed(client, "ListBuckets", "bucket-region=eu-west-1"))["Buckets"] == []
        for wrong in ("max-buckets=0", "continuation-token=x"):
            with pytest.raises(InvalidArgument):
                await client.call("ListBuckets", "", query=wrong)

    run(tmp_path, scenario)


def test_versioning_is_told_and_changed(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        async def put(content: str) -> None:
            body = f"<VersioningConfiguration>{content}</VersioningConfiguration>".encode()
            await client.call("PutBucketVersioning", "", body, "versioning")

        async def status() -> str | None:
            return (await listed(client, "GetBucketVersioning", "versioning")).get("Status")

        assert await status() is None
        await put("<Status>Enabled</Status><MfaDelete>Disabled</MfaDelete>")
        assert await status() == "Enabled"
        with pytest.raises(NotImplementedOperation, match="MfaDelete"):
            await put("<Status>Suspended</Status><MfaDelete>Enabled</MfaDelete>")
        await put("<Status>Suspended</Status>")
        assert await status() == "Suspended"
        bucket: Bucket = await client.services.reader.bucket("bucket")
        assert bucket.versioning == "suspended"

    run(tmp_path, scenario)


def test_times_are_whole_seconds() -> None:
    for milliseconds, text in (
        (0, "1970-01-01T00:00:00.000Z"),
        (951_868_799_999, "2000-02-29T23:59:59.000Z"),
    ):
        entry = ListEntry("k", 1, "e", milliseconds, "STANDARD", ROOT.id, "", "")
        assert f"<LastModified>{text}</LastModified>" in contents([entry], Names(False), None, {})
