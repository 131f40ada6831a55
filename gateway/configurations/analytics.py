"""Storage class analysis: kept and given back. Nothing analyses yet."""

from gateway.configurations.destinations import check_bucket_arn
from gateway.configurations.filters import check_filter
from gateway.configurations.named import Named
from schemas.configurations.analytics import ANALYTICS, AnalyticsConfiguration


def check(configuration: AnalyticsConfiguration) -> None:
    """Raises MalformedXML, InvalidRequest, InvalidTag, InvalidArgument."""
    if configuration.filter is not None:
        check_filter(configuration.filter)
    export = configuration.storage_class_analysis.data_export
    if export is not None:
        check_bucket_arn(export.destination.s3_bucket_destination.bucket)


_OPERATIONS = Named(ANALYTICS, "AnalyticsConfiguration", "ListBucketAnalyticsConfigurationResult", check)

HANDLERS = _OPERATIONS.handlers("AnalyticsConfiguration", "AnalyticsConfigurations")
