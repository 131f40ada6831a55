"""The REST API around its objects: buckets, listings, who may call, errors, health, documentation."""

import asyncio
import hashlib
import json
import re
import time
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from access.tokens import issue_token
from gateway.rest.problem import codes
from schemas.errors import BlobCorrupt, InvalidBucketName, StorageFull
from tests.unit.rest_api import RestApi, with_api

DOCS = Path(__file__).parents[2] / "docs"
OBJECTS = "/buckets/photos/objects"
PROBLEM = "application/problem+json"


def assert_problem(answer: Any, status: int, code: str) -> None:
    assert (answer.status, answer.json["code"]) == (status, code), answer.body
    assert answer.headers["content-type"] == PROBLEM
    assert answer.json["status"] == status
    assert answer.json["type"] == f"/docs#error-{code}"
    assert answer.json["title"]
    assert answer.json["detail"]
    assert answer.json["request_id"] == answer.headers["x-request-id"]


# --- health ------------------------------------------------------------------------------------------
@with_api
async def test_health_for_load_balancers(api: RestApi) -> None:
    for path in ("/health/live", "/health/ready", "/metrics"):
        assert (await api.anonymous("HEAD", path)).status == 200
        assert_problem(await api.anonymous("DELETE", path), 405, "MethodNotAllowed")


# --- buckets -------------------------------------------------------------------------------------------
@with_api
async def test_buckets(api: RestApi) -> None:
    made = await api.call("POST", "/buckets", json_body={"name": "music"})
    assert (made.status, made.headers["location"]) == (201, "/buckets/music")
    assert made.json["versioning"] == "unversioned"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", made.json["created"])
    usage = {"bytes": 0, "objects": 0, "versions": 0}
    assert (await api.call("GET", "/buckets/music")).json == made.json | {"usage": usage}
    assert_problem(
        await api.call("POST", "/buckets", json_body={"name": "music"}), 409, "BucketAlreadyOwnedByYou"
    )
    assert [b["name"] for b in (await api.call("GET", "/buckets")).json["buckets"]] == ["music", "photos"]
    page = (await api.call("GET", "/buckets?limit=1")).json
    rest = await api.call("GET", f"/buckets?limit=1&continuation={page['continuation']}")
    assert [b["name"] for b in rest.json["buckets"]] == ["photos"]
    assert rest.json["continuation"] is None
    await api.call("PUT", "/buckets/music/objects/k", b"x")
    assert_problem(await api.call("DELETE", "/buckets/music"), 409, "BucketNotEmpty")
    await api.call("DELETE", "/buckets/music/objects/k")
    assert (await api.call("DELETE", "/buckets/music")).status == 204
    assert_problem(await api.call("GET", "/buckets/music"), 404, "NoSuchBucket")
    assert_problem(await api.call("PUT", "/buckets/music/objects/k", b"x"), 404, "NoSuchBucket")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "JSON"),
        (b"[]", "object"),
        (b'{"name": 3}', "name"),
        (b'{"name": "abc", "colour": "red"}', "colour"),
        (b'{"name": "Abc"}', "lower-case"),
        (b'{"name": "192.168.1.1"}', "IP address"),
        (b'{"name": "a..b"}', "periods"),
        (b"[" * 60_000, "JSON"),
        (b"x" * 70_000, "larger"),
    ],
)
def test_bad_bucket_requests(body: bytes, says: str) -> None:
    @with_api
    async def run(api: RestApi) -> None:
        answer = await api.call("POST", "/buckets", body)
        assert answer.status == 400
        assert says in answer.json["detail"]

    run()


