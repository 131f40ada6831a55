"""Public access block (API Reference: PutPublicAccessBlock and its siblings)."""

from typing import Any

import pytest

from tests.s3.expecting import refused
from tests.s3.raw import Raw

NAMES = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def put(s3: Any, bucket: str, **switches: bool) -> Any:
    return s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=switches)


def get(s3: Any, bucket: str) -> Any:
    return s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]


def test_a_new_bucket_blocks_everything(s3: Any, bucket: str) -> None:
    """Since April 2023 (User Guide, "Default settings for new buckets")."""
    assert get(s3, bucket) == dict.fromkeys(NAMES, True)


@pytest.mark.parametrize("name", NAMES)
def test_each_switch(s3: Any, bucket: str, name: str) -> None:
    put(s3, bucket, **{name: True})
    assert get(s3, bucket) == dict.fromkeys(NAMES, False) | {name: True}
    put(s3, bucket, **{name: False})
    assert get(s3, bucket) == dict.fromkeys(NAMES, False)


def test_delete(s3: Any, bucket: str) -> None:
    for _ in range(2):
        answer = s3.delete_public_access_block(Bucket=bucket)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
        with refused("NoSuchPublicAccessBlockConfiguration", 404):
            get(s3, bucket)
    put(s3, bucket, BlockPublicAcls=True)
    assert get(s3, bucket)["BlockPublicAcls"] is True


@pytest.mark.parametrize(
    "content",
    ["", "<Other>true</Other>", "<BlockPublicAcls>maybe</BlockPublicAcls>", "<BlockPublicAcls/>"],
)
def test_bodies_that_are_none(raw: Raw, bucket: str, content: str) -> None:
    body = f"<PublicAccessBlockConfiguration>{content}</PublicAccessBlockConfiguration>".encode()
    answer = raw.send("PUT", f"/{bucket}?publicAccessBlock=", {}, body)
    assert (answer.status, answer.code) == (400, "MalformedXML")


def test_capitals_are_understood(raw: Raw, s3: Any, bucket: str) -> None:
    root = "PublicAccessBlockConfiguration"
    body = f"<{root}><BlockPublicAcls>TRUE</BlockPublicAcls></{root}>".encode()
    assert raw.send("PUT", f"/{bucket}?publicAccessBlock=", {}, body).status == 200
    assert get(s3, bucket)["BlockPublicAcls"] is True


def test_no_bucket(s3: Any) -> None:
    with refused("NoSuchBucket", 404):
        get(s3, "no-such-bucket-to-block")
