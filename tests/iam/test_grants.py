"""Grants over REST: who gets what, until when, on every worker."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.iam.accounts import new_account
from tests.iam.conftest import REGION, Keys, Site
from tests.iam.test_iam import refused
from tests.iam.test_permissions import User, allow

DENIED = ("AccessDenied", 403)
Json = dict[str, Any]


class Bucket:
    """A bucket of the operator's with one object, and its grants over REST."""

    def __init__(self, site: Site, name: str) -> None:
        self.site, self.name = site, name
        self.s3 = site.client("s3", site.root)
        self.s3.create_bucket(Bucket=name)
        self.s3.put_object(Bucket=name, Key="k", Body=b"v")

    def ask(
        self, method: str, more: str = "", body: Any = None, keys: Keys | None = None
    ) -> tuple[int, Json]:
        url = f"http://127.0.0.1:{self.site.server.api_port}/buckets/{self.name}/policy{more}"
        data = b"" if body is None else json.dumps(body).encode()
        request = AWSRequest(method, url, data=data)
        S3SigV4Auth(Credentials(*(keys or self.site.root)), "s3", REGION).add_auth(request)
        answer = urllib3.request(method, url, body=data, headers=dict(request.headers), retries=False)
        return answer.status, json.loads(answer.data) if answer.data else {}

    def grant(self, user: str, *permissions: str, seconds: float | None = 600) -> Json:
        end = None if seconds is None else (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
        status, made = self.ask(
            "POST", body={"user_id": user, "permissions": list(permissions), "expires_at": end}
        )
        assert status == 201, made
        return made

    @staticmethod
    def end(grant: Json) -> float:
        """When it ends, Unix seconds."""
        return datetime.fromisoformat(grant["expires_at"]).timestamp()

    def may(self, s3: Any) -> str:
        """Which of reading, writing, listing and deleting a caller may do, as letters."""
        calls = {
            "r": lambda: s3.get_object(Bucket=self.name, Key="k"),
            "w": lambda: s3.put_object(Bucket=self.name, Key="w", Body=b"x"),
            "l": lambda: s3.list_objects_v2(Bucket=self.name),
            "d": lambda: s3.delete_object(Bucket=self.name, Key="w"),
        }
        return "".join(letter for letter, call in calls.items() if _allowed(call))


def _allowed(call: Any) -> bool:
    try:
        call()
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        return False
    return True


@pytest.fixture
def bucket(site: Site, name: str) -> Bucket:
    return Bucket(site, name)


@pytest.mark.parametrize(
    ("permissions", "may"),
    [(["read"], "rl"), (["write"], "w"), (["delete"], "d"), (["delete", "read"], "rld")],
)
def test_a_grant_lets_a_user_do_what_it_says(
    site: Site, iam: Any, bucket: Bucket, permissions: list[str], may: str
) -> None:
    user = User(site, iam)
    assert bucket.may(user.s3) == ""
    made = bucket.grant(user.arn, *permissions)
    assert [bucket.may(user.s3) for _ in range(4)] == [may] * 4  # whichever worker answers
    assert sorted(made["permissions"]) == sorted(permissions)
    assert bucket.ask("DELETE", f"/{made['policy_id']}") == (204, {})
    assert [bucket.may(user.s3) for _ in range(4)] == [""] * 4
    assert bucket.ask("DELETE", f"/{made['policy_id']}")[0] == 404


def test_a_grant_ends_at_its_moment(site: Site, iam: Any, bucket: Bucket) -> None:
    user = User(site, iam)
    made = bucket.grant(user.arn, "read", seconds=3)
    end = bucket.end(made)
    assert bucket.ask("GET", f"/{made['policy_id']}") == (200, made)
    while time.time() < end - 0.3:
        assert bucket.may(user.s3) == "rl"
        time.sleep(0.1)
    time.sleep(max(0.0, end - time.time()))
    assert [bucket.may(user.s3) for _ in range(6)] == [""] * 6
    assert bucket.ask("GET", f"/{made['policy_id']}")[0] == 404
    assert bucket.ask("GET")[1]["grants"] == []
    # What has ended is dropped from the store with the next change.
    other = bucket.grant(user.arn, "write")
    assert [one["policy_id"] for one in bucket.ask("GET")[1]["grants"]] == [other["policy_id"]]


def test_a_grant_is_of_the_user_and_not_of_its_name(site: Site, iam: Any, bucket: Bucket) -> None:
    user = User(site, iam)
    found = iam.get_user(UserName=user.name)["User"]
    made = bucket.grant(found["UserId"], "read", seconds=None)
    assert (made["user_id"], made["expires_at"]) == (found["UserId"], None)
    assert bucket.may(user.s3) == "rl"
    iam.delete_access_key(UserName=user.name, AccessKeyId=user.keys[0])
    iam.delete_user(UserName=user.name)
    iam.create_user(UserName=user.name)
    key = iam.create_access_key(UserName=user.name)["AccessKey"]
    assert bucket.may(site.client("s3", (key["AccessKeyId"], key["SecretAccessKey"]))) == ""


def test_a_session_of_a_role_that_is_granted_something(
    site: Site, iam: Any, bucket: Bucket, name: str
) -> None:
    user = User(site, iam)
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": user.arn}, "Action": "sts:AssumeRole"}]}  # fmt: skip
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    bucket.grant(role["Arn"], "read")
    told = user.sts.assume_role(RoleArn=role["Arn"], RoleSessionName="session")["Credentials"]
    keys = (told["AccessKeyId"], told["SecretAccessKey"], told["SessionToken"])
    assert bucket.may(site.client("s3", keys)) == "rl"
    assert bucket.may(user.s3) == ""


def test_a_denial_wins_and_another_account_has_to_agree(site: Site, iam: Any, bucket: Bucket) -> None:
    denied = User(site, iam, allow("s3:GetObject", effect="Deny"))
    bucket.grant(denied.arn, "read")
    assert bucket.may(denied.s3) == "l"
    other = new_account(site, "granted")
    foreign = User(site, other.iam)
    bucket.grant(foreign.arn, "read")
    assert bucket.may(foreign.s3) == ""
    agreed = User(site, other.iam, allow("s3:*"))
    bucket.grant(agreed.arn, "read")
    assert bucket.may(agreed.s3) == "rl"


def test_a_whole_policy(site: Site, iam: Any, bucket: Bucket) -> None:
    user = User(site, iam)
    grant = bucket.grant(user.arn, "write")
    policy = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": user.arn}, "Action": "s3:GetObject",
         "Resource": f"arn:aws:s3:::{bucket.name}/*"}]}  # fmt: skip
    assert bucket.ask("POST", body=policy) == (200, {"policy": policy, "grants": [grant]})
    assert json.loads(bucket.s3.get_bucket_policy(Bucket=bucket.name)["Policy"]) == policy
    assert bucket.may(user.s3) == "rw"
    assert bucket.ask("DELETE") == (204, {})
    assert bucket.ask("GET") == (200, {"policy": None, "grants": [grant]})
    assert bucket.may(user.s3) == "w"
    status, told = bucket.ask("POST", body=policy | {"Statement": []})
    assert (status, told["code"]) == (400, "MalformedPolicy")
    public = json.loads(json.dumps(policy).replace(json.dumps({"AWS": user.arn}), '"*"'))
    assert bucket.ask("POST", body=public)[1]["code"] == "AccessDenied"  # public policies are blocked


