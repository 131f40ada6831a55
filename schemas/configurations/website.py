"""Static website of a bucket: its index and error documents, and where requests are redirected."""

from msgspec import field

from schemas.configurations.element import S3Element
from schemas.configurations.kinds import Kind


class RedirectAllRequestsTo(S3Element, frozen=True):
    host_name: str
    protocol: str | None = None


class IndexDocument(S3Element, frozen=True):
    suffix: str


class ErrorDocument(S3Element, frozen=True):
    key: str


class Condition(S3Element, frozen=True):
    http_error_code_returned_equals: str | None = None
    key_prefix_equals: str | None = None


class Redirect(S3Element, frozen=True):
    protocol: str | None = None
    host_name: str | None = None
    replace_key_prefix_with: str | None = None
    replace_key_with: str | None = None
    http_redirect_code: str | None = None


class RoutingRule(S3Element, frozen=True, kw_only=True):
    condition: Condition | None = None
    redirect: Redirect


class RoutingRules(S3Element, frozen=True):
    rules: tuple[RoutingRule, ...] = field(default=(), name="RoutingRule")


class WebsiteConfiguration(S3Element, frozen=True):
    """All requests are redirected, or there is an index document."""

    redirect_all_requests_to: RedirectAllRequestsTo | None = None
    index_document: IndexDocument | None = None
    error_document: ErrorDocument | None = None
    routing_rules: RoutingRules | None = None


WEBSITE = Kind("website", WebsiteConfiguration)
