"""Key policies by boto3: what they open, to whom, and that nobody locks the key away by accident."""

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.iam.accounts import Account
from tests.iam.conftest import Site
from tests.iam.kms_keys import Keys, message
from tests.iam.test_iam import refused
from tests.iam.test_permissions import User, allow, document

S3_ALL = allow("s3:*")
USE = ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"]
VIA_S3 = {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
Json = dict[str, Any]


def to(principal: Any, actions: Any, effect: str = "Allow", condition: Json | None = None) -> Json:
    named = principal if principal == "*" else {"AWS": principal}
    made: Json = {"Effect": effect, "Principal": named, "Action": actions, "Resource": "*"}
    return made | ({"Condition": condition} if condition else {})


def put(keys: Keys, arn: str, *statements: Json, **more: Any) -> None:
    keys.kms.put_key_policy(KeyId=arn, Policy=document(*statements), **more)


def test_a_policy_comes_back_as_it_was_put(keys: Keys, root: str) -> None:
    arn = keys.new()
    default = json.loads(keys.kms.get_key_policy(KeyId=arn)["Policy"])
    assert default["Statement"][0]["Principal"] == {"AWS": root}
    assert default["Statement"][0]["Action"] == "kms:*"
    text = document(to(root, "kms:*")) + " "
    keys.kms.put_key_policy(KeyId=arn, Policy=text, PolicyName="default")
    assert keys.kms.get_key_policy(KeyId=arn) | {"ResponseMetadata": 0} == {
        "Policy": text, "PolicyName": "default", "ResponseMetadata": 0,
    }  # fmt: skip
    assert keys.kms.list_key_policies(KeyId=arn)["PolicyNames"] == ["default"]
    assert refused(keys.kms.get_key_policy, KeyId=arn, PolicyName="x") == ("NotFoundException", 400)
    made = keys.kms.create_key(Policy=text)["KeyMetadata"]["Arn"]
    assert keys.kms.get_key_policy(KeyId=made)["Policy"] == text


def test_a_user_is_named_and_needs_no_policy_of_its_own(site: Site, iam: Any, keys: Keys, root: str) -> None:
    arn, user = keys.new(), User(site, iam, S3_ALL)
    put(keys, arn, to(root, "kms:*"), to(user.arn, USE))
    keys.put(user.s3, "named", arn)
    assert keys.get(user.s3, "named") == b"secret"
    assert keys.of(user).describe_key(KeyId=arn)["KeyMetadata"]["Arn"] == arn
    assert "kms:DisableKey" in message(keys.of(user).disable_key, KeyId=arn)
    put(keys, arn, to(root, "kms:*"))
    assert "kms:Decrypt" in message(keys.get, user.s3, "named")  # at once, on every worker


def test_policies_of_users_count_only_where_the_key_lets_its_account_decide(
    site: Site, iam: Any, keys: Keys, root: str
) -> None:
    arn, user = keys.new(), User(site, iam, S3_ALL, allow("kms:*"))
    keys.put(user.s3, "k", arn)
    put(keys, arn, to(root, ["kms:PutKeyPolicy", "kms:GetKeyPolicy"]))
    said = message(keys.get, user.s3, "k")
    assert "no resource-based policy allows the kms:Decrypt action" in said
    assert "kms:Decrypt" in message(keys.get, keys.s3, "k")  # to its account's root no less
    put(keys, arn, to(root, "kms:*"), to("*", "kms:Decrypt", "Deny"))
    assert "explicit deny in a resource-based policy" in message(keys.get, user.s3, "k")
    put(keys, arn, to(root, "kms:*"))
    assert keys.get(user.s3, "k") == b"secret"


def test_a_role_is_named(site: Site, iam: Any, keys: Keys, root: str, name: str) -> None:
    trust = document({"Effect": "Allow", "Principal": {"AWS": root}, "Action": "sts:AssumeRole"})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    made = User(site, iam, allow("sts:AssumeRole")).sts.assume_role(RoleArn=role, RoleSessionName="one")
    given = made["Credentials"]
    kms = site.client("kms", (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]))
    arn = keys.new()
    assert "kms:Encrypt" in message(kms.encrypt, KeyId=arn, Plaintext=b"x")
    put(keys, arn, to(root, "kms:*"), to(role, USE))
    blob = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_nobody_locks_the_key_away_by_accident(site: Site, iam: Any, keys: Keys, root: str) -> None:
    arn, user = keys.new(), User(site, iam, allow("kms:*"))
    locking = document(to(user.arn, "kms:*"))
    for call, given in ((keys.kms.put_key_policy, {"KeyId": arn}), (keys.kms.create_key, {})):
        with pytest.raises(ClientError) as caught:
            call(Policy=locking, **given)
        assert caught.value.response["Error"]["Code"] == "MalformedPolicyDocumentException"
        assert "will not allow you to update" in caught.value.response["Error"]["Message"]
    careful = document(to(root, "kms:*"), to(root, "kms:PutKeyPolicy", "Deny"))
    assert refused(keys.kms.put_key_policy, KeyId=arn, Policy=careful)[0] == (
        "MalformedPolicyDocumentException"
    )
    keys.kms.put_key_policy(KeyId=arn, Policy=locking, BypassPolicyLockoutSafetyCheck=True)
    assert "kms:PutKeyPolicy" in message(put, keys, arn, to(root, "kms:*"))
    put_by_user = keys.of(user).put_key_policy
    put_by_user(KeyId=arn, Policy=document(to(root, "kms:*"), to(user.arn, "kms:PutKeyPolicy")))
    assert keys.kms.describe_key(KeyId=arn)


