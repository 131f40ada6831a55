"""Static website hosting: the configuration (API Reference: PutBucketWebsite and its siblings)."""

from typing import Any

import pytest

from tests.s3.expecting import refused

WEBSITE = {
    "IndexDocument": {"Suffix": "index.html"},
    "ErrorDocument": {"Key": "errors/404.html"},
    "RoutingRules": [
        {
            "Condition": {"KeyPrefixEquals": "docs/"},
            "Redirect": {"ReplaceKeyPrefixWith": "documents/", "HttpRedirectCode": "302"},
        },
        {
            "Condition": {"HttpErrorCodeReturnedEquals": "404", "KeyPrefixEquals": "images/"},
            "Redirect": {"HostName": "example.com", "Protocol": "https", "ReplaceKeyWith": "missing.html"},
        },
        {"Redirect": {"HostName": "example.com"}},
    ],
}


def put(s3: Any, bucket: str, website: dict[str, Any]) -> Any:
    return s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=website)


def get(s3: Any, bucket: str) -> dict[str, Any]:
    answer = s3.get_bucket_website(Bucket=bucket)
    del answer["ResponseMetadata"]
    return dict(answer)


@pytest.mark.parametrize(
    "website",
    [
        WEBSITE,
        {"IndexDocument": {"Suffix": "index.html"}},
        {"RedirectAllRequestsTo": {"HostName": "example.com", "Protocol": "http"}},
        {"RedirectAllRequestsTo": {"HostName": "example.com"}},
    ],
    ids=["everything", "index", "redirect by protocol", "redirect"],
)
def test_a_configuration_comes_back(s3: Any, bucket: str, website: dict[str, Any]) -> None:
    put(s3, bucket, website)
    assert get(s3, bucket) == website


def test_a_bucket_without_one(s3: Any, bucket: str) -> None:
    with refused("NoSuchWebsiteConfiguration", 404):
        get(s3, bucket)


def test_delete(s3: Any, bucket: str) -> None:
    put(s3, bucket, WEBSITE)
    for _ in range(2):
        assert s3.delete_bucket_website(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 204
        with refused("NoSuchWebsiteConfiguration", 404):
            get(s3, bucket)


def with_rule(redirect: dict[str, Any], condition: dict[str, Any] | None = None) -> dict[str, Any]:
    rule = {"Redirect": redirect} | ({} if condition is None else {"Condition": condition})
    return {"IndexDocument": {"Suffix": "i"}, "RoutingRules": [rule]}


def many_rules(count: int) -> dict[str, Any]:
    return {"IndexDocument": {"Suffix": "i"}, "RoutingRules": [{"Redirect": {"HostName": "h"}}] * count}


@pytest.mark.parametrize(
    ("website", "code"),
    [
        ({"ErrorDocument": {"Key": "e"}}, "InvalidArgument"),
        ({"IndexDocument": {"Suffix": "a/b"}}, "InvalidArgument"),
        ({"IndexDocument": {"Suffix": ""}}, "InvalidArgument"),
        ({"IndexDocument": {"Suffix": "i"}, "ErrorDocument": {"Key": ""}}, "InvalidArgument"),
        ({"RedirectAllRequestsTo": {"HostName": "h"}, "IndexDocument": {"Suffix": "i"}}, "InvalidRequest"),
        ({"RedirectAllRequestsTo": {"HostName": "h", "Protocol": "ftp"}}, "InvalidRequest"),
        ({"RedirectAllRequestsTo": {}}, "MalformedXML"),
        (with_rule({}), "MalformedXML"),
        (with_rule({"HostName": "h"}, {}), "InvalidRequest"),
        (with_rule({"ReplaceKeyWith": "a", "ReplaceKeyPrefixWith": "b"}), "InvalidRequest"),
        (with_rule({"HostName": "h", "HttpRedirectCode": "200"}), "InvalidRequest"),
        (with_rule({"HostName": "h", "HttpRedirectCode": "300"}), "InvalidRequest"),
        (with_rule({"HostName": "h", "Protocol": "gopher"}), "InvalidRequest"),
        (with_rule({"HostName": "h"}, {"HttpErrorCodeReturnedEquals": "301"}), "InvalidRequest"),
        (with_rule({"HostName": "h"}, {"HttpErrorCodeReturnedEquals": "4xx"}), "InvalidRequest"),
        (many_rules(51), "InvalidRequest"),
    ],
    ids=str,
)  # fmt: skip
def test_websites_against_the_rules(lax: Any, bucket: str, website: dict[str, Any], code: str) -> None:
    with refused(code, 400):
        put(lax, bucket, website)


def test_fifty_rules(s3: Any, bucket: str) -> None:
    put(s3, bucket, many_rules(50))
    assert len(get(s3, bucket)["RoutingRules"]) == 50


def test_a_document_of_more_than_128_kib(s3: Any, bucket: str) -> None:
    """API Reference, PutBucketWebsite: "The maximum request length is limited to 128 KB"."""
    rules = with_rule({"HostName": "h"})["RoutingRules"] + [{"Redirect": {"HostName": "h" * 3000}}] * 49
    with refused("MaxMessageLengthExceeded", 400):
        put(s3, bucket, {"IndexDocument": {"Suffix": "i"}, "RoutingRules": rules})
    rules = with_rule({"HostName": "h"})["RoutingRules"] + [{"Redirect": {"HostName": "h" * 2000}}] * 49
    put(s3, bucket, {"IndexDocument": {"Suffix": "i"}, "RoutingRules": rules})
