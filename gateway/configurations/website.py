"""Static website hosting: how a bucket is to be served. `gateway.website` serves it."""

from gateway.configurations.resource import delete, get, put
from schemas.configurations.website import WEBSITE, Redirect, RoutingRule, WebsiteConfiguration
from schemas.errors import InvalidArgument, InvalidRequest, MalformedXML, NoSuchWebsiteConfiguration

ROOT = "WebsiteConfiguration"
RULES_LIMIT = 50
BODY_LIMIT = 128 * 1024  # bytes of the XML


def check(website: WebsiteConfiguration) -> None:
    """Raises InvalidArgument, InvalidRequest, MalformedXML."""
    everything = website.redirect_all_requests_to
    rules = website.routing_rules.rules if website.routing_rules is not None else ()
    if everything is not None:
        if website.index_document is not None or website.error_document is not None or rules:
            raise InvalidRequest(
                "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules."
            )
        _check_protocol(everything.protocol)
        if not everything.host_name:
            raise MalformedXML()
        return
    if website.index_document is None:
        raise InvalidArgument(
            "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty",
            ArgumentName="IndexDocument",
        )
    if not website.index_document.suffix or "/" in website.index_document.suffix:
        raise InvalidArgument("The IndexDocument Suffix is not well formed", ArgumentName="IndexDocument")
    if website.error_document is not None and not website.error_document.key:
        raise InvalidArgument("The ErrorDocument Key is not well formed", ArgumentName="ErrorDocument")
    if len(rules) > RULES_LIMIT:
        raise InvalidRequest(
            f"{len(rules)} routing rules provided, the number of routing rules in a website configuration is "
            f"limited to {RULES_LIMIT}."
        )
    for rule in rules:
        _check_rule(rule)


def _check_rule(rule: RoutingRule) -> None:
    condition, redirect = rule.condition, rule.redirect
    if condition is not None:
        if condition.key_prefix_equals is None and condition.http_error_code_returned_equals is None:
            raise InvalidRequest(
                "Condition cannot be empty. To redirect all requests without a condition, the condition "
                "element shouldn't be present."
            )
        code = condition.http_error_code_returned_equals
        if code is not None and not _is_code(code, "45"):
            raise InvalidRequest(
                f"The provided HTTP error code ({code}) is not valid. Valid codes are 4XX or 5XX."
            )
    if redirect == Redirect():
        raise MalformedXML()
    _check_protocol(redirect.protocol)
    if redirect.replace_key_prefix_with is not None and redirect.replace_key_with is not None:
        raise InvalidRequest("You can only define ReplaceKeyPrefix or ReplaceKey but not both.")
    code = redirect.http_redirect_code
    if code is not None and (not _is_code(code, "3") or code == "300"):
        raise InvalidRequest(
            f"The provided HTTP redirect code ({code}) is not valid. Valid codes are 3XX except 300."
        )


def _is_code(text: str, first: str) -> bool:
    return len(text) == 3 and text.isascii() and text.isdigit() and text[0] in first


def _check_protocol(protocol: str | None) -> None:
    if protocol not in (None, "http", "https"):
        raise InvalidRequest(
            "Invalid protocol, protocol can be http or https. If not defined the protocol will be selected "
            "automatically."
        )


HANDLERS = {
    "DeleteBucketWebsite": delete(WEBSITE),
    "GetBucketWebsite": get(WEBSITE, ROOT, NoSuchWebsiteConfiguration),
    "PutBucketWebsite": put(WEBSITE, ROOT, check, limit=BODY_LIMIT),
}
