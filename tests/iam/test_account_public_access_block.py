"""The public access block of a whole account (S3 Control), which counts together with each bucket's own."""

import json
import uuid
from typing import Any

import pytest
import urllib3
from botocore.exceptions import ClientError

from tests.iam.accounts import Account, new_account
from tests.iam.conftest import Site
from tests.iam.s3_control import control, local_names
from tests.iam.test_iam import refused
from tests.iam.test_permissions import User, allow

ALL = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
MISSING = ("NoSuchPublicAccessBlockConfiguration", 404)
DENIED = ("AccessDenied", 403)


@pytest.fixture(autouse=True)
def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    local_names(monkeypatch)


@pytest.fixture
def account(site: Site) -> Account:
    return new_account(site, "blocked")


def put(client: Any, account: Account, *switches: str) -> None:
    client.put_public_access_block(
        AccountId=account.id, PublicAccessBlockConfiguration=dict.fromkeys(switches, True)
    )


def get(client: Any, account: Account) -> dict[str, bool]:
    found: dict[str, bool] = client.get_public_access_block(AccountId=account.id)[
        "PublicAccessBlockConfiguration"
    ]
    return found


class Open:
    """A bucket whose own block is off, with ACLs, an object and a public policy."""

    def __init__(self, site: Site, account: Account) -> None:
        self.site, self.s3, self.name = site, account.s3, f"open-{uuid.uuid4().hex[:12]}"
        self.s3.create_bucket(Bucket=self.name, ObjectOwnership="ObjectWriter")
        self.s3.delete_public_access_block(Bucket=self.name)
        self.s3.put_object(Bucket=self.name, Key="k", Body=b"v")

    def set_policy(self) -> None:
        statement = {
            "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{self.name}/*",
        }  # fmt: skip
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        self.s3.put_bucket_policy(Bucket=self.name, Policy=json.dumps(policy))

    def set_acl(self) -> None:
        self.s3.put_object_acl(Bucket=self.name, Key="k", ACL="public-read")

    def public(self) -> list[int]:
        """What strangers get, whichever worker answers."""
        url = f"{self.site.server.endpoint}/{self.name}/k"
        return [urllib3.request("GET", url, retries=False).status for _ in range(4)]


def test_set_shown_and_removed(site: Site, account: Account) -> None:
    client = control(site, account.keys)
    assert refused(client.get_public_access_block, AccountId=account.id) == MISSING
    client.delete_public_access_block(AccountId=account.id)
    put(client, account, "BlockPublicAcls", "RestrictPublicBuckets")
    expected = dict.fromkeys(ALL, False) | {"BlockPublicAcls": True, "RestrictPublicBuckets": True}
    assert [get(client, account) for _ in range(4)] == [expected] * 4
    put(client, account, *ALL)
    assert get(client, account) == dict.fromkeys(ALL, True)
    client.delete_public_access_block(AccountId=account.id)
    assert refused(client.get_public_access_block, AccountId=account.id) == MISSING


def test_restricting_closes_a_public_policy_at_once(site: Site, account: Account) -> None:
    client, bucket = control(site, account.keys), Open(site, account)
    bucket.set_policy()
    assert bucket.public() == [200] * 4
    put(client, account, "RestrictPublicBuckets")
    assert bucket.public() == [403] * 4
    assert bucket.s3.get_object(Bucket=bucket.name, Key="k")["Body"].read() == b"v"
    put(client, account, "BlockPublicAcls")
    assert bucket.public() == [200] * 4
    put(client, account, "RestrictPublicBuckets")
    client.delete_public_access_block(AccountId=account.id)
    assert bucket.public() == [200] * 4


def test_ignoring_closes_public_acls_at_once(site: Site, account: Account) -> None:
    client, bucket = control(site, account.keys), Open(site, account)
    bucket.set_acl()
    assert bucket.public() == [200] * 4
    put(client, account, "IgnorePublicAcls")
    assert bucket.public() == [403] * 4
    client.delete_public_access_block(AccountId=account.id)
    assert bucket.public() == [200] * 4


