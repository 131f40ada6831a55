"""Versioning: enabled, suspended, null versions, delete markers, listings of versions."""

from typing import Any

import pytest

from tests.s3.expecting import body, headers, keys, refused
from tests.s3.raw import content_md5


def suspend(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})


def enable(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


def history(s3: Any, bucket: str, **more: Any) -> list[tuple[str, str, str, bool]]:
    """Kind, key, version id and whether it is the latest, in the order listed (markers after versions)."""
    page = s3.list_object_versions(Bucket=bucket, **more)
    rows = [("version", one) for one in page.get("Versions", [])]
    rows += [("marker", one) for one in page.get("DeleteMarkers", [])]
    return [(kind, one["Key"], one["VersionId"], one["IsLatest"]) for kind, one in rows]


def test_states(s3: Any, bucket: str) -> None:
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    enable(s3, bucket)
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    suspend(s3, bucket)
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Suspended"


def test_every_put_is_a_version(s3: Any, versioned: str) -> None:
    ids = [s3.put_object(Bucket=versioned, Key="k", Body=b"%d" % i)["VersionId"] for i in range(4)]
    assert len(set(ids)) == 4
    for number, version in enumerate(ids):
        got = s3.get_object(Bucket=versioned, Key="k", VersionId=version)
        assert (body(got), got["VersionId"]) == (b"%d" % number, version)
    current = s3.get_object(Bucket=versioned, Key="k")
    assert (body(current), current["VersionId"]) == (b"3", ids[3])
    expected = [("version", "k", version, version == ids[3]) for version in reversed(ids)]
    assert history(s3, versioned) == expected
    assert keys(s3.list_objects_v2(Bucket=versioned)) == ["k"]


def test_a_delete_leaves_a_marker(s3: Any, raw: Any, versioned: str) -> None:
    first = s3.put_object(Bucket=versioned, Key="k", Body=b"x")["VersionId"]
    answer = s3.delete_object(Bucket=versioned, Key="k")
    assert answer["DeleteMarker"] is True
    marker = answer["VersionId"]
    got = raw.send("GET", f"/{versioned}/k")
    assert (got.status, got.code) == (404, "NoSuchKey")
    assert (got.headers["x-amz-delete-marker"], got.headers["x-amz-version-id"]) == ("true", marker)
    with refused("MethodNotAllowed", 405):
        s3.get_object(Bucket=versioned, Key="k", VersionId=marker)
    assert body(s3.get_object(Bucket=versioned, Key="k", VersionId=first)) == b"x"
    assert history(s3, versioned) == [("version", "k", first, False), ("marker", "k", marker, True)]
    assert keys(s3.list_objects_v2(Bucket=versioned)) == []


def test_removing_the_marker_brings_the_object_back(s3: Any, versioned: str) -> None:
    first = s3.put_object(Bucket=versioned, Key="k", Body=b"x")["VersionId"]
    marker = s3.delete_object(Bucket=versioned, Key="k")["VersionId"]
    gone = s3.delete_object(Bucket=versioned, Key="k", VersionId=marker)
    assert (gone["DeleteMarker"], gone["VersionId"]) == (True, marker)
    got = s3.get_object(Bucket=versioned, Key="k")
    assert (body(got), got["VersionId"]) == (b"x", first)
    assert history(s3, versioned) == [("version", "k", first, True)]


def test_removing_the_newest_version_shows_the_one_before(s3: Any, versioned: str) -> None:
    ids = [s3.put_object(Bucket=versioned, Key="k", Body=b"%d" % i)["VersionId"] for i in range(3)]
    for number in (2, 1):
        answer = s3.delete_object(Bucket=versioned, Key="k", VersionId=ids[number])
        assert answer["VersionId"] == ids[number]
        assert "DeleteMarker" not in answer
        assert body(s3.get_object(Bucket=versioned, Key="k")) == b"%d" % (number - 1)
    s3.delete_object(Bucket=versioned, Key="k", VersionId=ids[0])
    assert history(s3, versioned) == []
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=versioned, Key="k")


def test_removing_a_middle_version_changes_nothing_else(s3: Any, versioned: str) -> None:
    ids = [s3.put_object(Bucket=versioned, Key="k", Body=b"%d" % i)["VersionId"] for i in range(3)]
    s3.delete_object(Bucket=versioned, Key="k", VersionId=ids[1])
    assert [row[2] for row in history(s3, versioned)] == [ids[2], ids[0]]
    with refused("NoSuchVersion", 404):
        s3.get_object(Bucket=versioned, Key="k", VersionId=ids[1])
    with refused("404", 404):
        s3.head_object(Bucket=versioned, Key="k", VersionId=ids[1])


