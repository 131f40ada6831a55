"""IAM with boto3: users, groups, roles, keys and policies, their errors, and pages."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.iam.conftest import Site

READ = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]}
)
TRUST = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
})  # fmt: skip
READ_ONLY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"


def refused(call: Any, **parameters: Any) -> tuple[str, int]:
    """The code and status of the error that a call ends in."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_users(iam: Any, site: Site, name: str) -> None:
    made = iam.create_user(UserName=name, Path="/team/", Tags=[{"Key": "Cost", "Value": "7 + 8"}])["User"]
    account = site.client("sts", site.root).get_caller_identity()["Account"]
    assert made["Arn"] == f"arn:aws:iam::{account}:user/team/{name}"
    assert made["UserId"].startswith("AIDA")
    assert iam.get_user(UserName=name.upper())["User"]["Tags"] == [{"Key": "Cost", "Value": "7 + 8"}]
    assert refused(iam.create_user, UserName=name.title()) == ("EntityAlreadyExists", 409)
    assert refused(iam.create_user, UserName="no/slash") == ("ValidationError", 400)
    assert refused(iam.get_user, UserName="no/slash") == ("ValidationError", 400)
    iam.tag_user(UserName=name, Tags=[{"Key": "cost", "Value": "9"}, {"Key": "new", "Value": ""}])
    iam.untag_user(UserName=name, TagKeys=["NEW"])
    assert iam.list_user_tags(UserName=name)["Tags"] == [{"Key": "cost", "Value": "9"}]
    iam.update_user(UserName=name, NewUserName=f"{name}-2", NewPath="/")
    assert refused(iam.get_user, UserName=name) == ("NoSuchEntity", 404)
    assert iam.get_user(UserName=f"{name}-2")["User"]["UserId"] == made["UserId"]
    iam.delete_user(UserName=f"{name}-2")
    assert refused(iam.delete_user, UserName=f"{name}-2") == ("NoSuchEntity", 404)


def test_pages(iam: Any, name: str) -> None:
    names = [f"{name}-{number}" for number in range(5)]
    for one in names:
        iam.create_user(UserName=one, Path=f"/{name}/")
    pages = iam.get_paginator("list_users").paginate(PathPrefix=f"/{name}/", PaginationConfig={"PageSize": 2})
    found = [[user["UserName"] for user in page["Users"]] for page in pages]
    assert found == [names[:2], names[2:4], names[4:]]


def test_pages_of_tags(iam: Any, name: str) -> None:
    tags = [{"Key": f"t{number}", "Value": str(number)} for number in range(5)]
    iam.create_user(UserName=name, Tags=tags[::-1])
    first = iam.list_user_tags(UserName=name, MaxItems=3)
    assert (first["Tags"], first["IsTruncated"]) == (tags[:3], True)
    rest = iam.list_user_tags(UserName=name, MaxItems=3, Marker=first["Marker"])
    assert (rest["Tags"], rest["IsTruncated"]) == (tags[3:], False)


def test_attached_policies_by_path(iam: Any, name: str) -> None:
    iam.create_user(UserName=name)
    arn = iam.create_policy(PolicyName=name, Path="/team/", PolicyDocument=READ)["Policy"]["Arn"]
    for each in (arn, READ_ONLY):
        iam.attach_user_policy(UserName=name, PolicyArn=each)
    for path, arns in {"/": [arn, READ_ONLY], "/team/": [arn], "/other/": []}.items():
        found = iam.list_attached_user_policies(UserName=name, PathPrefix=path)["AttachedPolicies"]
        assert sorted(one["PolicyArn"] for one in found) == sorted(arns), path


def test_parameters_are_judged_before_anything_is_looked_up(iam: Any, name: str) -> None:
    """IAM API Reference: the constraints of each parameter. Nobody of that name is there."""
    invalid, absent = ("ValidationError", 400), ("NoSuchEntity", 404)
    assert refused(iam.get_user, UserName=name) == absent
    assert refused(iam.get_user, UserName=name + "!") == invalid
    assert refused(iam.delete_role, RoleName="r" * 65) == invalid
    assert refused(iam.list_users, PathPrefix="team") == invalid
    assert refused(iam.list_roles, PathPrefix="/" + "p" * 512) == invalid
    assert refused(iam.put_user_policy, UserName=name, PolicyName="a b", PolicyDocument=READ) == invalid
    assert refused(iam.tag_user, UserName=name, Tags=[{"Key": "a", "Value": "<b>"}]) == invalid
    assert refused(iam.tag_user, UserName=name, Tags=[{"Key": "a&b", "Value": ""}]) == invalid
    assert refused(iam.untag_user, UserName=name, TagKeys=["a?"]) == invalid
    twice = [{"Key": "Team", "Value": "a"}, {"Key": "team", "Value": "b"}]
    assert refused(iam.create_user, UserName=name, Tags=twice) == ("InvalidInput", 400)
    assert refused(iam.tag_user, UserName=name, Tags=twice) == ("InvalidInput", 400)


