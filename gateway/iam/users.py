"""Users: made, shown, listed, renamed, removed."""

import msgspec

from access.arns import user_arn
from gateway.iam.call import Call, Changes, Result, check_no_policies, moment, new_id, tag_list
from gateway.iam.policies import managed_arn
from schemas.errors import DeleteConflict, EntityAlreadyExists, InvalidInput, LimitExceeded, NoSuchEntity
from schemas.identities import ACCESS_KEY, USER, User, row_name

USERS_LIMIT = 5000


def create_user(call: Call) -> Changes:
    parameters = call.parameters
    name = parameters.required("UserName")
    boundary = parameters.get("PermissionsBoundary")
    user = User(
        name, new_id("AIDA", 17), call.now, parameters.path(), tags=parameters.tags(),
        boundary=managed_arn(call, boundary) if boundary else "",
    )  # fmt: skip
    _check_free(call, name)
    if len(call.held.tables[USER]) >= USERS_LIMIT:
        raise LimitExceeded(f"Cannot exceed quota for UsersPerAccount: {USERS_LIMIT}")
    return Changes((call.set(USER, name, user),), {"User": shown_user(call, user)})


def get_user(call: Call) -> Result:
    """The user that is named, else the caller: of an account's root, what AWS tells of it."""
    if not call.parameters.get("UserName") and call.principal.kind == "account":
        account = call.directory.account(call.number)
        created = account.created_at if account is not None else 0
        arn = f"arn:aws:iam::{call.number}:root"
        return {"User": {"UserId": call.number, "Arn": arn, "CreateDate": moment(created)}}
    return {"User": shown_user(call, found_user(call))}


def list_users(call: Call) -> Result:
    prefix = call.parameters.get("PathPrefix") or "/"
    users = (user for user in call.held.all(USER) if user.path.startswith(prefix))
    return call.page(
        "Users", users, lambda user: row_name(user.name), lambda user: shown_user(call, user, False)
    )


def update_user(call: Call) -> Changes:
    """Another name, another path. The keys of a user that is renamed go along."""
    user = found_user(call)
    parameters = call.parameters
    name = parameters.required("NewUserName") if "NewUserName" in parameters else user.name
    path = parameters.path("NewPath") if "NewPath" in parameters else user.path
    if row_name(name) != row_name(user.name):
        _check_free(call, name)
    changed = msgspec.structs.replace(user, name=name, path=path)
    keys = [
        call.set(ACCESS_KEY, access_key, msgspec.structs.replace(key, user=name))
        for access_key, key in call.held.keys_of(user.name)
    ]
    gone = [] if row_name(name) == row_name(user.name) else [call.set(USER, user.name, None)]
    return Changes((*gone, call.set(USER, name, changed), *keys), {})


def delete_user(call: Call) -> Changes:
    """Raises DeleteConflict while it has keys or policies, or is in a group."""
    user = found_user(call)
    if call.held.keys_of(user.name):
        raise DeleteConflict("Cannot delete entity, must delete access keys first.")
    if user.groups:
        raise DeleteConflict("Cannot delete entity, must remove users from group first.")
    check_no_policies(user)
    return Changes((call.set(USER, user.name, None),), {})


def found_user(call: Call) -> User:
    """The user that is named, else the caller. Raises NoSuchEntity, InvalidInput."""
    name = call.parameters.get("UserName")
    if not name:
        if call.principal.kind != "user":
            raise InvalidInput("Must specify userName when calling with non-User credentials")
        name = call.principal.name
    user = call.held.user(name)
    if user is None:
        raise NoSuchEntity(f"The user with name {name} cannot be found.")
    return user


def shown_user(call: Call, user: User, whole: bool = True) -> Result:
    """A user. Lists do not tell tags and boundary."""
    shown: Result = {
        "Path": user.path,
        "UserName": user.name,
        "UserId": user.unique_id,
        "Arn": user_arn(call.number, user),
        "CreateDate": moment(user.created_at),
    }
    if whole and user.boundary:
        shown["PermissionsBoundary"] = {
            "PermissionsBoundaryType": "Policy",
            "PermissionsBoundaryArn": user.boundary,
        }
    if whole and user.tags:
        shown["Tags"] = tag_list(user.tags)
    return shown


def _check_free(call: Call, name: str) -> None:
    if call.held.user(name) is not None:
        raise EntityAlreadyExists(f"User with name {name} already exists.")