def test_markers_on_a_key_that_never_was(s3: Any, versioned: str) -> None:
    markers = [s3.delete_object(Bucket=versioned, Key="none")["VersionId"] for _ in range(2)]
    assert history(s3, versioned) == [
        ("marker", "none", markers[1], True),
        ("marker", "none", markers[0], False),
    ]


def test_what_was_there_before_versioning_is_the_null_version(s3: Any, bucket: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"old")
    assert "VersionId" not in put
    enable(s3, bucket)
    assert history(s3, bucket) == [("version", "k", "null", True)]
    new = s3.put_object(Bucket=bucket, Key="k", Body=b"new")["VersionId"]
    assert history(s3, bucket) == [("version", "k", new, True), ("version", "k", "null", False)]
    assert body(s3.get_object(Bucket=bucket, Key="k", VersionId="null")) == b"old"
    s3.delete_object(Bucket=bucket, Key="k", VersionId="null")
    assert history(s3, bucket) == [("version", "k", new, True)]


def test_suspended_writes_replace_only_the_null_version(s3: Any, versioned: str) -> None:
    kept = s3.put_object(Bucket=versioned, Key="k", Body=b"kept")["VersionId"]
    suspend(s3, versioned)
    for text in (b"one", b"two"):
        answer = s3.put_object(Bucket=versioned, Key="k", Body=text)
        assert answer.get("VersionId", "null") == "null"
        assert body(s3.get_object(Bucket=versioned, Key="k")) == text
        assert history(s3, versioned) == [("version", "k", "null", True), ("version", "k", kept, False)]
    assert body(s3.get_object(Bucket=versioned, Key="k", VersionId=kept)) == b"kept"


def test_a_suspended_delete_replaces_the_null_version_by_a_marker(s3: Any, versioned: str) -> None:
    kept = s3.put_object(Bucket=versioned, Key="k", Body=b"kept")["VersionId"]
    suspend(s3, versioned)
    s3.put_object(Bucket=versioned, Key="k", Body=b"null")
    answer = s3.delete_object(Bucket=versioned, Key="k")
    assert (answer["DeleteMarker"], answer["VersionId"]) == (True, "null")
    assert history(s3, versioned) == [("version", "k", kept, False), ("marker", "k", "null", True)]
    enable(s3, versioned)
    new = s3.put_object(Bucket=versioned, Key="k", Body=b"new")["VersionId"]
    assert history(s3, versioned) == [
        ("version", "k", new, True),
        ("version", "k", kept, False),
        ("marker", "k", "null", False),
    ]


@pytest.mark.parametrize("wrong", ["nonsense", "../..", "0" * 2000])
def test_version_ids_that_cannot_be(s3: Any, versioned: str, wrong: str) -> None:
    s3.put_object(Bucket=versioned, Key="k", Body=b"x")
    named = {"Bucket": versioned, "Key": "k", "VersionId": wrong}
    for call in (s3.get_object, s3.delete_object, s3.get_object_tagging):
        with refused("InvalidArgument", 400):
            call(**named)
    with refused("400", 400):
        s3.head_object(**named)
    source = {"Bucket": versioned, "Key": "k", "VersionId": wrong}
    with refused("InvalidArgument", 400):
        s3.copy_object(Bucket=versioned, Key="copy", CopySource=source)
    upload = s3.create_multipart_upload(Bucket=versioned, Key="copy")["UploadId"]
    part = {"Bucket": versioned, "Key": "copy", "UploadId": upload, "PartNumber": 1}
    with refused("InvalidArgument", 400):
        s3.upload_part_copy(**part, CopySource=source)
    answer = s3.delete_objects(Bucket=versioned, Delete={"Objects": [{"Key": "k", "VersionId": wrong}]})
    assert "Deleted" not in answer
    assert [(one["Key"], one["VersionId"], one["Code"]) for one in answer["Errors"]] == [
        ("k", wrong, "NoSuchVersion")
    ]
    assert len(history(s3, versioned)) == 1
    assert body(s3.get_object(Bucket=versioned, Key="k")) == b"x"


def test_an_empty_version_id_deletes_nothing(s3: Any, raw: Any, versioned: str) -> None:
    s3.put_object(Bucket=versioned, Key="k", Body=b"x")
    answer = raw.send("DELETE", f"/{versioned}/k?versionId=")
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    wanted = b"<Delete><Object><Key>k</Key><VersionId></VersionId></Object></Delete>"
    answer = raw.send("POST", f"/{versioned}?delete=", content_md5(wanted), wanted)
    assert answer.status == 200
    assert b"<Code>NoSuchVersion</Code>" in answer.body
    assert len(history(s3, versioned)) == 1