def test_the_root_is_who_asks_for_nobody_in_particular(site: Site) -> None:
    iam = site.client("iam", site.root, parameter_validation=False)
    account = site.client("sts", site.root).get_caller_identity()["Account"]
    for named in ({}, {"UserName": ""}):
        found = iam.get_user(**named)["User"]
        assert (found["Arn"], found["UserId"]) == (f"arn:aws:iam::{account}:root", account)


def test_access_keys(iam: Any, name: str) -> None:
    iam.create_user(UserName=name)
    first = iam.create_access_key(UserName=name)["AccessKey"]
    second = iam.create_access_key(UserName=name)["AccessKey"]
    assert first["AccessKeyId"].startswith("AKIA")
    assert len(first["AccessKeyId"]) == 20
    assert refused(iam.create_access_key, UserName=name) == ("LimitExceeded", 409)
    assert refused(iam.delete_user, UserName=name) == ("DeleteConflict", 409)
    iam.update_access_key(UserName=name, AccessKeyId=first["AccessKeyId"], Status="Inactive")
    told = iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
    assert {one["AccessKeyId"]: one["Status"] for one in told} == {
        first["AccessKeyId"]: "Inactive",
        second["AccessKeyId"]: "Active",
    }
    assert "SecretAccessKey" not in json.dumps(told, default=str)
    for key in (first, second):
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    assert (
        refused(iam.delete_access_key, UserName=name, AccessKeyId=first["AccessKeyId"])[0] == "NoSuchEntity"
    )
    iam.delete_user(UserName=name)


def test_groups(iam: Any, name: str) -> None:
    iam.create_user(UserName=name)
    iam.create_group(GroupName=name)
    iam.add_user_to_group(GroupName=name, UserName=name)
    iam.add_user_to_group(GroupName=name, UserName=name)
    assert [user["UserName"] for user in iam.get_group(GroupName=name)["Users"]] == [name]
    assert refused(iam.delete_group, GroupName=name) == ("DeleteConflict", 409)
    iam.update_group(GroupName=name, NewGroupName=f"{name}-2")
    assert [group["GroupName"] for group in iam.list_groups_for_user(UserName=name)["Groups"]] == [
        f"{name}-2"
    ]
    assert refused(iam.delete_user, UserName=name) == ("DeleteConflict", 409)
    iam.remove_user_from_group(GroupName=f"{name}-2", UserName=name)
    iam.delete_group(GroupName=f"{name}-2")
    iam.delete_user(UserName=name)


