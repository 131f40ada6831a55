"""Limits of access keys, accounts and buckets, on a server of two workers: set by REST and command line, held
by S3 and REST alike, and nobody else's business."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from access.identity import Credential, Principal
from access.tokens import issue_token
from tests.iam.accounts import Account, new_account, told
from tests.iam.conftest import REGION, Keys, Site
from tests.iam.test_iam import refused
from tests.iam.test_permissions import User, allow

MIB = 1024**2
Json = dict[str, Any]


def ask(site: Site, method: str, path: str, body: Any = None, keys: Keys | None = None) -> Any:
    """The answer of the REST API."""
    url = f"http://127.0.0.1:{site.server.api_port}{path}"
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    request = AWSRequest(method, url, data=data)
    S3SigV4Auth(Credentials(*(keys or site.root)), "s3", REGION).add_auth(request)
    return urllib3.request(method, url, body=data, headers=dict(request.headers), retries=False)


def limit(site: Site, path: str, **limits: int) -> None:
    answer = ask(site, "PUT", f"{path}/limits", limits)
    assert answer.status == 200, answer.data


def slowed(call: Any, **arguments: Any) -> tuple[int, str]:
    """Retry-After of a refused call, in seconds, and the message."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    found = caught.value.response
    assert (found["Error"]["Code"], found["ResponseMetadata"]["HTTPStatusCode"]) == ("SlowDown", 503)
    return int(found["ResponseMetadata"]["HTTPHeaders"]["retry-after"]), found["Error"]["Message"]


def flood(call: Any, seconds: float, **arguments: Any) -> int:
    """How many calls of four clients at once are answered."""

    def one(_: int) -> int:
        count, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                call(**arguments)
                count += 1
            except ClientError as error:
                if error.response["Error"]["Code"] != "SlowDown":
                    raise
        return count

    with ThreadPoolExecutor(4) as pool:
        return sum(pool.map(one, range(4)))


@pytest.fixture
def account(site: Site) -> Account:
    return new_account(site, "limited")


@pytest.fixture
def bucket(site: Site, account: Account, name: str) -> Iterator[str]:
    account.s3.create_bucket(Bucket=name)
    account.s3.put_object(Bucket=name, Key="k", Body=b"v")
    yield name
    ask(site, "DELETE", f"/accounts/{account.id}/limits")


def test_an_account_has_so_many_requests_a_second_on_all_workers_together(
    site: Site, account: Account, bucket: str
) -> None:
    limit(site, f"/accounts/{account.id}", requests_per_second=20)
    began = time.monotonic()
    answered = flood(account.s3.get_object, 3, Bucket=bucket, Key="k")
    spent = time.monotonic() - began
    assert 0.8 * 20 * 3 <= answered <= 20 * (spent + 1)
    time.sleep(0.2)
    assert account.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"v"


def test_a_refusal_says_when_to_come_again(site: Site, account: Account, bucket: str) -> None:
    limit(site, f"/accounts/{account.id}", requests_per_second=1)
    account.s3.head_bucket(Bucket=bucket)
    wait, message = slowed(account.s3.list_objects_v2, Bucket=bucket)
    assert wait == 1
    assert message == f"Please reduce your request rate: the account {account.id} may send 1 a second."
    time.sleep(wait)
    account.s3.list_objects_v2(Bucket=bucket)
    rest = ask(site, "GET", f"/buckets/{bucket}", keys=account.keys)
    assert (rest.status, rest.headers["retry-after"], rest.json()["code"]) == (503, "1", "SlowDown")
    assert ask(site, "DELETE", f"/accounts/{account.id}/limits").status == 204
    assert all(account.s3.head_bucket(Bucket=bucket) for _ in range(20))  # whichever worker answers


