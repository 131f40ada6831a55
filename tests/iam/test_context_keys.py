"""GetContextKeysForPrincipalPolicy and GetContextKeysForCustomPolicy."""

from typing import Any

from tests.iam.conftest import Site
from tests.iam.test_iam import refused
from tests.iam.test_permissions import DENIED, User, allow, document

SOURCE_IP = {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}
OF_HOME = allow("s3:*", "arn:aws:s3:::home/${aws:username}/${aws:PrincipalTag/team, 'none'}/*")
ELSE = {
    "StringLike": {"AWS:sourceip": "*", "s3:prefix": "${aws:userid}"},
    "Null": {"aws:TokenIssueTime": "true"},
}


def test_of_policies_that_are_given(iam: Any) -> None:
    """In conditions and variables, each once, as first written."""
    policies = [document(allow("s3:*", **SOURCE_IP), OF_HOME), document(allow("*", **ELSE))]
    found = iam.get_context_keys_for_custom_policy(PolicyInputList=policies)
    assert found["ContextKeyNames"] == [
        "aws:PrincipalTag/team", "aws:SourceIp", "aws:TokenIssueTime", "aws:userid", "aws:username",
        "s3:prefix",
    ]  # fmt: skip
    assert (
        iam.get_context_keys_for_custom_policy(PolicyInputList=[document(allow("*"))])["ContextKeyNames"]
        == []
    )


def test_of_a_user_with_its_groups(site: Site, iam: Any, name: str) -> None:
    one = User(site, iam, allow("s3:*", **SOURCE_IP))
    group = iam.create_group(GroupName=name)["Group"]["Arn"]
    iam.put_group_policy(GroupName=name, PolicyName="p", PolicyDocument=document(OF_HOME))
    iam.add_user_to_group(GroupName=name, UserName=one.name)
    call = iam.get_context_keys_for_principal_policy
    of_group = ["aws:PrincipalTag/team", "aws:username"]
    assert call(PolicySourceArn=group)["ContextKeyNames"] == of_group
    assert call(PolicySourceArn=one.arn)["ContextKeyNames"] == [of_group[0], "aws:SourceIp", of_group[1]]
    more = call(PolicySourceArn=group, PolicyInputList=[document(allow("*", **ELSE))])["ContextKeyNames"]
    assert {*of_group, "s3:prefix", "aws:userid"} <= set(more)


def test_what_is_refused(site: Site, iam: Any) -> None:
    one = User(site, iam)
    call = iam.get_context_keys_for_principal_policy
    assert refused(call, PolicySourceArn=f"{one.arn}-not") == ("NoSuchEntity", 404)
    assert refused(call, PolicySourceArn="arn:aws:s3:::a-bucket/key") == ("InvalidInput", 400)
    custom = iam.get_context_keys_for_custom_policy
    assert refused(custom, PolicyInputList=["{}"]) == ("InvalidInput", 400)
    mine = one.iam.get_context_keys_for_principal_policy
    assert refused(mine, PolicySourceArn=one.arn) == DENIED
