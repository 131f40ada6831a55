"""Keys of the KMS for users: what their policies let them do with which key, through S3 and by themselves."""

import urllib.error
import urllib.request
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.iam.accounts import Account
from tests.iam.conftest import Site
from tests.iam.kms_keys import Keys, message
from tests.iam.test_permissions import User, allow, document
from tests.s3.raw import Raw

S3_ALL = allow("s3:*")
USE = ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"]


def test_rights_to_objects_are_none_to_keys(site: Site, iam: Any, keys: Keys) -> None:
    arn = keys.new()
    keys.put(keys.s3, "k", arn)
    user = User(site, iam, S3_ALL)
    reason = f"kms:{{}} on resource: {arn} because no identity-based policy allows the kms:{{}} action"
    assert reason.format("GenerateDataKey", "GenerateDataKey") in message(keys.put, user.s3, "mine", arn)
    assert reason.format("Decrypt", "Decrypt") in message(keys.get, user.s3, "k")
    assert user.s3.head_object(Bucket=keys.bucket, Key="k")["SSEKMSKeyId"] == arn
    source = {"Bucket": keys.bucket, "Key": "k"}
    assert "kms:Decrypt" in message(user.s3.copy_object, Bucket=keys.bucket, Key="copy", CopySource=source)
    assert "kms:GenerateDataKey" in message(
        user.s3.create_multipart_upload, Bucket=keys.bucket, Key="parts",
        ServerSideEncryption="aws:kms", SSEKMSKeyId=arn,
    )  # fmt: skip
    with Raw(f"http://127.0.0.1:{site.server.api_port}", *user.keys) as rest:
        answer = rest.send("GET", f"/buckets/{keys.bucket}/objects/k")
        assert answer.status == 403
        assert b"kms:Decrypt" in answer.body


def test_who_may_not_use_a_key_does_not_learn_its_state(site: Site, iam: Any, keys: Keys) -> None:
    arn = keys.new()
    user = User(site, iam, S3_ALL)
    denied = message(keys.put, user.s3, "k", arn)
    keys.kms.disable_key(KeyId=arn)
    assert message(keys.put, user.s3, "k", arn) == denied
    with pytest.raises(ClientError, match=r"KMS\.DisabledException"):
        keys.put(keys.s3, "k", arn)


def test_a_policy_opens_the_key_it_names(site: Site, iam: Any, keys: Keys) -> None:
    ours, other = keys.new(), keys.new()
    user = User(site, iam, S3_ALL, allow(USE, ours))
    keys.put(user.s3, "ours", ours)
    assert keys.get(user.s3, "ours") == b"secret"
    assert "kms:GenerateDataKey" in message(keys.put, user.s3, "other", other)
    kms = keys.of(user)
    blob = kms.encrypt(KeyId=ours, Plaintext=b"x")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    assert "kms:DescribeKey" in message(kms.describe_key, KeyId=ours)
    assert "kms:Encrypt" in message(kms.encrypt, KeyId=other, Plaintext=b"x")
    foreign = keys.kms.encrypt(KeyId=other, Plaintext=b"x")["CiphertextBlob"]
    assert "kms:Decrypt" in message(kms.decrypt, CiphertextBlob=foreign)
    assert "kms:ReEncryptFrom" in message(
        keys.of(User(site, iam, allow("kms:ReEncryptTo"))).re_encrypt,
        CiphertextBlob=foreign, DestinationKeyId=ours,
    )  # fmt: skip


def test_the_key_that_s3_made_is_open_through_s3_alone(site: Site, iam: Any, keys: Keys) -> None:
    user = User(site, iam, S3_ALL)
    keys.put(user.s3, "managed", None)
    assert keys.get(user.s3, "managed") == b"secret"
    kms = keys.of(user)
    assert "kms:Encrypt" in message(kms.encrypt, KeyId="alias/aws/s3", Plaintext=b"x")
    denied = User(site, iam, S3_ALL, allow("kms:Decrypt", effect="Deny"))
    assert "explicit deny" in message(keys.get, denied.s3, "managed")