def test_the_check_is_bypassed_by_who_may(site: Site, iam: Any, keys: Keys) -> None:
    unless = allow("kms:*", effect="Deny", Bool={"kms:BypassPolicyLockoutSafetyCheck": "true"})
    user, arn = User(site, iam, allow("kms:*"), unless), keys.new()
    text = document(to(user.arn, "kms:*"))
    kms = keys.of(user)
    assert "explicit deny" in message(
        kms.put_key_policy, KeyId=arn, Policy=text, BypassPolicyLockoutSafetyCheck=True
    )
    assert "explicit deny" in message(kms.create_key, Policy=text, BypassPolicyLockoutSafetyCheck=True)
    kms.put_key_policy(KeyId=arn, Policy=text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x", "Syntax errors in policy"),
        ("[]", "Syntax errors in policy"),
        ('{"Version": "2012-10-17"}', "Missing required field Statement"),
        (document(to("root", "kms:*")), "'root' is neither an account"),
        (document(to("arn:aws:iam::1:root", "kms:*")), "'arn:aws:iam::1:root' is neither"),
        (document(to("*", "s3:GetObject")), "Action 's3:GetObject' is none of the KMS"),
        (document(allow("kms:*")), "Missing required field Principal"),
        (document(to("*", "kms:*", "Maybe")), "Effect"),
        (document({k: v for k, v in to("*", "kms:*").items() if k != "Resource"}), "resources"),
        (document(to("*", "kms:*", condition={"Bogus": {"aws:SourceIp": "1.2.3.4"}})), "Condition type"),
    ],
)
def test_what_is_no_key_policy_is_refused_with_the_reason(keys: Keys, text: str, said: str) -> None:
    arn = keys.new()
    for call, given in ((keys.kms.put_key_policy, {"KeyId": arn}), (keys.kms.create_key, {})):
        with pytest.raises(ClientError) as caught:
            call(Policy=text, **given)
        assert caught.value.response["Error"]["Code"] == "MalformedPolicyDocumentException"
        assert said in caught.value.response["Error"]["Message"]


def test_a_policy_has_32_kib(keys: Keys, root: str) -> None:
    most = document(to(root, "kms:*")).ljust(32 * 1024)
    arn = keys.new()
    keys.kms.put_key_policy(KeyId=arn, Policy=most)
    assert refused(keys.kms.put_key_policy, KeyId=arn, Policy=most + " ") == ("LimitExceededException", 400)


def test_the_key_that_s3_made_has_a_policy_that_nobody_changes(keys: Keys, root: str) -> None:
    keys.put(keys.s3, "managed", None)
    policy = json.loads(keys.kms.get_key_policy(KeyId="alias/aws/s3")["Policy"])
    assert policy["Statement"][0]["Condition"]["StringEquals"]["kms:ViaService"].startswith("s3.")
    said = message(keys.kms.put_key_policy, KeyId="alias/aws/s3", Policy=document(to(root, "kms:*")))
    assert "managed by the store" in said
    assert "kms:Encrypt" in message(keys.kms.encrypt, KeyId="alias/aws/s3", Plaintext=b"x")
    assert keys.get(keys.s3, "managed") == b"secret"


