"""The API port: calls of IAM that say two things, tokens that are forged, the trail of others."""

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, EventStreamError

from tests.attacks.conftest import Target
from tests.attacks.wire import asked_from
from tests.iam.accounts import Account
from tests.iam.conftest import REGION, Keys
from tests.iam.test_audit_events import ask, events
from tests.iam.test_permissions import User, allow
from tests.server import ACCESS_KEY, SECRET_KEY, strandline

FORM = "application/x-www-form-urlencoded"
LIST = b"Action=ListUsers&Version=2010-05-08"


def called(
    site: Target,
    keys: Keys,
    body: bytes,
    service: str = "iam",
    target: str = "/",
    sent: bytes | None = None,
    **change: str,
) -> tuple[int, bytes]:
    """POST of a body that is signed; `sent` goes in its place, and headers are changed after signing."""
    url = f"http://127.0.0.1:{site.server.api_port}/"
    request = AWSRequest("POST", url, data=body, headers={"Content-Type": FORM})
    SigV4Auth(Credentials(*keys), service, REGION).add_auth(request)
    headers = {**dict(request.headers), **{name.replace("_", "-"): value for name, value in change.items()}}
    headers["Content-Length"] = str(len(body if sent is None else sent))
    return asked_from(
        "127.0.0.1", site.server.api_port, "POST", target, headers, body if sent is None else sent
    )


def test_a_call_of_iam_is_its_signed_body(site: Target, iam: Any) -> None:
    one = User(site, iam)
    delete = f"Action=DeleteUser&UserName={one.name}&Version=2010-05-08".encode()
    assert called(site, site.root, LIST)[0] == 200
    assert called(site, site.root, LIST, sent=delete)[0] == 403
    for target in (f"/?{delete.decode()}", f"/?Action=DeleteUser&UserName={one.name}", "/?Action=CreateUser"):
        assert called(site, site.root, LIST, target=target)[0] in (200, 400, 403)
    for body in (LIST + b"&" + delete, delete + b"&" + LIST):  # two actions in one call
        assert called(site, site.root, body)[0] == 400
    for type_ in ("application/json", "multipart/form-data; boundary=x", "text/plain"):
        assert called(site, site.root, LIST, Content_Type=type_)[0] in (200, 400, 403)
    iam.get_user(UserName=one.name)  # is still there


def test_a_call_for_another_service(site: Target) -> None:
    """One signed for S3 or the KMS is none of IAM's, and an unsigned target does not choose the service."""
    for service in ("s3", "kms", "sts", "execute-api"):
        status, body = called(site, site.root, LIST, service)
        assert status in (400, 403), service
        assert b"<Users>" not in body
    status, body = called(site, site.root, LIST, X_Amz_Target="TrentService.ListKeys")
    assert status in (400, 403), body


def test_nobody_calls_iam(site: Target) -> None:
    port = site.server.api_port
    for headers in (
        {},
        {"Authorization": ""},
        {"Authorization": "AWS4-HMAC-SHA256"},
        {"Authorization": "Bearer x"},
    ):
        status, _ = asked_from("127.0.0.1", port, "POST", "/", {"Content-Type": FORM, **headers}, LIST)
        assert status in (400, 403), headers


