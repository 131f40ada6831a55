"""Tags of a bucket (Amazon S3 API Reference: PutBucketTagging, GetBucketTagging, DeleteBucketTagging)."""

from typing import Any

import pytest

from tests.s3.expecting import refused
from tests.s3.raw import Raw, content_md5

TAGS = [
    {"Key": "project", "Value": "moon"},
    {"Key": "cost centre", "Value": ""},
    {"Key": "ü/é", "Value": "+-=._:/@"},
]


def put(s3: Any, bucket: str, tags: list[dict[str, str]]) -> Any:
    return s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})


def test_tags_come_back_in_their_order(s3: Any, bucket: str) -> None:
    assert put(s3, bucket, TAGS)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == TAGS


def test_put_replaces_all_of_them(s3: Any, bucket: str) -> None:
    put(s3, bucket, TAGS)
    put(s3, bucket, TAGS[:1])
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == TAGS[:1]


def test_a_bucket_without_tags(s3: Any, bucket: str) -> None:
    with refused("NoSuchTagSet", 404):
        s3.get_bucket_tagging(Bucket=bucket)


def test_delete(s3: Any, bucket: str) -> None:
    put(s3, bucket, TAGS)
    for _ in range(2):
        assert s3.delete_bucket_tagging(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 204
    with refused("NoSuchTagSet", 404):
        s3.get_bucket_tagging(Bucket=bucket)


def test_fifty_tags_and_not_one_more(s3: Any, bucket: str) -> None:
    tags = [{"Key": f"k{n}", "Value": "v"} for n in range(51)]
    put(s3, bucket, tags[:50])
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags[:50]
    with refused("BadRequest", 400):
        put(s3, bucket, tags)


@pytest.mark.parametrize(
    "tags",
    [
        [{"Key": "twice", "Value": "1"}, {"Key": "twice", "Value": "2"}],
        [{"Key": "", "Value": "v"}],
        [{"Key": "k" * 129, "Value": "v"}],
        [{"Key": "k", "Value": "v" * 257}],
        [{"Key": "aws:mine", "Value": "v"}],
        [{"Key": 'quote"', "Value": "v"}],
        [{"Key": "k", "Value": "a*b"}],
    ],
    ids=[
        "duplicate",
        "empty key",
        "long key",
        "long value",
        "system tag",
        "character in key",
        "character in value",
    ],
)
def test_tags_against_the_rules(lax: Any, bucket: str, tags: list[dict[str, str]]) -> None:
    with refused("InvalidTag", 400):
        put(lax, bucket, tags)


def test_the_longest_tag(s3: Any, bucket: str) -> None:
    tags = [{"Key": "k" * 128, "Value": "v" * 256}]
    put(s3, bucket, tags)
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags


@pytest.mark.parametrize(
    "body",
    [b"tags", b"<Tagging/>", b"<Tagging><TagSet><Tag><Key>k</Key></Tag></TagSet></Tagging>",
     b"<Tagging><TagSet/><TagSet/></Tagging>", b"<Tagging><TagSet><Other/></TagSet></Tagging>"],
)  # fmt: skip
def test_bodies_that_are_no_tagging(raw: Raw, bucket: str, body: bytes) -> None:
    answer = raw.send("PUT", f"/{bucket}?tagging=", content_md5(body), body)
    assert (answer.status, answer.code) == (400, "MalformedXML")


def test_no_body_at_all(raw: Raw, bucket: str) -> None:
    answer = raw.send("PUT", f"/{bucket}?tagging=", content_md5(b""))
    assert (answer.status, answer.code) == (400, "MissingRequestBodyError")


def test_a_digest_of_the_body_is_required(raw: Raw, bucket: str) -> None:
    body = b"<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>"
    answer = raw.send("PUT", f"/{bucket}?tagging=", {}, body)
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert raw.send("PUT", f"/{bucket}?tagging=", content_md5(body), body).status == 204


def test_the_document_has_its_namespace(raw: Raw, s3: Any, bucket: str) -> None:
    put(s3, bucket, TAGS[:1])
    answer = raw.send("GET", f"/{bucket}?tagging=")
    assert answer.headers["content-type"] == "application/xml"
    assert answer.body.decode().endswith(
        '<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet><Tag><Key>project</Key>'
        "<Value>moon</Value></Tag></TagSet></Tagging>"
    )


def test_no_bucket(s3: Any) -> None:
    for call in (s3.get_bucket_tagging, s3.delete_bucket_tagging):
        with refused("NoSuchBucket", 404):
            call(Bucket="no-such-bucket-of-tags")


def test_tags_go_with_the_bucket(s3: Any, bucket: str) -> None:
    put(s3, bucket, TAGS)
    s3.delete_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket)
    with refused("NoSuchTagSet", 404):
        s3.get_bucket_tagging(Bucket=bucket)
