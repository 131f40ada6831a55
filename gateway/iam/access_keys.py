"""Access keys, of users and of the account itself. A secret is told once: when its key is made."""

import secrets
from typing import cast

import msgspec

from access.credentials import check_credentials
from access.identity import Principal
from gateway.iam.call import Call, Changes, Result, moment, new_id
from schemas.errors import (
    ConfigurationError,
    EntityAlreadyExists,
    InvalidInput,
    LimitExceeded,
    NoSuchEntity,
)
from schemas.identities import ACCESS_KEY, KEY_USE, LIMITS, ROOT, STORE, AccessKey

KEYS_LIMIT = 2  # of a user, as in AWS: enough to change keys with no downtime
KEY_DIGITS = 16
SECRET_BYTES = 30
ROOT_NAME, NEVER = "root", "N/A"
OWN_SECRET = "SecretAccessKey"


def create_access_key(call: Call) -> Changes:
    """A key of a user, or of the account's root where no user is named and its root asks."""
    user = owner_of_keys(call)
    if len(call.held.keys_of(user)) >= KEYS_LIMIT:
        raise LimitExceeded(f"Cannot exceed quota for AccessKeysPerUser: {KEYS_LIMIT}")
    access_key, secret = new_key(call)
    key = AccessKey(user, call.directory.secrets.seal(access_key, secret), call.now)
    made = {**_shown(call, access_key, key), OWN_SECRET: secret}
    return Changes((call.set(ACCESS_KEY, access_key, key),), {"AccessKey": made}, (STORE,))


def list_access_keys(call: Call) -> Result:
    user = owner_of_keys(call)
    keys = sorted(call.held.keys_of(user))
    return call.page(
        "AccessKeyMetadata", keys, lambda one: cast(str, one[0]), lambda one: _listed(call, one[0], one[1])
    )


def update_access_key(call: Call) -> Changes:
    """Switch a key off, or on again."""
    access_key, key = _found(call)
    status = call.parameters.required("Status")
    if status not in ("Active", "Inactive"):
        raise InvalidInput(f"Status: {status!r} must be Active or Inactive")
    changed = msgspec.structs.replace(key, active=status == "Active")
    return Changes((call.set(ACCESS_KEY, access_key, changed),), {})


def delete_access_key(call: Call) -> Changes:
    access_key, _ = _found(call)
    beside = [kind for kind in (KEY_USE, LIMITS) if access_key in call.held.tables[kind]]
    return Changes(tuple(call.set(kind, access_key, None) for kind in (ACCESS_KEY, *beside)), {})


def get_access_key_last_used(call: Call) -> Result:
    """When a key of the account was used last, and for what; a few minutes may pass until it is told."""
    access_key = call.parameters.required("AccessKeyId")
    owner = call.directory.owner_of(access_key)
    if owner is None or owner[0] != call.number:
        raise NoSuchEntity(f"The Access Key with id {access_key} cannot be found.")
    use = call.directory.key_use(access_key)
    told = (
        {"ServiceName": NEVER, "Region": NEVER}
        if use is None
        else {"LastUsedDate": moment(use.used_at), "ServiceName": use.service, "Region": use.region}
    )
    return {"UserName": owner[1] or ROOT_NAME, "AccessKeyLastUsed": told}


def owner_of_keys(call: Call) -> str:
    """The user whose keys the call is about: the one that it names, else the caller. Raises NoSuchEntity."""
    name = call.parameters.get("UserName") or _own_name(call.principal)
    if name == ROOT:
        return ROOT
    user = call.held.user(name)
    if user is None:
        raise NoSuchEntity(f"The user with name {name} cannot be found.")
    return user.name


def _own_name(principal: Principal) -> str:
    if principal.kind == "role":
        raise InvalidInput("Must specify userName when calling with non-User credentials")
    return principal.name if principal.kind == "user" else ROOT


def new_key(call: Call) -> tuple[str, str]:
    """A pair made by chance, or the one that the operator brings along. Raises InvalidInput,
    EntityAlreadyExists, AccessDenied."""
    access_key, secret = call.parameters.get("AccessKeyId"), call.parameters.get(OWN_SECRET)
    if not access_key and not secret:
        return new_id("AKIA", KEY_DIGITS), secrets.token_hex(SECRET_BYTES)
    call.require_operator()
    try:
        check_credentials(access_key, secret)
    except ConfigurationError:
        raise InvalidInput(
            "AccessKeyId must be 3 to 128 characters of A-Z, a-z, 0-9, _ and -, and SecretAccessKey 8 to 256 "
            "visible ASCII characters; both must be given, or neither"
        ) from None
    if call.directory.owner_of(access_key) is not None:
        raise EntityAlreadyExists(f"The access key {access_key} exists already.")
    return access_key, secret


def _found(call: Call) -> tuple[str, AccessKey]:
    """The key that the call names, of the user that it is about."""
    access_key = call.parameters.required("AccessKeyId")
    key = call.held.access_key(access_key)
    if key is None or key.user != owner_of_keys(call):
        raise NoSuchEntity(f"The Access Key with id {access_key} cannot be found.")
    return access_key, key


def _listed(call: Call, access_key: str, key: AccessKey) -> Result:
    """A key in a list, with the day and time of its last use, which AWS's list does not have."""
    use = call.directory.key_use(access_key)
    return {**_shown(call, access_key, key), "LastUsedDate": NEVER if use is None else moment(use.used_at)}


def _shown(call: Call, access_key: str, key: AccessKey) -> Result:
    """A key without its secret."""
    name = key.user if key.user != ROOT else ROOT_NAME
    return {
        "UserName": name,
        "AccessKeyId": access_key,
        "Status": "Active" if key.active else "Inactive",
        "CreateDate": moment(key.created_at),
    }