# --- listings ------------------------------------------------------------------------------------------
@with_api
async def test_listing_pages_joined_are_the_whole(api: RestApi) -> None:
    keys = sorted(["a", "b/1", "b/2", "b/3/x", "c", "d/1", "ü", "\U0001f40b"])
    for key in keys:
        await api.call("PUT", f"{OBJECTS}?key={quote(key)}", b"x")

    async def pages(query: str, limit: int) -> tuple[list[str], list[str]]:
        found: list[str] = []
        prefixes: list[str] = []
        mark = ""
        for _ in range(20):
            page = (await api.call("GET", f"{OBJECTS}?limit={limit}{query}{mark}")).json
            assert len(page["objects"]) + len(page["prefixes"]) <= limit
            found += [one["key"] for one in page["objects"]]
            prefixes += page["prefixes"]
            if page["continuation"] is None:
                return found, prefixes
            mark = f"&continuation={page['continuation']}"
        raise AssertionError("the listing never ends")

    for limit in (1, 2, 3, 1000):
        assert await pages("", limit) == (keys, [])
        assert await pages("&delimiter=/", limit) == (["a", "c", "ü", "\U0001f40b"], ["b/", "d/"])
        assert await pages("&prefix=b/&delimiter=/", limit) == (["b/1", "b/2"], ["b/3/"])
        assert await pages("&start_after=b/2", limit) == (keys[keys.index("b/3/x") :], [])
    one = (await api.call("GET", f"{OBJECTS}?limit=1")).json["objects"][0]
    assert set(one) == {"key", "size", "etag", "created", "storage_class", "owner"}


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=1001", "limit=x", "continuation=%00", "continuation=abc", "continuation=WyLtoIAiXQ",
     "continuation=bnVsbA", "nope=1", "Prefix=a"],
)  # fmt: skip
def test_bad_listing_parameters(query: str) -> None:
    @with_api
    async def run(api: RestApi) -> None:
        assert_problem(await api.call("GET", f"{OBJECTS}?{query}"), 400, "InvalidArgument")

    run()


@with_api
async def test_several_bad_parameters_are_all_named(api: RestApi) -> None:
    answer = await api.call("GET", "/buckets?limit=x")
    assert answer.json["parameters"][0]["name"] == "limit"
    assert answer.json["parameters"][0]["value"] == "x"


# --- who calls -----------------------------------------------------------------------------------------
def signed(
    api: RestApi, method: str, target: str, body: bytes = b"", query: bool = False
) -> tuple[str, dict[str, str]]:
    """Target and headers as botocore signs them."""
    request = AWSRequest(method, f"http://localhost{target}", {"Host": "localhost"}, data=body)
    credentials = Credentials(api.root.access_key, api.root.secret_key)
    signer = S3SigV4QueryAuth if query else S3SigV4Auth
    signer(credentials, "s3", "us-east-1").add_auth(request)
    headers = {name.lower(): str(value) for name, value in request.headers.items()}
    return request.url.removeprefix("http://localhost"), headers


@with_api
async def test_signature_version_4(api: RestApi) -> None:
    for key in ("plain", "a%20b/%C3%BC", "a//b"):
        target, headers = signed(api, "PUT", f"{OBJECTS}/{key}", b"hello")
        put = await api.anonymous("PUT", target, b"hello", headers)
        assert put.status == 200, put.body
        target, headers = signed(api, "GET", f"{OBJECTS}/{key}", query=True)
        assert "X-Amz-Signature" in target
        assert (await api.anonymous("GET", target)).body == b"hello"
    target, headers = signed(api, "PUT", f"{OBJECTS}/k", b"hello")
    tampered = await api.anonymous("PUT", target, b"jello", headers)
    assert_problem(tampered, 400, "XAmzContentSHA256Mismatch")
    assert_problem(
        await api.anonymous("PUT", f"{OBJECTS}/other", b"hello", headers), 403, "SignatureDoesNotMatch"
    )
    body = b'{"name": "signed"}'
    target, headers = signed(api, "POST", "/buckets", body)
    assert_problem(
        await api.anonymous("POST", target, b'{"name": "forged"}', headers), 400, "XAmzContentSHA256Mismatch"
    )
    assert (await api.anonymous("POST", target, body, headers)).status == 201


