"""CORS (Amazon S3 User Guide, "Using cross-origin resource sharing"; API Reference: PutBucketCors)."""

from typing import Any

import pytest

from tests.s3.expecting import refused
from tests.s3.raw import Answer, Raw, content_md5

PAGE = "https://www.example.com"
RULE = {
    "ID": "pages",
    "AllowedHeaders": ["x-amz-*", "Content-Type"],
    "AllowedMethods": ["GET", "PUT"],
    "AllowedOrigins": [PAGE, "http://*.example.org"],
    "ExposeHeaders": ["ETag", "x-amz-version-id"],
    "MaxAgeSeconds": 3000,
}
ANYBODY = {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}


def put(s3: Any, bucket: str, *rules: dict[str, Any]) -> Any:
    return s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": list(rules)})


def preflight(raw: Raw, target: str, origin: str | None, method: str | None, headers: str = "") -> Answer:
    """What a browser asks before it sends the request itself."""
    named = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
    }
    return raw.send("OPTIONS", target, {name: value for name, value in named.items() if value}, signed=False)


def access_control(answer: Answer) -> dict[str, str]:
    prefix = "access-control-"
    return {name[len(prefix) :]: value for name, value in answer.headers.items() if name.startswith(prefix)}


# --- the configuration -----------------------------------------------------------------------------------
def test_a_configuration_comes_back(s3: Any, bucket: str) -> None:
    assert put(s3, bucket, RULE, ANYBODY)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == [RULE, ANYBODY]
    put(s3, bucket, ANYBODY)
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == [ANYBODY]


