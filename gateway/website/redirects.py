"""Where a website sends its visitors: all of them, by rules on key and error, or from a folder to its index.

Source: Amazon S3 User Guide, "(Optional) Configuring a webpage redirect".
"""

from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import quote

from gateway.request import Response
from schemas.configurations.website import Redirect, RoutingRule, WebsiteConfiguration

MOVED = 301
FOUND = 302

_OF_PATH = "/-_.~!$&'()*+,;=:@"  # what stands for itself in a path (RFC 3986 §3.3)
_OF_RULE = f"{_OF_PATH}?#%"


class Visit(NamedTuple):
    """What a browser asked for. host: as it named it, with the port; query: as it came."""

    scheme: str
    host: str
    key: str
    query: str


def rules_of(website: WebsiteConfiguration) -> tuple[RoutingRule, ...]:
    """The routing rules, of which the first that fits counts."""
    return () if website.routing_rules is None else website.routing_rules.rules


def redirect_of(rules: Iterable[RoutingRule], key: str, error: int | None) -> RoutingRule | None:
    """The rule for a key: before it is looked up (`error` is None), or after that gave an error. A rule that
    names an error is about no other request, one that names none about every request."""
    for rule in rules:
        condition = rule.condition
        code = None if condition is None else condition.http_error_code_returned_equals
        if (code is None) != (error is None) or (code is not None and int(code) != error):
            continue
        if condition is None or key.startswith(condition.key_prefix_equals or ""):
            return rule
    return None


def follow(rule: RoutingRule, visit: Visit) -> Response:
    """The redirect that a rule says."""
    redirect = rule.redirect
    prefix = (rule.condition.key_prefix_equals or "") if rule.condition is not None else ""
    return moved(
        int(redirect.http_redirect_code or MOVED),
        f"{redirect.protocol or visit.scheme}://{redirect.host_name or visit.host}"
        f"/{_new_path(redirect, prefix, visit.key)}",
    )


def follow_all(website: WebsiteConfiguration, visit: Visit) -> Response | None:
    """The redirect of a website that sends everybody elsewhere."""
    everything = website.redirect_all_requests_to
    if everything is None:
        return None
    query = f"?{visit.query}" if visit.query else ""
    return moved(
        MOVED, f"{everything.protocol or visit.scheme}://{everything.host_name}/{_path(visit.key)}{query}"
    )


def to_folder(key: str) -> Response:
    """From a folder's name to the folder, so that links in its page are relative to it."""
    path = _path(key)
    if path[:1] == "/":
        path = f"%2F{path[1:]}"  # or the browser would take what follows "//" for a host
    return moved(FOUND, f"/{path}/")


def moved(status: int, location: str) -> Response:
    """An answer that sends the browser elsewhere."""
    return Response(status, [("location", location), ("content-length", "0")])


def _new_path(redirect: Redirect, prefix: str, key: str) -> str:
    """The path in the redirect's URL. What the rule writes may have a query and a fragment."""
    if redirect.replace_key_with is not None:
        return quote(redirect.replace_key_with, safe=_OF_RULE)
    if redirect.replace_key_prefix_with is not None:
        return quote(redirect.replace_key_prefix_with, safe=_OF_RULE) + _path(key[len(prefix) :])
    return _path(key)


def _path(key: str) -> str:
    """What a visitor named, in a URL."""
    return quote(key, safe=_OF_PATH)
