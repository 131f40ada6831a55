"""Buckets as websites, on the port for them (User Guide: Hosting a static website using Amazon S3)."""

import contextlib
import http.client
import json
import socket
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.s3.conftest import Store
from tests.s3.test_access_logs import log_to, until
from tests.server import ACCESS_KEY, SECRET_KEY, Server, free_port

pytestmark = pytest.mark.embedded

WEBSITE: dict[str, Any] = {
    "IndexDocument": {"Suffix": "index.html"},
    "ErrorDocument": {"Key": "errors/sorry.html"},
    "RoutingRules": [
        {
            "Condition": {"KeyPrefixEquals": "old/"},
            "Redirect": {"ReplaceKeyPrefixWith": "new/", "HttpRedirectCode": "302"},
        },
        {
            "Condition": {"HttpErrorCodeReturnedEquals": "404", "KeyPrefixEquals": "images/"},
            "Redirect": {"HostName": "example.com", "Protocol": "https", "ReplaceKeyWith": "missing.png"},
        },
    ],
}


class Answer:
    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status, self.body = answer.status, answer.read()
        self.headers = {name.lower(): value for name, value in answer.getheaders()}


class Site:
    """A server of two workers, and browsers of its websites."""

    def __init__(self, server: Server, port: int) -> None:
        self.server, self.port = server, port
        self.s3: Any = Store(server.endpoint, ACCESS_KEY, SECRET_KEY, server).client()

    def visit(self, bucket: str, path: str, method: str = "GET", **headers: str) -> Answer:
        host = f"{bucket}.localhost:{self.port}" if bucket else f"localhost:{self.port}"
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, headers={"host": host, **named})
            return Answer(connection.getresponse())

    def website(self, *, website: dict[str, Any] = WEBSITE, listed: bool = True) -> str:
        """A public bucket with a website of four pages."""
        bucket = f"site-{uuid.uuid4().hex[:12]}"
        self.s3.create_bucket(Bucket=bucket)
        self.s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=website)
        for key in ("index.html", "docs/index.html", "errors/sorry.html", "plain"):
            self.s3.put_object(Bucket=bucket, Key=key, Body=f"<p>{key}".encode(), ContentType="text/html")
        self.s3.delete_public_access_block(Bucket=bucket)
        statements = [("s3:GetObject", f"arn:aws:s3:::{bucket}/*")]
        if listed:
            statements.append(("s3:ListBucket", f"arn:aws:s3:::{bucket}"))
        policy = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": action, "Resource": resource}
            for action, resource in statements
        ]}  # fmt: skip
        self.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
        return bucket


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("website")
    port = free_port()
    server = Server(
        folder / "data", folder / "log", "--workers", "2", "--website-listen", f"127.0.0.1:{port}",
        "--access-log-seconds", "1",
    )  # fmt: skip
    server.start()
    try:
        yield Site(server, port)
        assert server.stop() == 0, server.log_tail()
    finally:
        server.kill()


