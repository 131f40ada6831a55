"""IAM and STS for users: what their policies, groups and boundaries let them do, and to whom."""

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.iam.conftest import Site
from tests.iam.test_iam import READ, READ_ONLY, TRUST, refused

DENIED = ("AccessDenied", 403)
Json = dict[str, Any]


def allow(actions: Any, resource: Any = "*", effect: str = "Allow", **condition: Any) -> Json:
    made = {"Effect": effect, "Action": actions, "Resource": resource}
    return made | ({"Condition": condition} if condition else {})


def document(*statements: Json) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


class User:
    """A new user with those statements, and IAM as the user."""

    def __init__(self, site: Site, iam: Any, *statements: Json, **fields: Any) -> None:
        self.name = f"u-{uuid.uuid4().hex[:12]}"
        self.arn: str = iam.create_user(UserName=self.name, **fields)["User"]["Arn"]
        if statements:
            iam.put_user_policy(UserName=self.name, PolicyName="own", PolicyDocument=document(*statements))
        key = iam.create_access_key(UserName=self.name)["AccessKey"]
        self.keys = (key["AccessKeyId"], key["SecretAccessKey"])
        self.iam = site.client("iam", self.keys)
        self.sts = site.client("sts", self.keys)
        self.s3 = site.client("s3", self.keys)


@pytest.fixture(scope="module")
def number(site: Site) -> str:
    return str(site.client("sts", site.root).get_caller_identity()["Account"])


def test_a_user_may_what_its_policy_names(site: Site, iam: Any, number: str, name: str) -> None:
    team = f"arn:aws:iam::{number}:user/team/*"
    one = User(site, iam, allow(["iam:CreateUser", "iam:GetUser", "iam:DeleteUser"], team))
    made = one.iam.create_user(UserName=name, Path="/team/")["User"]
    assert made["Arn"] == f"arn:aws:iam::{number}:user/team/{name}"
    assert one.iam.get_user(UserName=name)["User"]["UserName"] == name
    assert refused(one.iam.create_user, UserName=f"{name}-2") == DENIED
    assert refused(one.iam.get_user, UserName="nobody-of-that-name") == DENIED
    assert refused(one.iam.put_user_policy, UserName=name, PolicyName="p", PolicyDocument=READ) == DENIED
    with pytest.raises(ClientError) as caught:
        one.iam.list_users()
    message = caught.value.response["Error"]["Message"]
    assert message == (
        f"User: {one.arn} is not authorized to perform: iam:ListUsers on resource: "
        f"arn:aws:iam::{number}:user/ because no identity-based policy allows the iam:ListUsers action"
    )
    one.iam.delete_user(UserName=name)


def test_groups_and_managed_policies_count(site: Site, iam: Any, name: str) -> None:
    one = User(site, iam)
    assert refused(one.iam.list_roles) == DENIED
    iam.create_group(GroupName=name)
    iam.attach_group_policy(GroupName=name, PolicyArn="arn:aws:iam::aws:policy/IAMReadOnlyAccess")
    iam.add_user_to_group(GroupName=name, UserName=one.name)
    one.iam.list_roles()
    assert refused(one.iam.create_group, GroupName=f"{name}-2") == DENIED
    iam.remove_user_from_group(GroupName=name, UserName=one.name)
    assert refused(one.iam.list_roles) == DENIED


def test_a_denial_and_a_boundary_go_before(site: Site, iam: Any, name: str) -> None:
    one = User(site, iam, allow("iam:*"), allow("iam:DeleteUser", effect="Deny"))
    one.iam.create_user(UserName=name)
    assert refused(one.iam.delete_user, UserName=name) == DENIED
    two = User(site, iam, allow("iam:*"), PermissionsBoundary=READ_ONLY)
    assert refused(two.iam.list_users) == DENIED
    with pytest.raises(ClientError, match="because no permissions boundary allows the iam:ListUsers action"):
        two.iam.list_users()
    iam.delete_user(UserName=name)


def test_a_user_sees_to_its_own_keys(site: Site, iam: Any, number: str) -> None:
    own = f"arn:aws:iam::{number}:user/${{aws:username}}"
    one = User(site, iam, allow("iam:*AccessKey*", own))
    other = User(site, iam)
    made = one.iam.create_access_key()["AccessKey"]
    assert len(one.iam.list_access_keys()["AccessKeyMetadata"]) == 2
    one.iam.update_access_key(AccessKeyId=made["AccessKeyId"], Status="Inactive")
    one.iam.delete_access_key(AccessKeyId=made["AccessKeyId"])
    assert refused(one.iam.list_access_keys, UserName=other.name) == DENIED
    wanted = {"AccessKeyId": other.keys[0], "Status": "Inactive"}
    assert refused(one.iam.update_access_key, UserName=other.name, **wanted) == DENIED
    assert refused(one.iam.update_access_key, **wanted) == ("NoSuchEntity", 404)


