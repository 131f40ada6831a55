"""Grants by boto3: given, listed, used, retired and revoked."""

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.iam.accounts import Account
from tests.iam.conftest import Site
from tests.iam.kms_keys import Keys, message
from tests.iam.test_iam import refused
from tests.iam.test_key_policies import put, to
from tests.iam.test_permissions import User, allow, document

S3_ALL = allow("s3:*")
BLUE, RED = {"team": "blue"}, {"team": "red"}
ALL_USES = ["Encrypt", "Decrypt", "GenerateDataKey", "DescribeKey"]


@pytest.fixture
def user(site: Site, iam: Any) -> User:
    """A user without rights to keys."""
    return User(site, iam, S3_ALL)


def give(kms: Any, arn: str, grantee: str, operations: list[str], **more: Any) -> Any:
    return kms.create_grant(KeyId=arn, GranteePrincipal=grantee, Operations=operations, **more)


def ids(kms: Any, arn: str, **more: Any) -> list[str]:
    return [grant["GrantId"] for grant in kms.list_grants(KeyId=arn, **more)["Grants"]]


def test_a_grant_is_used_through_s3_and_by_itself(keys: Keys, user: User) -> None:
    arn = keys.new()
    assert "kms:GenerateDataKey" in message(keys.put, user.s3, "granted", arn)
    grant = give(keys.kms, arn, user.arn, ["GenerateDataKey", "Decrypt"])
    keys.put(user.s3, "granted", arn)  # at once, on every worker
    assert keys.get(user.s3, "granted") == b"secret"
    kms = keys.of(user)
    made = kms.generate_data_key(KeyId=arn, KeySpec="AES_256", GrantTokens=[grant["GrantToken"]])
    assert kms.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"] == made["Plaintext"]
    assert "kms:Encrypt" in message(kms.encrypt, KeyId=arn, Plaintext=b"x")
    assert "kms:DescribeKey" in message(kms.describe_key, KeyId=arn)
    keys.kms.revoke_grant(KeyId=arn, GrantId=grant["GrantId"])
    assert "kms:Decrypt" in message(keys.get, user.s3, "granted")
    assert refused(keys.kms.revoke_grant, KeyId=arn, GrantId=grant["GrantId"])[0] == "NotFoundException"


def test_a_grant_is_about_its_key_and_its_grantee(site: Site, iam: Any, keys: Keys, user: User) -> None:
    arn, other = keys.new(), keys.new()
    give(keys.kms, arn, user.arn, ALL_USES)
    keys.of(user).encrypt(KeyId=arn, Plaintext=b"x")
    assert "kms:Encrypt" in message(keys.of(user).encrypt, KeyId=other, Plaintext=b"x")
    assert "kms:Encrypt" in message(keys.of(User(site, iam)).encrypt, KeyId=arn, Plaintext=b"x")


def test_denials_go_before_grants(site: Site, iam: Any, keys: Keys, root: str, user: User) -> None:
    arn = keys.new()
    denied = User(site, iam, allow("kms:Encrypt", effect="Deny"))
    for one in (user, denied):
        give(keys.kms, arn, one.arn, ALL_USES)
    assert "explicit deny" in message(keys.of(denied).encrypt, KeyId=arn, Plaintext=b"x")
    put(keys, arn, to(root, "kms:*"), to(user.arn, "kms:Decrypt", "Deny"))
    blob = keys.of(user).encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    assert "explicit deny" in message(keys.of(user).decrypt, CiphertextBlob=blob)


