"""Two accounts on two gateways, told from end to end by boto3's iam, sts, kms and s3: what one gateway is
told counts on the other, and what ends, ends there as well."""

import json
import time
from typing import Any, NamedTuple

import msgspec
import pytest
import urllib3
from botocore.exceptions import ClientError

from access.keyring import KeyRing
from access.session_tokens import SessionTokens
from tests.iam.accounts import Account, new_account
from tests.iam.conftest import Keys, Site
from tests.iam.test_assume_role import Role, trusting
from tests.iam.test_grants import Bucket
from tests.iam.test_iam import refused
from tests.iam.test_permissions import DENIED, User, allow, document
from tests.iam.test_sessions import keys_of

WITHIN = 1.0  # seconds after a change was acknowledged, until it counts on every gateway
CONTRACT = "contract-2026"


class Cast(NamedTuple):
    """A laboratory keeps results in a bucket, for a clinic's user to read in a role."""

    lab: Account
    clinic: Account
    ann: User
    role: Role
    bucket: str


@pytest.fixture(scope="module")
def cast(gateways: list[Site]) -> Cast:
    """All made on the first gateway; the user on the second."""
    here, there = gateways
    lab, clinic = new_account(here, "lab"), new_account(here, "clinic")
    ann = User(there, there.client("iam", clinic.keys), allow("sts:AssumeRole"))
    bucket = f"results-{lab.id}"
    lab.s3.create_bucket(Bucket=bucket)
    for key in ("2025/old", "2026/new", "private/k"):
        lab.s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    resource = f"arn:aws:s3:::{bucket}"
    trust = trusting({"AWS": ann.arn}, StringEquals={"sts:ExternalId": CONTRACT})
    policy = document(
        allow("s3:GetObject", f"{resource}/20*"),
        allow("s3:ListBucket", resource, StringLike={"s3:prefix": "2026/*"}),
        allow("kms:Decrypt"),
    )
    return Cast(lab, clinic, ann, Role(lab, trust, policy), bucket)


def assumed(site: Site, cast: Cast, **more: Any) -> Keys:
    sts = site.client("sts", cast.ann.keys)
    return keys_of(cast.role.assumed(sts, ExternalId=CONTRACT, **more))


def everywhere(gateways: list[Site], keys: Keys) -> list[Any]:
    """S3 with those keys, on each gateway."""
    return [site.client("s3", keys) for site in gateways]


def until_refused(call: Any, **parameters: Any) -> float:
    """Seconds until a call that is let in still is refused as AccessDenied or for its key."""
    began = time.monotonic()
    code = ""
    while not code:
        assert time.monotonic() - began < 10 * WITHIN
        try:
            call(**parameters)
        except ClientError as error:
            code = error.response["Error"]["Code"]
    assert code in ("AccessDenied", "InvalidAccessKeyId")
    return time.monotonic() - began


def test_a_role_of_the_other_account_within_its_conditions(gateways: list[Site], cast: Cast) -> None:
    for site in gateways:
        sts = site.client("sts", cast.ann.keys)
        assert refused(cast.role.assumed, by=sts) == DENIED  # without the external id
        assert refused(cast.role.assumed, by=sts, ExternalId="another") == DENIED
        assert (
            refused(site.client("s3", cast.ann.keys).get_object, Bucket=cast.bucket, Key="2026/new") == DENIED
        )
    for s3 in everywhere(gateways, assumed(gateways[1], cast)):
        assert s3.get_object(Bucket=cast.bucket, Key="2026/new")["Body"].read() == b"2026/new"
        found = s3.list_objects_v2(Bucket=cast.bucket, Prefix="2026/")["Contents"]
        assert [one["Key"] for one in found] == ["2026/new"]
        assert refused(s3.list_objects_v2, Bucket=cast.bucket, Prefix="2025/") == DENIED
        assert refused(s3.get_object, Bucket=cast.bucket, Key="private/k") == DENIED
        assert refused(s3.put_object, Bucket=cast.bucket, Key="2026/new", Body=b"") == DENIED


def test_a_session_policy_narrows_it(gateways: list[Site], cast: Cast) -> None:
    only = document(allow("s3:GetObject", f"arn:aws:s3:::{cast.bucket}/2025/*"))
    for s3 in everywhere(gateways, assumed(gateways[0], cast, Policy=only)):
        assert s3.get_object(Bucket=cast.bucket, Key="2025/old")["Body"].read() == b"2025/old"
        assert refused(s3.get_object, Bucket=cast.bucket, Key="2026/new") == DENIED
        assert refused(s3.list_objects_v2, Bucket=cast.bucket, Prefix="2026/") == DENIED