def test_blocking_refuses_new_acls_and_policies(site: Site, account: Account) -> None:
    client, bucket = control(site, account.keys), Open(site, account)
    put(client, account, "BlockPublicPolicy")
    assert _refused(bucket.set_policy) == "BlockPublicPolicy"
    bucket.set_acl()
    put(client, account, "BlockPublicAcls")
    assert _refused(bucket.set_acl) == "BlockPublicAcls"
    bucket.set_policy()
    assert bucket.public() == [200] * 4  # what was there before stays


def _refused(call: Any) -> str:
    """The switch that an AccessDenied names."""
    with pytest.raises(ClientError, match="AccessDenied") as caught:
        call()
    message: str = caught.value.response["Error"]["Message"]
    return next(switch for switch in ALL if switch in message)


def test_the_stricter_of_both_counts_and_each_is_shown_as_it_is(site: Site, account: Account) -> None:
    client, bucket = control(site, account.keys), Open(site, account)
    bucket.set_policy()
    bucket.s3.put_public_access_block(
        Bucket=bucket.name, PublicAccessBlockConfiguration={"RestrictPublicBuckets": True}
    )
    put(client, account, "BlockPublicAcls")
    assert bucket.public() == [403] * 4
    own = bucket.s3.get_public_access_block(Bucket=bucket.name)["PublicAccessBlockConfiguration"]
    assert own == dict.fromkeys(ALL, False) | {"RestrictPublicBuckets": True}


def test_other_accounts_are_as_before(site: Site, account: Account) -> None:
    other = new_account(site, "other")
    bucket = Open(site, other)
    bucket.set_policy()
    put(control(site, account.keys), account, *ALL)
    assert bucket.public() == [200] * 4
    assert refused(control(site, other.keys).get_public_access_block, AccountId=account.id) == DENIED
    assert refused(control(site, other.keys).delete_public_access_block, AccountId=account.id) == DENIED
    assert get(control(site, site.root), account) == dict.fromkeys(ALL, True)  # the operator


def test_who_may(site: Site, account: Account) -> None:
    reader = User(site, account.iam, allow("s3:GetAccountPublicAccessBlock"))
    writer = User(site, account.iam, allow("s3:PutAccountPublicAccessBlock"))
    none = User(site, account.iam, allow("s3:*Object"))
    put(control(site, writer.keys), account, "BlockPublicAcls")
    assert get(control(site, reader.keys), account)["BlockPublicAcls"] is True
    assert refused(control(site, writer.keys).get_public_access_block, AccountId=account.id) == DENIED
    for user in (reader, none):
        client = control(site, user.keys)
        assert refused(client.delete_public_access_block, AccountId=account.id) == DENIED
    told = writer.sts.get_session_token()["Credentials"]
    keys = (told["AccessKeyId"], told["SecretAccessKey"], told["SessionToken"])
    control(site, keys).delete_public_access_block(AccountId=account.id)


def test_requests_that_make_no_sense(site: Site, account: Account) -> None:
    url = f"http://127.0.0.1:{site.server.api_port}/v20180820/configuration/publicAccessBlock"
    answer = urllib3.request("GET", url, headers={"x-amz-account-id": account.id}, retries=False)
    assert (answer.status, b"<Code>AccessDenied</Code>" in answer.data) == (403, True)
    client = control(site, account.keys)
    wrong = (account.keys[0], "another-secret-0123456789")
    assert refused(control(site, wrong).get_public_access_block, AccountId=account.id) == (
        "SignatureDoesNotMatch", 403,
    )  # fmt: skip
    assert refused(
        client.put_public_access_block, AccountId=account.id, PublicAccessBlockConfiguration={}
    ) == ("MalformedXML", 400)
    assert refused(client.get_public_access_block, AccountId="123") == ("InvalidRequest", 400)