def test_a_role_and_its_sessions(site: Site, iam: Any, keys: Keys, root: str, name: str) -> None:
    trust = document({"Effect": "Allow", "Principal": {"AWS": root}, "Action": "sts:AssumeRole"})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    sts = User(site, iam, allow("sts:AssumeRole")).sts

    def session(session_name: str, **more: Any) -> Any:
        made = sts.assume_role(RoleArn=role, RoleSessionName=session_name, **more)["Credentials"]
        return site.client("kms", (made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"]))

    by_role, by_session = keys.new(), keys.new()
    give(keys.kms, by_role, role, ALL_USES)
    give(keys.kms, by_session, f"{role.replace('iam', 'sts').replace('role', 'assumed-role')}/one", ALL_USES)
    session("one").encrypt(KeyId=by_role, Plaintext=b"x")
    session("two").encrypt(KeyId=by_role, Plaintext=b"x")
    session("one").encrypt(KeyId=by_session, Plaintext=b"x")
    assert "kms:Encrypt" in message(session("two").encrypt, KeyId=by_session, Plaintext=b"x")
    limited = session("one", Policy=document(allow("kms:Decrypt")))
    assert "kms:Encrypt" in message(limited.encrypt, KeyId=by_role, Plaintext=b"x")


@pytest.mark.parametrize(
    ("constraint", "passes", "fails"),
    [
        (
            "EncryptionContextSubset",
            [BLUE, {**BLUE, "more": "x"}, {"TEAM": "blue"}], [{}, RED, {"team": "BLUE"}],
        ),
        ("EncryptionContextEquals", [BLUE], [{}, RED, {**BLUE, "more": "x"}]),
    ],
)  # fmt: skip
def test_constraints(
    keys: Keys, user: User, constraint: str, passes: list[dict[str, str]], fails: list[dict[str, str]]
) -> None:
    arn, kms = keys.new(), keys.of(user)
    give(keys.kms, arn, user.arn, ALL_USES, Constraints={constraint: BLUE})
    for context in passes:
        blob = kms.encrypt(KeyId=arn, Plaintext=b"x", EncryptionContext=context)["CiphertextBlob"]
        assert kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"] == b"x"
    for context in fails:
        assert "kms:Encrypt" in message(kms.encrypt, KeyId=arn, Plaintext=b"x", EncryptionContext=context)
    kms.describe_key(KeyId=arn)  # which has no context


def test_constraints_bind_objects(keys: Keys, user: User) -> None:
    arn = keys.new()
    place = {"aws:s3:arn": f"arn:aws:s3:::{keys.bucket}/mine"}
    give(keys.kms, arn, user.arn, ALL_USES, Constraints={"EncryptionContextSubset": place})
    keys.put(user.s3, "mine", arn)
    assert keys.get(user.s3, "mine") == b"secret"
    assert "kms:GenerateDataKey" in message(keys.put, user.s3, "other", arn)


def test_grants_are_listed(keys: Keys, root: str, site: Site, iam: Any, user: User) -> None:
    arn, other = keys.new(), User(site, iam)
    first = give(
        keys.kms, arn, user.arn, ["Decrypt", "Encrypt"], Name="first", RetiringPrincipal=other.arn,
        Constraints={"EncryptionContextEquals": BLUE},
    )  # fmt: skip
    more = {give(keys.kms, arn, other.arn, ["Decrypt"])["GrantId"] for _ in range(2)}
    (told,) = keys.kms.list_grants(KeyId=arn, GrantId=first["GrantId"])["Grants"]
    created = told.pop("CreationDate")
    assert abs(created.timestamp() - time.time()) < 60
    assert told == {
        "KeyId": arn, "GrantId": first["GrantId"], "Name": "first", "GranteePrincipal": user.arn,
        "RetiringPrincipal": other.arn, "IssuingAccount": root, "Operations": ["Decrypt", "Encrypt"],
        "Constraints": {"EncryptionContextEquals": BLUE},
    }  # fmt: skip
    assert set(ids(keys.kms, arn)) == more | {first["GrantId"]}
    assert set(ids(keys.kms, arn, GranteePrincipal=other.arn)) == more
    pages = keys.kms.get_paginator("list_grants").paginate(KeyId=arn, PaginationConfig={"PageSize": 2})
    assert [len(page["Grants"]) for page in pages] == [2, 1]
    assert "kms:ListGrants" in message(keys.of(user).list_grants, KeyId=arn)


def test_the_same_grant_of_the_same_name_is_made_once(keys: Keys, user: User) -> None:
    arn = keys.new()
    made = [give(keys.kms, arn, user.arn, ["Encrypt", "Decrypt"], Name="n") for _ in range(2)]
    assert made[0]["GrantId"] == made[1]["GrantId"]
    for more in ({"Name": "other"}, {}, {}, {"Name": "n", "RetiringPrincipal": user.arn}):
        give(keys.kms, arn, user.arn, ["Encrypt", "Decrypt"], **more)
    assert len(ids(keys.kms, arn)) == 5


def test_who_retires_a_grant(site: Site, iam: Any, keys: Keys, root: str, user: User) -> None:
    arn, retiring = keys.new(), User(site, iam)
    put(keys, arn, to(root, [f"kms:{name}" for name in ("PutKeyPolicy", "CreateGrant", "ListGrants")]))
    theirs = keys.of(retiring)
    given = [
        give(keys.kms, arn, user.arn, operations, RetiringPrincipal=retiring.arn)
        for operations in (["Decrypt"], ["Decrypt", "RetireGrant"], ["Decrypt"], ["Decrypt"])
    ]
    first, own, third, last = given
    assert "kms:RetireGrant" in message(keys.of(user).retire_grant, GrantToken=first["GrantToken"])
    assert "kms:RetireGrant" in message(keys.of(user).retire_grant, KeyId=arn, GrantId=third["GrantId"])
    keys.of(user).retire_grant(KeyId=arn, GrantId=own["GrantId"])  # by a grant that lets its grantee
    theirs.retire_grant(GrantToken=first["GrantToken"])
    theirs.retire_grant(KeyId=arn, GrantId=third["GrantId"])
    keys.kms.retire_grant(KeyId=arn, GrantId=last["GrantId"])  # its issuer's root
    assert ids(keys.kms, arn) == []
    assert refused(theirs.retire_grant, GrantToken=first["GrantToken"])[0] == "InvalidGrantTokenException"
    # Whoever may not retire it learns nothing of whether there is one.
    assert "kms:RetireGrant" in message(theirs.retire_grant, KeyId=arn, GrantId="0" * 64)
    assert "kms:RetireGrant" in message(theirs.retire_grant, KeyId=arn, GrantId=third["GrantId"])


def test_grants_that_may_be_retired_are_found(site: Site, iam: Any, keys: Keys, user: User) -> None:
    made = {
        give(keys.kms, keys.new(), user.arn, ["Decrypt"], RetiringPrincipal=user.arn)["GrantId"]
        for _ in range(3)
    }
    pages = []
    marker: dict[str, str] = {}
    while len(pages) < 9:
        page = keys.kms.list_retirable_grants(RetiringPrincipal=user.arn, Limit=2, **marker)
        pages.append([grant["GrantId"] for grant in page["Grants"]])
        if not page["Truncated"]:
            break
        marker = {"Marker": page["NextMarker"]}
    assert [len(page) for page in pages] == [2, 1]
    assert {one for page in pages for one in page} == made
    refusal = message(keys.of(user).list_retirable_grants, RetiringPrincipal=user.arn)
    assert f"kms:ListRetirableGrants on resource: {user.arn}" in refusal
    may = keys.of(User(site, iam, allow("kms:ListRetirableGrants")))
    assert len(may.list_retirable_grants(RetiringPrincipal=user.arn)["Grants"]) == 3
    strange = "arn:aws:iam::000000000000:root"
    assert "not a principal of the account" in message(may.list_retirable_grants, RetiringPrincipal=strange)


def test_a_grant_to_make_grants_makes_none_that_give_more(
    site: Site, iam: Any, keys: Keys, user: User
) -> None:
    arn, kms = keys.new(), keys.of(user)
    other = User(site, iam)
    give(
        keys.kms, arn, user.arn, ["CreateGrant", "Encrypt", "Decrypt"],
        Constraints={"EncryptionContextSubset": BLUE},
    )  # fmt: skip
    strict = {"EncryptionContextSubset": {**BLUE, "more": "x"}}
    give(kms, arn, other.arn, ["Decrypt"], Constraints=strict)
    give(kms, arn, other.arn, ["Encrypt"], Constraints={"EncryptionContextEquals": BLUE})
    for operations, more in (
        (["Decrypt"], {}),
        (["Decrypt"], {"Constraints": {"EncryptionContextSubset": RED}}),
        (["Decrypt"], {"Constraints": {"EncryptionContextEquals": RED}}),
        (["DescribeKey"], {"Constraints": strict}),
        (["Decrypt", "GenerateDataKey"], {"Constraints": strict}),
    ):
        assert "kms:CreateGrant" in message(give, kms, arn, other.arn, operations, **more)
    keys.of(other).encrypt(KeyId=arn, Plaintext=b"x", EncryptionContext=BLUE)
    assert "kms:Decrypt" in message(
        keys.of(other).decrypt, EncryptionContext=BLUE,
        CiphertextBlob=keys.kms.encrypt(KeyId=arn, Plaintext=b"x", EncryptionContext=BLUE)["CiphertextBlob"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "fits", "fails"),
    [
        (
            {"ForAllValues:StringEquals": {"kms:GrantOperations": ["Encrypt", "Decrypt"]}},
            {"Operations": ["Decrypt"]}, {"Operations": ["Decrypt", "DescribeKey"]},
        ),
        (
            {"StringEquals": {"kms:GrantConstraintType": "EncryptionContextSubset"}},
            {"Constraints": {"EncryptionContextSubset": BLUE}}, {},
        ),
        ({"Bool": {"kms:GrantIsForAWSResource": "false"}}, {}, None),
        ({"Bool": {"kms:GrantIsForAWSResource": "true"}}, None, {}),
        ({"StringLike": {"kms:GranteePrincipal": "*:user/u-*"}}, {}, {"GranteePrincipal": "ROOT"}),
        ({"StringLike": {"kms:RetiringPrincipal": "*:root"}}, {"RetiringPrincipal": "ROOT"}, {}),
        (
            {"StringEquals": {"kms:EncryptionContext:team": "blue"}},
            {"Constraints": {"EncryptionContextEquals": BLUE}},
            {"Constraints": {"EncryptionContextEquals": RED}},
        ),
    ],
)  # fmt: skip
def test_conditions_on_making_grants(
    site: Site, iam: Any, keys: Keys, root: str, user: User, condition: Any, fits: Any, fails: Any
) -> None:
    arn = keys.new()
    maker = keys.of(User(site, iam, allow("kms:CreateGrant", **condition)))

    def make(more: dict[str, Any]) -> Any:
        given = {"GranteePrincipal": user.arn, "Operations": ["Decrypt"], **more}
        told = {name: root if value == "ROOT" else value for name, value in given.items()}
        return maker.create_grant(KeyId=arn, **told)

    if fits is not None:
        make(fits)
    if fails is not None:
        assert "kms:CreateGrant" in message(make, fails)


def test_grants_across_accounts(site: Site, keys: Keys, alt: Account, root: str) -> None:
    arn = keys.new()
    theirs = User(site, alt.iam)
    give(keys.kms, arn, theirs.arn, ["Encrypt", "Decrypt", "DescribeKey"])
    blob = keys.of(theirs).encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    assert keys.of(theirs).decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"

    account = keys.new()  # to a whole account, which decides by its own policies
    give(keys.kms, account, f"arn:aws:iam::{alt.id}:root", ["Encrypt"])
    site.client("kms", alt.keys).encrypt(KeyId=account, Plaintext=b"x")
    assert "kms:Encrypt" in message(keys.of(theirs).encrypt, KeyId=account, Plaintext=b"x")
    allowed = User(site, alt.iam, allow("kms:Encrypt", account))
    keys.of(allowed).encrypt(KeyId=account, Plaintext=b"x")

    # Their account makes, lists and revokes grants where the key's policy lets it.
    kms = site.client("kms", alt.keys)
    assert "kms:CreateGrant" in message(give, kms, arn, theirs.arn, ["Decrypt"])
    management = ["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"]
    put(keys, arn, to(root, "kms:*"), to(f"arn:aws:iam::{alt.id}:root", management))
    made = give(kms, arn, theirs.arn, ["Decrypt"])
    (shown,) = kms.list_grants(KeyId=arn, GrantId=made["GrantId"])["Grants"]
    assert shown["IssuingAccount"] == f"arn:aws:iam::{alt.id}:root"
    kms.revoke_grant(KeyId=arn, GrantId=made["GrantId"])
    assert made["GrantId"] not in ids(keys.kms, arn)


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ({"GranteePrincipal": "me"}, "InvalidArnException", "'me' is not the ARN"),
        ({"GranteePrincipal": "*"}, "InvalidArnException", "'*' is not the ARN"),
        ({"RetiringPrincipal": "arn:aws:s3:::b"}, "InvalidArnException", "'arn:aws:s3:::b'"),
        ({"Operations": []}, "ValidationException", "Operations is empty"),
        ({"Operations": ["Sign"]}, "ValidationException", "Operations has 'Sign'"),
        ({"Operations": ["DeleteKey"]}, "ValidationException", "Operations has 'DeleteKey'"),
        ({"Name": "a b"}, "ValidationException", "Name is 'a b'"),
        (
            {"Constraints": {"EncryptionContextSubset": {str(n): "x" for n in range(9)}}},
            "ValidationException", "EncryptionContextSubset has 9 pairs",
        ),
        (
            {"Constraints": {"EncryptionContextEquals": {"k": "x" * 384}}},
            "ValidationException", "EncryptionContextEquals has 1 pairs of 385 characters",
        ),
        (
            {"Constraints": {"EncryptionContextEquals": {}}},
            "ValidationException", "EncryptionContextEquals is empty",
        ),
        ({"Constraints": {"SourceArn": "arn:aws:s3:::some-bucket"}}, "ValidationException", "SourceArn"),
        ({"GrantTokens": ["x"]}, "InvalidGrantTokenException", "names no grant"),
        ({"KeyId": "alias/none"}, "NotFoundException", "alias/none"),
    ],
)  # fmt: skip
def test_what_is_no_grant_is_refused(keys: Keys, user: User, given: Any, code: str, said: str) -> None:
    asked = {"KeyId": keys.new(), "GranteePrincipal": user.arn, "Operations": ["Decrypt"]} | given
    with pytest.raises(ClientError) as caught:
        keys.kms.create_grant(**asked)
    error = caught.value.response["Error"]
    assert (error["Code"], caught.value.response["ResponseMetadata"]["HTTPStatusCode"]) == (code, 400)
    assert said in error["Message"]


def test_a_key_of_no_use_gets_no_grant(keys: Keys, user: User) -> None:
    arn = keys.new()
    asked = {"KeyId": arn, "GranteePrincipal": user.arn, "Operations": ["Decrypt"]}
    keys.kms.disable_key(KeyId=arn)
    assert refused(keys.kms.create_grant, **asked)[0] == "DisabledException"
    keys.kms.schedule_key_deletion(KeyId=arn, PendingWindowInDays=7)
    assert refused(keys.kms.create_grant, **asked)[0] == "KMSInvalidStateException"
    assert refused(keys.kms.retire_grant)[0] == "ValidationException"