def test_conditions_on_policies_tags_and_boundaries(site: Site, iam: Any, name: str) -> None:
    attaching = allow(
        "iam:AttachUserPolicy", ArnEquals={"iam:PolicyARN": READ_ONLY},
        StringEquals={"iam:ResourceTag/team": "sea"},
    )  # fmt: skip
    bounded = allow(
        ["iam:CreateUser", "iam:PutUserPolicy", "iam:PutUserPermissionsBoundary"],
        StringEquals={"iam:PermissionsBoundary": READ_ONLY},
    )
    tagging = allow(["iam:TagUser"], **{"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}})
    one = User(site, iam, attaching, bounded, tagging)
    create = one.iam.create_user
    assert refused(create, UserName=name) == DENIED
    with_boundary = {"UserName": name, "PermissionsBoundary": READ_ONLY}
    assert refused(create, **with_boundary, Tags=[{"Key": "cost", "Value": "1"}]) == DENIED
    create(**with_boundary, Tags=[{"Key": "team", "Value": "sea"}])
    one.iam.attach_user_policy(UserName=name, PolicyArn=READ_ONLY)
    administrator = "arn:aws:iam::aws:policy/AdministratorAccess"
    assert refused(one.iam.attach_user_policy, UserName=name, PolicyArn=administrator) == DENIED
    assert refused(one.iam.attach_user_policy, UserName=one.name, PolicyArn=READ_ONLY) == DENIED
    one.iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=READ)
    assert refused(one.iam.put_user_policy, UserName=one.name, PolicyName="p", PolicyDocument=READ) == DENIED
    wider = {"UserName": name, "PermissionsBoundary": administrator}
    assert refused(one.iam.put_user_permissions_boundary, **wider) == DENIED
    assert refused(one.iam.delete_user_permissions_boundary, UserName=name) == DENIED


def test_privilege_escalation(site: Site, iam: Any, number: str, name: str) -> None:
    """The known ways from a few rights in IAM to all of them need the right for that very step."""
    everything = document(allow("*"))
    managed = iam.create_policy(PolicyName=name, PolicyDocument=document(allow("iam:Get*")))["Policy"]["Arn"]
    iam.create_policy_version(PolicyArn=managed, PolicyDocument=everything)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    iam.create_group(GroupName=name)
    one = User(site, iam)
    iam.attach_user_policy(UserName=one.name, PolicyArn=managed)
    mine, my = {"UserName": one.name}, one.iam
    assert refused(my.create_policy_version, PolicyArn=managed, PolicyDocument=everything) == DENIED
    assert refused(my.set_default_policy_version, PolicyArn=managed, VersionId="v2") == DENIED
    assert refused(my.put_user_policy, **mine, PolicyName="p", PolicyDocument=everything) == DENIED
    assert refused(my.attach_user_policy, **mine, PolicyArn=managed) == DENIED
    assert refused(my.add_user_to_group, **mine, GroupName=name) == DENIED
    assert refused(my.put_group_policy, GroupName=name, PolicyName="p", PolicyDocument=everything) == DENIED
    assert refused(my.update_assume_role_policy, RoleName=name, PolicyDocument=TRUST) == DENIED
    assert refused(my.create_access_key, UserName="somebody") == DENIED
    assert refused(my.delete_user_permissions_boundary, **mine) == DENIED


def test_a_new_name_needs_both(site: Site, iam: Any, number: str, name: str) -> None:
    one = User(site, iam, allow("iam:UpdateUser", f"arn:aws:iam::{number}:user/{name}"))
    iam.create_user(UserName=name)
    assert refused(one.iam.update_user, UserName=name, NewUserName=f"{name}-2") == DENIED
    assert refused(one.iam.update_user, UserName=name, NewPath="/elsewhere/") == DENIED
    one.iam.update_user(UserName=name, NewUserName=name)


def test_accounts_are_the_operators_own_roots_business(site: Site, iam: Any) -> None:
    administrator = User(site, iam, allow("*"))
    client = administrator.iam
    client.list_users()

    def name_account(params: Json, **_: Any) -> None:
        params["body"]["AccountId"] = "000000000000"

    client.meta.events.register("before-call.iam.ListUsers", name_account)
    assert refused(client.list_users) == DENIED


def test_sessions_of_users_cannot_use_iam(site: Site, iam: Any) -> None:
    one = User(site, iam, allow("*"))
    told = one.sts.get_session_token()["Credentials"]
    keys = (told["AccessKeyId"], told["SecretAccessKey"], told["SessionToken"])
    assert refused(site.client("iam", keys).list_users) == DENIED
    assert refused(site.client("sts", keys).get_access_key_info, AccessKeyId=one.keys[0]) == DENIED
    site.client("s3", keys).list_buckets()
