"""Storage class analysis: which objects are watched, and where the findings go."""

from typing import Literal

from msgspec import field

from schemas.configurations.element import S3Element
from schemas.configurations.filters import Filter
from schemas.configurations.kinds import Kind


class AnalyticsBucket(S3Element, frozen=True, kw_only=True):
    format: Literal["CSV"]
    bucket_account_id: str | None = None
    bucket: str
    prefix: str | None = None


class AnalyticsDestination(S3Element, frozen=True):
    s3_bucket_destination: AnalyticsBucket = field(name="S3BucketDestination")


class DataExport(S3Element, frozen=True):
    output_schema_version: Literal["V_1"]
    destination: AnalyticsDestination


class StorageClassAnalysis(S3Element, frozen=True):
    data_export: DataExport | None = None


class AnalyticsConfiguration(S3Element, frozen=True, kw_only=True):
    id: str
    filter: Filter | None = None
    storage_class_analysis: StorageClassAnalysis


ANALYTICS = Kind("analytics", AnalyticsConfiguration)
