"""The evaluator and a slow, obvious one written from the documentation agree on whatever is asked."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from access.evaluation.policy import compile_policy
from tests.unit.evaluating import OUR_ID, OURS, PRINCIPALS, ROLE, SESSION, THEIR_ID, THEIRS, asked
from tests.unit.reference_evaluator import Asker, Question, allowed

ACTIONS = ["s3:GetObject", "s3:PutObject", "s3:ListBucket"]
RESOURCES = ["arn:aws:s3:::a/x", "arn:aws:s3:::a/y/z", "arn:aws:s3:::a"]
KEYS = ["aws:username", "s3:prefix", "aws:sourcevpc"]
KINDS = {
    "root": "root",
    "ann": "user",
    "bob": "user",
    "session": "session",
    "their root": "root",
    "eve": "user",
}

some = st.sampled_from
action = some([*ACTIONS, "s3:*", "*", "s3:Get*", "S3:getobject", "s3:?utObject", "iam:*"])
resource = some(
    [*RESOURCES, "*", "arn:aws:s3:::a/*", "arn:aws:s3:::*/x", "arn:aws:s3:::a?y*", "arn:aws:s3:::b*"]
)
values = st.lists(some(["a", "b", "ab", "a*", "?", ""]), min_size=1, max_size=2)
named = some([
    "*", OURS, THEIRS, f"arn:aws:iam::{OURS}:root", ROLE, SESSION, PRINCIPALS["ann"].arn,
    PRINCIPALS["eve"].arn,
])  # fmt: skip
operator = some([
    "StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIfExists",
    "StringNotLikeIfExists", "StringLikeIfExists",
])  # fmt: skip
on_texts = st.dictionaries(
    operator, st.dictionaries(some(KEYS), values, min_size=1, max_size=2), min_size=1, max_size=2
)
on_presence = st.fixed_dictionaries(
    {"Null": st.dictionaries(some(KEYS), some(["true", "false"]), min_size=1)}
)
condition = on_texts | on_presence


def one_or_more(strategy: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return strategy | st.lists(strategy, min_size=1, max_size=3)


@st.composite
def statement(draw: st.DrawFn, principal: bool) -> dict[str, Any]:
    made: dict[str, Any] = {"Effect": draw(some(["Allow", "Allow", "Deny"]))}
    made[draw(some(["Action", "Action", "NotAction"]))] = draw(one_or_more(action))
    made[draw(some(["Resource", "Resource", "NotResource"]))] = draw(one_or_more(resource))
    if draw(st.booleans()):
        made["Condition"] = draw(condition)
    if principal:
        made["Principal"] = draw(st.just("*") | st.builds(lambda who: {"AWS": who}, one_or_more(named)))
    return made


def policies(principal: bool = False) -> st.SearchStrategy[dict[str, Any]]:
    return st.lists(statement(principal), min_size=1, max_size=3).map(
        lambda found: {"Version": "2012-10-17", "Statement": found}
    )


# Who asks for what, and the policies of all kinds that speak to it.
QUESTIONS: dict[str, st.SearchStrategy[Any]] = {
    "name": some([*KINDS, "anonymous"]),
    "question": st.tuples(
        some(ACTIONS), some(RESOURCES), st.dictionaries(some(KEYS), some(["a", "b", "ab"]))
    ),
    "ours": st.booleans(),
    "identity": st.lists(policies(), max_size=2),
    "boundary": st.none() | policies(),
    "session": st.none() | st.lists(policies(), max_size=2),
    "resource_policy": st.none() | policies(principal=True),
}


@settings(max_examples=400, deadline=None)
@given(**QUESTIONS)
def test_both_decide_alike(
    name: str, question: tuple[str, str, dict[str, str]], ours: bool, identity: list[Any], boundary: Any,
    session: list[Any] | None, resource_policy: Any,
) -> None:  # fmt: skip
    wanted, resource, keys = question
    if name in ("root", "their root", "anonymous"):
        identity, boundary, session = [], None, None  # nothing of the kind can be given to these
    principal = PRINCIPALS[name]
    asker = Asker(KINDS.get(name, name), principal.account, principal.arn, ROLE if name == "session" else "")
    expected = allowed(
        Question(
            asker,
            wanted,
            resource,
            keys,
            OURS if ours else THEIRS,
            identity,
            boundary,
            session,
            resource_policy,
        )
    )
    decision = asked(
        name,
        wanted,
        resource,
        keys,
        [compile_policy(one, "identity") for one in identity],
        compile_policy(boundary, "boundary") if boundary else None,
        None if session is None else [compile_policy(one, "session") for one in session],
        OUR_ID if ours else THEIR_ID,
        policy=compile_policy(resource_policy, "resource") if resource_policy else None,
    )
    assert decision.allowed is expected, decision
