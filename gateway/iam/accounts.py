"""Accounts. Made, listed and removed by the operator of the store only; IAM itself has no such actions."""

import re
import secrets

import msgspec

from access.directory import Directory
from gateway.iam.access_keys import OWN_SECRET, new_key
from gateway.iam.call import OTHER_ACCOUNT, Call, Changes, Result, moment
from schemas.errors import DeleteConflict, EntityAlreadyExists, InvalidInput, NoSuchEntity
from schemas.identities import (
    ACCESS_KEY,
    ACCOUNT,
    BLOCK,
    GROUP,
    KEY_USE,
    LIMITS,
    POLICY,
    PROVIDER,
    ROLE,
    ROOT,
    STORE,
    USER,
    AccessKey,
    Account,
)

NAME_LIMIT = 50
EMAIL_LIMIT = 320
_is_email = re.compile(r"[^@\s]+@[^@\s]+").fullmatch


def create_account(call: Call) -> Changes:
    """An account and an access key of its root, whose secret is told only now."""
    call.require_operator()
    name, email = call.parameters.required("Name"), call.parameters.required("Email")
    if len(name) > NAME_LIMIT or not name.isprintable():
        raise InvalidInput(f"Name: {name!r} must have 1 to {NAME_LIMIT} printable characters")
    if not _is_email(email) or len(email) > EMAIL_LIMIT or not email.isprintable():
        raise InvalidInput(f"Email: {email!r} is no address like name@example.com")
    directory = call.directory
    taken = directory.with_email(email)
    if taken is not None:
        raise EntityAlreadyExists(f"The account {taken} has the email address {email} already.")
    access_key, secret = new_key(call)
    number = _new_number(directory)
    account = Account(secrets.token_hex(32), name, email, call.now)
    key = AccessKey(ROOT, directory.secrets.seal(access_key, secret), call.now)
    made = {"UserName": "root", "AccessKeyId": access_key, OWN_SECRET: secret, "Status": "Active"}
    changes = (call.set(ACCOUNT, "", account, number), call.set(ACCESS_KEY, access_key, key, number))
    return Changes(changes, {"Account": _shown(number, account), "AccessKey": made}, (STORE,))


def list_accounts(call: Call) -> Result:
    call.require_operator()
    found = [
        (number, account)
        for number in call.directory.accounts()
        if (account := call.directory.account(number))
    ]
    return call.page("Accounts", sorted(found), lambda one: str(one[0]), lambda one: _shown(one[0], one[1]))


def update_account(call: Call) -> Changes:
    """Switch an account off, or on again: nobody of one that is off may do anything."""
    number, account = _named(call)
    disabled = call.parameters.required("Status")
    if disabled not in ("Active", "Suspended"):
        raise InvalidInput(f"Status: {disabled!r} must be Active or Suspended")
    changed = msgspec.structs.replace(account, disabled=disabled == "Suspended")
    return Changes((call.set(ACCOUNT, "", changed, number),), {"Account": _shown(number, changed)})


def delete_account(call: Call) -> Changes:
    """Remove an account that holds nobody any more, with the keys of its root. The action's caller sees to it
    that it owns no buckets."""
    number, _ = _named(call)
    held = call.directory.in_account(number)
    for kind in (USER, GROUP, ROLE, POLICY, PROVIDER):
        if held.tables[kind]:
            raise DeleteConflict(
                f"Cannot delete account {number}: it still has {kind}s, which must go first."
            )
    rest = tuple(
        call.set(kind, name, None, number)
        for kind in (ACCESS_KEY, BLOCK, KEY_USE, LIMITS)
        for name in held.tables[kind]
    )
    return Changes((call.set(ACCOUNT, "", None, number), *rest), {}, (STORE,))


def _named(call: Call) -> tuple[str, Account]:
    """The account that is named, which is not the operator's."""
    call.require_operator()
    number = call.parameters.required(OTHER_ACCOUNT)
    account = call.directory.account(number)
    if account is None:
        raise NoSuchEntity(f"There is no account {number}.")
    if number == call.directory.root.principal.account:
        raise InvalidInput(f"{number} is the operator's own account, which stays as it is")
    return number, account


def _new_number(directory: Directory) -> str:
    while True:
        number = f"{secrets.randbelow(10**12):012d}"
        if directory.account(number) is None:
            return number


def _shown(number: str, account: Account) -> Result:
    shown = {
        "Id": number,
        "Arn": f"arn:aws:iam::{number}:root",
        "CanonicalId": account.canonical_id,
        "Name": account.name,
        "Status": "SUSPENDED" if account.disabled else "ACTIVE",
    }
    if account.email:
        shown["Email"] = account.email
    if account.created_at:
        shown["JoinedTimestamp"] = moment(account.created_at)
    return shown