def test_conditions_in_key_policies(site: Site, iam: Any, keys: Keys, root: str) -> None:
    arn, user = keys.new(), User(site, iam, S3_ALL)
    put(keys, arn, to(root, "kms:*"), to(user.arn, USE, condition=VIA_S3))
    keys.put(user.s3, "via", arn)
    assert keys.get(user.s3, "via") == b"secret"
    kms = keys.of(user)
    assert "kms:Encrypt" in message(kms.encrypt, KeyId=arn, Plaintext=b"x")
    in_context = {"StringEquals": {"kms:EncryptionContext:team": "blue", "kms:CallerAccount": root[13:25]}}
    put(keys, arn, to(root, "kms:*"), to("*", USE, condition=in_context))
    kms.encrypt(KeyId=arn, Plaintext=b"x", EncryptionContext={"team": "blue"})
    assert "kms:Encrypt" in message(kms.encrypt, KeyId=arn, Plaintext=b"x", EncryptionContext={"team": "red"})
    alias = f"alias/{uuid.uuid4().hex}"
    keys.kms.create_alias(AliasName=alias, TargetKeyId=arn)
    by_alias = {"StringEquals": {"kms:RequestAlias": alias, "kms:KeySpec": "SYMMETRIC_DEFAULT"}}
    put(keys, arn, to(root, "kms:*"), to(user.arn, USE, condition=by_alias))
    kms.encrypt(KeyId=alias, Plaintext=b"x")
    assert "kms:Encrypt" in message(kms.encrypt, KeyId=arn, Plaintext=b"x")


def test_another_account_needs_the_key_s_policy_and_its_own(
    site: Site, keys: Keys, alt: Account, root: str
) -> None:
    arn = keys.new()
    theirs = site.client("kms", alt.keys)
    assert "no resource-based policy allows" in message(theirs.encrypt, KeyId=arn, Plaintext=b"x")
    put(keys, arn, to(root, "kms:*"), to(f"arn:aws:iam::{alt.id}:root", [*USE, "kms:DisableKey"]))
    blob = theirs.encrypt(KeyId=arn, Plaintext=b"x")
    assert blob["KeyId"] == arn
    assert theirs.decrypt(CiphertextBlob=blob["CiphertextBlob"])["Plaintext"] == b"x"
    assert theirs.describe_key(KeyId=arn)["KeyMetadata"]["AWSAccountId"] == root[13:25]
    # What changes a key is never for others, whatever its policy says.
    assert "kms:DisableKey" in message(theirs.disable_key, KeyId=arn)
    assert "kms:PutKeyPolicy" in message(theirs.put_key_policy, KeyId=arn, Policy=document(to("*", "kms:*")))
    assert "kms:GetKeyPolicy" in message(theirs.get_key_policy, KeyId=arn)

    with_none = User(site, alt.iam)
    assert "no identity-based policy allows" in message(keys.of(with_none).encrypt, KeyId=arn, Plaintext=b"x")
    with_one = User(site, alt.iam, allow(USE, arn))
    assert keys.of(with_one).decrypt(CiphertextBlob=blob["CiphertextBlob"])["Plaintext"] == b"x"
    put(keys, arn, to(root, "kms:*"))
    assert "no resource-based policy allows" in message(
        keys.of(with_one).decrypt, CiphertextBlob=blob["CiphertextBlob"]
    )


def test_another_account_s_objects_go_under_the_key(site: Site, keys: Keys, alt: Account, root: str) -> None:
    arn = keys.new()
    bucket = f"kms-alt-{uuid.uuid4().hex[:12]}"
    alt.s3.create_bucket(Bucket=bucket)
    given = {"Bucket": bucket, "Key": "k", "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": arn}
    assert "no resource-based policy" in message(alt.s3.put_object, Body=b"theirs", **given)
    account = f"arn:aws:iam::{alt.id}:root"
    put(keys, arn, to(root, "kms:*"), to(account, USE, condition=VIA_S3))
    user = User(site, alt.iam, S3_ALL, allow(["kms:GenerateDataKey"], arn))
    assert user.s3.put_object(Body=b"theirs", **given)["SSEKMSKeyId"] == arn
    assert alt.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"theirs"
    assert "no identity-based policy allows the kms:Decrypt" in message(
        user.s3.get_object, Bucket=bucket, Key="k"
    )
    rule = {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn},
        "BucketKeyEnabled": True,
    }
    alt.s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    assert alt.s3.put_object(Bucket=bucket, Key="default", Body=b"x")["SSEKMSKeyId"] == arn
    assert alt.s3.get_object(Bucket=bucket, Key="default")["Body"].read() == b"x"
    put(keys, arn, to(root, "kms:*"))
    assert "no resource-based policy" in message(alt.s3.get_object, Bucket=bucket, Key="default")
