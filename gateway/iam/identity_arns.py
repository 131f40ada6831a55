"""ARNs of users, groups and roles, and whom they name."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from access.arns import group_arn, role_arn, user_arn
from gateway.iam.call import Call
from schemas.identities import GROUP, ROLE, USER

_read = re.compile(r"arn:aws:iam::(\d{12}):(user|group|role)/(?:[!-~]*/)?([\w+=,.@-]+)", re.ASCII).fullmatch
_WRITE: dict[str, Callable[[str, Any], str]] = {USER: user_arn, GROUP: group_arn, ROLE: role_arn}


class IdentityArn(NamedTuple):
    """kind: of schemas.identities; number: of the account."""

    number: str
    kind: str
    name: str


def identity_arn(arn: str) -> IdentityArn | None:
    """The parts of an ARN; None for what is no user's, group's or role's."""
    found = _read(arn)
    return None if found is None else IdentityArn(found[1], found[2], found[3])


def identity_at(call: Call, arn: str) -> Any:
    """The user, group or role of that ARN in the account that the call is about; None where there is none."""
    named = identity_arn(arn)
    if named is None or named.number != call.number:
        return None
    document = call.held.get(named.kind, named.name)
    return None if document is None or _WRITE[named.kind](call.number, document) != arn else document
