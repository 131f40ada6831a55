"""How a decision came about: always the decision itself, and the statements that it rests on."""

from typing import Any

from hypothesis import given, settings

from access.evaluation.caller import Caller
from access.evaluation.decide import Target, decide
from access.evaluation.policy import compile_policy
from access.evaluation.trail import Trail, trail
from tests.unit.evaluating import OUR_ID, THEIR_ID, Values, document, statement, who
from tests.unit.test_evaluation_against_reference import QUESTIONS

KEY = "aws:SourceIp"


def told(context: dict[str, str] | None = None, **policy: Any) -> Trail:
    """Of s3:GetObject by ann, with one policy of her own."""
    caller = Caller(who("ann"), (compile_policy(document(statement(**policy)), "own"),))
    return trail(caller, "s3:getobject", "arn:aws:s3:::photos/cat", Values(context), Target(OUR_ID))


def test_missing_keys_are_those_that_could_change_it() -> None:
    condition = {"StringEquals": {KEY: "a"}, "Null": {"s3:prefix": "true"}}
    assert told(Condition=condition).missing == (KEY, "s3:prefix")
    assert told({KEY: "b"}, Condition=condition).missing == ("s3:prefix",)
    assert told(Condition=condition, Resource="arn:aws:s3:::letters/*").missing == ()
    assert told(Condition=condition, Action="s3:PutObject").missing == ()
    assert told(Resource="arn:aws:s3:::${aws:username}/*").missing == ("aws:username",)
    assert told(Resource="arn:aws:s3:::${aws:username, 'photos'}/*").missing == ()
    assert told(Condition={"StringEquals": {"s3:prefix": "${AWS:UserName}"}}).missing == (
        "AWS:UserName", "s3:prefix",
    )  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(**QUESTIONS)
def test_it_is_the_decision_and_says_by_what(
    name: str, question: tuple[str, str, dict[str, str]], ours: bool, identity: list[Any], boundary: Any,
    session: list[Any] | None, resource_policy: Any,
) -> None:  # fmt: skip
    action, resource, keys = question
    caller = Caller(
        who(name),
        tuple(compile_policy(one, f"identity {place}") for place, one in enumerate(identity)),
        compile_policy(boundary, "boundary") if boundary else None,
        None if session is None else tuple(compile_policy(one, "session") for one in session),
    )
    theirs = (compile_policy(resource_policy, "resource"),) if resource_policy else ()
    asked = (caller, action.lower(), resource, Values(keys), Target(OUR_ID if ours else THEIR_ID, theirs))
    found, decision = trail(*asked), decide(*asked)
    assert found.decision == decision
    assert bool(found.denying) is decision.explicit
    by = [(one.policy.name, one.statement) for one in found.decisive]
    if decision.statement is not None:
        assert (decision.policy, decision.statement) in by
    elif not decision.allowed:
        assert by == []
    assert (found.boundary is None) is (boundary is None)
    if found.boundary is False and decision.allowed:
        # Only what the resource's own policy allows to the caller by name goes past a boundary.
        assert decision.policy == "resource" or decision.statement is None
