"""Access logging: into which bucket, and under which keys, records of requests are to be written."""

from typing import Literal

from schemas.configurations.element import S3Element
from schemas.configurations.kinds import Kind


class SimplePrefix(S3Element, frozen=True):
    """Keys are the prefix and the moment of delivery."""


class PartitionedPrefix(S3Element, frozen=True):
    """Keys name account, region, bucket and day."""

    partition_date_source: Literal["EventTime", "DeliveryTime"] | None = None


class TargetObjectKeyFormat(S3Element, frozen=True):
    """One of the two."""

    simple_prefix: SimplePrefix | None = None
    partitioned_prefix: PartitionedPrefix | None = None


class LoggingEnabled(S3Element, frozen=True):
    target_bucket: str
    target_prefix: str
    target_object_key_format: TargetObjectKeyFormat | None = None


class BucketLoggingStatus(S3Element, frozen=True):
    """None: nothing is logged."""

    logging_enabled: LoggingEnabled | None = None


LOGGING = Kind("logging", BucketLoggingStatus)
