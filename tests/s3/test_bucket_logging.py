"""Access logging: the configuration (API Reference: PutBucketLogging, GetBucketLogging)."""

from typing import Any

import pytest

from tests.s3.expecting import refused
from tests.s3.raw import Raw


def put(s3: Any, bucket: str, **enabled: Any) -> Any:
    return s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": enabled})


def test_a_new_bucket_is_not_logged(s3: Any, raw: Raw, bucket: str) -> None:
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    assert b"<BucketLoggingStatus xmlns=" in raw.send("GET", f"/{bucket}?logging=").body


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"TargetObjectKeyFormat": {"SimplePrefix": {}}},
        {"TargetObjectKeyFormat": {"PartitionedPrefix": {"PartitionDateSource": "EventTime"}}},
    ],
    ids=str,
)
def test_a_configuration_comes_back(s3: Any, bucket: str, form: dict[str, Any]) -> None:
    enabled = {"TargetBucket": bucket, "TargetPrefix": "logs/", **form}
    put(s3, bucket, **enabled)
    assert s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"] == enabled
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)


def test_the_target_bucket_must_exist(s3: Any, bucket: str) -> None:
    with refused("InvalidTargetBucketForLogging", 400):
        put(s3, bucket, TargetBucket="no-such-bucket-of-logs", TargetPrefix="")


def test_grants_on_logs_are_not_built(s3: Any, bucket: str) -> None:
    grant = {"Grantee": {"Type": "CanonicalUser", "ID": "a" * 64}, "Permission": "READ"}
    with refused("NotImplemented", 501):
        put(s3, bucket, TargetBucket=bucket, TargetPrefix="", TargetGrants=[grant])


@pytest.mark.parametrize(
    "content",
    [
        "<LoggingEnabled/>",
        "<LoggingEnabled><TargetBucket>{0}</TargetBucket></LoggingEnabled>",
        "<LoggingEnabled><TargetBucket>{0}</TargetBucket><TargetPrefix/><TargetObjectKeyFormat/></LoggingEnabled>",
        "<LoggingEnabled><TargetBucket>{0}</TargetBucket><TargetPrefix/><TargetObjectKeyFormat><SimplePrefix/>"
        "<PartitionedPrefix/></TargetObjectKeyFormat></LoggingEnabled>",
        "<Other/>",
    ],
)
def test_bodies_that_are_none(raw: Raw, bucket: str, content: str) -> None:
    body = f"<BucketLoggingStatus>{content.replace('{0}', bucket)}</BucketLoggingStatus>".encode()
    answer = raw.send("PUT", f"/{bucket}?logging=", {}, body)
    assert (answer.status, answer.code) == (400, "MalformedXML")
