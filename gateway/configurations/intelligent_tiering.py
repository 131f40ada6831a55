"""Intelligent tiering: kept and given back. Nothing moves yet."""

from gateway.configurations.filters import check_filter
from gateway.configurations.named import Named
from schemas.configurations.intelligent_tiering import (
    INTELLIGENT_TIERING,
    IntelligentTieringConfiguration,
)
from schemas.errors import InvalidArgument, MalformedXML

LEAST_DAYS = {"ARCHIVE_ACCESS": 90, "DEEP_ARCHIVE_ACCESS": 180}
MOST_DAYS = 730


def check(configuration: IntelligentTieringConfiguration) -> None:
    """Raises MalformedXML, InvalidArgument, InvalidRequest, InvalidTag."""
    if configuration.filter is not None:
        check_filter(configuration.filter)
    tiers = [one.access_tier for one in configuration.tierings]
    if not tiers or len(set(tiers)) < len(tiers):
        raise MalformedXML()
    for one in configuration.tierings:
        least = LEAST_DAYS[one.access_tier]
        if not least <= one.days <= MOST_DAYS:
            raise InvalidArgument(
                f"'Days' for {one.access_tier} must be between {least} and {MOST_DAYS}",
                ArgumentName="Days",
                ArgumentValue=str(one.days),
            )


_OPERATIONS = Named(
    INTELLIGENT_TIERING,
    "IntelligentTieringConfiguration",
    "ListBucketIntelligentTieringConfigurationsOutput",
    check,
)

HANDLERS = _OPERATIONS.handlers("IntelligentTieringConfiguration", "IntelligentTieringConfigurations")
