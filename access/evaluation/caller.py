"""Who asks: a principal with every policy that is about it."""

from collections.abc import Mapping

import msgspec

from access.evaluation.policy import Policy
from access.evaluation.principals import Who
from access.identity import ANONYMOUS, Principal


class Caller(msgspec.Struct, frozen=True, gc=False):
    """A principal as policies see it.

    identity     what is attached to the user (and its groups) or to the role
    boundary     the permissions boundary; None: there is none
    session      the policies of the session; None: there are none
    tags         of the user, or of the role and its session, names in lower case
    issued_at    when the session's token was made, Unix seconds; 0: no token
    multi_factor whether a second factor was asked for; None: nothing is known
    """

    who: Who
    identity: tuple[Policy, ...] = ()
    boundary: Policy | None = None
    session: tuple[Policy, ...] | None = None
    tags: Mapping[str, str] = {}
    issued_at: int = 0
    multi_factor: bool | None = None

    @property
    def policies(self) -> tuple[Policy, ...]:
        """All that is about the caller: what is attached to it, and what limits it."""
        if self.boundary is None and self.session is None:
            return self.identity
        boundary = () if self.boundary is None else (self.boundary,)
        return self.identity + boundary + (self.session or ())

    @property
    def principal(self) -> Principal:
        return self.who.principal

    @property
    def principal_arn(self) -> str:
        """aws:PrincipalArn: of a role's session the role, not the session."""
        return self.who.role_arn or self.who.principal.arn


def session_values(caller: Caller, key: str) -> tuple[str, ...] | None:
    """Of a condition key that the token of a web identity has given its session; None for any other."""
    session = caller.principal.session
    return None if session is None else session.keys.get(key)


NOBODY = Caller(Who(ANONYMOUS))
