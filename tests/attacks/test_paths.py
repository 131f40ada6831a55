"""Paths that try to leave where they belong, and keys that are written in other ways."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.attacks.conftest import Target
from tests.attacks.wire import asked_from, sent, statuses
from tests.iam.conftest import REGION
from tests.iam.test_permissions import User, allow
from tests.s3.raw import Raw

TRAVERSALS = [
    "../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd",
    "..\\..\\etc\\passwd",
    "....//....//etc/passwd", "%252e%252e%252fetc%252fpasswd", "..%c0%af..%c0%afetc/passwd", "/etc/passwd",
    "../keys/master.key", "..%00/keys/master.key", "file:///etc/passwd", "./../root-credentials.json",
]  # fmt: skip


def files(folder: Path) -> set[str]:
    """Everything around the data folder."""
    return {str(one) for one in folder.iterdir()}


@pytest.mark.parametrize("path", TRAVERSALS)
def test_path_traversal(site: Target, raw: Raw, s3: Any, bucket: str, path: str) -> None:
    """Whatever it says, it is a key of the bucket: nothing is found there, and nothing written elsewhere."""
    around = files(site.server.data_dir.parent)
    for target in (f"/{bucket}/{path}", f"/{path}", f"/../{bucket}/{path}"):
        found = sent(site.server.port, f"GET {target} HTTP/1.1\r\nHost: {raw.host}\r\n\r\n".encode())
        assert statuses(found)[0] in (400, 403, 404), found
    for port in (site.website_port, site.server.api_port):
        prefix = "/buckets/b/objects/" if port == site.server.api_port else "/"
        text = f"GET {prefix}{path} HTTP/1.1\r\nHost: {bucket}\r\nConnection: close\r\n\r\n"
        found = sent(port, text.encode(), half_close=port != site.server.api_port)
        assert statuses(found)[0] in (400, 401, 403, 404), found
        assert b"root:" not in found
    key = f"a/{path}"
    s3.put_object(Bucket=bucket, Key=key, Body=b"mine")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"mine"
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket, Prefix="a/")["Contents"]] == [key]
    assert files(site.server.data_dir.parent) == around


@pytest.mark.parametrize(
    "name", ["..", ".", "a..b", "../x", "buckets", "%2e%2e", "A", "192.168.0.1", "xn--a", "a/b"]
)
def test_names_of_buckets_that_are_paths(raw: Raw, name: str) -> None:
    if name == "buckets":
        assert raw.send("PUT", "/buckets").status == 200  # a name like any other
        return
    assert raw.send("PUT", f"/{quote(name, safe='')}").status in (400, 403, 404, 405)


def test_a_prefix_that_is_allowed_cannot_be_left(site: Target, iam: Any, bucket: str, s3: Any) -> None:
    """Keys are texts: "public/../key" is under public/, and is another object than "key"."""
    s3.put_object(Bucket=bucket, Key="public/a", Body=b"a")
    one = User(site, iam, allow("s3:GetObject", f"arn:aws:s3:::{bucket}/public/*"))
    with Raw(site.server.endpoint, *one.keys) as mine:
        assert mine.send("GET", f"/{bucket}/public/a").status == 200
        for path in (
            "key", "public/../key", "public/..%2Fkey", "./key", "public/%2e%2e/key", "public//../key",
            "Public/a", "public", "public%00/../key", "x/../public/a", "%70ublic%2F..%2Fkey",
        ):  # fmt: skip
            answer = mine.send("GET", f"/{bucket}/{path}")
            assert answer.status in (400, 403, 404), path
            assert b"secret" not in answer.body


def test_one_key_written_in_two_ways_is_decided_once(site: Target, iam: Any, bucket: str) -> None:
    """A denial of one key holds however the key is encoded in the request."""
    one = User(site, iam, allow("s3:*"), allow("s3:*", f"arn:aws:s3:::{bucket}/key", effect="Deny"))
    url = f"http://{site.server.endpoint.partition('//')[2]}/{bucket}"
    for path in ("key", "%6bey", "%6Bey", "k%65y", "%6B%65%79"):
        request = AWSRequest("GET", f"{url}/key")
        S3SigV4Auth(Credentials(*one.keys), "s3", REGION).add_auth(request)
        status, text = asked_from(
            "127.0.0.1", site.server.port, "GET", f"/{bucket}/{path}", dict(request.headers)
        )
        assert (status, b"secret" in text) == (403, False), path


def test_a_double_encoded_key_is_another_key(raw: Raw, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a b", Body=b"once")
    s3.put_object(Bucket=bucket, Key="a%20b", Body=b"twice")
    assert raw.send("GET", f"/{bucket}/a%20b").body == b"once"
    assert raw.send("GET", f"/{bucket}/a%2520b").body == b"twice"


def test_a_parameter_twice_over_rest(site: Target, iam: Any, bucket: str, s3: Any) -> None:
    """Of ?key= twice the one that is decided is the one that is read."""
    s3.put_object(Bucket=bucket, Key="mine", Body=b"mine")
    one = User(site, iam, allow("s3:GetObject", f"arn:aws:s3:::{bucket}/mine"))
    port = site.server.api_port
    for target in (
        f"/buckets/{bucket}/objects?key=mine&key=key", f"/buckets/{bucket}/objects?key=key&key=mine",
        f"/buckets/{bucket}/objects/mine?key=key", f"/buckets/{bucket}/objects/key?key=mine",
        f"/buckets/{bucket}/objects/mine/../key", f"/buckets/{bucket}/objects/mine%2F..%2Fkey",
        f"/buckets/{bucket}/objects/mine;key=key", f"/buckets/other/../{bucket}/objects/key",
    ):  # fmt: skip
        request = AWSRequest("GET", f"http://127.0.0.1:{port}{target}")
        S3SigV4Auth(Credentials(*one.keys), "s3", REGION).add_auth(request)
        _, text = asked_from("127.0.0.1", port, "GET", target, dict(request.headers))
        assert text != b"secret", target


@pytest.mark.parametrize("path", ["//evil.example/", "//evil.example", "/%2Fevil.example", "/\\evil.example"])
def test_a_website_redirects_to_itself_only(site: Target, s3: Any, public: str, path: str) -> None:
    """A folder of that name makes the website add a slash; a browser must not take it for a host."""
    s3.put_bucket_website(Bucket=public, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}})
    everything = {
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{public}/*",
    }  # fmt: skip
    s3.put_bucket_policy(
        Bucket=public, Policy=json.dumps({"Version": "2012-10-17", "Statement": [everything]})
    )
    for key in ("/evil.example/index.html", "/evil.example//index.html", "\\evil.example/index.html"):
        s3.put_object(Bucket=public, Key=key, Body=b"page")
    host = f"{public}.example.org"
    found = sent(site.website_port, f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    head = found.partition(b"\r\n\r\n")[0].decode().lower()
    locations = [line.partition(": ")[2] for line in head.splitlines() if line.startswith("location: ")]
    assert all(one[:1] == "/" and one[1:2] not in ("/", "\\") for one in locations), locations


@pytest.mark.parametrize("path", ["/a%0d%0aSet-Cookie:%20a=b", "/%0d%0a%0d%0a<script>", "/a%0aX-Evil:%201"])
def test_no_answer_is_split(site: Target, raw: Raw, s3: Any, public: str, path: str) -> None:
    """Line ends in keys and parameters do not become header lines."""
    s3.put_bucket_website(
        Bucket=public,
        WebsiteConfiguration={
            "IndexDocument": {"Suffix": "index.html"},
            "RoutingRules": [{"Redirect": {"ReplaceKeyPrefixWith": "x/"}}],
        },
    )
    name = path[1:]
    asks = [
        (site.website_port, path, f"{public}.example.org"),
        (site.server.port, f"/{public}{path}", raw.host),
        (site.server.port, f"/{public}/public/page?response-content-type={name}", raw.host),
        (site.server.api_port, f"/buckets/{public}/objects{path}", "x"),
    ]
    for port, target, host in asks:
        text = f"GET {target} HTTP/1.1\r\nHost: {host}\r\nX-Request-Id: {name}\r\nConnection: close\r\n\r\n"
        found = sent(port, text.encode(), half_close=port != site.server.api_port)
        head = found.partition(b"\r\n\r\n")[0].lower()
        assert b"\r\nset-cookie" not in head
        assert b"\r\nx-evil" not in head
        assert len(statuses(found)) == 1