def test_a_bucket_without_one(s3: Any, bucket: str) -> None:
    with refused("NoSuchCORSConfiguration", 404):
        s3.get_bucket_cors(Bucket=bucket)
    assert s3.delete_bucket_cors(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_delete(raw: Raw, s3: Any, bucket: str) -> None:
    put(s3, bucket, RULE)
    s3.delete_bucket_cors(Bucket=bucket)
    with refused("NoSuchCORSConfiguration", 404):
        s3.get_bucket_cors(Bucket=bucket)
    assert access_control(raw.send("GET", f"/{bucket}", {"Origin": PAGE})) == {}


@pytest.mark.parametrize(
    "change",
    [
        {"AllowedMethods": ["OPTIONS"]},
        {"AllowedMethods": ["get"]},
        {"AllowedOrigins": ["http://*.*.org"]},
        {"AllowedHeaders": ["*-*"]},
        {"ExposeHeaders": ["x-*"]},
    ],
    ids=["method", "lower case", "origin", "header", "exposed header"],
)
def test_rules_that_are_not_allowed(s3: Any, bucket: str, change: dict[str, Any]) -> None:
    with refused("InvalidRequest", 400):
        put(s3, bucket, RULE | change)


@pytest.mark.parametrize("name", ["AllowedMethods", "AllowedOrigins"])
def test_a_rule_names_methods_and_origins(s3: Any, bucket: str, name: str) -> None:
    with refused("MalformedXML", 400):
        put(s3, bucket, RULE | {name: []})


def test_a_hundred_rules_and_not_one_more(s3: Any, bucket: str) -> None:
    put(s3, bucket, *[ANYBODY] * 100)
    with refused("MalformedXML", 400):
        put(s3, bucket, *[ANYBODY] * 101)
    with refused("MalformedXML", 400):
        put(s3, bucket)


def test_a_digest_of_the_body_is_required(raw: Raw, bucket: str) -> None:
    body = (
        b"<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>"
        b"</CORSRule></CORSConfiguration>"
    )
    answer = raw.send("PUT", f"/{bucket}?cors=", {}, body)
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert raw.send("PUT", f"/{bucket}?cors=", content_md5(body), body).status == 200
    wrong = raw.send("PUT", f"/{bucket}?cors=", content_md5(body + b" "), body)
    assert (wrong.status, wrong.code) == (400, "BadDigest")


# --- preflight -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("key", ["", "/some/key"])
def test_a_preflight_that_fits(raw: Raw, s3: Any, bucket: str, key: str) -> None:
    put(s3, bucket, RULE)
    answer = preflight(raw, f"/{bucket}{key}", PAGE, "PUT", "X-Amz-Meta-Colour, content-type")
    assert answer.status == 200
    assert access_control(answer) == {
        "allow-origin": PAGE,
        "allow-methods": "GET, PUT",
        "allow-headers": "x-amz-meta-colour, content-type",
        "expose-headers": "ETag, x-amz-version-id",
        "max-age": "3000",
        "allow-credentials": "true",
    }
    assert answer.headers["vary"] == "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"
    assert answer.body == b""


def test_any_origin(raw: Raw, s3: Any, bucket: str) -> None:
    put(s3, bucket, ANYBODY)
    answer = preflight(raw, f"/{bucket}/k", "https://anywhere.test", "GET")
    assert access_control(answer) == {"allow-origin": "*", "allow-methods": "GET"}


def test_an_origin_with_a_wildcard(raw: Raw, s3: Any, bucket: str) -> None:
    put(s3, bucket, RULE)
    for origin in ("http://a.example.org", "http://a.b.example.org"):
        assert preflight(raw, f"/{bucket}/k", origin, "GET").headers["access-control-allow-origin"] == origin
    for origin in ("http://example.org", "https://a.example.org", "http://a.example.org.evil.test"):
        assert preflight(raw, f"/{bucket}/k", origin, "GET").status == 403


@pytest.mark.parametrize(
    ("origin", "method", "headers"),
    [
        ("https://evil.test", "GET", ""),
        (PAGE, "DELETE", ""),
        (PAGE, "PUT", "x-other"),
        (PAGE, "PUT", "content-type, x-other"),
        (PAGE.upper(), "GET", ""),
    ],
    ids=["origin", "method", "header", "one of the headers", "case of the origin"],
)
def test_a_preflight_that_does_not_fit(
    raw: Raw, s3: Any, bucket: str, origin: str, method: str, headers: str
) -> None:
    put(s3, bucket, RULE)
    answer = preflight(raw, f"/{bucket}/k", origin, method, headers)
    assert (answer.status, answer.code) == (403, "AccessForbidden")
    assert access_control(answer) == {}


def test_the_first_rule_that_fits_decides(raw: Raw, s3: Any, bucket: str) -> None:
    put(s3, bucket, {"AllowedMethods": ["PUT"], "AllowedOrigins": [PAGE], "MaxAgeSeconds": 1}, RULE, ANYBODY)
    assert preflight(raw, f"/{bucket}", PAGE, "PUT").headers["access-control-max-age"] == "1"
    assert preflight(raw, f"/{bucket}", PAGE, "GET").headers["access-control-max-age"] == "3000"
    assert preflight(raw, f"/{bucket}", "http://x.test", "GET").headers["access-control-allow-origin"] == "*"


def test_a_bucket_that_has_no_cors(raw: Raw, bucket: str) -> None:
    answer = preflight(raw, f"/{bucket}/k", PAGE, "GET")
    assert (answer.status, answer.code) == (403, "AccessForbidden")
    assert b"CORS is not enabled for this bucket" in answer.body
    assert preflight(raw, "/no-such-bucket-of-cors/k", PAGE, "GET").status == 403


def test_a_preflight_that_lacks_something(raw: Raw, s3: Any, bucket: str) -> None:
    put(s3, bucket, RULE)
    answer = preflight(raw, f"/{bucket}/k", None, "GET")
    assert (answer.status, answer.code) == (400, "BadRequest")
    for method in (None, "PATCH"):
        answer = preflight(raw, f"/{bucket}/k", PAGE, method)
        assert (answer.status, answer.code) == (400, "BadRequest")


def test_the_preflight_of_a_presigned_url(raw: Raw, s3: Any, bucket: str) -> None:
    """It has the query of the request to come, signed for another method."""
    put(s3, bucket, RULE)
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"})
    target = url.removeprefix(raw.endpoint)
    assert preflight(raw, target, PAGE, "PUT").status == 200
    assert preflight(raw, f"/{bucket}/k?uploads", PAGE, "PUT").status == 200


# --- the requests themselves -------------------------------------------------------------------------------
def test_answers_to_pages_of_other_origins(raw: Raw, s3: Any, bucket: str) -> None:
    put(s3, bucket, RULE)
    for answer in (
        raw.send("PUT", f"/{bucket}/k", {"Origin": PAGE}, b"x"),
        raw.send("GET", f"/{bucket}/k", {"Origin": PAGE}),
        raw.send("GET", f"/{bucket}", {"Origin": PAGE}),
    ):
        assert answer.status == 200
        assert access_control(answer) == {
            "allow-origin": PAGE,
            "allow-methods": "GET, PUT",
            "expose-headers": "ETag, x-amz-version-id",
            "max-age": "3000",
            "allow-credentials": "true",
        }
        assert answer.headers["vary"].startswith("Origin")


def test_refusals_are_readable_for_the_page_too(raw: Raw, s3: Any, bucket: str) -> None:
    put(s3, bucket, RULE)
    missing = raw.send("GET", f"/{bucket}/missing", {"Origin": PAGE})
    assert (missing.status, missing.headers["access-control-allow-origin"]) == (404, PAGE)
    unsigned = raw.send("GET", f"/{bucket}/k", {"Origin": PAGE}, signed=False)
    assert (unsigned.status, unsigned.headers["access-control-allow-origin"]) == (403, PAGE)


def test_a_request_that_no_rule_fits_is_served_without_the_headers(raw: Raw, s3: Any, bucket: str) -> None:
    put(s3, bucket, RULE)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for origin in ("https://evil.test", "null"):
        answer = raw.send("GET", f"/{bucket}/k", {"Origin": origin})
        assert (answer.status, access_control(answer)) == (200, {})
    head = raw.send("HEAD", f"/{bucket}/k", {"Origin": PAGE})
    assert (head.status, access_control(head)) == (200, {})


def test_a_request_that_says_what_it_is_a_preflight_for(raw: Raw, s3: Any, bucket: str) -> None:
    """S3 goes by what Access-Control-Request-… say, whatever the request itself is."""
    put(s3, bucket, RULE | {"AllowedMethods": ["PUT"]})
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    asking = {"Origin": PAGE, "Access-Control-Request-Method": "PUT"}
    answer = raw.send("GET", f"/{bucket}/k", asking | {"Access-Control-Request-Headers": "x-amz-date"})
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, PAGE)
    assert answer.headers["access-control-allow-headers"] == "x-amz-date"
    for other in ({"Access-Control-Request-Method": "GET"}, {"Access-Control-Request-Headers": "x-other"}):
        answer = raw.send("GET", f"/{bucket}/k", asking | other)
        assert (answer.status, access_control(answer)) == (200, {})


def test_a_request_without_origin(raw: Raw, s3: Any, bucket: str) -> None:
    put(s3, bucket, ANYBODY)
    answer = raw.send("GET", f"/{bucket}")
    assert (answer.status, access_control(answer)) == (200, {})


@pytest.mark.parametrize("name", ["invalid header", "X-Custom:Header", "X(Custom)", "Bad/Header", "Ünïcode"])
def test_names_that_no_header_has(raw: Raw, s3: Any, bucket: str, name: str) -> None:
    """RFC 9110 §5.1, to which CORS refers: a header's name is a token."""
    for element in ("AllowedHeaders", "ExposeHeaders"):
        with refused("InvalidRequest", 400):
            put(s3, bucket, RULE | {element: ["X-Good", name]})
    put(s3, bucket, ANYBODY)
    if name.isascii():
        answer = preflight(raw, f"/{bucket}/key", "https://a.example", "GET", f"x-good,{name}")
        assert (answer.status, answer.code) == (400, "BadRequest")
