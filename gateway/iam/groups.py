"""Groups, and who is in them."""

import msgspec

from access.arns import group_arn, same
from gateway.iam.call import Call, Changes, Result, check_no_policies, moment, new_id
from gateway.iam.users import found_user, shown_user
from schemas.errors import DeleteConflict, EntityAlreadyExists, LimitExceeded, NoSuchEntity
from schemas.identities import GROUP, USER, Group, row_name

GROUPS_LIMIT = 300
GROUPS_OF_USER = 10


def create_group(call: Call) -> Changes:
    name = call.parameters.required("GroupName")
    group = Group(name, new_id("AGPA", 17), call.now, call.parameters.path())
    _check_free(call, name)
    if len(call.held.tables[GROUP]) >= GROUPS_LIMIT:
        raise LimitExceeded(f"Cannot exceed quota for GroupsPerAccount: {GROUPS_LIMIT}")
    return Changes((call.set(GROUP, name, group),), {"Group": shown_group(call, group)})


def get_group(call: Call) -> Result:
    """The group and a page of those who are in it."""
    group = found_group(call)
    page = call.page(
        "Users",
        call.held.members(group.name),
        lambda user: row_name(user.name),
        lambda user: shown_user(call, user, False),
    )
    return {"Group": shown_group(call, group), **page}


def list_groups(call: Call) -> Result:
    prefix = call.parameters.get("PathPrefix") or "/"
    groups = (group for group in call.held.all(GROUP) if group.path.startswith(prefix))
    return call.page(
        "Groups", groups, lambda group: row_name(group.name), lambda group: shown_group(call, group)
    )


def list_groups_for_user(call: Call) -> Result:
    user = found_user(call)
    groups = (group for group in call.held.all(GROUP) if any(same(group.name, one) for one in user.groups))
    return call.page(
        "Groups", groups, lambda group: row_name(group.name), lambda group: shown_group(call, group)
    )


def update_group(call: Call) -> Changes:
    """Another name, another path."""
    group = found_group(call)
    parameters = call.parameters
    name = parameters.required("NewGroupName") if "NewGroupName" in parameters else group.name
    path = parameters.path("NewPath") if "NewPath" in parameters else group.path
    renamed = row_name(name) != row_name(group.name)
    if renamed:
        _check_free(call, name)
    changes = [call.set(GROUP, group.name, None)] if renamed else []
    changes.append(call.set(GROUP, name, msgspec.structs.replace(group, name=name, path=path)))
    for user in call.held.members(group.name) if renamed else ():
        others = tuple(one for one in user.groups if not same(one, group.name))
        changes.append(call.set(USER, user.name, msgspec.structs.replace(user, groups=(*others, name))))
    return Changes(tuple(changes), {})


def delete_group(call: Call) -> Changes:
    """Raises DeleteConflict while somebody is in it, or it has policies."""
    group = found_group(call)
    if call.held.members(group.name):
        raise DeleteConflict("Cannot delete entity, must remove users from group first.")
    check_no_policies(group)
    return Changes((call.set(GROUP, group.name, None),), {})


def add_user_to_group(call: Call) -> Changes:
    """Nothing changes where it is in there already."""
    group = found_group(call)
    call.parameters.required("UserName")
    user = found_user(call)
    if any(same(one, group.name) for one in user.groups):
        return Changes((), {})
    if len(user.groups) >= GROUPS_OF_USER:
        raise LimitExceeded(f"Cannot exceed quota for GroupsPerUser: {GROUPS_OF_USER}")
    changed = msgspec.structs.replace(user, groups=(*user.groups, group.name))
    return Changes((call.set(USER, user.name, changed),), {})


def remove_user_from_group(call: Call) -> Changes:
    group = found_group(call)
    call.parameters.required("UserName")
    user = found_user(call)
    others = tuple(one for one in user.groups if not same(one, group.name))
    if len(others) == len(user.groups):
        raise NoSuchEntity(f"User {user.name} is not in group {group.name}.")
    return Changes((call.set(USER, user.name, msgspec.structs.replace(user, groups=others)),), {})


def found_group(call: Call) -> Group:
    """The group that is named. Raises NoSuchEntity."""
    name = call.parameters.required("GroupName")
    group = call.held.group(name)
    if group is None:
        raise NoSuchEntity(f"The group with name {name} cannot be found.")
    return group


def shown_group(call: Call, group: Group) -> Result:
    return {
        "Path": group.path,
        "GroupName": group.name,
        "GroupId": group.unique_id,
        "Arn": group_arn(call.number, group),
        "CreateDate": moment(group.created_at),
    }


def _check_free(call: Call, name: str) -> None:
    if call.held.group(name) is not None:
        raise EntityAlreadyExists(f"Group with name {name} already exists.")
