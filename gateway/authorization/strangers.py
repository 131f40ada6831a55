"""What other accounts than the resource's are told of a decision: the outcome that a request of theirs would
have, and what their own policies say without knowing the resource.

Whatever else depended on the resource would tell of it: a statement of the caller's own that asks for a tag,
listed where it applies and left out where not, tells the tag letter by letter.
"""

import msgspec

from access.evaluation.decide import Decision, Target
from access.evaluation.policy import Ask, Policy, Statement
from access.evaluation.principals import Named
from access.evaluation.template import Context
from access.evaluation.trail import Trail
from access.identity import Principal
from gateway.authorization.explanation import Explanation
from gateway.authorization.given_keys import Given, of_request

ALLOWED = Decision(
    True, reason="Its owner's account allows it, and nothing of the caller's own keeps the caller from it."
)
NOT_ALLOWED = Decision(
    False, reason="Its owner's account does not allow it to this caller, or what it is like does not."
)


class _OwnersPolicy(Policy):
    """A policy of the owner's, which goes by a context of its own."""

    __slots__ = ("_context",)

    def __init__(self, policy: Policy, context: Context) -> None:
        super().__init__(policy.name, policy.statements)
        self._context = context

    def denying(self, ask: Ask) -> Statement | None:
        return super().denying(self._put(ask))

    def allowing(self, ask: Ask) -> tuple[Named, Statement | None]:
        return super().allowing(self._put(ask))

    def _put(self, ask: Ask) -> Ask:
        return msgspec.structs.replace(ask, context=self._context)


def owners_part(target: Target, context: Context) -> Target:
    """The target, whose policies go by that context whatever the caller's go by."""
    policies = tuple(_OwnersPolicy(policy, context) for policy in target.policies)
    return msgspec.structs.replace(target, policies=policies)


def told_to_strangers(
    principal: Principal, action: str, resource: str, owner: str, boundary: str, allowed: bool, own: Trail,
    given: Given,
) -> Explanation:  # fmt: skip
    """What they are told.

    owner    the canonical id of the account that sets the policies on the resource
    allowed  the outcome
    own      of the caller's policies alone, by a context that does not know the resource
    """
    if allowed:
        told = own._replace(decision=ALLOWED, denying=())
    elif own.decision.allowed or principal.kind == "anonymous":
        told = own._replace(decision=NOT_ALLOWED)
    else:
        told = own
    return Explanation(principal, action, resource, owner, boundary, told, remarks=_remarks(given))


def _remarks(given: Given) -> tuple[str, ...]:
    names = [key for key in given if key not in of_request(given)]
    if not names:
        return ()
    return (
        f"{', '.join(sorted(names))}: what is given counts for the caller's own policies alone. Those of "
        "another account go by what is known of the caller and by what a request says, like its headers.",
    )