# --- bearer tokens -------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def token(site: Target) -> str:
    made = strandline(
        "token", "--data-dir", str(site.server.data_dir), STRANDLINE_ROOT_ACCESS_KEY=ACCESS_KEY,
        STRANDLINE_ROOT_SECRET_KEY=SECRET_KEY,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def with_token(site: Target, text: str, path: str) -> int:
    headers = {"Authorization": f"Bearer {text}"}
    return asked_from("127.0.0.1", site.server.api_port, "GET", path, headers)[0]


def encoded(value: Any) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_bearer_tokens_forged_changed_and_stripped(site: Target, iam: Any, token: str, bucket: str) -> None:
    path = f"/buckets/{bucket}/objects"
    assert with_token(site, token, path) == 200
    prefix, claims, signature = token.split(".")
    said = json.loads(urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    other = User(site, iam)
    header = encoded({"alg": "none", "typ": "JWT"})
    for text in (
        "", "x", f"{prefix}.{claims}.", f"{prefix}.{claims}", f".{claims}.{signature}",
        f"{token}.{signature}",
        f"{prefix}.{encoded(said | {'exp': said['exp'] + 9999})}.{signature}",
        f"{prefix}.{encoded(said | {'key': other.keys[0]})}.{signature}",
        f"{prefix}.{encoded(said | {'extra': 1})}.{signature}", f"{prefix}.{claims}.{signature[:-2]}AA",
        f"{prefix}.{claims}.{signature}=", f"{prefix}.{claims}=.{signature}", f"slt0.{claims}.{signature}",
        f"{header}.{claims}.", f"{header}.{encoded({'sub': said['sub'], 'exp': said['exp']})}.",
    ):  # fmt: skip
        assert with_token(site, text, path) in (400, 401, 403), text


def test_a_bearer_token_is_none_on_the_s3_port(site: Target, token: str, bucket: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    assert asked_from("127.0.0.1", site.server.port, "GET", f"/{bucket}/key", headers)[0] in (400, 403)


def test_none_and_key_confusion_where_no_provider_is(site: Target, alt: Account) -> None:
    """A token of an issuer that nobody trusts gets no role; tests/iam/test_web_identity.py has the attacks on
    one that is trusted."""
    head, claims = encoded({"alg": "none"}), encoded({"iss": "https://evil.example", "sub": "a", "aud": "b"})
    body = (
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=s"
        f"&RoleArn=arn:aws:iam::{alt.id}:role/any&WebIdentityToken={head}.{claims}."
    ).encode()
    headers = {"Content-Type": FORM}
    status, answer = asked_from("127.0.0.1", site.server.api_port, "POST", "/", headers, body)
    assert status in (400, 403), answer
    assert b"AccessKeyId" not in answer


# --- REST ----------------------------------------------------------------------------------------------
def test_rest_refuses_what_it_would_ignore(site: Target, s3: Any, bucket: str) -> None:
    """Headers of S3 that REST does not have, overrides of the method, and links that were made for S3."""
    port, path = site.server.api_port, f"/buckets/{bucket}/objects/key"
    url = f"http://127.0.0.1:{port}{path}"
    request = AWSRequest("GET", url)
    S3SigV4Auth(Credentials(*site.root), "s3", REGION).add_auth(request)
    good = dict(request.headers)
    assert asked_from("127.0.0.1", port, "GET", path, good)[0] == 200
    for method in ("DELETE", "PUT"):
        assert asked_from("127.0.0.1", port, method, path, good)[0] == 403
    for name in ("x-amz-acl", "x-amz-copy-source", "x-amz-security-token"):
        assert asked_from("127.0.0.1", port, "GET", path, {**good, name: "public-read"})[0] in (
            400,
            401,
            403,
            501,
        )
    for name in ("X-HTTP-Method-Override", "X-Original-URL", "X-Rewrite-URL"):
        status, body = asked_from("127.0.0.1", port, "GET", path, {**good, name: "DELETE"})
        assert (status, body) == (200, b"secret")
    # A signature for the S3 port names another host.
    link = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "key"})
    query = link.partition("?")[2]
    assert asked_from("127.0.0.1", port, "GET", f"{path}?{query}", {})[0] == 403
    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"secret"


def test_the_audit_trail_tells_nobody_of_others(site: Target, iam: Any, alt: Account, bucket: str) -> None:
    events(site, 1, bucket=bucket)
    one = User(site, iam, allow("s3:*"))
    for keys in (alt.keys, one.keys, None):
        status, answer = ask(site, keys, bucket=bucket)
        assert status in (401, 403) or answer == {"events": [], "after": None}, answer
    for odd in ("*", "%", "'OR'1'='1", "../audit", "\x00", "a" * 5000):
        status, answer = ask(site, site.root, bucket=odd)
        assert status in (200, 400), answer
        assert status == 400 or answer["events"] == []


# --- Select --------------------------------------------------------------------------------------------
def selected(s3: Any, bucket: str, query: str) -> tuple[int, bytes]:
    """The status (400 for an error within the stream, too), and the records."""
    try:
        answer = s3.select_object_content(
            Bucket=bucket, Key="csv", Expression=query, ExpressionType="SQL",
            InputSerialization={"CSV": {}}, OutputSerialization={"CSV": {}},
        )  # fmt: skip
        found = [event["Records"]["Payload"] for event in answer["Payload"] if "Records" in event]
    except EventStreamError:
        return 400, b""
    except ClientError as error:
        told: Any = error.response
        return told["ResponseMetadata"]["HTTPStatusCode"], b""
    return 200, b"".join(found)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM S3Object WHERE " + "(" * 5_000 + "1=1" + ")" * 5_000,
        "SELECT * FROM S3Object WHERE " + "NOT " * 5_000 + "TRUE",
        "SELECT " + "-" * 5_000 + "1 FROM S3Object",
        "SELECT * FROM S3Object WHERE _1 LIKE '" + "%a" * 2_000 + "%b'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM S3Object; DROP TABLE x",
        "SELECT CAST(_1 AS INT) * 99999999999999999999999999 FROM S3Object LIMIT 99999999999999999999999",
    ],
)
def test_queries_that_nest_backtrack_or_read_elsewhere(
    site: Target, s3: Any, bucket: str, query: str
) -> None:
    s3.put_object(Bucket=bucket, Key="csv", Body=b"a" * 4_000 + b"\n")
    began = time.monotonic()
    status, text = selected(s3, bucket, query)
    assert 200 <= status < 500
    assert b"root:" not in text
    assert time.monotonic() - began < 10
    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"secret"
