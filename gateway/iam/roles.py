"""Roles, and the policies that say who may assume them."""

from urllib.parse import quote

import msgspec

from access.arns import role_arn
from access.identity_policy import check_trust
from gateway.iam.call import Call, Changes, Result, check_no_policies, moment, new_id, tag_list
from gateway.iam.policies import managed_arn
from schemas.errors import EntityAlreadyExists, LimitExceeded, NoSuchEntity
from schemas.identities import ROLE, Role, row_name

ROLES_LIMIT = 1000
DESCRIPTION_LIMIT = 1000
HOUR = 3600
LEAST_SECONDS, MOST_SECONDS = HOUR, 12 * HOUR


def create_role(call: Call) -> Changes:
    parameters = call.parameters
    name = parameters.required("RoleName")
    trust = parameters.required("AssumeRolePolicyDocument")
    boundary = parameters.get("PermissionsBoundary")
    check_trust(trust)
    role = Role(
        name, new_id("AROA", 17), call.now, trust, parameters.path(),
        parameters.limited("Description", DESCRIPTION_LIMIT),
        parameters.number("MaxSessionDuration", HOUR, LEAST_SECONDS, MOST_SECONDS),
        boundary=managed_arn(call, boundary) if boundary else "",
        tags=parameters.tags(),
    )  # fmt: skip
    if call.held.role(name) is not None:
        raise EntityAlreadyExists(f"Role with name {name} already exists.")
    if len(call.held.tables[ROLE]) >= ROLES_LIMIT:
        raise LimitExceeded(f"Cannot exceed quota for RolesPerAccount: {ROLES_LIMIT}")
    return Changes((call.set(ROLE, name, role),), {"Role": shown_role(call, role)})


def get_role(call: Call) -> Result:
    return {"Role": shown_role(call, found_role(call))}


def list_roles(call: Call) -> Result:
    prefix = call.parameters.get("PathPrefix") or "/"
    roles = (role for role in call.held.all(ROLE) if role.path.startswith(prefix))
    return call.page(
        "Roles", roles, lambda role: row_name(role.name), lambda role: shown_role(call, role, False)
    )


def update_role(call: Call) -> Changes:
    """Its description and how long sessions may last."""
    role = found_role(call)
    parameters = call.parameters
    description = parameters.limited("Description", DESCRIPTION_LIMIT)
    changed = msgspec.structs.replace(
        role,
        description=description if "Description" in parameters else role.description,
        max_seconds=parameters.number("MaxSessionDuration", role.max_seconds, LEAST_SECONDS, MOST_SECONDS),
    )
    return Changes((call.set(ROLE, role.name, changed),), {})


def update_assume_role_policy(call: Call) -> Changes:
    role = found_role(call)
    trust = call.parameters.required("PolicyDocument")
    check_trust(trust)
    return Changes((call.set(ROLE, role.name, msgspec.structs.replace(role, trust=trust)),), {})


def delete_role(call: Call) -> Changes:
    """Its sessions end with it. Raises DeleteConflict while it has policies."""
    role = found_role(call)
    check_no_policies(role)
    return Changes((call.set(ROLE, role.name, None),), {})


def found_role(call: Call) -> Role:
    """The role that is named. Raises NoSuchEntity."""
    name = call.parameters.required("RoleName")
    role = call.held.role(name)
    if role is None:
        raise NoSuchEntity(f"The role with name {name} cannot be found.")
    return role


def shown_role(call: Call, role: Role, whole: bool = True) -> Result:
    """A role. Lists do not tell tags and boundary."""
    shown: Result = {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.unique_id,
        "Arn": role_arn(call.number, role),
        "CreateDate": moment(role.created_at),
        "AssumeRolePolicyDocument": quote(role.trust),
        "MaxSessionDuration": role.max_seconds,
    }
    if role.description:
        shown["Description"] = role.description
    if whole and role.boundary:
        shown["PermissionsBoundary"] = {
            "PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": role.boundary,
        }
    if whole and role.tags:
        shown["Tags"] = tag_list(role.tags)
    return shown
