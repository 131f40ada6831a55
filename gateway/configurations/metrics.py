"""Request metrics: kept and given back. Nothing counts by them yet."""

from gateway.configurations.filters import check_filter
from gateway.configurations.named import Named
from schemas.configurations.metrics import METRICS, MetricsConfiguration
from schemas.errors import MalformedXML


def check(configuration: MetricsConfiguration) -> None:
    """Raises MalformedXML, InvalidRequest, InvalidTag."""
    found = configuration.filter
    if found is None:
        return
    check_filter(found)
    if (found.prefix, found.tag, found.access_point_arn, found.all_of).count(None) != 3:
        raise MalformedXML()


_OPERATIONS = Named(METRICS, "MetricsConfiguration", "ListMetricsConfigurationsResult", check)

HANDLERS = _OPERATIONS.handlers("MetricsConfiguration", "MetricsConfigurations")
