"""Managed policies: an account's own, with their versions, and those that every account has."""

from typing import Any
from urllib.parse import quote

import msgspec

from access.arns import policy_arn
from access.identity_policy import MANAGED_LIMIT, check_policy, length
from access.managed_policies import ARN_PREFIX, BUILT_IN, CREATED_AT, DEFAULT_VERSION, BuiltIn
from gateway.iam.call import Call, Changes, Result, moment, new_id, tag_list
from schemas.errors import (
    AccessDenied,
    DeleteConflict,
    EntityAlreadyExists,
    InvalidInput,
    LimitExceeded,
    NoSuchEntity,
)
from schemas.identities import GROUP, POLICY, ROLE, USER, Policy, PolicyVersion, row_name

DESCRIPTION_LIMIT = 1000
POLICIES_LIMIT = 1500
VERSIONS_LIMIT = 5
SCOPES = ("", "All", "AWS", "Local")


def create_policy(call: Call) -> Changes:
    parameters = call.parameters
    name = parameters.required("PolicyName")
    document = _document(call)
    policy = Policy(
        name, new_id("ANPA", 17), call.now, call.now, (PolicyVersion(1, document, call.now),),
        path=parameters.path(), description=parameters.limited("Description", DESCRIPTION_LIMIT),
        tags=parameters.tags(),
    )  # fmt: skip
    if call.held.policy(name) is not None:
        raise EntityAlreadyExists(f"A policy called {name} already exists. Duplicate names are not allowed.")
    if len(call.held.tables[POLICY]) >= POLICIES_LIMIT:
        raise LimitExceeded(f"Cannot exceed quota for PoliciesPerAccount: {POLICIES_LIMIT}")
    return Changes((call.set(POLICY, name, policy),), {"Policy": _shown(call, policy)})


def get_policy(call: Call) -> Result:
    arn = call.parameters.required("PolicyArn")
    built_in = BUILT_IN.get(arn)
    if built_in is not None:
        return {"Policy": _shown_built_in(call, built_in)}
    policy = _found(call)
    return {"Policy": {**_shown(call, policy), "Tags": tag_list(policy.tags)}}


def list_policies(call: Call) -> Result:
    parameters = call.parameters
    scope = parameters.get("Scope")
    if scope not in SCOPES:
        raise InvalidInput(f"Scope: {scope!r} must be All, AWS or Local")
    prefix = parameters.get("PathPrefix") or "/"
    shown = [] if scope == "AWS" else [_shown(call, one) for one in call.held.all(POLICY)]
    if scope != "Local":
        shown += [_shown_built_in(call, one) for one in BUILT_IN.values()]
    wanted = [one for one in shown if one["Path"].startswith(prefix)]
    if parameters.flag("OnlyAttached"):
        wanted = [one for one in wanted if one["AttachmentCount"]]
    wanted.sort(key=lambda one: str(one["Arn"]))
    return call.page("Policies", wanted, lambda one: str(one["Arn"]), lambda one: one)


def delete_policy(call: Call) -> Changes:
    """Raises DeleteConflict while it is attached, or has versions beside the one in force."""
    policy = _found(call)
    arn = policy_arn(call.number, policy)
    if _attached(call, arn) or _bounding(call, arn):
        raise DeleteConflict("Cannot delete a policy attached to entities.")
    if len(policy.versions) > 1:
        raise DeleteConflict(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's "
            "versions. The default version is deleted with the policy."
        )
    return Changes((call.set(POLICY, policy.name, None),), {})


# --- versions ------------------------------------------------------------------------------------------
def create_policy_version(call: Call) -> Changes:
    policy = _found(call)
    if len(policy.versions) >= VERSIONS_LIMIT:
        raise LimitExceeded(
            f"A managed policy can have up to {VERSIONS_LIMIT} versions. Before you create a new version, "
            "you must delete an existing version."
        )
    number = policy.next_number
    version = PolicyVersion(number, _document(call), call.now)
    default = number if call.parameters.flag("SetAsDefault") else policy.default
    changed = msgspec.structs.replace(
        policy, versions=(*policy.versions, version), next_number=number + 1, default=default,
        updated_at=call.now,
    )  # fmt: skip
    result = {"PolicyVersion": _shown_version(changed, version, False)}
    return Changes((call.set(POLICY, policy.name, changed),), result)


def get_policy_version(call: Call) -> Result:
    built_in = BUILT_IN.get(call.parameters.required("PolicyArn"))
    if built_in is not None:
        if call.parameters.required("VersionId") != DEFAULT_VERSION:
            raise _no_version(call)
        return {"PolicyVersion": _built_in_version(built_in, True)}
    policy = _found(call)
    return {"PolicyVersion": _shown_version(policy, _version(call, policy), True)}


def list_policy_versions(call: Call) -> Result:
    built_in = BUILT_IN.get(call.parameters.required("PolicyArn"))
    if built_in is not None:
        return {"Versions": [_built_in_version(built_in, False)], "IsTruncated": False}
    policy = _found(call)
    versions = [_shown_version(policy, version, False) for version in reversed(policy.versions)]
    return {"Versions": versions, "IsTruncated": False}


def set_default_policy_version(call: Call) -> Changes:
    policy = _found(call)
    changed = msgspec.structs.replace(policy, default=_version(call, policy).number, updated_at=call.now)
    return Changes((call.set(POLICY, policy.name, changed),), {})


