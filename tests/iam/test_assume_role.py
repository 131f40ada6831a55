"""Roles assumed by users of the same account and of another: trust, what narrows a session, what ends it."""

import json
import time
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.iam.accounts import Account
from tests.iam.conftest import Site
from tests.iam.test_iam import READ, READ_ONLY, refused
from tests.iam.test_permissions import DENIED, User, allow, document
from tests.iam.test_sessions import keys_of

Json = dict[str, Any]
EVERYTHING = document(allow("*"))


def trusting(principal: Any, *actions: str, **condition: Any) -> str:
    made = {"Effect": "Allow", "Principal": principal, "Action": list(actions or ("sts:AssumeRole",))}
    return document(made | ({"Condition": condition} if condition else {}))


class Role:
    """A new role of an account, which may do everything unless told otherwise."""

    def __init__(self, account: Account, trust: str, policy: str = EVERYTHING, **fields: Any) -> None:
        self.name = f"r-{uuid.uuid4().hex[:12]}"
        made = account.iam.create_role(RoleName=self.name, AssumeRolePolicyDocument=trust, **fields)
        self.arn, self.id = made["Role"]["Arn"], made["Role"]["RoleId"]
        account.iam.put_role_policy(RoleName=self.name, PolicyName="own", PolicyDocument=policy)

    def assumed(self, by: Any, name: str = "monday", **more: Any) -> Any:
        return by.assume_role(RoleArn=self.arn, RoleSessionName=name, **more)


