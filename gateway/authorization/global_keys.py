"""Condition keys that every service has: who asks, from where, when. Looked up one by one, as policies ask.

Source: IAM User Guide, "AWS global condition context keys".
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from access.evaluation.caller import Caller

Values = Sequence[str] | None

_TYPES = {"anonymous": "Anonymous", "account": "Account", "user": "User", "role": "AssumedRole"}


class Asked(Protocol):
    """What these keys are looked up in.

    source  the client's address, one of IPv6 perhaps in brackets
    secure  whether it came by TLS
    region  the store's
    owner   the number of the account that owns what is asked for, "" where that is not known
    """

    @property
    def caller(self) -> Caller: ...
    @property
    def source(self) -> str: ...
    @property
    def secure(self) -> bool: ...
    @property
    def region(self) -> str: ...
    @property
    def owner(self) -> str: ...


def _issued(asked: Asked) -> str | None:
    return written_date(asked.caller.issued_at) if asked.caller.issued_at else None


def _username(asked: Asked) -> str | None:
    principal = asked.caller.principal
    return principal.name if principal.kind == "user" else None


def _multi_factor(asked: Asked) -> str | None:
    known = asked.caller.multi_factor
    return None if known is None else str(known).lower()


def _source_identity(asked: Asked) -> str | None:
    session = asked.caller.principal.session
    return session.source_identity or None if session is not None else None


def written_date(seconds: float) -> str:
    """A time, Unix seconds, as policies write it."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def named(values: Mapping[str, str], name: str) -> Values:
    """What stands under a name, given in lower case: the case of tags does not count in condition keys."""
    return tuple(value for held, value in values.items() if held.lower() == name) or None


GLOBAL: dict[str, Callable[[Asked], str | None]] = {
    "aws:currenttime": lambda asked: written_date(time.time()),
    "aws:epochtime": lambda asked: str(int(time.time())),
    "aws:federatedprovider": lambda asked: asked.caller.who.provider or None,
    "aws:multifactorauthpresent": _multi_factor,
    "aws:principalaccount": lambda asked: asked.caller.principal.account or None,
    "aws:principalarn": lambda asked: asked.caller.principal_arn or None,
    "aws:principalisawsservice": lambda asked: "true" if asked.caller.who.service else "false",
    "aws:principaltype": lambda asked: _TYPES[asked.caller.principal.kind],
    "aws:requestedregion": lambda asked: asked.region,
    "aws:resourceaccount": lambda asked: asked.owner or None,
    "aws:securetransport": lambda asked: "true" if asked.secure else "false",
    "aws:sourceidentity": _source_identity,
    "aws:sourceip": lambda asked: asked.source.strip("[]") or None,
    "aws:tokenissuetime": _issued,
    "aws:userid": lambda asked: asked.caller.principal.unique_id or "anonymous",
    "aws:username": _username,
    "aws:viaawsservice": lambda asked: "false",
}
