"""Every action of IAM and STS that there is, by name."""

from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple

from gateway.iam import access_keys, accounts, attachments, groups, policies, roles, sts, users
from gateway.iam.attachments import GROUPS, POLICIES, ROLES, USERS, Owner
from gateway.iam.call import Call, Changes, Result

Service = Literal["iam", "sts"]
Do = Callable[[Call], Result | Changes]


class Action(NamedTuple):
    """An action and the service whose clients ask for it."""

    service: Service
    do: Do


_IAM: dict[str, Do] = {
    "CreateAccount": accounts.create_account,
    "ListAccounts": accounts.list_accounts,
    "UpdateAccount": accounts.update_account,
    "DeleteAccount": accounts.delete_account,
    "CreateUser": users.create_user,
    "GetUser": users.get_user,
    "ListUsers": users.list_users,
    "UpdateUser": users.update_user,
    "DeleteUser": users.delete_user,
    "CreateAccessKey": access_keys.create_access_key,
    "ListAccessKeys": access_keys.list_access_keys,
    "UpdateAccessKey": access_keys.update_access_key,
    "DeleteAccessKey": access_keys.delete_access_key,
    "CreateGroup": groups.create_group,
    "GetGroup": groups.get_group,
    "ListGroups": groups.list_groups,
    "ListGroupsForUser": groups.list_groups_for_user,
    "UpdateGroup": groups.update_group,
    "DeleteGroup": groups.delete_group,
    "AddUserToGroup": groups.add_user_to_group,
    "RemoveUserFromGroup": groups.remove_user_from_group,
    "CreateRole": roles.create_role,
    "GetRole": roles.get_role,
    "ListRoles": roles.list_roles,
    "UpdateRole": roles.update_role,
    "UpdateAssumeRolePolicy": roles.update_assume_role_policy,
    "DeleteRole": roles.delete_role,
    "CreatePolicy": policies.create_policy,
    "GetPolicy": policies.get_policy,
    "ListPolicies": policies.list_policies,
    "DeletePolicy": policies.delete_policy,
    "CreatePolicyVersion": policies.create_policy_version,
    "GetPolicyVersion": policies.get_policy_version,
    "ListPolicyVersions": policies.list_policy_versions,
    "SetDefaultPolicyVersion": policies.set_default_policy_version,
    "DeletePolicyVersion": policies.delete_policy_version,
    "ListEntitiesForPolicy": policies.list_entities_for_policy,
}

_STS: dict[str, Do] = {
    "GetCallerIdentity": sts.get_caller_identity,
    "GetSessionToken": sts.get_session_token,
    "GetAccessKeyInfo": sts.get_access_key_info,
}


def _with_policies(owner: Owner) -> dict[str, Do]:
    word = owner.word
    return {
        f"Put{word}Policy": partial(attachments.put_inline, owner),
        f"Get{word}Policy": partial(attachments.get_inline, owner),
        f"List{word}Policies": partial(attachments.list_inline, owner),
        f"Delete{word}Policy": partial(attachments.delete_inline, owner),
        f"Attach{word}Policy": partial(attachments.attach, owner),
        f"Detach{word}Policy": partial(attachments.detach, owner),
        f"ListAttached{word}Policies": partial(attachments.list_attached, owner),
    }


def _with_boundary(owner: Owner) -> dict[str, Do]:
    word = owner.word
    return {
        f"Put{word}PermissionsBoundary": partial(attachments.put_boundary, owner),
        f"Delete{word}PermissionsBoundary": partial(attachments.delete_boundary, owner),
    }


def _with_tags(owner: Owner) -> dict[str, Do]:
    word = owner.word
    return {
        f"Tag{word}": partial(attachments.tag, owner),
        f"Untag{word}": partial(attachments.untag, owner),
        f"List{word}Tags": partial(attachments.list_tags, owner),
    }


def _all() -> dict[str, Action]:
    iam = dict(_IAM)
    for owner in (USERS, GROUPS, ROLES):
        iam |= _with_policies(owner)
    for owner in (USERS, ROLES):
        iam |= _with_boundary(owner)
    for owner in (USERS, ROLES, POLICIES):
        iam |= _with_tags(owner)
    actions = {name: Action("iam", do) for name, do in iam.items()}
    return actions | {name: Action("sts", do) for name, do in _STS.items()}


ACTIONS = _all()