@with_api
async def test_who_is_not_let_in(api: RestApi) -> None:
    nobody = await api.anonymous("GET", "/buckets")
    assert_problem(nobody, 401, "AccessDenied")
    assert nobody.headers["www-authenticate"] == "Bearer"
    expired = issue_token(api.root, time.time() - 7200, 3600)
    for token in ("", "nonsense", expired, expired[:-4] + "AAAA"):
        headers = {"authorization": f"Bearer {token}"}
        assert_problem(await api.anonymous("GET", "/buckets", headers=headers), 401, "InvalidToken")
    basic = await api.anonymous("GET", "/buckets", headers={"authorization": "Basic cm9vdDpyb290"})
    assert basic.status == 400
    # Nothing is told, and no body is read, before the caller is known.
    assert_problem(await api.anonymous("POST", "/buckets", [b"x"] * 10), 401, "AccessDenied")
    assert_problem(await api.anonymous("GET", f"{OBJECTS}?limit=x"), 401, "AccessDenied")


# --- errors --------------------------------------------------------------------------------------------
@with_api
async def test_every_error_is_a_problem(api: RestApi) -> None:
    assert_problem(await api.call("GET", "/nowhere"), 404, "NoSuchRoute")
    assert_problem(await api.call("GET", "/buckets/"), 404, "NoSuchRoute")
    wrong_method = await api.call("PATCH", "/buckets")
    assert_problem(wrong_method, 405, "MethodNotAllowed")
    assert wrong_method.headers["allow"]


@with_api
async def test_what_is_not_the_clients_fault_is_hidden_and_reported(api: RestApi) -> None:
    reader = api.app.state.services.reader

    def failing(error: Exception) -> Any:
        async def fail(name: str) -> Any:
            raise error

        return fail

    for error, status, code in (
        (ValueError("the secret plan"), 500, "InternalError"),
        (BlobCorrupt("pack 7 at the secret plan"), 500, "InternalError"),
        (StorageFull("/secret plan"), 507, "InsufficientStorage"),
        (TimeoutError(), 503, "SlowDown"),
        (InvalidBucketName("no: the plan"), 400, "InvalidBucketName"),
    ):
        reader.bucket = failing(error)
        answer = await api.call("GET", "/buckets/photos")
        assert_problem(answer, status, code)
        assert b"secret plan" not in answer.body
        assert api.observed[-1][10] == code


@with_api
async def test_a_read_that_fails_in_the_middle_breaks_off(api: RestApi) -> None:
    data = b"x" * 3_000_000
    await api.call("PUT", f"{OBJECTS}/k", data)

    async def torn(*_: Any) -> AsyncIterator[bytes]:
        yield data[:1_000_000]
        raise BlobCorrupt("frame 5")

    api.app.state.services.reader.stream = torn
    with pytest.raises(BaseException) as caught:  # the server breaks the connection on an exception
        await api.call("GET", f"{OBJECTS}/k")
    assert not isinstance(caught.value, TimeoutError | asyncio.CancelledError)
    assert api.observed[-1][10] == "InternalError"


@with_api
async def test_a_read_that_fails_before_its_first_byte_is_a_problem(api: RestApi) -> None:
    await api.call("PUT", f"{OBJECTS}/k", b"x" * 3_000_000)

    async def torn(*_: Any) -> AsyncIterator[bytes]:
        raise BlobCorrupt("frame 0")
        yield b""

    api.app.state.services.reader.stream = torn
    assert_problem(await api.call("GET", f"{OBJECTS}/k"), 500, "InternalError")


@with_api
async def test_requests_beyond_the_limit_are_told_to_slow_down(api: RestApi) -> None:
    opened = asyncio.Event()
    arrived = asyncio.Semaphore(0)

    async def slow() -> AsyncIterator[bytes]:
        arrived.release()
        await opened.wait()
        yield b"x"

    slow_ones = [
        asyncio.create_task(api.call("PUT", f"{OBJECTS}/{n}", slow(), {"content-length": "1"}))
        for n in range(8)
    ]
    for _ in range(8):
        await arrived.acquire()
    refused = await api.call("GET", "/buckets")
    assert_problem(refused, 503, "SlowDown")
    assert refused.headers["retry-after"] == "1"
    opened.set()
    assert [answer.status for answer in await asyncio.gather(*slow_ones)] == [200] * 8
    assert (await api.call("GET", "/buckets")).status == 200