def test_a_token_that_has_expired(gateways: list[Site], cast: Cast) -> None:
    """A token of AssumeRole lives 15 minutes at least: this is such a one, sealed anew with an end in three
    seconds under the store's own keys."""
    keys = assumed(gateways[0], cast)
    tokens = SessionTokens(KeyRing(gateways[0].server.keys_dir))
    end = int(time.time()) + 3
    token = tokens.seal(msgspec.structs.replace(tokens.open(keys[2]), expires_at=end))
    clients = everywhere(gateways, (*keys[:2], token))
    for s3 in clients:
        assert s3.get_object(Bucket=cast.bucket, Key="2026/new")["Body"].read() == b"2026/new"
    time.sleep(max(0.0, end - time.time()))
    for site, s3 in zip(gateways, clients, strict=True):
        assert refused(s3.get_object, Bucket=cast.bucket, Key="2026/new") == ("ExpiredToken", 400)
        sts = site.client("sts", (*keys[:2], token))
        assert refused(sts.get_caller_identity) == ("ExpiredToken", 403)


def test_a_key_of_the_kms(gateways: list[Site], cast: Cast) -> None:
    """Reading what is encrypted takes the object's permission and the key's."""
    here, there = gateways
    kms = here.client("kms", cast.lab.keys)
    key = kms.create_key()["KeyMetadata"]["Arn"]
    encrypted = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    there.client("s3", cast.lab.keys).put_object(
        Bucket=cast.bucket, Key="2026/sealed", Body=b"s", **encrypted
    )
    sealed = {"Bucket": cast.bucket, "Key": "2026/sealed"}
    session = there.client("s3", assumed(here, cast))
    assert session.get_object(**sealed)["Body"].read() == b"s"
    kms.disable_key(KeyId=key)
    assert refused(session.get_object, **sealed)[0] == "KMS.DisabledException"
    kms.enable_key(KeyId=key)
    assert session.get_object(**sealed)["Body"].read() == b"s"
    closed = {"Effect": "Deny", "Principal": {"AWS": cast.role.arn}, "Action": "kms:Decrypt", "Resource": "*"}
    opened = {"Effect": "Allow", "Principal": {"AWS": cast.lab.id}, "Action": "kms:*", "Resource": "*"}
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document(opened, closed))
    assert until_refused(session.get_object, **sealed) < WITHIN
    plain = there.client("kms", cast.lab.keys).encrypt(KeyId=key, Plaintext=b"t")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=plain)["Plaintext"] == b"t"
    assert (
        refused(there.client("kms", cast.ann.keys).decrypt, CiphertextBlob=plain)[0]
        == "AccessDeniedException"
    )


def test_a_key_that_is_revoked(gateways: list[Site], cast: Cast) -> None:
    """Switched off on one gateway; on the other it, and the session that was asked for with it, end within a
    second."""
    here, there = gateways
    iam = here.client("iam", cast.clinic.keys)
    other = User(here, iam, allow("s3:*"))
    keys = keys_of(here.client("sts", other.keys).get_session_token())
    clients = [there.client("s3", one) for one in (other.keys, keys)]
    for s3 in clients:
        s3.list_buckets()
    iam.update_access_key(UserName=other.name, AccessKeyId=other.keys[0], Status="Inactive")
    assert sum(until_refused(s3.list_buckets) for s3 in clients) < WITHIN
    for s3 in clients:
        assert refused(s3.list_buckets) == ("InvalidAccessKeyId", 403)


def test_a_grant_ends_on_every_gateway(gateways: list[Site], iam: Any, name: str) -> None:
    here, there = gateways
    bucket, user = Bucket(here, name), User(here, iam)
    s3 = there.client("s3", user.keys)
    assert bucket.may(s3) == ""
    made = bucket.grant(user.arn, "read", seconds=3)
    end = Bucket.end(made)
    assert bucket.may(s3) == "rl"
    while time.time() < end - 0.3:
        s3.get_object(Bucket=name, Key="k")
    time.sleep(max(0.0, end - time.time()))
    assert bucket.may(s3) == ""


def test_a_public_bucket_is_blocked(gateways: list[Site], cast: Cast) -> None:
    """A bucket is opened to everybody only once its block is taken away, and the block closes it again."""
    here, there = gateways
    bucket = f"public-{cast.lab.id}"
    cast.lab.s3.create_bucket(Bucket=bucket)
    cast.lab.s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    everybody = allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*") | {"Principal": "*"}
    assert refused(cast.lab.s3.put_bucket_policy, Bucket=bucket, Policy=document(everybody)) == DENIED

    def statuses() -> list[int]:
        urls = [f"{site.server.endpoint}/{bucket}/k" for site in gateways]
        return [urllib3.request("GET", url, retries=False).status for url in urls]

    assert statuses() == [403, 403]
    cast.lab.s3.delete_public_access_block(Bucket=bucket)
    there.client("s3", cast.lab.keys).put_bucket_policy(Bucket=bucket, Policy=document(everybody))
    assert statuses() == [200, 200]
    block = {"RestrictPublicBuckets": True, "BlockPublicPolicy": True}
    cast.lab.s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
    assert statuses() == [403, 403]
    policy = here.client("s3", cast.lab.keys).get_bucket_policy(Bucket=bucket)["Policy"]
    assert json.loads(policy)["Statement"][0]["Principal"] == "*"
