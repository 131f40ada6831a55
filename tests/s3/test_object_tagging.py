"""Object tags: GetObjectTagging, PutObjectTagging, DeleteObjectTagging, and x-amz-tagging on writes."""

import uuid
from typing import Any

import pytest

from tests.s3.expecting import body, headers, refused
from tests.s3.raw import Raw, content_md5

TAGS = [{"Key": "colour", "Value": "blue"}, {"Key": "a b+ü/@", "Value": ""}]
ONE_TAG = b"<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>"


def tag_set(tags: dict[str, str]) -> dict[str, Any]:
    return {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}


def tags_of(s3: Any, bucket: str, key: str = "key", **version: str) -> dict[str, str]:
    answer = s3.get_object_tagging(Bucket=bucket, Key=key, **version)
    return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}


@pytest.fixture
def plain(s3: Any, bucket: str) -> str:
    """A bucket with an object "key" that has no tags."""
    s3.put_object(Bucket=bucket, Key="key", Body=b"data")
    return bucket


# --- the sub-resource ----------------------------------------------------------------------------------
def test_put_get_delete(s3: Any, plain: str) -> None:
    answer = s3.put_object_tagging(Bucket=plain, Key="key", Tagging={"TagSet": TAGS})
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert s3.get_object_tagging(Bucket=plain, Key="key")["TagSet"] == TAGS
    answer = s3.delete_object_tagging(Bucket=plain, Key="key")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert s3.get_object_tagging(Bucket=plain, Key="key")["TagSet"] == []


def test_an_object_without_tags_has_an_empty_set(s3: Any, plain: str) -> None:
    assert s3.get_object_tagging(Bucket=plain, Key="key")["TagSet"] == []
    s3.delete_object_tagging(Bucket=plain, Key="key")


def test_a_put_replaces_the_whole_set(s3: Any, plain: str) -> None:
    s3.put_object_tagging(Bucket=plain, Key="key", Tagging=tag_set({"a": "1", "b": "2"}))
    s3.put_object_tagging(Bucket=plain, Key="key", Tagging=tag_set({"b": "3"}))
    assert tags_of(s3, plain) == {"b": "3"}


def test_an_empty_set_removes_all(s3: Any, plain: str) -> None:
    s3.put_object_tagging(Bucket=plain, Key="key", Tagging=tag_set({"a": "1"}))
    s3.put_object_tagging(Bucket=plain, Key="key", Tagging={"TagSet": []})
    assert tags_of(s3, plain) == {}


def test_tags_do_not_change_the_object(s3: Any, plain: str) -> None:
    before = s3.head_object(Bucket=plain, Key="key")
    s3.put_object_tagging(Bucket=plain, Key="key", Tagging=tag_set({"a": "1"}))
    after = s3.get_object(Bucket=plain, Key="key")
    assert (after["ETag"], after["LastModified"]) == (before["ETag"], before["LastModified"])
    assert body(after) == b"data"


def test_an_overwrite_has_no_tags(s3: Any, plain: str) -> None:
    s3.put_object_tagging(Bucket=plain, Key="key", Tagging=tag_set({"a": "1"}))
    s3.put_object(Bucket=plain, Key="key", Body=b"new")
    assert tags_of(s3, plain) == {}


def test_the_answer_as_s3_writes_it(raw: Raw, s3: Any, plain: str) -> None:
    s3.put_object_tagging(Bucket=plain, Key="key", Tagging=tag_set({"a": "1"}))
    answer = raw.send("GET", f"/{plain}/key?tagging")
    assert answer.headers["content-type"] == "application/xml"
    assert answer.body.endswith(
        b'<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet><Tag><Key>a</Key>'
        b"<Value>1</Value></Tag></TagSet></Tagging>"
    )
    assert "x-amz-version-id" not in answer.headers


# --- versions ------------------------------------------------------------------------------------------
def test_each_version_has_its_own_tags(s3: Any, versioned: str) -> None:
    first = s3.put_object(Bucket=versioned, Key="key", Body=b"1", Tagging="n=1")["VersionId"]
    second = s3.put_object(Bucket=versioned, Key="key", Body=b"2", Tagging="n=2")["VersionId"]
    answer = s3.put_object_tagging(
        Bucket=versioned, Key="key", VersionId=first, Tagging=tag_set({"old": "yes"})
    )
    assert answer["VersionId"] == first
    assert tags_of(s3, versioned, VersionId=first) == {"old": "yes"}
    assert tags_of(s3, versioned) == tags_of(s3, versioned, VersionId=second) == {"n": "2"}
    answer = s3.delete_object_tagging(Bucket=versioned, Key="key", VersionId=first)
    assert answer["VersionId"] == first
    assert tags_of(s3, versioned, VersionId=first) == {}
    assert s3.delete_object_tagging(Bucket=versioned, Key="key")["VersionId"] == second
    assert s3.get_object_tagging(Bucket=versioned, Key="key")["VersionId"] == second