def delete_policy_version(call: Call) -> Changes:
    policy = _found(call)
    version = _version(call, policy)
    if version.number == policy.default:
        raise DeleteConflict("Cannot delete the default version of a policy.")
    versions = tuple(one for one in policy.versions if one is not version)
    return Changes((call.set(POLICY, policy.name, msgspec.structs.replace(policy, versions=versions)),), {})


# --- for others ----------------------------------------------------------------------------------------
def managed_arn(call: Call, arn: str) -> str:
    """The ARN of a managed policy that may be attached in this account. Raises NoSuchEntity."""
    if arn in BUILT_IN:
        return arn
    name = arn.rpartition("/")[2]
    policy = call.held.policy(name)
    if policy is None or policy_arn(call.number, policy) != arn:
        raise NoSuchEntity(f"Policy {arn} does not exist or is not attachable.")
    return arn


def tagged_policy(call: Call) -> Policy:
    """The account's own policy that is named."""
    return _found(call)


def list_entities_for_policy(call: Call) -> Result:
    """Whom a policy is attached to, or whom it bounds."""
    arn = managed_arn(call, call.parameters.required("PolicyArn"))
    usage = call.parameters.get("PolicyUsageFilter", "PermissionsPolicy")
    found = _bounding(call, arn) if usage == "PermissionsBoundary" else _attached(call, arn)
    wanted = call.parameters.get("EntityFilter")
    result: Result = {"IsTruncated": False}
    for kind, word in ((USER, "User"), (GROUP, "Group"), (ROLE, "Role")):
        members = [one for of, one in found if of == kind and wanted in ("", word)]
        result[f"Policy{word}s"] = [{f"{word}Name": one.name, f"{word}Id": one.unique_id} for one in members]
    return result


def _attached(call: Call, arn: str) -> list[tuple[str, Any]]:
    held = call.held
    return [(kind, one) for kind in (USER, GROUP, ROLE) for one in held.all(kind) if arn in one.attached]


def _bounding(call: Call, arn: str) -> list[tuple[str, Any]]:
    return [(kind, one) for kind in (USER, ROLE) for one in call.held.all(kind) if one.boundary == arn]


def _found(call: Call) -> Policy:
    """The account's own policy of that ARN. Raises NoSuchEntity; AccessDenied for what every account has."""
    arn = call.parameters.required("PolicyArn")
    if arn.startswith(ARN_PREFIX):
        raise AccessDenied(f"The policy {arn} belongs to every account and stays as it is.")
    policy = call.held.policy(row_name(arn.rpartition("/")[2]))
    if policy is None or policy_arn(call.number, policy) != arn:
        raise NoSuchEntity(f"Policy {arn} was not found.")
    return policy


def _document(call: Call) -> str:
    document = call.parameters.required("PolicyDocument")
    check_policy(document)
    if length(document) > MANAGED_LIMIT:
        raise LimitExceeded(f"Cannot exceed quota for PolicySize: {MANAGED_LIMIT}")
    return document


def _version(call: Call, policy: Policy) -> PolicyVersion:
    wanted = call.parameters.required("VersionId")
    for version in policy.versions:
        if f"v{version.number}" == wanted:
            return version
    raise _no_version(call)


def _no_version(call: Call) -> NoSuchEntity:
    arn, version = call.parameters.get("PolicyArn"), call.parameters.get("VersionId")
    return NoSuchEntity(f"Policy {arn} version {version} does not exist or is not attachable.")


def _shown(call: Call, policy: Policy) -> Result:
    arn = policy_arn(call.number, policy)
    shown: Result = {
        "PolicyName": policy.name,
        "PolicyId": policy.unique_id,
        "Arn": arn,
        "Path": policy.path,
        "DefaultVersionId": f"v{policy.default}",
        "AttachmentCount": len(_attached(call, arn)),
        "PermissionsBoundaryUsageCount": len(_bounding(call, arn)),
        "IsAttachable": True,
        "CreateDate": moment(policy.created_at),
        "UpdateDate": moment(policy.updated_at),
    }
    if policy.description:
        shown["Description"] = policy.description
    return shown


def _shown_built_in(call: Call, policy: BuiltIn) -> Result:
    return {
        "PolicyName": policy.name,
        "PolicyId": policy.unique_id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": DEFAULT_VERSION,
        "AttachmentCount": len(_attached(call, policy.arn)),
        "PermissionsBoundaryUsageCount": len(_bounding(call, policy.arn)),
        "IsAttachable": True,
        "Description": policy.description,
        "CreateDate": moment(CREATED_AT),
        "UpdateDate": moment(CREATED_AT),
    }


def _shown_version(policy: Policy, version: PolicyVersion, whole: bool) -> Result:
    shown: Result = {
        "VersionId": f"v{version.number}",
        "IsDefaultVersion": version.number == policy.default,
        "CreateDate": moment(version.created_at),
    }
    return {"Document": quote(version.document), **shown} if whole else shown


def _built_in_version(policy: BuiltIn, whole: bool) -> Result:
    shown: Result = {"VersionId": DEFAULT_VERSION, "IsDefaultVersion": True, "CreateDate": moment(CREATED_AT)}
    return {"Document": quote(policy.document), **shown} if whole else shown
