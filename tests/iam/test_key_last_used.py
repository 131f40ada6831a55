"""When an access key was used last: GetAccessKeyLastUsed and `strandline key list`, over all workers."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3

from access.identity import ANONYMOUS, Credential
from access.tokens import issue_token
from tests.iam.accounts import new_account, told
from tests.iam.conftest import REGION, Keys, Site
from tests.iam.test_iam import refused
from tests.iam.test_permissions import User, allow
from tests.server import Server, strandline

NEVER = {"ServiceName": "N/A", "Region": "N/A"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("used")
    server = Server(folder / "data", folder / "log", "--workers", "2", "--key-use-seconds", "1")
    server.start()
    try:
        yield Site(server)
        assert server.stop() == 0, server.log_tail()
    finally:
        server.kill()


@pytest.fixture(scope="module")
def iam(site: Site) -> Any:
    return site.client("iam", site.root)


def last_used(iam: Any, keys: Keys) -> dict[str, Any]:
    found: dict[str, Any] = iam.get_access_key_last_used(AccessKeyId=keys[0])
    return found


def used_since(iam: Any, keys: Keys, begin: datetime, service: str) -> dict[str, Any]:
    """The answer once it tells of a use since then."""
    limit = time.monotonic() + 20
    while True:
        found = last_used(iam, keys)
        use = found["AccessKeyLastUsed"]
        if use.get("LastUsedDate", begin - timedelta(seconds=1)) >= begin and use["ServiceName"] == service:
            assert use["Region"] == REGION
            assert use["LastUsedDate"] <= datetime.now(UTC)
            return found
        assert time.monotonic() < limit, found
        time.sleep(0.1)


def now() -> datetime:
    """To the second, as IAM tells times."""
    return datetime.now(UTC).replace(microsecond=0)


def next_second() -> datetime:
    """Of uses in one second the first is told."""
    begin = now()
    while (moment := now()) == begin:
        time.sleep(0.05)
    return moment


def test_each_port_counts(site: Site, iam: Any) -> None:
    user = User(site, iam, allow("*"))
    assert last_used(iam, user.keys) | {"ResponseMetadata": 0} == {
        "UserName": user.name, "AccessKeyLastUsed": NEVER, "ResponseMetadata": 0,
    }  # fmt: skip
    uses: list[tuple[str, Callable[[], Any]]] = [
        ("s3", user.s3.list_buckets),
        ("iam", user.iam.list_users),
        ("sts", user.sts.get_caller_identity),
        ("kms", site.client("kms", user.keys).list_keys),
        ("s3", user.s3.list_buckets),
    ]
    for service, use in uses:
        begin = next_second()
        use()
        assert used_since(iam, user.keys, begin, service)["UserName"] == user.name


def test_what_is_refused_counts_and_a_wrong_signature_does_not(site: Site, iam: Any) -> None:
    user = User(site, iam)
    begin = now()
    assert refused(user.s3.list_buckets) == ("AccessDenied", 403)
    used_since(iam, user.keys, begin, "s3")
    other, marker = User(site, iam), User(site, iam)
    forged = site.client("s3", (other.keys[0], "another-secret-0123456789"))
    assert refused(forged.list_buckets) == ("SignatureDoesNotMatch", 403)
    begin = now()
    assert refused(marker.s3.list_buckets) == ("AccessDenied", 403)
    used_since(iam, marker.keys, begin, "s3")  # so what was before has been told, too
    assert last_used(iam, other.keys)["AccessKeyLastUsed"] == NEVER


def test_a_presigned_url_and_a_token_count(site: Site, iam: Any, name: str) -> None:
    s3 = site.client("s3", site.root)
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"v")
    user = User(site, iam, allow("s3:*"))
    url = user.s3.generate_presigned_url("get_object", Params={"Bucket": name, "Key": "k"})
    assert last_used(iam, user.keys)["AccessKeyLastUsed"] == NEVER
    begin = now()
    assert urllib3.request("GET", url).data == b"v"
    used_since(iam, user.keys, begin, "s3")
    other = User(site, iam, allow("s3:*"))
    credential = Credential(*other.keys, ANONYMOUS._replace(id=s3.list_buckets()["Owner"]["ID"]))
    bearer = {"Authorization": f"Bearer {issue_token(credential, time.time())}"}
    api = f"http://127.0.0.1:{site.server.api_port}/buckets"
    begin = now()
    assert urllib3.request("GET", api, headers=bearer).status == 200
    used_since(iam, other.keys, begin, "s3")


def test_a_session_is_not_its_parent(site: Site, iam: Any) -> None:
    user = User(site, iam, allow("s3:*"))
    session = user.sts.get_session_token()["Credentials"]
    keys = (session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
    used_since(iam, user.keys, now() - timedelta(seconds=5), "sts")
    begin = now()
    site.client("s3", keys).list_buckets()
    marker = User(site, iam, allow("s3:*"))
    marker.s3.list_buckets()
    used_since(iam, marker.keys, begin, "s3")
    assert last_used(iam, user.keys)["AccessKeyLastUsed"]["ServiceName"] == "sts"


def test_keys_of_other_accounts_are_not_told(site: Site, iam: Any) -> None:
    account = new_account(site, "used")
    begin = now()
    account.s3.list_buckets()
    found = used_since(account.iam, account.keys, begin, "iam")  # by these very questions
    assert found["UserName"] == "root"
    foreign = User(site, iam)
    assert refused(account.iam.get_access_key_last_used, AccessKeyId=foreign.keys[0]) == ("NoSuchEntity", 404)
    assert refused(account.iam.get_access_key_last_used, AccessKeyId="AKIANOBODY000000") == (
        "NoSuchEntity", 404,
    )  # fmt: skip
    user = User(site, account.iam)
    assert refused(user.iam.get_access_key_last_used, AccessKeyId=user.keys[0]) == ("AccessDenied", 403)


def test_the_command_shows_it_and_a_deleted_key_takes_it_along(site: Site, iam: Any) -> None:
    user = User(site, iam, allow("s3:*"))
    listed = told(site.server, "key", "list", "--user", user.name)["AccessKeyMetadata"]
    assert [one["LastUsedDate"] for one in listed] == ["N/A"]
    begin = now()
    user.s3.list_buckets()
    used = used_since(iam, user.keys, begin, "s3")["AccessKeyLastUsed"]["LastUsedDate"]
    (shown,) = told(site.server, "key", "list", "--user", user.name)["AccessKeyMetadata"]
    assert datetime.fromisoformat(shown["LastUsedDate"]) == used
    iam.delete_access_key(UserName=user.name, AccessKeyId=user.keys[0])
    assert refused(iam.get_access_key_last_used, AccessKeyId=user.keys[0]) == ("NoSuchEntity", 404)


def test_a_use_interrupts_nothing_that_is_kept(site: Site, iam: Any) -> None:
    """Users go on being changed while uses are told: no change is refused because of them."""
    user = User(site, iam, allow("s3:*"))
    begin = now()
    limit = time.monotonic() + 4
    while time.monotonic() < limit:
        user.s3.list_buckets()
        iam.put_user_policy(
            UserName=user.name,
            PolicyName="more",
            PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:DeleteBucket","Resource":"*"}]}',
        )
    used_since(iam, user.keys, begin, "s3")


def test_it_outlives_the_server(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", tmp_path / "log", "--workers", "2", "--key-use-seconds", "1")
    server.start()
    try:
        site = Site(server)
        iam = site.client("iam", site.root)
        user = User(site, iam, allow("s3:*"))
        begin = now()
        user.s3.list_buckets()
        before = used_since(iam, user.keys, begin, "s3")["AccessKeyLastUsed"]
        server.kill()
        server.start()
        assert last_used(iam, user.keys)["AccessKeyLastUsed"] == before
        assert server.stop() == 0, server.log_tail()
        tail = strandline("log", "tail", "--topic", "policies", STRANDLINE_DATA_DIR=str(server.data_dir))
        assert tail.returncode == 0, tail.stderr
        events = [json.loads(line) for line in tail.stdout.splitlines()]
        changes = [change for event in events for change in event.get("changes", ())]
        assert user.keys[0] in [change["name"] for change in changes if change["kind"] == "key-use"]
    finally:
        server.kill()