@pytest.fixture(scope="module")
def bucket(site: Site) -> str:
    return site.website()


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/", "index.html"),
        ("/docs/", "docs/index.html"),
        ("/plain", "plain"),
        ("/docs/index.html", "docs/index.html"),
        ("/plain?x=1&versionId=none", "plain"),
        ("/%70lain", "plain"),
    ],
)
def test_pages(site: Site, bucket: str, path: str, page: str) -> None:
    answer = site.visit(bucket, path)
    assert (answer.status, answer.body.decode()) == (200, f"<p>{page}")
    assert answer.headers["content-type"] == "text/html"
    head = site.visit(bucket, path, "HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(answer.body)))


def test_a_folder_without_its_slash_is_redirected(site: Site, bucket: str) -> None:
    answer = site.visit(bucket, "/docs")
    assert (answer.status, answer.headers["location"]) == (302, "/docs/")
    assert (site.visit(bucket, "/doc").status, site.visit(bucket, "/docs/none/").status) == (404, 404)


def test_an_object_goes_before_a_folder_of_its_name(site: Site, bucket: str) -> None:
    site.s3.put_object(Bucket=bucket, Key="plain/index.html", Body=b"folder")
    assert site.visit(bucket, "/plain").body == b"<p>plain"


def test_ranges_and_conditions(site: Site, bucket: str) -> None:
    part = site.visit(bucket, "/plain", Range="bytes=3-4")
    assert (part.status, part.body, part.headers["content-range"]) == (206, b"pl", "bytes 3-4/8")
    etag = site.visit(bucket, "/plain").headers["etag"]
    same = site.visit(bucket, "/plain", If_None_Match=etag)
    assert (same.status, same.body) == (304, b"")
    assert site.visit(bucket, "/plain", If_Match='"other"').status == 412


def test_a_page_for_errors_keeps_their_status(site: Site, bucket: str) -> None:
    answer = site.visit(bucket, "/none", Range="bytes=0-1", If_None_Match="*")
    assert (answer.status, answer.body) == (404, b"<p>errors/sorry.html")
    assert answer.headers["x-amz-error-code"] == "NoSuchKey"
    assert answer.headers["x-amz-error-detail-key"] == "none"
    head = site.visit(bucket, "/none", "HEAD")
    assert (head.status, head.body) == (404, b"")


def test_errors_without_a_page_of_the_websites_own(site: Site) -> None:
    bucket = site.website(website={"IndexDocument": {"Suffix": "index.html"}})
    answer = site.visit(bucket, "/<none>%22")
    assert answer.status == 404
    assert answer.headers["content-type"].startswith("text/html")
    text = answer.body.decode()
    assert "<h1>404 Not Found</h1>" in text
    assert "<li>Code: NoSuchKey</li>" in text
    assert "<li>Key: &lt;none&gt;&quot;</li>" in text
    assert f"<li>RequestId: {answer.headers['x-amz-request-id']}</li>" in text


def test_a_page_for_errors_that_is_not_there(site: Site) -> None:
    bucket = site.website(website=WEBSITE | {"ErrorDocument": {"Key": "gone.html"}})
    answer = site.visit(bucket, "/none")
    assert answer.status == 404
    assert b"An Error Occurred While Attempting to Retrieve a Custom Error Document" in answer.body
    assert b"<li>Key: gone.html</li>" in answer.body


def test_rules(site: Site, bucket: str) -> None:
    answer = site.visit(bucket, "/old/page.html")
    assert (answer.status, answer.headers["location"]) == (
        302, f"http://{bucket}.localhost:{site.port}/new/page.html",
    )  # fmt: skip
    answer = site.visit(bucket, "/images/none.png")
    assert (answer.status, answer.headers["location"]) == (301, "https://example.com/missing.png")


def test_an_object_that_redirects(site: Site, bucket: str) -> None:
    for place in ("/plain", "https://example.com/elsewhere"):
        site.s3.put_object(Bucket=bucket, Key="moved", Body=b"x" * 2_000_000, WebsiteRedirectLocation=place)
        answer = site.visit(bucket, "/moved")
        assert (answer.status, answer.headers["location"], answer.body) == (301, place, b"")


def test_a_website_that_is_elsewhere(site: Site) -> None:
    elsewhere = {"RedirectAllRequestsTo": {"HostName": "example.com", "Protocol": "https"}}
    answer = site.visit(site.website(website=elsewhere), "/a/b?c=d")
    assert (answer.status, answer.headers["location"]) == (301, "https://example.com/a/b?c=d")


def test_what_is_not_public_is_not_shown(site: Site) -> None:
    bucket = site.website(listed=False)
    # Whether there is an object is told to those who may list.
    assert (site.visit(bucket, "/none").status, site.visit(bucket, "/docs").status) == (403, 302)
    site.s3.delete_bucket_policy(Bucket=bucket)
    answer = site.visit(bucket, "/")
    assert (answer.status, answer.headers["x-amz-error-code"]) == (403, "AccessDenied")
    assert b"Custom Error Document" in answer.body


def test_no_bucket_and_no_website(site: Site) -> None:
    bucket = f"plain-{uuid.uuid4().hex[:12]}"
    site.s3.create_bucket(Bucket=bucket)
    for name, code in (
        (bucket, "NoSuchWebsiteConfiguration"),
        ("no-such-bucket", "NoSuchBucket"),
        ("", "NoSuchBucket"),
    ):
        answer = site.visit(name, "/")
        assert (answer.status, answer.headers["x-amz-error-code"]) == (404, code)


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "OPTIONS", "PATCH"])
def test_websites_are_read_only(site: Site, bucket: str, method: str) -> None:
    answer = site.visit(bucket, "/plain", method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.headers["x-amz-error-code"] == "MethodNotAllowed"


def test_nobody_gets_more_by_a_signature(site: Site) -> None:
    bucket = site.website()
    site.s3.delete_bucket_policy(Bucket=bucket)
    url = site.s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "plain"})
    assert site.visit(bucket, f"/plain?{url.partition('?')[2]}").status == 403


def test_cors_of_the_bucket(site: Site, bucket: str) -> None:
    rule = {"AllowedMethods": ["GET"], "AllowedOrigins": ["http://app.example"]}
    site.s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    answer = site.visit(bucket, "/plain", Origin="http://app.example")
    assert answer.headers["access-control-allow-origin"] == "http://app.example"


def test_a_change_holds_at_once_for_every_worker(site: Site) -> None:
    bucket = site.website()
    for number in range(10):
        index = {"IndexDocument": {"Suffix": ("index.html", "plain")[number % 2]}}
        site.s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=index)
        assert site.visit(bucket, "/").body == (b"<p>index.html", b"<p>plain")[number % 2]


def test_visits_are_logged(site: Site) -> None:
    bucket, target = site.website(), f"logs-{uuid.uuid4().hex[:12]}"
    site.s3.create_bucket(Bucket=target)
    log_to(site.s3, bucket, target)
    site.visit(bucket, "/docs/", Referer="http://example.com/")
    site.visit(bucket, "/none", "HEAD")
    found = {line["operation"]: line for line in until(site.s3, target, 2)}
    page, missing = found["WEBSITE.GET.OBJECT"], found["WEBSITE.HEAD.OBJECT"]
    assert (page["status"], page["requester"], page["referer"]) == ("200", "-", '"http://example.com/"')
    assert (page["key"], page["sent"]) == ("docs/", "18")
    assert (missing["status"], missing["error"]) == ("404", "NoSuchKey")


def test_a_large_page_and_a_hostile_path(site: Site, bucket: str) -> None:
    data = bytes(range(256)) * 20_000
    site.s3.put_object(Bucket=bucket, Key="large", Body=data)
    assert site.visit(bucket, "/large").body == data
    for path in ("/../../etc/passwd", "/%ff", "/" + "k" * 1100, "//", "/%7f", "/%00"):
        assert 400 <= site.visit(bucket, path).status < 500


def test_a_server_that_says_it_is_ready_serves_websites(tmp_path: Path) -> None:
    """Its last port to listen is the one that says so."""
    port = free_port()
    server = Server(tmp_path / "data", tmp_path / "log", "--website-listen", f"127.0.0.1:{port}")
    starting = threading.Thread(target=server.start)
    starting.start()
    try:
        while starting.is_alive() and not server.ready():  # without a pause, for the gap would be short
            pass
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass
        starting.join()
        assert server.stop() == 0, server.log_tail()
    finally:
        server.kill()