def test_the_null_version(s3: Any, plain: str) -> None:
    s3.put_bucket_versioning(Bucket=plain, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=plain, Key="key", Body=b"new")
    s3.put_object_tagging(Bucket=plain, Key="key", VersionId="null", Tagging=tag_set({"a": "1"}))
    assert tags_of(s3, plain, VersionId="null") == {"a": "1"}
    assert tags_of(s3, plain) == {}


def test_tags_come_back_with_an_uncovered_version(s3: Any, versioned: str) -> None:
    s3.put_object(Bucket=versioned, Key="key", Body=b"1", Tagging="n=1")
    marker = s3.delete_object(Bucket=versioned, Key="key")["VersionId"]
    s3.delete_object(Bucket=versioned, Key="key", VersionId=marker)
    assert tags_of(s3, versioned) == {"n": "1"}


def calls(s3: Any, bucket: str, key: str = "key", **version: str) -> list[Any]:
    """The three calls on one object."""
    place = {"Bucket": bucket, "Key": key, **version}
    return [
        lambda: s3.get_object_tagging(**place),
        lambda: s3.put_object_tagging(**place, Tagging=tag_set({"a": "1"})),
        lambda: s3.delete_object_tagging(**place),
    ]


def test_a_delete_marker_has_no_tags(s3: Any, versioned: str) -> None:
    s3.put_object(Bucket=versioned, Key="key", Body=b"1")
    marker = s3.delete_object(Bucket=versioned, Key="key")["VersionId"]
    for call in calls(s3, versioned):
        with refused("NoSuchKey", 404):
            call()
    for call in calls(s3, versioned, VersionId=marker):
        with refused("MethodNotAllowed", 405):
            call()


def test_versions_that_are_not_there(s3: Any, versioned: str) -> None:
    version = s3.put_object(Bucket=versioned, Key="key", Body=b"1")["VersionId"]
    s3.delete_object(Bucket=versioned, Key="key", VersionId=version)
    for call in calls(s3, versioned, VersionId=version):
        with refused("NoSuchVersion", 404):
            call()
    for call in calls(s3, versioned, VersionId="nonsense"):
        with refused("InvalidArgument", 400):
            call()


def test_objects_and_buckets_that_are_not_there(s3: Any, bucket: str) -> None:
    for call in calls(s3, bucket, "none"):
        with refused("NoSuchKey", 404):
            call()
    for call in calls(s3, "no-such-bucket-at-all"):
        with refused("NoSuchBucket", 404):
            call()


# --- rules ---------------------------------------------------------------------------------------------
def test_ten_tags_at_most(s3: Any, plain: str) -> None:
    ten = {f"k{number}": "v" for number in range(10)}
    s3.put_object_tagging(Bucket=plain, Key="key", Tagging=tag_set(ten))
    with refused("BadRequest", 400):
        s3.put_object_tagging(Bucket=plain, Key="key", Tagging=tag_set({**ten, "one-more": "v"}))
    assert tags_of(s3, plain) == ten


def test_a_key_has_at_most_128_characters(s3: Any, plain: str) -> None:
    s3.put_object_tagging(Bucket=plain, Key="key", Tagging=tag_set({"ü" * 128: "v"}))
    with refused("InvalidTag", 400):
        s3.put_object_tagging(Bucket=plain, Key="key", Tagging=tag_set({"k" * 129: "v"}))


def test_a_value_has_at_most_256_characters(s3: Any, plain: str) -> None:
    s3.put_object_tagging(Bucket=plain, Key="key", Tagging=tag_set({"k": "ü" * 256}))
    with refused("InvalidTag", 400):
        s3.put_object_tagging(Bucket=plain, Key="key", Tagging=tag_set({"k": "v" * 257}))


def test_a_key_is_not_empty(raw: Raw, plain: str) -> None:
    document = b"<Tagging><TagSet><Tag><Key></Key><Value>v</Value></Tag></TagSet></Tagging>"
    answer = raw.send("PUT", f"/{plain}/key?tagging", content_md5(document), document)
    assert (answer.status, answer.code) == (400, "InvalidTag")