def test_a_key_is_limited_and_the_sessions_that_it_asks_for(
    site: Site, account: Account, bucket: str
) -> None:
    user = User(site, account.iam, allow("s3:*"))
    sts = site.client("sts", user.keys)
    found = sts.get_session_token()["Credentials"]
    session = site.client("s3", (found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"]))
    limit(site, f"/keys/{user.keys[0]}", requests_per_second=1)
    user.s3.head_object(Bucket=bucket, Key="k")
    assert user.keys[0] in slowed(session.get_object, Bucket=bucket, Key="k")[1]
    assert all(account.s3.head_bucket(Bucket=bucket) for _ in range(10))  # others are not concerned
    account.iam.delete_access_key(UserName=user.name, AccessKeyId=user.keys[0])
    assert ask(site, "GET", f"/keys/{user.keys[0]}/limits").status == 404


def test_a_bearer_token_counts_with_its_key(site: Site, account: Account, bucket: str) -> None:
    user = User(site, account.iam, allow("s3:*"))
    owner = account.s3.list_buckets()["Owner"]["ID"]
    token = issue_token(Credential(*user.keys[:2], Principal(owner, "")), time.time(), 60)
    limit(site, f"/keys/{user.keys[0]}", requests_per_second=1)
    url = f"http://127.0.0.1:{site.server.api_port}/buckets/{bucket}/objects"
    answers = [
        urllib3.request("GET", url, headers={"authorization": f"Bearer {token}"}, retries=False)
        for _ in range(3)
    ]
    assert [answer.status for answer in answers] == [200, 503, 503]
    assert user.keys[0] in answers[1].json()["detail"]


def test_a_bucket_is_limited_whoever_asks_and_strangers_do_not_count(
    site: Site, account: Account, alt: Account, bucket: str
) -> None:
    limit(site, f"/buckets/{bucket}", requests_per_second=2)
    for _ in range(20):
        assert refused(alt.s3.get_object, Bucket=bucket, Key="k") == ("AccessDenied", 403)
    account.s3.head_bucket(Bucket=bucket)
    account.s3.head_bucket(Bucket=bucket)
    wait, message = slowed(account.s3.put_object, Bucket=bucket, Key="k", Body=b"x")
    assert wait == 1
    assert f"the bucket {bucket}" in message
    time.sleep(1)
    assert account.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"v"  # it was not written
    limit(site, f"/buckets/{bucket}", requests_per_second=1000)
    assert all(account.s3.head_bucket(Bucket=bucket) for _ in range(20))


def test_downloads_are_paced(site: Site, account: Account, bucket: str) -> None:
    body = bytes(6 * MIB)
    account.s3.put_object(Bucket=bucket, Key="large", Body=body)
    limit(site, f"/buckets/{bucket}", download_bytes_per_second=2 * MIB)
    began = time.monotonic()
    assert account.s3.get_object(Bucket=bucket, Key="large")["Body"].read() == body
    assert 1.9 < time.monotonic() - began < 60
    time.sleep(1.1)
    began = time.monotonic()
    answer = ask(site, "GET", f"/buckets/{bucket}/objects/large", keys=account.keys)
    assert answer.data == body
    assert 1.9 < time.monotonic() - began < 60


def test_uploads_are_paced_and_what_would_wait_too_long_is_refused(
    site: Site, account: Account, bucket: str
) -> None:
    limit(site, f"/accounts/{account.id}", upload_bytes_per_second=2 * MIB)
    for put in (
        lambda key, body: account.s3.put_object(Bucket=bucket, Key=key, Body=body),
        lambda key, body: ask(site, "PUT", f"/buckets/{bucket}/objects/{key}", body, account.keys),
    ):
        began = time.monotonic()
        put("large", bytes(6 * MIB))
        assert 1.9 < time.monotonic() - began < 60
        time.sleep(1.1)
    # Small ones come at once, and are paid for by those that come after.
    limit(site, f"/accounts/{account.id}", upload_bytes_per_second=MIB // 2)
    seen: list[tuple[str, bool]] = []
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:

        def small(number: int) -> int:
            try:
                account.s3.put_object(Bucket=bucket, Key=f"small-{number}", Body=bytes(MIB))
            except ClientError as error:
                headers = error.response["ResponseMetadata"]["HTTPHeaders"]
                seen.append((error.response["Error"]["Code"], int(headers["retry-after"]) >= 1))
                return 0
            return MIB

        stored = sum(pool.map(small, range(20)))
    assert set(seen) == {("SlowDown", True)}
    spent = time.monotonic() - began
    assert stored <= MIB / 2 * (spent + 1 + 2) + 8 * MIB  # a second's worth, the patience, one each


def test_the_command_line(site: Site, account: Account, bucket: str) -> None:
    server = site.server
    set_ = told(server, "limit", "set", "--account", account.id, "--requests", "900", "--upload", "8MiB")
    assert set_ == {"Limits": {"RequestsPerSecond": 900, "UploadBytesPerSecond": 8 * MIB}}
    told(server, "limit", "set", "--bucket", bucket, "--download", "1GiB")
    told(server, "limit", "set", "--access-key", account.keys[0], "--requests", "100")
    assert told(server, "limit", "show", "--account", account.id) == set_
    of_bucket = told(server, "limit", "show", "--bucket", bucket)["Limits"]
    assert of_bucket == {"DownloadBytesPerSecond": 1024 * MIB}
    assert told(server, "limit", "show", "--access-key", account.keys[0])["Limits"] == {
        "RequestsPerSecond": 100
    }
    for target in (("--account", account.id), ("--bucket", bucket), ("--access-key", account.keys[0])):
        assert told(server, "limit", "remove", *target) == {"Limits": {}}
        assert told(server, "limit", "show", *target) == {"Limits": {}}


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (
            ("set", "--requests", "5"),
            "limits are of one thing: give one of BucketName, AccessKeyId and AccountId",
        ),
        (("set", "--bucket", "b", "--access-key", "K", "--requests", "5"), "not BucketName and AccessKeyId"),
        (
            ("set", "--access-key", "NOSUCHKEY", "--requests", "5"),
            "The Access Key with id NOSUCHKEY cannot be",
        ),
        (("set", "--account", "9" * 12, "--requests", "5"), f"There is no account {'9' * 12}."),
        (("show", "--bucket", "no-such-bucket-of-limits"), "NoSuchBucket"),
    ],
)
def test_mistakes_are_told(site: Site, words: tuple[str, ...], part: str) -> None:
    assert part in told(site.server, "limit", *words, code=1)


def test_values_that_are_no_limits_are_refused(site: Site, bucket: str) -> None:
    server = site.server
    for given in ("0", "-1", "many", "1.5", str(10**16)):
        said = told(server, "limit", "set", "--bucket", bucket, f"--requests={given}", code=1)
        assert f"Value '{given}' at 'requestsPerSecond'" in said
    assert "no limit is given" in told(server, "limit", "set", "--bucket", bucket, code=1)
    assert "--upload: 'fast'" in told(server, "limit", "set", "--bucket", bucket, "--upload", "fast", code=2)
    for body in ({"requests_per_second": 0}, {"requests": 5}, {"upload_bytes_per_second": "5"}, []):
        answer = ask(site, "PUT", f"/buckets/{bucket}/limits", body)
        assert answer.status == 400, answer.data
    assert ask(site, "PUT", f"/buckets/{bucket}/limits", {}).status == 400


def test_only_the_operator_sets_and_sees_limits(site: Site, account: Account, bucket: str) -> None:
    for path in (f"/buckets/{bucket}", f"/accounts/{account.id}", f"/keys/{account.keys[0]}"):
        for method, body in (("PUT", {"requests_per_second": 10**6}), ("GET", None), ("DELETE", None)):
            answer = ask(site, method, f"{path}/limits", body, account.keys)
            assert (answer.status, answer.json()["code"]) == (403, "AccessDenied")
        assert urllib3.request("GET", f"http://127.0.0.1:{site.server.api_port}{path}/limits").status == 401


def test_limits_go_with_what_they_are_of(site: Site, name: str) -> None:
    account = new_account(site, "gone")
    limit(site, f"/accounts/{account.id}", requests_per_second=100)
    limit(site, f"/keys/{account.keys[0]}", requests_per_second=100)
    told(site.server, "account", "delete", "--id", account.id)
    assert ask(site, "GET", f"/accounts/{account.id}/limits").status == 404
    s3 = site.client("s3", site.root)
    s3.create_bucket(Bucket=name)
    limit(site, f"/buckets/{name}", requests_per_second=1)
    s3.delete_bucket(Bucket=name)
    s3.create_bucket(Bucket=name)
    assert ask(site, "GET", f"/buckets/{name}/limits").json()["requests_per_second"] is None