def test_a_version_that_is_not_there(s3: Any, versioned: str) -> None:
    s3.put_object(Bucket=versioned, Key="k", Body=b"x")
    gone = s3.put_object(Bucket=versioned, Key="k", Body=b"y")["VersionId"]
    for _ in range(2):  # deleting it again succeeds
        assert s3.delete_object(Bucket=versioned, Key="k", VersionId=gone)["VersionId"] == gone
    with refused("NoSuchVersion", 404):
        s3.get_object(Bucket=versioned, Key="k", VersionId=gone)
    with refused("404", 404):
        s3.head_object(Bucket=versioned, Key="k", VersionId=gone)
    with refused("NoSuchVersion", 404):
        source = {"Bucket": versioned, "Key": "k", "VersionId": gone}
        s3.copy_object(Bucket=versioned, Key="copy", CopySource=source)
    assert len(history(s3, versioned)) == 1


def test_delete_objects_with_versions(s3: Any, versioned: str) -> None:
    first = s3.put_object(Bucket=versioned, Key="a", Body=b"x")["VersionId"]
    second = s3.put_object(Bucket=versioned, Key="a", Body=b"y")["VersionId"]
    s3.put_object(Bucket=versioned, Key="b", Body=b"z")
    answer = s3.delete_objects(
        Bucket=versioned, Delete={"Objects": [{"Key": "a", "VersionId": first}, {"Key": "b"}]}
    )
    deleted = {one["Key"]: one for one in answer["Deleted"]}
    assert deleted["a"] == {"Key": "a", "VersionId": first}
    assert deleted["b"]["DeleteMarker"] is True
    assert deleted["b"]["DeleteMarkerVersionId"]
    assert keys(s3.list_objects_v2(Bucket=versioned)) == ["a"]
    assert body(s3.get_object(Bucket=versioned, Key="a", VersionId=second)) == b"y"


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_pages_of_versions(s3: Any, versioned: str, size: int) -> None:
    expected = []
    for key in ("a", "b/1", "b/2", "c"):
        ids = [s3.put_object(Bucket=versioned, Key=key, Body=b"x")["VersionId"] for _ in range(2)]
        ids.append(s3.delete_object(Bucket=versioned, Key=key)["VersionId"])
        expected += [(key, version) for version in reversed(ids)]
    found: list[tuple[str, str]] = []
    marker: dict[str, str] = {}
    while True:
        page = s3.list_object_versions(Bucket=versioned, MaxKeys=size, **marker)
        rows = page.get("Versions", []) + page.get("DeleteMarkers", [])
        assert len(rows) <= size
        found += sorted(((one["Key"], one["VersionId"]) for one in rows), key=expected.index)
        if not page["IsTruncated"]:
            break
        marker = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}
    assert found == expected


def test_versions_by_prefix_and_delimiter(s3: Any, versioned: str) -> None:
    for key in ("a", "b/1", "b/1", "b/2", "c"):
        s3.put_object(Bucket=versioned, Key=key, Body=b"x")
    page = s3.list_object_versions(Bucket=versioned, Delimiter="/")
    assert [one["Key"] for one in page["Versions"]] == ["a", "c"]
    assert [one["Prefix"] for one in page["CommonPrefixes"]] == ["b/"]
    assert [row[1] for row in history(s3, versioned, Prefix="b/")] == ["b/1", "b/1", "b/2"]


def test_head_tells_the_version(s3: Any, versioned: str) -> None:
    version = s3.put_object(Bucket=versioned, Key="k", Body=b"x")["VersionId"]
    assert s3.head_object(Bucket=versioned, Key="k")["VersionId"] == version
    s3.delete_object(Bucket=versioned, Key="k")
    with pytest.raises(s3.exceptions.ClientError) as caught:
        s3.head_object(Bucket=versioned, Key="k")
    assert headers(caught.value.response)["x-amz-delete-marker"] == "true"


@pytest.mark.parametrize("status", ["Off", "", "enabled"])
def test_a_state_that_is_not_one(raw: Any, bucket: str, status: str) -> None:
    text = f"<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>".encode()
    answer = raw.send("PUT", f"/{bucket}?versioning=", {}, text)
    assert (answer.status, answer.code) in (
        (400, "MalformedXML"),
        (400, "IllegalVersioningConfigurationException"),
    )