@pytest.mark.parametrize("text", ["a!", "a,b", "a&b", "tab\t", "<a>", "❤"])
def test_characters_that_no_tag_has(s3: Any, plain: str, text: str) -> None:
    with refused("InvalidTag", 400):
        s3.put_object_tagging(Bucket=plain, Key="key", Tagging=tag_set({text: "v"}))
    with refused("InvalidTag", 400):
        s3.put_object_tagging(Bucket=plain, Key="key", Tagging=tag_set({"k": text}))


def test_keys_of_aws_are_reserved(s3: Any, plain: str) -> None:
    with refused("InvalidTag", 400):
        s3.put_object_tagging(Bucket=plain, Key="key", Tagging=tag_set({"aws:mine": "v"}))


def test_a_key_comes_once(s3: Any, plain: str) -> None:
    twice = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]
    with refused("InvalidTag", 400):
        s3.put_object_tagging(Bucket=plain, Key="key", Tagging={"TagSet": twice})


def test_keys_differ_by_case(s3: Any, plain: str) -> None:
    s3.put_object_tagging(Bucket=plain, Key="key", Tagging=tag_set({"a": "1", "A": "2"}))
    assert tags_of(s3, plain) == {"a": "1", "A": "2"}


@pytest.mark.parametrize(
    "document",
    [
        b"nonsense",
        b"<Tagging></Tagging>",
        b"<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>",
        b"<Tagging><TagSet><Tag><Value>a</Value></Tag></TagSet></Tagging>",
        b"<Tags><TagSet></TagSet></Tags>",
    ],
)
def test_documents_that_are_none(raw: Raw, plain: str, document: bytes) -> None:
    answer = raw.send("PUT", f"/{plain}/key?tagging", content_md5(document), document)
    assert (answer.status, answer.code) == (400, "MalformedXML")


def test_a_digest_is_required(raw: Raw, plain: str) -> None:
    answer = raw.send("PUT", f"/{plain}/key?tagging", {}, ONE_TAG)
    assert (answer.status, answer.code) == (400, "InvalidRequest")


def test_a_wrong_digest_is_refused(raw: Raw, s3: Any, plain: str) -> None:
    answer = raw.send("PUT", f"/{plain}/key?tagging", content_md5(b"other"), ONE_TAG)
    assert (answer.status, answer.code) == (400, "BadDigest")
    assert tags_of(s3, plain) == {}


# --- with the object -----------------------------------------------------------------------------------
def test_tags_with_a_put(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"1", Tagging="a=1&b%20c=d%2Be&empty=&bare")
    assert tags_of(s3, bucket) == {"a": "1", "b c": "d+e", "empty": "", "bare": ""}


def test_an_empty_header_gives_no_tags(raw: Raw, s3: Any, bucket: str) -> None:
    assert raw.send("PUT", f"/{bucket}/key", {"x-amz-tagging": ""}, b"1").status == 200
    assert tags_of(s3, bucket) == {}


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("a=1&a=2", "InvalidArgument"),
        ("a=%zz", "InvalidArgument"),
        ("a=%ff%fe", "InvalidArgument"),
        ("a=b!", "InvalidTag"),
        ("=b", "InvalidTag"),
        ("aws:a=b", "InvalidTag"),
        ("k" * 129 + "=b", "InvalidTag"),
        ("k=" + "v" * 257, "InvalidTag"),
        ("&".join(f"k{number}=v" for number in range(11)), "BadRequest"),
    ],
)
def test_headers_that_are_refused(s3: Any, bucket: str, header: str, code: str) -> None:
    for call in (
        lambda: s3.put_object(Bucket=bucket, Key="key", Body=b"1", Tagging=header),
        lambda: s3.create_multipart_upload(Bucket=bucket, Key="key", Tagging=header),
    ):
        with refused(code, 400):
            call()
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="key")


def test_get_and_head_count_the_tags(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"data", Tagging="a=1&b=2")
    assert s3.get_object(Bucket=bucket, Key="key")["TagCount"] == 2
    assert s3.get_object(Bucket=bucket, Key="key", Range="bytes=0-1")["TagCount"] == 2
    assert headers(s3.head_object(Bucket=bucket, Key="key"))["x-amz-tagging-count"] == "2"
    s3.delete_object_tagging(Bucket=bucket, Key="key")
    assert "TagCount" not in s3.get_object(Bucket=bucket, Key="key")


