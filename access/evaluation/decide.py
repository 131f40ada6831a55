"""The decision: everything that is said about a caller and a resource, in AWS's order.

1. A denial anywhere ends it.
2. Within one account, what the caller's own policies allow and neither its boundary nor its session's
   policies leave out; or what the resource's policy allows to the caller by name.
3. Between accounts, both: the caller's account and the resource's must allow it.

Source: IAM User Guide, "Policy evaluation logic", "Permissions boundaries" and "Session policies".
"""

from typing import Literal

import msgspec

from access.evaluation.caller import Caller
from access.evaluation.policy import Ask, Policy, Statement
from access.evaluation.principals import Named
from access.evaluation.template import Context

# What kind of policy decided, in the words of AWS's messages; "" where none did.
Source = Literal[
    "", "resource-based policy", "identity-based policy", "permissions boundary", "session policy"
]


class Target(msgspec.Struct, frozen=True, gc=False):
    """What is asked for, from its owner's side.

    owner       the canonical id of the account that owns it (of an object: the object's owner)
    policies    the policies on the resource
    granted     how an ACL names the caller for what is asked; NOT: not at all
    granted_by  which ACL that is
    closed      the resource's policies allow nothing to callers of other accounts, whatever they say: they
                are public, and public policies are restricted
    foreign     the object belongs to somebody else than the bucket: the bucket's policy can deny, not allow
    by_policy   only the resource's policy opens it, its own account's included, as with keys and roles
    grants      policies that allow by themselves what they allow by name, across accounts too: grants of keys
    """

    owner: str
    policies: tuple[Policy, ...] = ()
    granted: Named = Named.NOT
    granted_by: str = ""
    closed: bool = False
    foreign: bool = False
    by_policy: bool = False
    grants: tuple[Policy, ...] = ()


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What was decided, and why.

    explicit   a statement denied it (else, where it is not allowed, nothing allowed it)
    policy     the policy that decided; "" where there is none
    statement  its statement
    reason     in words
    source     what kind of policy denied it, or does not allow it
    """

    allowed: bool
    explicit: bool = False
    policy: str = ""
    statement: Statement | None = None
    reason: str = ""
    source: Source = ""

    @property
    def by(self) -> str:
        """The policy and the statement of it that decided."""
        if self.statement is None:
            return self.policy
        sid = f" ({self.statement.sid})" if self.statement.sid else ""
        return f"{self.policy}, statement {self.statement.place}{sid}"


NOT_OPENED = Decision(False, reason="The account that owns the resource does not allow it to this caller.")
NOT_BY_OWN = Decision(
    False, reason="No policy of the caller's own allows it, which access across accounts needs."
)
OWNER = Decision(True, reason="The caller is the root of the account that owns the resource.")


def decide(caller: Caller, action: str, resource: str, context: Context, target: Target) -> Decision:
    """Whether the caller may. `action` in lower case."""
    ask = Ask(caller.who, action, resource, context)
    denied = _denied(caller, ask, target)
    if denied is not None:
        return denied
    own = _own(caller, ask)
    named, theirs = _granted(caller, ask, target)
    kind = caller.principal.kind
    if kind == "anonymous":
        return theirs or _nothing("Nothing allows it to anonymous callers.")
    by_grant = _by_grant(caller, ask, own, target.grants) if target.grants else None
    if by_grant is not None:
        return by_grant
    if caller.principal.id == target.owner:
        return _within(caller, ask, own, named, theirs, target)
    if theirs is None:
        return NOT_OPENED
    if own is None:
        return NOT_BY_OWN
    return _limited(caller, ask) or theirs


def _denied(caller: Caller, ask: Ask, target: Target) -> Decision | None:
    for policy in target.policies:
        statement = policy.denying(ask)
        if statement is not None:
            return _refused(policy, statement, "resource-based policy")
    for policy in caller.identity:
        statement = policy.denying(ask)
        if statement is not None:
            return _refused(policy, statement, "identity-based policy")
    if caller.boundary is not None:
        statement = caller.boundary.denying(ask)
        if statement is not None:
            return _refused(caller.boundary, statement, "permissions boundary")
    for policy in caller.session or ():
        statement = policy.denying(ask)
        if statement is not None:
            return _refused(policy, statement, "session policy")
    return None


def _refused(policy: Policy, statement: Statement, source: Source) -> Decision:
    return Decision(False, True, policy.name, statement, "A statement denies it.", source)


def _nothing(reason: str, source: Source = "") -> Decision:
    return Decision(False, reason=reason, source=source)


def _own(caller: Caller, ask: Ask) -> Decision | None:
    """What allows it among the caller's own policies. The root of an account needs none."""
    if caller.principal.kind == "account":
        return OWNER
    for policy in caller.identity:
        named, statement = policy.allowing(ask)
        if named:
            return Decision(True, False, policy.name, statement, "A policy of the caller's allows it.")
    return None


def _granted(caller: Caller, ask: Ask, target: Target) -> tuple[Named, Decision | None]:
    """What allows it on the resource's side, and how that names the caller."""
    best, by, statement = Named.NOT, "", None
    if not target.foreign and not (target.closed and caller.principal.id != target.owner):
        for policy in target.policies:
            named, found = policy.allowing(ask)
            if named > best:
                best, by, statement = named, policy.name, found
    if best and best >= target.granted:
        return best, Decision(True, False, by, statement, "The resource's policy allows it.")
    if target.granted:
        return target.granted, Decision(True, False, target.granted_by, None, "An ACL grants it.")
    return Named.NOT, None


def _by_grant(caller: Caller, ask: Ask, own: Decision | None, grants: tuple[Policy, ...]) -> Decision | None:
    """What allows it among the grants. One to a whole account is for those whom their policies allow it."""
    role = caller.principal.kind == "role"
    for policy in grants:
        named, statement = policy.allowing(ask)
        if named is Named.NOT or (named is Named.ACCOUNT and own is None):
            continue
        itself = named is Named.ITSELF
        if (itself and role) or _limited(caller, ask, boundary=not itself) is None:
            return Decision(True, False, policy.name, statement, "A grant allows it.")
    return None


def _limited(caller: Caller, ask: Ask, boundary: bool = True) -> Decision | None:
    """The refusal when the caller's boundary or its session's policies do not allow it, too."""
    if boundary and caller.boundary is not None and not caller.boundary.allowing(ask)[0]:
        return _limit(caller.boundary, "The permissions boundary does not allow it.", "permissions boundary")
    if caller.session is not None and not any(policy.allowing(ask)[0] for policy in caller.session):
        first = caller.session[0] if caller.session else None
        return _limit(first, "No policy of the session allows it.", "session policy")
    return None


def _limit(policy: Policy | None, reason: str, source: Source) -> Decision:
    return Decision(False, False, policy.name if policy is not None else "", None, reason, source)


def _within(
    caller: Caller, ask: Ask, own: Decision | None, named: Named, theirs: Decision | None, target: Target
) -> Decision:
    """The decision within one account."""
    role = caller.principal.kind == "role"
    if theirs is not None and named is Named.ITSELF and role:
        return theirs  # to this very session: nothing limits that
    if theirs is not None and named >= Named.ROLE:
        # To a user by name, also past its boundary; to a role only as far as that goes.
        return _limited(caller, ask, boundary=role) or theirs
    if target.by_policy and theirs is None:
        return _nothing("The resource's policy does not allow it.", "resource-based policy")
    if own is None:
        return _nothing("No policy of the caller's own allows it.", "identity-based policy")
    return _limited(caller, ask) or own