# --- around it -----------------------------------------------------------------------------------------
@with_api
async def test_health_and_metrics_need_no_authentication(api: RestApi) -> None:
    assert (await api.anonymous("GET", "/health/live")).json == {"status": "live"}
    assert (await api.anonymous("GET", "/health/ready")).status == 200
    assert (await api.anonymous("GET", "/metrics")).body == b"strandline_up 1\n"
    api.health.unready("replaying the log: 3 of 10")
    answer = await api.anonymous("GET", "/health/ready")
    assert (answer.status, answer.json["reason"]) == (503, "replaying the log: 3 of 10")
    assert (await api.anonymous("GET", "/health/live")).status == 200
    assert (await api.anonymous("GET", "/docs")).status == 200
    refused = await api.call("GET", "/buckets")
    assert_problem(refused, 503, "ServiceUnavailable")
    assert "replaying" in refused.json["detail"]


@with_api
async def test_every_request_is_reported_once(api: RestApi) -> None:
    api.observed.clear()
    await api.call("PUT", f"{OBJECTS}/a/b", b"hello")
    await api.call("GET", f"{OBJECTS}?key=a/b")
    missing = await api.call("GET", f"{OBJECTS}/none")
    await api.call("GET", "/health/live")
    told = [(t[0], t[1], t[2], t[3], t[4], t[10]) for t in api.observed]
    assert told == [
        ("PutObject", "photos", "a/b", 200, 5, ""),
        ("GetObject", "photos", "a/b", 200, 0, ""),
        ("GetObject", "photos", "none", 404, 0, "NoSuchKey"),
    ]
    last = api.observed[-1]
    assert last[5] == len(missing.body)
    assert 0 < last[6] < 60
    assert last[7] == api.root.principal.id
    assert last[8] == "127.0.0.1"
    assert last[9] == missing.headers["x-request-id"]


@with_api
async def test_openapi_describes_every_route(api: RestApi) -> None:
    document = (await api.anonymous("GET", "/openapi.json")).json
    assert document["openapi"].startswith("3.")
    identifiers = [one["operationId"] for path in document["paths"].values() for one in path.values()]
    assert len(identifiers) == len(set(identifiers))
    references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert references <= set(document["components"]["schemas"])
    put = document["paths"]["/buckets/{bucket}/objects/{key}"]["put"]
    assert put["security"] == [{"token": []}, {"signature": []}]
    assert "application/octet-stream" in put["requestBody"]["content"]
    assert {p["name"] for p in put["parameters"]} >= {"bucket", "key", "x-meta-NAME", "if-none-match"}
    assert "422" not in put["responses"]


@with_api
async def test_every_route_is_documented(api: RestApi) -> None:
    text = (DOCS / "rest-api.md").read_text(encoding="utf-8")
    document = (await api.anonymous("GET", "/openapi.json")).json
    for path, methods in document["paths"].items():
        for method in methods:
            assert f"`{method.upper()} {path}`" in text, f"{method.upper()} {path} is not in docs/rest-api.md"


@with_api
async def test_the_page_loads_nothing_from_elsewhere_and_explains_every_error(api: RestApi) -> None:
    page = await api.anonymous("GET", "/docs")
    text = page.body.decode()
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert re.findall(r'(?:src|href)="([^"]*)"', text) == ["/openapi.json", "/openapi.json"]
    for code in codes():
        assert f'id="error-{code}"' in text
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)
    assert script is not None
    digest = b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert (await api.anonymous("GET", "/")).headers["location"] == "/docs"
