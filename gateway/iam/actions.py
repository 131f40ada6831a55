"""Every action of IAM and STS that there is, by name."""

from collections.abc import Callable
from functools import partial
from typing import Literal, NamedTuple

from gateway.iam import (
    access_keys,
    accounts,
    attachments,
    context_keys,
    groups,
    limits,
    policies,
    providers,
    roles,
    simulation,
    sts,
    users,
)
from gateway.iam.assume_role import assume_role
from gateway.iam.assume_role_with_web_identity import assume_role_with_web_identity
from gateway.iam.attachments import GROUPS, POLICIES, PROVIDERS, ROLES, USERS, Owner
from gateway.iam.call import Call, Changes, Configuring, Reading, Result
from gateway.iam.explain_access import explain_access
from gateway.iam.explained_principal import explained
from gateway.iam.subjects import (
    Subjects,
    anything,
    assumed,
    bounded,
    group,
    listed,
    listed_policies,
    new,
    new_provider,
    policy,
    provider,
    role,
    simulated,
    user,
    user_of_key,
)

Service = Literal["iam", "sts", "s3"]
Do = Callable[[Call], Result | Changes | Configuring | Reading]
Performed = tuple[Do, Subjects]
ABOUT: dict[str, Subjects] = {
    "User": user,
    "Group": group,
    "Role": role,
    "Policy": policy,
    "OpenIDConnectProvider": provider,
}


class Action(NamedTuple):
    """An action, the service whose clients ask for it, and what it is about."""

    service: Service
    do: Do
    about: Subjects


_IAM: dict[str, Performed] = {
    "CreateAccount": (accounts.create_account, anything),
    "ListAccounts": (accounts.list_accounts, anything),
    "UpdateAccount": (accounts.update_account, anything),
    "DeleteAccount": (accounts.delete_account, anything),
    "PutLimits": (limits.put_limits, anything),
    "GetLimits": (limits.get_limits, anything),
    "DeleteLimits": (limits.delete_limits, anything),
    "CreateUser": (users.create_user, new("user", "UserName")),
    "GetUser": (users.get_user, user),
    "ListUsers": (users.list_users, listed("user")),
    "UpdateUser": (users.update_user, user),
    "DeleteUser": (users.delete_user, user),
    "CreateAccessKey": (access_keys.create_access_key, user),
    "ListAccessKeys": (access_keys.list_access_keys, user),
    "UpdateAccessKey": (access_keys.update_access_key, user),
    "DeleteAccessKey": (access_keys.delete_access_key, user),
    "GetAccessKeyLastUsed": (access_keys.get_access_key_last_used, user_of_key),
    "CreateGroup": (groups.create_group, new("group", "GroupName")),
    "GetGroup": (groups.get_group, group),
    "ListGroups": (groups.list_groups, listed("group")),
    "ListGroupsForUser": (groups.list_groups_for_user, user),
    "UpdateGroup": (groups.update_group, group),
    "DeleteGroup": (groups.delete_group, group),
    "AddUserToGroup": (groups.add_user_to_group, group),
    "RemoveUserFromGroup": (groups.remove_user_from_group, group),
    "CreateRole": (roles.create_role, new("role", "RoleName")),
    "GetRole": (roles.get_role, role),
    "ListRoles": (roles.list_roles, listed("role")),
    "UpdateRole": (roles.update_role, role),
    "UpdateAssumeRolePolicy": (roles.update_assume_role_policy, role),
    "DeleteRole": (roles.delete_role, role),
    "CreatePolicy": (policies.create_policy, new("policy", "PolicyName")),
    "GetPolicy": (policies.get_policy, policy),
    "ListPolicies": (policies.list_policies, listed_policies),
    "DeletePolicy": (policies.delete_policy, policy),
    "CreatePolicyVersion": (policies.create_policy_version, policy),
    "GetPolicyVersion": (policies.get_policy_version, policy),
    "ListPolicyVersions": (policies.list_policy_versions, policy),
    "SetDefaultPolicyVersion": (policies.set_default_policy_version, policy),
    "DeletePolicyVersion": (policies.delete_policy_version, policy),
    "ListEntitiesForPolicy": (policies.list_entities_for_policy, policy),
    "CreateOpenIDConnectProvider": (providers.create_provider, new_provider),
    "GetOpenIDConnectProvider": (providers.get_provider, provider),
    "ListOpenIDConnectProviders": (providers.list_providers, anything),
    "UpdateOpenIDConnectProviderThumbprint": (providers.update_thumbprints, provider),
    "AddClientIDToOpenIDConnectProvider": (providers.add_client_id, provider),
    "RemoveClientIDFromOpenIDConnectProvider": (providers.remove_client_id, provider),
    "DeleteOpenIDConnectProvider": (providers.delete_provider, provider),
    "GetContextKeysForPrincipalPolicy": (context_keys.get_context_keys_for_principal_policy, simulated),
    "GetContextKeysForCustomPolicy": (context_keys.get_context_keys_for_custom_policy, anything),
    "SimulatePrincipalPolicy": (simulation.simulate_principal_policy, simulated),
    "SimulateCustomPolicy": (simulation.simulate_custom_policy, anything),
}

