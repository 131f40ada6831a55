"""A slow and obvious evaluator, written from the IAM User Guide, to hold the real one against.

It reads documents as they are, every time, and knows nothing of how the real one works. It understands the
part of the language that `test_evaluation_against_reference` makes: actions, resources, principals,
conditions on texts, policies of every kind.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass
class Asker:
    """kind: "root", "user", "session" or "anonymous"."""

    kind: str
    account: str = ""
    arn: str = ""
    role: str = ""


@dataclass
class Question:
    asker: Asker
    action: str
    resource: str
    keys: Mapping[str, str]
    owner: str
    identity: list[Json]
    boundary: Json | None
    session: list[Json] | None
    resource_policy: Json | None


def wild(pattern: str, text: str) -> bool:
    """`*` stands for any characters, `?` for one."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(wild(pattern[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and wild(pattern[1:], text[1:])


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def about(statement: Json, question: Question) -> bool:
    """Whether action, resource and conditions fit."""
    if "Action" in statement:
        if not any(wild(a.lower(), question.action.lower()) for a in listed(statement["Action"])):
            return False
    elif any(wild(a.lower(), question.action.lower()) for a in listed(statement["NotAction"])):
        return False
    if "Resource" in statement:
        if not any(wild(r, question.resource) for r in listed(statement["Resource"])):
            return False
    elif any(wild(r, question.resource) for r in listed(statement["NotResource"])):
        return False
    for operator, keys in statement.get("Condition", {}).items():
        for key, wanted in keys.items():
            if not condition(operator, question.keys.get(key), listed(wanted)):
                return False
    return True


def condition(operator: str, found: str | None, wanted: list[str]) -> bool:
    if operator == "Null":
        return any((found is None) == (one == "true") for one in wanted)
    if operator.endswith("IfExists"):
        return found is None or condition(operator.removesuffix("IfExists"), found, wanted)
    if operator == "StringNotEquals":
        return found is None or found not in wanted
    if operator == "StringNotLike":
        return found is None or not any(wild(one, found) for one in wanted)
    if found is None:
        return False
    if operator == "StringEquals":
        return found in wanted
    assert operator == "StringLike"
    return any(wild(one, found) for one in wanted)


def ways_named(statement: Json, asker: Asker) -> set[str]:
    """Under which names the statement means the caller: "everybody", "account", "role", "itself"."""
    ways = set()
    principal = statement["Principal"]
    for one in ["*"] if principal == "*" else listed(principal["AWS"]):
        if one == "*":
            ways.add("everybody")
        if asker.kind == "anonymous":
            continue
        if one in (asker.account, f"arn:aws:iam::{asker.account}:root"):
            ways.add("account")
        if one == asker.arn:
            ways.add("itself")
        if asker.role and one == asker.role:
            ways.add("role")
    return ways


def statements(policies: list[Json], effect: str, question: Question) -> list[Json]:
    return [
        statement
        for policy in policies
        for statement in policy["Statement"]
        if statement["Effect"] == effect and about(statement, question)
    ]


def allowed(question: Question) -> bool:
    """The flow chart of "Policy evaluation logic"."""
    asker = question.asker
    own = [*question.identity, *([question.boundary] if question.boundary else []), *(question.session or [])]
    theirs = [question.resource_policy] if question.resource_policy else []

    # A denial anywhere.
    if statements(own, "Deny", question):
        return False
    if any(ways_named(one, asker) for one in statements(theirs, "Deny", question)):
        return False

    ways: set[str] = set()
    for one in statements(theirs, "Allow", question):
        ways |= ways_named(one, asker)
    identity = asker.kind == "root" or bool(statements(question.identity, "Allow", question))
    boundary = question.boundary is None or bool(statements([question.boundary], "Allow", question))
    session = question.session is None or bool(statements(question.session, "Allow", question))

    if asker.kind == "anonymous":
        return "everybody" in ways
    if asker.account != question.owner:
        return bool(ways) and identity and boundary and session
    if asker.kind == "session":
        # To the session itself: past boundary and session policies. To its role: within both.
        if "itself" in ways:
            return True
        return (identity or bool(ways & {"role", "everybody"})) and boundary and session
    if asker.kind == "user" and ways & {"itself", "everybody"}:
        return session  # past the boundary
    return identity and boundary and session
