"""Who may read the audit trail: it tells of all accounts, so the operator's alone may, by their policies.

The action is CloudTrail's: cloudtrail:LookupEvents, on every resource.
"""

import msgspec

from access.evaluation.caller import Caller, session_values
from access.evaluation.decide import Target, decide
from access.identity import Principal
from gateway.authorization.global_keys import GLOBAL, Values, named
from gateway.authorization.refusal import refusal
from gateway.request import Services
from schemas.errors import AccessDenied

ACTION = "cloudtrail:LookupEvents"


class AuditKeys(msgspec.Struct, gc=False):
    """Condition keys of a question to the trail, as access.evaluation asks for them."""

    caller: Caller
    source: str
    secure: bool
    region: str
    owner: str

    def __call__(self, key: str) -> Values:
        found = GLOBAL.get(key)
        if found is not None:
            value = found(self)
            return None if value is None else (value,)
        kind, _, name = key.partition("/")
        if kind == "aws:principaltag" and name:
            return named(self.caller.tags, name)
        return session_values(self.caller, key)


def check_auditor(services: Services, principal: Principal, source: str, secure: bool) -> None:
    """Whether the caller, at that address, may read the trail. Raises AccessDenied."""
    operator = services.identities.directory.root.principal
    if principal.id != operator.id:
        raise AccessDenied(
            f"User: {principal.arn or 'anonymous'} is not authorized to perform: {ACTION}: the audit trail "
            "tells of all accounts, and is for the operator's"
        )
    caller = services.callers.caller(principal)
    keys = AuditKeys(caller, source, secure, services.region, operator.account)
    decision = decide(caller, ACTION.lower(), "*", keys, Target(operator.id))
    if not decision.allowed:
        raise AccessDenied(refusal(principal.arn, ACTION, "*", decision))
