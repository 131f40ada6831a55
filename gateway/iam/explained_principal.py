"""Whom ExplainAccess is about: anybody of the account, by ARN or by name, or nobody who signs."""

import re

from access.arns import account_principal, role_arn, role_principal, user_arn, user_principal
from access.identity import ANONYMOUS, Principal
from gateway.iam.call import Call
from gateway.iam.identity_arns import identity_arn, identity_at
from gateway.iam.subjects import ANY, Subject
from schemas.errors import InvalidInput, InvalidSimulation, NoSuchEntity
from schemas.identities import ROLE, USER, Account, Role

PARAMETER = "PrincipalArn"
NOBODY = ("*", "anonymous")
ROOT = "root"  # that of the account, where no user is called so
SESSION = "explained"  # what the session of a role is called where none is named

_root = re.compile(r"arn:aws:iam::(\d{12}):root").fullmatch
_session = re.compile(r"arn:aws:sts::(\d{12}):assumed-role/([\w+=,.@-]+)/([\w+=,.@-]+)", re.ASCII).fullmatch


def explained_principal(call: Call) -> Principal:
    """A role stands for a session of it. Raises InvalidInput; InvalidSimulation for what cannot call;
    NoSuchEntity, also for everybody of another account."""
    wanted = call.parameters.required(PARAMETER)
    account = call.directory.account(call.number)
    if wanted in NOBODY:
        return ANONYMOUS
    if account is None:
        raise NoSuchEntity(f"There is no account {call.number}.")
    root, session = _root(wanted), _session(wanted)
    named_root = wanted == ROOT and call.held.user(ROOT) is None
    if named_root or (root is not None and root[1] == call.number):
        return account_principal(call.number, account)
    if session is not None and session[1] == call.number:
        return _of_role(call, account, call.held.role(session[2]), session[3], wanted)
    if not wanted.startswith("arn:"):
        return _by_name(call, account, wanted)
    named = identity_arn(wanted)
    if named is not None and named.kind not in (USER, ROLE):
        raise InvalidSimulation(f"{wanted} cannot call: name a user, a role or the root of the account")
    document = identity_at(call, wanted)
    if named is None or document is None:
        raise _none(call, wanted)
    if named.kind == USER:
        return user_principal(call.number, account, document)
    return role_principal(call.number, account, document, SESSION)


def explained(call: Call) -> Subject:
    """Whose rights are to be told."""
    try:
        principal = explained_principal(call)
    except (InvalidSimulation, NoSuchEntity, InvalidInput):
        return Subject(call.parameters.get(PARAMETER) or ANY, call.number)
    document = call.directory.identified(principal.unique_id.partition(":")[0])
    if document is None:
        return Subject(principal.arn or ANY, call.number)
    number, kind, found = document
    arn = user_arn(number, found) if kind == USER else role_arn(number, found)
    return Subject(arn, call.number, found.tags, found.boundary)


def _by_name(call: Call, account: Account, name: str) -> Principal:
    """A user, else a role."""
    user = call.held.user(name)
    if user is not None:
        return user_principal(call.number, account, user)
    return _of_role(call, account, call.held.role(name), SESSION, name)


def _of_role(call: Call, account: Account, role: Role | None, session: str, wanted: str) -> Principal:
    if role is None:
        raise _none(call, wanted)
    return role_principal(call.number, account, role, session)


def _none(call: Call, wanted: str) -> NoSuchEntity:
    return NoSuchEntity(f"There is no user or role {wanted} in account {call.number}.")
