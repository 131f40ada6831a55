"""Put, copy and delete over the embedded engine: what each answers, and refuses."""

import asyncio
import base64
import hashlib
import re
from pathlib import Path

import pytest

from schemas import errors
from tests.gateway_client import Answer, Client, md5, run


def test_conditional_writes(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        with pytest.raises(errors.NoSuchKey):
            await client.put("key", b"x", if_match='"etag"')
        etag = (await client.put("key", b"x", if_none_match="*")).headers["etag"]
        with pytest.raises(errors.PreconditionFailed):
            await client.put("key", b"y", if_none_match="*")
        await client.put("key", b"y", if_match=etag)
        with pytest.raises(errors.PreconditionFailed):
            await client.put("key", b"z", if_match=etag)
        with pytest.raises(errors.PreconditionFailed):
            await client.call("DeleteObject", if_match=etag)
        assert (await client.get()).body == b"y"
        assert (await client.call("DeleteObject", if_match="*")).status == 204

    run(tmp_path, scenario)


def test_a_body_that_is_not_what_was_announced(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        with pytest.raises(errors.BadDigest):
            await client.put("key", b"x", content_md5=base64.b64encode(bytes(16)).decode())
        with pytest.raises(errors.BadDigest):
            await client.put("key", b"x", x_amz_checksum_crc32="AAAAAA==")
        with pytest.raises(errors.IncompleteBody):
            await client.put("key", b"x", content_length="2")
        with pytest.raises(errors.EntityTooLarge):
            await client.put("key", b"x", content_length=str(5 * 1024**3 + 1))
        with pytest.raises(errors.NoSuchKey):
            await client.get()

    run(tmp_path, scenario)


def test_versions(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        await client.versioning("enabled")
        first = (await client.put("key", b"1")).headers["x-amz-version-id"]
        second = (await client.put("key", b"2")).headers["x-amz-version-id"]
        assert (await client.get(query=f"versionId={first}")).body == b"1"
        assert (await client.get()).headers["x-amz-version-id"] == second
        marked = await client.call("DeleteObject")
        assert (marked.status, marked.headers["x-amz-delete-marker"]) == (204, "true")
        marker = marked.headers["x-amz-version-id"]
        with pytest.raises(errors.NoSuchKey) as hidden:
            await client.get()
        assert hidden.value.details["version_id"] == marker
        with pytest.raises(errors.MethodNotAllowed):
            await client.get(query=f"versionId={marker}")
        gone = await client.call("DeleteObject", query=f"versionId={marker}")
        assert gone.headers == {"x-amz-delete-marker": "true", "x-amz-version-id": marker}
        assert (await client.get()).body == b"2"
        await client.versioning("suspended")
        assert (await client.put("key", b"3")).headers["x-amz-version-id"] == "null"
        assert (await client.get(query=f"versionId={second}")).body == b"2"

    run(tmp_path, scenario)


def test_delete_answers_without_versions(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        await client.put("key", b"x")
        for _ in range(2):
            gone = await client.call("DeleteObject")
            assert (gone.status, gone.headers) == (204, {})

    run(tmp_path, scenario)


def test_copy(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        await client.put(
            "a b/ä", b"data", content_type="text/plain", x_amz_meta_a="b", x_amz_storage_class="GLACIER_IR"
        )
        source = "/bucket/a%20b/%C3%A4"
        copied = await client.call("CopyObject", "copy", x_amz_copy_source=source)
        assert copied.element("ETag") == f"&quot;{md5(b'data')}&quot;"
        got = await client.get("copy")
        assert got.body == b"data"
        assert (got.headers["content-type"], got.headers["x-amz-meta-a"]) == ("text/plain", "b")
        assert "x-amz-storage-class" not in got.headers
        await client.call(
            "CopyObject", "copy", x_amz_copy_source=source, x_amz_metadata_directive="REPLACE",
            x_amz_meta_c="d", x_amz_checksum_algorithm="sha256",
        )  # fmt: skip
        got = await client.get("copy", x_amz_checksum_mode="ENABLED")
        assert got.headers["x-amz-meta-c"] == "d"
        assert "x-amz-meta-a" not in got.headers
        expected = base64.b64encode(hashlib.sha256(b"data").digest()).decode()
        assert got.headers["x-amz-checksum-sha256"] == expected
        await client.call("DeleteObject", "a b/ä")
        assert (await client.get("copy")).body == b"data"

    run(tmp_path, scenario)


def test_copies_that_are_refused(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        await client.put("key", b"data")
        with pytest.raises(errors.InvalidRequest, match="trying to copy an object to itself"):
            await client.call("CopyObject", "key", x_amz_copy_source="bucket/key")
        await client.call(
            "CopyObject", "key", x_amz_copy_source="bucket/key", x_amz_storage_class="STANDARD_IA"
        )
        with pytest.raises(errors.PreconditionFailed):
            await client.call(
                "CopyObject", "to", x_amz_copy_source="bucket/key", x_amz_copy_source_if_none_match="*"
            )
        with pytest.raises(errors.NoSuchKey):
            await client.call("CopyObject", "to", x_amz_copy_source="bucket/none")
        with pytest.raises(errors.PreconditionFailed):
            await client.call("CopyObject", "key", x_amz_copy_source="bucket/key", if_none_match="*",
                              x_amz_metadata_directive="REPLACE")  # fmt: skip
        with pytest.raises(errors.InvalidArgument, match="Unknown metadata directive"):
            await client.call(
                "CopyObject", "to", x_amz_copy_source="bucket/key", x_amz_metadata_directive="x"
            )

    run(tmp_path, scenario)


def test_copy_of_versions(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        await client.versioning("enabled")
        first = (await client.put("key", b"1")).headers["x-amz-version-id"]
        await client.put("key", b"2")
        restored = await client.call("CopyObject", x_amz_copy_source=f"bucket/key?versionId={first}")
        assert restored.headers["x-amz-copy-source-version-id"] == first
        assert restored.headers["x-amz-version-id"] != first
        assert (await client.get()).body == b"1"
        marker = (await client.call("DeleteObject")).headers["x-amz-version-id"]
        with pytest.raises(errors.InvalidRequest, match="delete marker by version id"):
            await client.call("CopyObject", "to", x_amz_copy_source=f"bucket/key?versionId={marker}")
        with pytest.raises(errors.NoSuchKey) as caught:
            await client.call("CopyObject", "to", x_amz_copy_source="bucket/key")
        assert caught.value.details == {"Key": "key"}

    run(tmp_path, scenario)


def test_delete_many(tmp_path: Path) -> None:
    async def delete(client: Client, objects: str, quiet: str = "") -> Answer:
        body = f"<Delete>{objects}{quiet}</Delete>".encode()
        digest = base64.b64encode(hashlib.md5(body).digest()).decode()
        return await client.call("DeleteObjects", "", body, "delete", content_md5=digest)

    async def scenario(client: Client) -> None:
        with pytest.raises(errors.InvalidRequest, match="Content-MD5"):
            await client.call("DeleteObjects", "", b"<Delete/>", "delete")
        names = [f"k{number}" for number in range(600)]
        await asyncio.gather(*(client.put(name, b"x") for name in names))
        listed = "".join(f"<Object><Key>{name}</Key></Object>" for name in names)
        answer = await delete(client, listed)
        assert re.findall("<Key>(.*?)</Key>", answer.body.decode()) == names
        with pytest.raises(errors.NoSuchKey):
            await client.get("k599")
        await client.put("a", b"x")
        mixed = (
            "<Object><Key>a</Key><ETag>other</ETag></Object><Object><Key>&lt;b</Key></Object>"
            f"<Object><Key>{'l' * 1025}</Key></Object><Object><Key>c</Key><Size>1</Size></Object>"
        )
        answer = await delete(client, mixed, "<Quiet>true</Quiet>")
        codes = re.findall("<Code>(.*?)</Code>", answer.body.decode())
        assert codes == ["PreconditionFailed", "KeyTooLongError", "NotImplemented"]
        assert b"<Deleted>" not in answer.body
        await client.versioning("enabled")
        answer = await delete(client, "<Object><Key>a</Key></Object>")
        assert answer.element("DeleteMarker") == "true"
        marker = answer.element("DeleteMarkerVersionId")
        answer = await delete(client, f"<Object><Key>a</Key><VersionId>{marker}</VersionId></Object>")
        assert (answer.element("VersionId"), answer.element("DeleteMarkerVersionId")) == (marker, marker)
        assert (await client.get("a")).body == b"x"

    run(tmp_path, scenario)
