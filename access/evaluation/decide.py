"""The decision: everything that is said about a caller and a resource, in AWS's order.

1. A denial anywhere ends it.
2. Within one account, what the caller's own policies allow and neither its boundary nor its session's
   policies leave out; or what the resource's policy allows to the caller by name.
3. Between accounts, both: the caller's account and the resource's must allow it.

Source: IAM User Guide, "Policy evaluation logic", "Permissions boundaries" and "Session policies".
"""

import msgspec

from access.evaluation.caller import Caller
from access.evaluation.policy import Ask, Policy, Statement
from access.evaluation.principals import Named
from access.evaluation.template import Context


class Target(msgspec.Struct, frozen=True, gc=False):
    """What is asked for, from its owner's side.

    owner       the canonical id of the account that owns it (of an object: the object's owner)
    policy      the policy on the resource
    granted     how an ACL names the caller for what is asked; NOT: not at all
    granted_by  which ACL that is
    closed      the resource's policy allows nothing to callers of other accounts, whatever it says: it is
                public, and public policies are restricted
    foreign     the object belongs to somebody else than the bucket: the bucket's policy can deny, not allow
    by_policy   only the resource's policy opens it, its own account's included, as with keys and roles
    """

    owner: str
    policy: Policy | None = None
    granted: Named = Named.NOT
    granted_by: str = ""
    closed: bool = False
    foreign: bool = False
    by_policy: bool = False


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What was decided, and why.

    explicit   a statement denied it (else, where it is not allowed, nothing allowed it)
    policy     the policy that decided; "" where there is none
    statement  its statement
    reason     in words
    """

    allowed: bool
    explicit: bool = False
    policy: str = ""
    statement: Statement | None = None
    reason: str = ""

    @property
    def by(self) -> str:
        """The policy and the statement of it that decided."""
        if self.statement is None:
            return self.policy
        sid = f" ({self.statement.sid})" if self.statement.sid else ""
        return f"{self.policy}, statement {self.statement.place}{sid}"


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
    if caller.principal.id == target.owner:
        return _within(caller, ask, own, named, theirs, target)
    if theirs is None:
        return _nothing("The account that owns the resource does not allow it to this caller.")
    if own is None:
        return _nothing("No policy of the caller's own allows it, which access across accounts needs.")
    return _limited(caller, ask) or theirs


def _denied(caller: Caller, ask: Ask, target: Target) -> Decision | None:
    if target.policy is not None:
        statement = target.policy.denying(ask)
        if statement is not None:
            return _refused(target.policy, statement)
    policies = caller.identity
    if caller.boundary is not None:
        policies = (*policies, caller.boundary)
    if caller.session is not None:
        policies = (*policies, *caller.session)
    for policy in policies:
        statement = policy.denying(ask)
        if statement is not None:
            return _refused(policy, statement)
    return None


def _refused(policy: Policy, statement: Statement) -> Decision:
    return Decision(False, True, policy.name, statement, "A statement denies it.")


def _nothing(reason: str) -> Decision:
    return Decision(False, reason=reason)


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
    named, statement = Named.NOT, None
    policy = target.policy
    outside = target.closed and caller.principal.id != target.owner
    if policy is not None and not outside and not target.foreign:
        named, statement = policy.allowing(ask)
    if policy is not None and named and named >= target.granted:
        return named, Decision(True, False, policy.name, statement, "The resource's policy allows it.")
    if target.granted:
        return target.granted, Decision(True, False, target.granted_by, None, "An ACL grants it.")
    return Named.NOT, None


def _limited(caller: Caller, ask: Ask, boundary: bool = True) -> Decision | None:
    """The refusal when the caller's boundary or its session's policies do not allow it, too."""
    if boundary and caller.boundary is not None and not caller.boundary.allowing(ask)[0]:
        return _limit(caller.boundary, "The permissions boundary does not allow it.")
    if caller.session is not None and not any(policy.allowing(ask)[0] for policy in caller.session):
        return _limit(caller.session[0] if caller.session else None, "No policy of the session allows it.")
    return None


def _limit(policy: Policy | None, reason: str) -> Decision:
    return Decision(False, False, policy.name if policy is not None else "", None, reason)


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
        return _nothing("The resource's policy does not allow it.")
    if own is None:
        return _nothing("No policy of the caller's own allows it.")
    return _limited(caller, ask) or own