def test_roles(iam: Any, name: str) -> None:
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST, MaxSessionDuration=7200)["Role"]
    assert role["AssumeRolePolicyDocument"] == json.loads(TRUST)
    assert iam.get_role(RoleName=name)["Role"]["MaxSessionDuration"] == 7200
    bad = json.dumps(
        {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:GetObject"}]}
    )
    wrong = ("MalformedPolicyDocument", 400)
    assert refused(iam.create_role, RoleName=f"{name}-2", AssumeRolePolicyDocument=bad) == wrong
    assert refused(iam.update_assume_role_policy, RoleName=name, PolicyDocument=READ) == wrong
    assert name in [one["RoleName"] for one in iam.list_roles()["Roles"]]
    iam.delete_role(RoleName=name)
    assert refused(iam.get_role, RoleName=name) == ("NoSuchEntity", 404)


@pytest.mark.parametrize("kind", ["user", "group", "role"])
def test_policies_of(iam: Any, name: str, kind: str) -> None:
    word = kind.title()
    named = {f"{word}Name": name}
    trust = {"AssumeRolePolicyDocument": TRUST} if kind == "role" else {}
    getattr(iam, f"create_{kind}")(**named, **trust)
    getattr(iam, f"put_{kind}_policy")(**named, PolicyName="read", PolicyDocument=READ)
    assert getattr(iam, f"get_{kind}_policy")(**named, PolicyName="read")["PolicyDocument"] == json.loads(
        READ
    )
    plural = getattr(iam, f"list_{kind}_policies")
    assert plural(**named)["PolicyNames"] == ["read"]
    attach, detach = getattr(iam, f"attach_{kind}_policy"), getattr(iam, f"detach_{kind}_policy")
    attach(**named, PolicyArn=READ_ONLY)
    told = getattr(iam, f"list_attached_{kind}_policies")(**named)["AttachedPolicies"]
    assert told == [{"PolicyName": "AmazonS3ReadOnlyAccess", "PolicyArn": READ_ONLY}]
    delete = getattr(iam, f"delete_{kind}")
    assert refused(delete, **named) == ("DeleteConflict", 409)
    detach(**named, PolicyArn=READ_ONLY)
    assert refused(detach, **named, PolicyArn=READ_ONLY) == ("NoSuchEntity", 404)
    put = getattr(iam, f"put_{kind}_policy")
    for text in (
        "{",
        '{"Statement": []}',
        READ.replace('"s3:Get*"', '"Get"'),
        READ.replace("Allow", "allow"),
    ):
        wrong = refused(put, **named, PolicyName="bad", PolicyDocument=text)
        assert wrong == ("MalformedPolicyDocument", 400), text
    getattr(iam, f"delete_{kind}_policy")(**named, PolicyName="read")
    delete(**named)


def test_managed_policies(iam: Any, name: str) -> None:
    arn = iam.create_policy(PolicyName=name, PolicyDocument=READ, Description="reads")["Policy"]["Arn"]
    assert refused(iam.create_policy, PolicyName=name, PolicyDocument=READ) == ("EntityAlreadyExists", 409)
    other = READ.replace("Get", "List")
    made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=other, SetAsDefault=True)["PolicyVersion"]
    assert (made["VersionId"], made["IsDefaultVersion"]) == ("v2", True)
    assert refused(iam.delete_policy_version, PolicyArn=arn, VersionId="v2") == ("DeleteConflict", 409)
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v2")["PolicyVersion"]["Document"] == json.loads(
        other
    )
    for _ in range(3):
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=READ)
    full = refused(iam.create_policy_version, PolicyArn=arn, PolicyDocument=READ)
    assert full == ("LimitExceeded", 409)
    versions = [one["VersionId"] for one in iam.list_policy_versions(PolicyArn=arn)["Versions"]]
    assert versions == ["v5", "v4", "v3", "v2", "v1"]
    iam.create_user(UserName=name, PermissionsBoundary=arn)
    iam.attach_user_policy(UserName=name, PolicyArn=arn)
    assert iam.list_entities_for_policy(PolicyArn=arn)["PolicyUsers"][0]["UserName"] == name
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    iam.detach_user_policy(UserName=name, PolicyArn=arn)
    assert refused(iam.delete_policy, PolicyArn=arn) == ("DeleteConflict", 409)
    iam.delete_user_permissions_boundary(UserName=name)
    iam.delete_user(UserName=name)
    for version in ("v1", "v3", "v4", "v5"):
        iam.delete_policy_version(PolicyArn=arn, VersionId=version)
    iam.delete_policy(PolicyArn=arn)
    assert refused(iam.get_policy, PolicyArn=arn) == ("NoSuchEntity", 404)
    assert refused(iam.delete_policy, PolicyArn=READ_ONLY) == ("AccessDenied", 403)
    everybody = [one["PolicyName"] for one in iam.list_policies(Scope="AWS")["Policies"]]
    assert "AdministratorAccess" in everybody


def test_who_is_not_let_in(site: Site, iam: Any, name: str) -> None:
    unknown = site.client("iam", ("AKIAUNKNOWN", "secret-of-nobody"))
    assert refused(unknown.list_users) == ("InvalidClientTokenId", 403)
    wrong = site.client("iam", (site.root[0], "another-secret"))
    assert refused(wrong.list_users) == ("SignatureDoesNotMatch", 403)
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    user = site.client("iam", (key["AccessKeyId"], key["SecretAccessKey"]))
    assert refused(user.list_users) == ("AccessDenied", 403)
    assert refused(user.attach_user_policy, UserName=name, PolicyArn=READ_ONLY) == ("AccessDenied", 403)
