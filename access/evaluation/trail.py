"""How a decision came about: every statement that speaks to the question, in whatever policy it stands.

The decision itself is `decide`'s, which stops at the first statement that settles it. Nothing here is on the
way of a request.
"""

from collections.abc import Iterator
from typing import NamedTuple

from access.evaluation.caller import Caller
from access.evaluation.decide import Decision, Source, Target, decide
from access.evaluation.policy import Ask, Policy, Statement
from access.evaluation.template import Context, condition_key


class Found(NamedTuple):
    """A statement that is about the question, its policy, and what kind of policy that is."""

    source: Source
    policy: Policy
    statement: Statement


class Trail(NamedTuple):
    """A decision, and what there was to decide by.

    denying, allowing  the statements of which each alone denies or allows it, those that only limit included
    missing   condition keys that had no value, though a statement about the question turns on them
    boundary  whether the permissions boundary allows it; None: there is none
    session   whether the policies of the session do; None: there are none
    """

    decision: Decision
    denying: tuple[Found, ...]
    allowing: tuple[Found, ...]
    missing: tuple[str, ...]
    boundary: bool | None
    session: bool | None

    @property
    def decisive(self) -> tuple[Found, ...]:
        """The statements that the decision rests on: none where it was not allowed by anything."""
        if self.decision.explicit:
            return self.denying
        if not self.decision.allowed:
            return ()
        return tuple(one for one in self.allowing if one.source in _GRANTING)


# The others only say how far these go.
_GRANTING = frozenset({"resource-based policy", "identity-based policy"})


def trail(caller: Caller, action: str, resource: str, context: Context, target: Target) -> Trail:
    """The decision of `decide` with how it came about. `action` in lower case."""
    decision = decide(caller, action, resource, context, target)
    ask = Ask(caller.who, action, resource, context)
    speaking = [Found(source, policy, one) for source, policy in _policies(caller, target)
                for one in policy.about(action)]  # fmt: skip
    applying = [one for one in speaking if one.statement.applies(ask)]
    denying = tuple(one for one in applying if one.statement.denies)
    allowing = tuple(one for one in applying if not one.statement.denies)
    missing = {condition_key(name): name for one in speaking for name in one.statement.missing(ask)}
    return Trail(
        decision,
        denying,
        allowing,
        tuple(sorted(missing.values())),
        None if caller.boundary is None else _allows("permissions boundary", denying, allowing),
        None if caller.session is None else _allows("session policy", denying, allowing),
    )


def _policies(caller: Caller, target: Target) -> Iterator[tuple[Source, Policy]]:
    for policy in target.policies:
        yield "resource-based policy", policy
    for policy in caller.identity:
        yield "identity-based policy", policy
    if caller.boundary is not None:
        yield "permissions boundary", caller.boundary
    for policy in caller.session or ():
        yield "session policy", policy


def _allows(source: Source, denying: tuple[Found, ...], allowing: tuple[Found, ...]) -> bool:
    """Whether the policies of a kind allow it, taken by themselves."""
    denied = any(one.source == source for one in denying)
    return not denied and any(one.source == source for one in allowing)