@pytest.fixture(scope="module")
def ann(site: Site, main: Account) -> User:
    """A user of the first account, who may assume every role."""
    return User(site, main.iam, allow(["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]))


@pytest.fixture(scope="module")
def eve(site: Site, alt: Account) -> User:
    """The same of the other account."""
    return User(site, alt.iam, allow("sts:*"))


@pytest.fixture(scope="module")
def bucket(main: Account) -> str:
    """A bucket of the first account with the objects `k` and `private/k`."""
    made = f"roles-{uuid.uuid4().hex[:20]}"
    main.s3.create_bucket(Bucket=made)
    for key in ("k", "private/k"):
        main.s3.put_object(Bucket=made, Key=key, Body=b"x")
    return made


def test_across_accounts(site: Site, main: Account, eve: User, bucket: str) -> None:
    role = Role(main, trusting({"AWS": eve.arn}), READ, MaxSessionDuration=7200)
    answer = role.assumed(eve.sts, DurationSeconds=7200)
    arn = f"arn:aws:sts::{main.id}:assumed-role/{role.name}/monday"
    assert answer["AssumedRoleUser"] == {"AssumedRoleId": f"{role.id}:monday", "Arn": arn}
    assert 7100 < answer["Credentials"]["Expiration"].timestamp() - time.time() <= 7201
    keys = keys_of(answer)
    told = site.client("sts", keys).get_caller_identity()
    assert (told["Arn"], told["Account"], told["UserId"]) == (arn, main.id, f"{role.id}:monday")
    s3 = site.client("s3", keys)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"y") == DENIED
    assert refused(eve.s3.get_object, Bucket=bucket, Key="k") == DENIED
    assert refused(site.client("sts", keys).get_session_token) == DENIED


def test_both_accounts_must_allow_it(site: Site, main: Account, alt: Account, eve: User) -> None:
    nothing = User(site, alt.iam)
    role = Role(main, trusting({"AWS": [alt.id, nothing.arn]}))
    assert refused(role.assumed, by=nothing.sts) == DENIED
    role.assumed(eve.sts)
    untrusting = Role(main, trusting({"AWS": main.id}))
    assert refused(untrusting.assumed, by=eve.sts) == DENIED


def test_within_an_account(site: Site, main: Account, ann: User) -> None:
    nothing = User(site, main.iam)
    for_account = Role(main, trusting({"AWS": f"arn:aws:iam::{main.id}:root"}))
    for_account.assumed(ann.sts)
    assert refused(for_account.assumed, by=nothing.sts) == DENIED
    by_name = Role(main, trusting({"AWS": nothing.arn}))
    by_name.assumed(nothing.sts)
    assert refused(by_name.assumed, by=ann.sts) == DENIED  # its own policy alone is not enough
    denied = User(site, main.iam, allow("sts:AssumeRole", effect="Deny"))
    everybodys = Role(main, trusting({"AWS": main.id}, "sts:AssumeRole"))
    assert refused(everybodys.assumed, by=denied.sts) == DENIED


def test_what_is_not_there_and_root(site: Site, main: Account, alt: Account, ann: User, eve: User) -> None:
    absent = {"RoleArn": f"arn:aws:iam::{main.id}:role/absent", "RoleSessionName": "monday"}
    assert refused(ann.sts.assume_role, **absent) == DENIED
    assert refused(eve.sts.assume_role, **absent) == DENIED
    elsewhere = absent | {"RoleArn": "arn:aws:iam::999999999999:role/absent"}
    assert refused(ann.sts.assume_role, **elsewhere) == DENIED
    role = Role(main, trusting({"AWS": main.id}))
    with pytest.raises(ClientError, match="Roles may not be assumed by root accounts"):
        role.assumed(site.client("sts", main.keys))


def test_external_id_against_the_confused_deputy(main: Account, eve: User) -> None:
    role = Role(main, trusting({"AWS": eve.arn}, StringEquals={"sts:ExternalId": "customer-7"}))
    assert refused(role.assumed, by=eve.sts) == DENIED
    assert refused(role.assumed, by=eve.sts, ExternalId="customer-8") == DENIED
    role.assumed(eve.sts, ExternalId="customer-7")


def test_other_conditions_of_trust(main: Account, ann: User, eve: User) -> None:
    everybody = {"AWS": "*"}
    role = Role(main, trusting(everybody, ArnLike={"aws:PrincipalArn": ann.arn}))
    role.assumed(ann.sts)
    assert refused(role.assumed, by=eve.sts) == DENIED
    named = Role(main, trusting(everybody, StringEquals={"sts:RoleSessionName": "${aws:username}"}))
    named.assumed(ann.sts, ann.name)
    assert refused(named.assumed, by=ann.sts, name="another") == DENIED


def test_session_policies_narrow(site: Site, main: Account, ann: User, bucket: str) -> None:
    role = Role(main, trusting({"AWS": ann.arn}))
    place = {"Bucket": bucket, "Key": "k"}
    inline = document(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/k"), allow("iam:ListUsers"))
    answer = role.assumed(ann.sts, Policy=inline)
    assert 0 < answer["PackedPolicySize"] <= 100
    s3 = site.client("s3", keys_of(answer))
    assert s3.get_object(**place)["Body"].read() == b"x"
    assert refused(s3.get_object, Bucket=bucket, Key="private/k") == DENIED
    assert refused(s3.put_object, **place, Body=b"y") == DENIED
    iam = site.client("iam", keys_of(answer))
    iam.list_users()
    assert refused(iam.list_roles) == DENIED
    s3 = site.client("s3", keys_of(role.assumed(ann.sts, PolicyArns=[{"arn": READ_ONLY}])))
    assert s3.get_object(**place)["Body"].read() == b"x"
    assert refused(s3.put_object, **place, Body=b"y") == DENIED
    # A session policy gives nothing that the role does not have.
    narrow = Role(main, trusting({"AWS": ann.arn}), document(allow("s3:ListBucket")))
    s3 = site.client("s3", keys_of(narrow.assumed(ann.sts, Policy=EVERYTHING)))
    s3.list_objects_v2(Bucket=bucket)
    assert refused(s3.get_object, **place) == DENIED


def test_boundaries_of_roles(site: Site, main: Account, ann: User, bucket: str) -> None:
    role = Role(main, trusting({"AWS": ann.arn}), PermissionsBoundary=READ_ONLY)
    s3 = site.client("s3", keys_of(role.assumed(ann.sts)))
    s3.get_object(Bucket=bucket, Key="k")
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"y") == DENIED


def test_tags_and_their_permission(site: Site, main: Account, ann: User, bucket: str) -> None:
    own = document(allow("s3:GetObject", f"arn:aws:s3:::{bucket}/${{aws:PrincipalTag/team}}/*"))
    role = Role(main, trusting({"AWS": ann.arn}, "sts:AssumeRole", "sts:TagSession"), own)
    tags = {"Tags": [{"Key": "Team", "Value": "private"}]}
    s3 = site.client("s3", keys_of(role.assumed(ann.sts, **tags)))
    assert s3.get_object(Bucket=bucket, Key="private/k")["Body"].read() == b"x"
    assert refused(s3.get_object, Bucket=bucket, Key="k") == DENIED
    untagged = site.client("s3", keys_of(role.assumed(ann.sts)))
    assert refused(untagged.get_object, Bucket=bucket, Key="private/k") == DENIED
    closed = Role(main, trusting({"AWS": ann.arn}), own)
    assert refused(closed.assumed, by=ann.sts, **tags) == DENIED
    wanted = Role(
        main, trusting({"AWS": ann.arn}, "sts:AssumeRole", "sts:TagSession",
                       StringEquals={"aws:RequestTag/team": "private"}),
    )  # fmt: skip
    wanted.assumed(ann.sts, **tags)
    assert refused(wanted.assumed, by=ann.sts, Tags=[{"Key": "team", "Value": "public"}]) == DENIED


def test_chains_keep_transitive_tags_and_source_identity(site: Site, main: Account, ann: User) -> None:
    actions = ("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity")
    first = Role(main, trusting({"AWS": ann.arn}, *actions))
    last = Role(main, trusting({"AWS": first.arn}, *actions), MaxSessionDuration=7200)
    tags = [{"Key": "team", "Value": "sea"}, {"Key": "cost", "Value": "7"}]
    answer = first.assumed(ann.sts, Tags=tags, TransitiveTagKeys=["team"], SourceIdentity="ann")
    assert answer["SourceIdentity"] == "ann"
    sts = site.client("sts", keys_of(answer))
    assert refused(last.assumed, by=sts, DurationSeconds=7200) == ("ValidationError", 400)
    again = [{"Key": "Team", "Value": "land"}]
    assert refused(last.assumed, by=sts, Tags=again) == ("ValidationError", 400)
    assert refused(last.assumed, by=sts, SourceIdentity="bob") == DENIED
    end = last.assumed(sts)
    assert end["SourceIdentity"] == "ann"
    main.iam.put_role_policy(
        RoleName=last.name, PolicyName="own",
        PolicyDocument=document(allow("iam:ListUsers", StringEquals={
            "aws:PrincipalTag/team": "sea", "aws:SourceIdentity": "ann"},
            Null={"aws:PrincipalTag/cost": "true"})),
    )  # fmt: skip
    site.client("iam", keys_of(end)).list_users()


def test_values_that_are_refused(main: Account, ann: User) -> None:
    role = Role(main, trusting({"AWS": ann.arn}, "sts:AssumeRole", "sts:TagSession"))
    invalid = ("ValidationError", 400)
    assert refused(role.assumed, by=ann.sts, DurationSeconds=3601) == invalid
    assert refused(role.assumed, by=ann.sts, DurationSeconds=900 * 60) == invalid
    assert refused(role.assumed, by=ann.sts, name="no/slash") == invalid
    assert refused(role.assumed, by=ann.sts, TransitiveTagKeys=["absent"]) == invalid
    malformed = ("MalformedPolicyDocument", 400)
    assert refused(role.assumed, by=ann.sts, Policy="{}") == malformed
    absent = [{"arn": f"arn:aws:iam::{main.id}:policy/absent"}]
    assert refused(role.assumed, by=ann.sts, PolicyArns=absent) == malformed
    tags = [{"Key": f"k{number}", "Value": "v" * 250} for number in range(50)]
    assert refused(role.assumed, by=ann.sts, Tags=tags) == ("PackedPolicyTooLarge", 400)
    assert refused(role.assumed, by=ann.sts, SerialNumber="arn:x:mfa/m", TokenCode="123456") == DENIED


def test_sessions_end_with_what_they_stand_on(site: Site, main: Account, ann: User, bucket: str) -> None:
    """On connections to both workers: the policy that revokes older sessions, the role's own policies, its
    deletion, and the account's suspension."""
    role = Role(main, trusting({"AWS": ann.arn}))
    place = {"Bucket": bucket, "Key": "k"}
    keys = keys_of(role.assumed(ann.sts))
    clients = [site.client("s3", keys) for _ in range(8)]
    for s3 in clients:
        s3.get_object(**place)
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 5))
    revoked = document(allow("*", effect="Deny", DateLessThan={"aws:TokenIssueTime": later}))
    revoking = {"RoleName": role.name, "PolicyName": "AWSRevokeOlderSessions"}
    main.iam.put_role_policy(**revoking, PolicyDocument=revoked)
    for s3 in clients:
        assert refused(s3.get_object, **place) == DENIED
    main.iam.delete_role_policy(**revoking)
    for s3 in clients:
        s3.get_object(**place)
    main.iam.delete_role_policy(RoleName=role.name, PolicyName="own")
    for s3 in clients:
        assert refused(s3.get_object, **place) == DENIED
    main.iam.delete_role(RoleName=role.name)
    for s3 in clients:
        assert refused(s3.get_object, **place) == ("InvalidAccessKeyId", 403)
    assert refused(site.client("sts", keys).get_caller_identity) == ("InvalidClientTokenId", 403)


def test_a_bucket_names_the_role_and_the_session(site: Site, main: Account, alt: Account, eve: User) -> None:
    theirs = f"theirs-{uuid.uuid4().hex[:16]}"
    main.s3.create_bucket(Bucket=theirs)
    main.s3.put_object(Bucket=theirs, Key="k", Body=b"x")
    role = Role(alt, trusting({"AWS": eve.arn}), READ)
    session = f"arn:aws:sts::{alt.id}:assumed-role/{role.name}/tuesday"
    place = {"Bucket": theirs, "Key": "k"}
    s3 = {day: site.client("s3", keys_of(role.assumed(eve.sts, day))) for day in ("monday", "tuesday")}
    for principal, let_in in ((role.arn, {"monday", "tuesday"}), (session, {"tuesday"})):
        opened = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "s3:GetObject",
                  "Resource": f"arn:aws:s3:::{theirs}/*"}  # fmt: skip
        main.s3.put_bucket_policy(
            Bucket=theirs, Policy=json.dumps({"Version": "2012-10-17", "Statement": [opened]})
        )
        for day, client in s3.items():
            if day in let_in:
                assert client.get_object(**place)["Body"].read() == b"x"
            else:
                assert refused(client.get_object, **place) == DENIED
