"""Where websites send their visitors."""

import pytest

from gateway.routing import website_bucket
from gateway.website.redirects import Visit, follow, follow_all, redirect_of, to_folder
from schemas.configurations.website import (
    Condition,
    Redirect,
    RedirectAllRequestsTo,
    RoutingRule,
    WebsiteConfiguration,
)

VISIT = Visit("http", "site.example.org:8080", "docs/a b?.html", "x=1")


def location(rule: RoutingRule, visit: Visit = VISIT) -> tuple[int, str]:
    answer = follow(rule, visit)
    return answer.status, dict(answer.headers)["location"]


@pytest.mark.parametrize(
    ("redirect", "prefix", "expected"),
    [
        (Redirect(replace_key_prefix_with="documents/"), "docs/", "documents/a%20b%3F.html"),
        (Redirect(replace_key_prefix_with=""), "docs/", "a%20b%3F.html"),
        (Redirect(replace_key_prefix_with="new/"), None, "new/docs/a%20b%3F.html"),
        (Redirect(replace_key_with="error.html"), "docs/", "error.html"),
        (Redirect(replace_key_with="go?to=x#y"), None, "go?to=x#y"),
        (Redirect(http_redirect_code="302"), None, "docs/a%20b%3F.html"),
    ],
)
def test_a_rule_changes_what_it_names(redirect: Redirect, prefix: str | None, expected: str) -> None:
    condition = None if prefix is None else Condition(key_prefix_equals=prefix)
    status = int(redirect.http_redirect_code or 301)
    rule = RoutingRule(condition=condition, redirect=redirect)
    assert location(rule) == (status, f"http://site.example.org:8080/{expected}")


def test_protocol_and_host_are_the_visitors_unless_named() -> None:
    rule = RoutingRule(redirect=Redirect(protocol="https", host_name="other.example"))
    assert location(rule, VISIT._replace(key="k")) == (301, "https://other.example/k")
    assert location(RoutingRule(redirect=Redirect(protocol="https")), VISIT._replace(key="")) == (
        301, "https://site.example.org:8080/",
    )  # fmt: skip


def test_the_first_rule_that_fits_counts() -> None:
    rules = [
        RoutingRule(
            condition=Condition(http_error_code_returned_equals="404", key_prefix_equals="a/"),
            redirect=Redirect(replace_key_with="1"),
        ),
        RoutingRule(condition=Condition(key_prefix_equals="a/"), redirect=Redirect(replace_key_with="2")),
        RoutingRule(
            condition=Condition(http_error_code_returned_equals="404"),
            redirect=Redirect(replace_key_with="3"),
        ),
        RoutingRule(condition=Condition(key_prefix_equals="a/b"), redirect=Redirect(replace_key_with="4")),
    ]
    assert redirect_of(rules, "a/b", None) is rules[1]
    assert redirect_of(rules, "a/b", 404) is rules[0]
    assert redirect_of(rules, "b", 404) is rules[2]
    assert redirect_of(rules, "b", 403) is None
    assert redirect_of(rules, "b", None) is None
    everything = RoutingRule(redirect=Redirect(host_name="h"))
    assert redirect_of([everything], "b", None) is everything


def test_a_website_that_is_elsewhere() -> None:
    website = WebsiteConfiguration(redirect_all_requests_to=RedirectAllRequestsTo("new.example"))
    answer = follow_all(website, VISIT)
    assert answer is not None
    assert (answer.status, dict(answer.headers)["location"]) == (
        301, "http://new.example/docs/a%20b%3F.html?x=1",
    )  # fmt: skip
    assert follow_all(WebsiteConfiguration(), VISIT) is None


def test_what_is_no_url_never_gets_into_a_header() -> None:
    answer = to_folder("a\r\nset-cookie: x=1")
    assert dict(answer.headers)["location"] == "/a%0D%0Aset-cookie:%20x=1/"


@pytest.mark.parametrize(
    ("host", "bucket"),
    [
        ("photos.localhost:9080", "photos"),
        ("Photos.LOCALHOST", "photos"),
        ("www.example.org", "www.example.org"),
        ("a.b.s3-website.example.org", "a.b"),
        ("localhost:9080", ""),
        ("notlocalhost", "notlocalhost"),
        ("", ""),
    ],
)
def test_the_host_names_the_bucket(host: str, bucket: str) -> None:
    assert website_bucket(host, ("localhost", "s3-website.example.org")) == bucket
