"""x-amz-website-redirect-location of an object."""

from typing import Any

import pytest

from tests.s3.expecting import refused

REDIRECTS = ["/other.html", "http://example.com/", "https://example.com/a?b=c#d"]


@pytest.mark.parametrize("location", REDIRECTS)
def test_it_comes_back(s3: Any, bucket: str, location: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"data", WebsiteRedirectLocation=location)
    for call in (s3.get_object, s3.head_object):
        answer = call(Bucket=bucket, Key="key")
        assert answer["WebsiteRedirectLocation"] == location
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize("location", ["other.html", "ftp://example.com/", "HTTP://example.com"])
def test_prefixes_that_lead_nowhere(s3: Any, bucket: str, location: str) -> None:
    with refused("InvalidRedirectLocation", 400):
        s3.put_object(Bucket=bucket, Key="key", Body=b"data", WebsiteRedirectLocation=location)
    with refused("InvalidRedirectLocation", 400):
        s3.create_multipart_upload(Bucket=bucket, Key="key", WebsiteRedirectLocation=location)


def test_its_length_is_limited_to_2_kb(s3: Any, bucket: str) -> None:
    longest = "/" + "a" * 2047
    s3.put_object(Bucket=bucket, Key="key", Body=b"data", WebsiteRedirectLocation=longest)
    with refused("InvalidRedirectLocation", 400):
        s3.put_object(Bucket=bucket, Key="key", Body=b"data", WebsiteRedirectLocation=longest + "a")


def test_a_copy_does_not_have_it(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="from", Body=b"data", WebsiteRedirectLocation="/other")
    source = {"Bucket": bucket, "Key": "from"}
    s3.copy_object(Bucket=bucket, Key="to", CopySource=source)
    assert "WebsiteRedirectLocation" not in s3.head_object(Bucket=bucket, Key="to")
    s3.copy_object(Bucket=bucket, Key="to", CopySource=source, WebsiteRedirectLocation="/new")
    assert s3.head_object(Bucket=bucket, Key="to")["WebsiteRedirectLocation"] == "/new"


def test_a_copy_onto_itself_may_change_it(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="key", Body=b"data", Metadata={"a": "1"})
    source = {"Bucket": bucket, "Key": "key"}
    s3.copy_object(Bucket=bucket, Key="key", CopySource=source, WebsiteRedirectLocation="/new")
    head = s3.head_object(Bucket=bucket, Key="key")
    assert (head["WebsiteRedirectLocation"], head["Metadata"]) == ("/new", {"a": "1"})
