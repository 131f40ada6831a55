"""CreateBucket, HeadBucket and GetBucketLocation: what they take and tell (API Reference)."""

import uuid
from typing import Any

import pytest

from tests.s3.expecting import headers, refused
from tests.s3.raw import REGION, Raw


def new_name() -> str:
    return f"test-{uuid.uuid4().hex[:20]}"


def body(content: str) -> bytes:
    return f"<CreateBucketConfiguration>{content}</CreateBucketConfiguration>".encode()


@pytest.mark.parametrize(
    "content", ["", "<LocationConstraint/>", f"<LocationConstraint>{REGION}</LocationConstraint>"]
)
def test_the_region_of_the_server_or_none(raw: Raw, content: str) -> None:
    name = new_name()
    answer = raw.send("PUT", f"/{name}", {}, body(content))
    assert (answer.status, answer.headers["location"]) == (200, f"/{name}")
    assert answer.headers["x-amz-bucket-arn"] == f"arn:aws:s3:::{name}"


def test_another_region(raw: Raw) -> None:
    answer = raw.send("PUT", f"/{new_name()}", {}, body("<LocationConstraint>eu-west-9</LocationConstraint>"))
    assert (answer.status, answer.code) == (400, "InvalidLocationConstraint")


@pytest.mark.parametrize(
    "content",
    [
        "<Region>x</Region>",
        "<LocationConstraint/><LocationConstraint/>",
        "<LocationConstraint><Name/></LocationConstraint>",
        "<Tags><Label/></Tags>",
    ],
)
def test_bodies_that_are_none(raw: Raw, content: str) -> None:
    answer = raw.send("PUT", f"/{new_name()}", {}, body(content))
    assert (answer.status, answer.code) == (400, "MalformedXML")


def test_directory_buckets_are_not_built(lax: Any) -> None:
    with refused("NotImplemented", 501):
        lax.create_bucket(
            Bucket=new_name(),
            CreateBucketConfiguration={"Bucket": {"Type": "Directory", "DataRedundancy": "SingleLocalZone"}},
        )


def test_what_head_tells(s3: Any, raw: Raw, bucket: str) -> None:
    answer = s3.head_bucket(Bucket=bucket)
    assert answer["BucketRegion"] == REGION
    assert answer["AccessPointAlias"] is False
    assert headers(answer)["x-amz-bucket-arn"] == f"arn:aws:s3:::{bucket}"
    assert raw.send("HEAD", f"/{bucket}").body == b""
    missing = raw.send("HEAD", f"/{new_name()}")
    assert (missing.status, missing.body) == (404, b"")


def test_the_location_of_the_first_region_is_empty(s3: Any, raw: Raw, bucket: str) -> None:
    """API Reference: "Buckets in Region us-east-1 have a LocationConstraint of null"."""
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    text = raw.send("GET", f"/{bucket}?location=").body
    assert text.endswith(
        b'<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></LocationConstraint>'
    )