@pytest.mark.parametrize("bucket_key", [False, True])
def test_conditions_of_the_kms(site: Site, iam: Any, keys: Keys, bucket_key: bool) -> None:
    arn = keys.new()
    through = User(
        site, iam, S3_ALL,
        allow(USE, StringEquals={"kms:ViaService": "s3.us-east-1.amazonaws.com"}),
    )  # fmt: skip
    keys.put(through.s3, "via", arn, BucketKeyEnabled=bucket_key)
    assert keys.get(through.s3, "via") == b"secret"
    assert "kms:Encrypt" in message(keys.of(through).encrypt, KeyId=arn, Plaintext=b"x")

    place = f"arn:aws:s3:::{keys.bucket}" + ("" if bucket_key else "/one")
    bound = User(
        site, iam, S3_ALL, allow(USE, StringEquals={"kms:EncryptionContext:aws:s3:arn": place})
    )  # fmt: skip
    keys.put(bound.s3, "one", arn, BucketKeyEnabled=bucket_key)
    assert keys.get(bound.s3, "one") == b"secret"
    if not bucket_key:
        assert "kms:Decrypt" in message(keys.get, bound.s3, "via")

    tagged = User(site, iam, S3_ALL, allow(USE, StringEquals={"aws:ResourceTag/team": "blue"}))
    assert "kms:Decrypt" in message(keys.get, tagged.s3, "one")
    keys.kms.tag_resource(KeyId=arn, Tags=[{"TagKey": "team", "TagValue": "blue"}])
    assert keys.get(tagged.s3, "one") == b"secret"


def test_keys_are_changed_by_who_may(site: Site, iam: Any, keys: Keys) -> None:
    arn = keys.new()
    nobody = keys.of(User(site, iam, S3_ALL))
    assert "kms:CreateKey on resource: *" in message(nobody.create_key)
    assert "kms:ListKeys" in message(nobody.list_keys)
    assert "kms:GenerateRandom" in message(nobody.generate_random, NumberOfBytes=8)
    assert "kms:DisableKey" in message(nobody.disable_key, KeyId=arn)
    assert "kms:ScheduleKeyDeletion" in message(nobody.schedule_key_deletion, KeyId=arn)

    keeper = keys.of(User(site, iam, allow("kms:*")))
    made = keeper.create_key()["KeyMetadata"]["Arn"]
    name = f"alias/{uuid.uuid4().hex}"
    keeper.create_alias(AliasName=name, TargetKeyId=made)
    keeper.disable_key(KeyId=made)
    assert keeper.describe_key(KeyId=name)["KeyMetadata"]["KeyState"] == "Disabled"

    only_keys = keys.of(User(site, iam, allow("kms:*", made)))
    assert ":alias/" in message(only_keys.delete_alias, AliasName=name)
    only_aliases = keys.of(User(site, iam, allow("kms:*", "arn:aws:kms:*:*:alias/*")))
    assert made in message(only_aliases.delete_alias, AliasName=name)
    keeper.delete_alias(AliasName=name)


def test_a_new_key_has_tags_from_who_may_tag(site: Site, iam: Any, keys: Keys) -> None:
    maker = keys.of(User(site, iam, allow("kms:CreateKey")))
    maker.create_key()
    tags = [{"TagKey": "team", "TagValue": "blue"}]
    assert "kms:TagResource" in message(maker.create_key, Tags=tags)


def test_nobody_uses_no_key_and_gets_none(site: Site, keys: Keys) -> None:
    bucket = f"open-{uuid.uuid4().hex[:12]}"
    keys.s3.create_bucket(Bucket=bucket)
    keys.s3.put_public_access_block(
        Bucket=bucket,
        PublicAccessBlockConfiguration={"BlockPublicPolicy": False, "RestrictPublicBuckets": False},
    )
    opened = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }
    keys.s3.put_bucket_policy(Bucket=bucket, Policy=document(opened))
    url = f"http://127.0.0.1:{site.server.port}/{bucket}/k"
    assert _put(url) == 200
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    keys.s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    before = set(site.server.data_dir.glob("keys/kms-keys/*"))
    assert _put(url) == 403
    assert set(site.server.data_dir.glob("keys/kms-keys/*")) == before


def _put(url: str) -> int:
    """The status of an unsigned upload."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, b"x", method="PUT"), timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_another_account_uses_no_key(site: Site, keys: Keys, alt: Account) -> None:
    arn = keys.new()
    kms = site.client("kms", alt.keys)
    assert "no resource-based policy" in message(kms.encrypt, KeyId=arn, Plaintext=b"x")
    assert "no resource-based policy" in message(kms.disable_key, KeyId=arn)