_EXPLAIN = "ExplainAccess"

_STS: dict[str, Performed] = {
    "AssumeRole": (assume_role, assumed),
    "AssumeRoleWithWebIdentity": (assume_role_with_web_identity, assumed),
    "GetCallerIdentity": (sts.get_caller_identity, anything),
    "GetSessionToken": (sts.get_session_token, anything),
    "GetAccessKeyInfo": (sts.get_access_key_info, anything),
}


def _with_policies(owner: Owner) -> dict[str, Performed]:
    word, about = owner.word, ABOUT[owner.word]
    return {
        f"Put{word}Policy": (partial(attachments.put_inline, owner), about),
        f"Get{word}Policy": (partial(attachments.get_inline, owner), about),
        f"List{word}Policies": (partial(attachments.list_inline, owner), about),
        f"Delete{word}Policy": (partial(attachments.delete_inline, owner), about),
        f"Attach{word}Policy": (partial(attachments.attach, owner), about),
        f"Detach{word}Policy": (partial(attachments.detach, owner), about),
        f"ListAttached{word}Policies": (partial(attachments.list_attached, owner), about),
    }


def _with_boundary(owner: Owner) -> dict[str, Performed]:
    word, about = owner.word, ABOUT[owner.word]
    return {
        f"Put{word}PermissionsBoundary": (partial(attachments.put_boundary, owner), bounded(about)),
        f"Delete{word}PermissionsBoundary": (partial(attachments.delete_boundary, owner), about),
    }


def _with_tags(owner: Owner) -> dict[str, Performed]:
    word, about = owner.word, ABOUT[owner.word]
    return {
        f"Tag{word}": (partial(attachments.tag, owner), about),
        f"Untag{word}": (partial(attachments.untag, owner), about),
        f"List{word}Tags": (partial(attachments.list_tags, owner), about),
    }


def _all() -> dict[str, Action]:
    iam = dict(_IAM)
    for owner in (USERS, GROUPS, ROLES):
        iam |= _with_policies(owner)
    for owner in (USERS, ROLES):
        iam |= _with_boundary(owner)
    for owner in (USERS, ROLES, POLICIES, PROVIDERS):
        iam |= _with_tags(owner)
    actions = {name: Action("iam", *one) for name, one in iam.items()}
    actions |= {name: Action("sts", *one) for name, one in _STS.items()}
    known = {f"{action.service}:{name.lower()}": name for name, action in actions.items()}
    known[f"iam:{_EXPLAIN.lower()}"] = _EXPLAIN
    return actions | {_EXPLAIN: Action("iam", partial(explain_access, known), explained)}


ACTIONS = _all()