def test_tags_with_a_multipart_upload(s3: Any, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="key", Tagging="a=1")["UploadId"]
    place = {"Bucket": bucket, "Key": "key", "UploadId": upload}
    part = s3.upload_part(**place, PartNumber=1, Body=b"part")
    s3.complete_multipart_upload(
        **place, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    )
    assert tags_of(s3, bucket) == {"a": "1"}


# --- copies --------------------------------------------------------------------------------------------
@pytest.fixture
def tagged(s3: Any, bucket: str) -> dict[str, str]:
    s3.put_object(Bucket=bucket, Key="from", Body=b"1", Tagging="a=1", Metadata={"m": "1"})
    return {"Bucket": bucket, "Key": "from"}


def test_a_copy_has_the_tags_of_its_source(s3: Any, bucket: str, tagged: dict[str, str]) -> None:
    s3.copy_object(Bucket=bucket, Key="key", CopySource=tagged)
    assert tags_of(s3, bucket) == {"a": "1"}


def test_the_directive_copy_passes_over_the_header(s3: Any, bucket: str, tagged: dict[str, str]) -> None:
    s3.copy_object(Bucket=bucket, Key="key", CopySource=tagged, TaggingDirective="COPY", Tagging="b=2")
    assert tags_of(s3, bucket) == {"a": "1"}


def test_the_directive_replace(s3: Any, bucket: str, tagged: dict[str, str]) -> None:
    s3.copy_object(Bucket=bucket, Key="key", CopySource=tagged, TaggingDirective="REPLACE", Tagging="b=2")
    assert tags_of(s3, bucket) == {"b": "2"}
    assert s3.head_object(Bucket=bucket, Key="key")["Metadata"] == {"m": "1"}


def test_the_directive_replace_without_tags(s3: Any, bucket: str, tagged: dict[str, str]) -> None:
    s3.copy_object(Bucket=bucket, Key="key", CopySource=tagged, TaggingDirective="REPLACE")
    assert tags_of(s3, bucket) == {}


def test_replaced_metadata_keeps_the_tags(s3: Any, bucket: str, tagged: dict[str, str]) -> None:
    s3.copy_object(
        Bucket=bucket, Key="key", CopySource=tagged, MetadataDirective="REPLACE", Metadata={"n": "2"}
    )
    assert tags_of(s3, bucket) == {"a": "1"}
    assert s3.head_object(Bucket=bucket, Key="key")["Metadata"] == {"n": "2"}


def test_an_unknown_directive(s3: Any, bucket: str, tagged: dict[str, str]) -> None:
    with refused("InvalidArgument", 400):
        s3.copy_object(Bucket=bucket, Key="key", CopySource=tagged, TaggingDirective="KEEP")


def test_a_copy_between_buckets(s3: Any, tagged: dict[str, str]) -> None:
    other = f"test-{uuid.uuid4().hex[:20]}"
    s3.create_bucket(Bucket=other)
    s3.copy_object(Bucket=other, Key="key", CopySource=tagged)
    assert tags_of(s3, other) == {"a": "1"}


def test_a_copy_of_an_old_version(s3: Any, versioned: str) -> None:
    first = s3.put_object(Bucket=versioned, Key="from", Body=b"1", Tagging="n=1")["VersionId"]
    s3.put_object(Bucket=versioned, Key="from", Body=b"2", Tagging="n=2")
    source = {"Bucket": versioned, "Key": "from", "VersionId": first}
    s3.copy_object(Bucket=versioned, Key="key", CopySource=source)
    assert tags_of(s3, versioned) == {"n": "1"}


@pytest.mark.parametrize(
    ("text", "tags"),
    [("&", {}), ("key", {"key": ""}), ("a=1&", {"a": "1"}), ("a&&b=2", {"a": "", "b": "2"})],
)
def test_items_without_a_value_or_a_key(s3: Any, bucket: str, text: str, tags: dict[str, str]) -> None:
    """PutObject, x-amz-tagging: URL query parameters, so a name may stand alone and an item may be empty."""
    s3.put_object(Bucket=bucket, Key="key", Body=b"", Tagging=text)
    assert tags_of(s3, bucket) == tags


@pytest.mark.parametrize("text", ["key%", "a=1&a=2", "%ff=1"])
def test_what_is_no_query_string(s3: Any, bucket: str, text: str) -> None:
    with refused("InvalidArgument", 400):
        s3.put_object(Bucket=bucket, Key="key", Body=b"", Tagging=text)
