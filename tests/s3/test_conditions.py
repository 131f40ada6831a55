"""Conditional reads and writes."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.s3.expecting import body, refused
from tests.server import Server


@pytest.fixture
def etag(s3: Any, bucket: str) -> str:
    return str(s3.put_object(Bucket=bucket, Key="k", Body=b"first")["ETag"])


def test_reads_if_match(s3: Any, bucket: str, etag: str) -> None:
    assert body(s3.get_object(Bucket=bucket, Key="k", IfMatch=etag)) == b"first"
    assert body(s3.get_object(Bucket=bucket, Key="k", IfMatch="*")) == b"first"
    with refused("PreconditionFailed", 412):
        s3.get_object(Bucket=bucket, Key="k", IfMatch='"other"')
    with refused("412", 412):
        s3.head_object(Bucket=bucket, Key="k", IfMatch='"other"')


def test_reads_if_none_match(s3: Any, bucket: str, etag: str) -> None:
    with refused("304", 304):
        s3.get_object(Bucket=bucket, Key="k", IfNoneMatch=etag)
    with refused("304", 304):
        s3.head_object(Bucket=bucket, Key="k", IfNoneMatch=etag)
    assert body(s3.get_object(Bucket=bucket, Key="k", IfNoneMatch='"other"')) == b"first"


def test_not_modified_repeats_the_validators(s3: Any, raw: Any, bucket: str, etag: str) -> None:
    answer = raw.send("GET", f"/{bucket}/k", {"If-None-Match": etag})
    assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", etag)
    assert "last-modified" in answer.headers


def test_reads_by_time(s3: Any, bucket: str, etag: str) -> None:
    changed = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    before, after = changed - timedelta(hours=1), changed + timedelta(seconds=1)
    assert body(s3.get_object(Bucket=bucket, Key="k", IfModifiedSince=before)) == b"first"
    with refused("304", 304):
        s3.get_object(Bucket=bucket, Key="k", IfModifiedSince=changed)
    assert body(s3.get_object(Bucket=bucket, Key="k", IfUnmodifiedSince=after)) == b"first"
    with refused("PreconditionFailed", 412):
        s3.get_object(Bucket=bucket, Key="k", IfUnmodifiedSince=before)


def test_tags_go_before_times(s3: Any, bucket: str, etag: str) -> None:
    """RFC 9110, 13.2.2, and the S3 API reference of GetObject."""
    before = s3.head_object(Bucket=bucket, Key="k")["LastModified"] - timedelta(hours=1)
    assert body(s3.get_object(Bucket=bucket, Key="k", IfMatch=etag, IfUnmodifiedSince=before)) == b"first"
    with refused("304", 304):
        s3.get_object(Bucket=bucket, Key="k", IfNoneMatch=etag, IfModifiedSince=before)


def test_put_only_if_absent(s3: Any, bucket: str, etag: str) -> None:
    with refused("PreconditionFailed", 412):
        s3.put_object(Bucket=bucket, Key="k", Body=b"second", IfNoneMatch="*")
    assert body(s3.get_object(Bucket=bucket, Key="k")) == b"first"
    s3.put_object(Bucket=bucket, Key="new", Body=b"second", IfNoneMatch="*")
    assert body(s3.get_object(Bucket=bucket, Key="new")) == b"second"


def test_put_only_over_a_given_tag(s3: Any, bucket: str, etag: str) -> None:
    with refused("PreconditionFailed", 412):
        s3.put_object(Bucket=bucket, Key="k", Body=b"second", IfMatch='"other"')
    s3.put_object(Bucket=bucket, Key="k", Body=b"second", IfMatch=etag)
    assert body(s3.get_object(Bucket=bucket, Key="k")) == b"second"
    with refused("NoSuchKey", 404):
        s3.put_object(Bucket=bucket, Key="none", Body=b"x", IfMatch=etag)


def test_the_error_names_the_condition_that_failed(s3: Any, bucket: str, etag: str) -> None:
    """Clients go by it: s3fs says FileExistsError where If-None-Match failed, and only there."""
    for condition, name in (({"IfNoneMatch": "*"}, "If-None-Match"), ({"IfMatch": '"other"'}, "If-Match")):
        with refused("PreconditionFailed", 412) as caught:
            s3.put_object(Bucket=bucket, Key="k", Body=b"second", **condition)
        assert caught.value.response["Error"]["Condition"] == name
        source = {"Bucket": bucket, "Key": "k"}
        with refused("PreconditionFailed", 412) as caught:
            s3.copy_object(
                Bucket=bucket, Key="k", CopySource=source, MetadataDirective="REPLACE", **condition
            )
        assert caught.value.response["Error"]["Condition"] == name
        upload_id = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
        part = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload_id, PartNumber=1, Body=b"second")
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        with refused("PreconditionFailed", 412) as caught:
            s3.complete_multipart_upload(
                Bucket=bucket, Key="k", UploadId=upload_id, MultipartUpload=parts, **condition
            )
        assert caught.value.response["Error"]["Condition"] == name
    with refused("PreconditionFailed", 412) as caught:
        s3.delete_object(Bucket=bucket, Key="k", IfMatch='"other"')
    assert caught.value.response["Error"]["Condition"] == "If-Match"


def test_delete_only_a_given_tag(s3: Any, server: Server, bucket: str, etag: str) -> None:
    with refused("PreconditionFailed", 412):
        s3.delete_object(Bucket=bucket, Key="k", IfMatch='"other"')
    assert body(s3.get_object(Bucket=bucket, Key="k")) == b"first"
    s3.delete_object(Bucket=bucket, Key="k", IfMatch=etag)
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=bucket, Key="k")


def test_a_delete_marker_counts_as_absent(s3: Any, versioned: str) -> None:
    s3.put_object(Bucket=versioned, Key="k", Body=b"first")
    s3.delete_object(Bucket=versioned, Key="k")
    s3.put_object(Bucket=versioned, Key="k", Body=b"second", IfNoneMatch="*")
    assert body(s3.get_object(Bucket=versioned, Key="k")) == b"second"


# What the one that lost a race is told.
LOST = ("PreconditionFailed", "ConditionalRequestConflict")


def together(count: int, work: Callable[[int], None]) -> None:
    """Run `work` in that many threads that start at once."""
    gate = threading.Barrier(count)

    def one(number: int) -> None:
        gate.wait(30)
        work(number)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads)


def test_of_many_that_create_at_once_one_succeeds(s3: Any, bucket: str) -> None:
    for attempt in range(5):
        won: list[int] = []

        def create(number: int, key: str = f"k{attempt}", won: list[int] = won) -> None:
            try:
                s3.put_object(Bucket=bucket, Key=key, Body=str(number).encode(), IfNoneMatch="*")
            except s3.exceptions.ClientError as error:
                if error.response["Error"]["Code"] not in LOST:
                    raise
            else:
                won.append(number)

        together(8, create)
        assert len(won) == 1
        assert body(s3.get_object(Bucket=bucket, Key=f"k{attempt}")) == str(won[0]).encode()


def test_counting_with_if_match_loses_no_step(s3: Any, server: Server, bucket: str) -> None:
    """Optimistic concurrency: every successful If-Match write saw the value that it replaced."""
    s3.put_object(Bucket=bucket, Key="counter", Body=b"0")

    def count(_: int) -> None:
        steps = 0
        while steps < 5:
            got = s3.get_object(Bucket=bucket, Key="counter")
            value = int(body(got))
            try:
                s3.put_object(Bucket=bucket, Key="counter", Body=str(value + 1).encode(), IfMatch=got["ETag"])
            except s3.exceptions.ClientError as error:
                if error.response["Error"]["Code"] not in LOST:
                    raise
            else:
                steps += 1

    together(4, count)
    assert int(body(s3.get_object(Bucket=bucket, Key="counter"))) == 20