def test_who_may_grant(site: Site, iam: Any, bucket: Bucket) -> None:
    arn = f"arn:aws:s3:::{bucket.name}"
    nobody, granting = User(site, iam), User(site, iam, allow("s3:PutBucketPolicy", arn))
    body = {"user_id": nobody.arn, "permissions": ["read"], "expires_at": None}
    assert bucket.ask("POST", body=body, keys=nobody.keys)[1]["code"] == "AccessDenied"
    assert bucket.ask("GET", keys=granting.keys)[1]["code"] == "AccessDenied"
    assert bucket.ask("POST", body=body, keys=granting.keys)[0] == 201
    made = bucket.ask("GET")[1]["grants"][0]["policy_id"]
    assert bucket.ask("DELETE", f"/{made}", keys=granting.keys)[1]["code"] == "AccessDenied"
    bucket.grant(nobody.arn, "read", "write", "delete")
    assert refused(nobody.s3.get_bucket_policy, Bucket=bucket.name) == DENIED
    assert refused(nobody.s3.put_bucket_policy, Bucket=bucket.name, Policy="{}") == DENIED


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"user_id": "alice"}, "no user or role 'alice'"),
        ({"user_id": "arn:aws:iam::111122223333:user/none"}, "no user or role"),
        ({"permissions": []}, "permissions"),
        ({"permissions": ["read", "own"]}, "permissions.1"),
        ({"permissions": ["read", "read"]}, "named twice"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "not in the future"),
        ({"expires_at": "2099-01-01T00:00:00"}, "timezone"),
        ({"expires_at": "tomorrow"}, "expires_at"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_no_grant(site: Site, iam: Any, bucket: Bucket, change: Json, says: str) -> None:
    arn = User(site, iam).arn
    body = {"user_id": arn, "permissions": ["read"], "expires_at": None} | change
    status, told = bucket.ask("POST", body=body)
    assert (status, told["code"]) == (400, "InvalidArgument")
    assert says in told["detail"]
    assert bucket.ask("GET")[1]["grants"] == []


def test_an_end_has_to_be_said(site: Site, iam: Any, bucket: Bucket) -> None:
    status, told = bucket.ask("POST", body={"user_id": User(site, iam).arn, "permissions": ["read"]})
    assert (status, told["code"]) == (400, "InvalidArgument")
    assert "expires_at" in told["detail"]
