"""Buckets that reports are to go to, named by ARN."""

import re

from schemas.errors import InvalidArgument

_BUCKET = re.compile(r"arn:[\w-]+:s3:::[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def check_bucket_arn(text: str) -> None:
    """Raises InvalidArgument for what is not the ARN of a bucket."""
    if not _BUCKET.fullmatch(text):
        raise InvalidArgument("Invalid bucket ARN.", ArgumentName="Bucket", ArgumentValue=text)
