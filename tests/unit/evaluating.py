"""What tests of the evaluator ask with: callers of two accounts, and questions in a line each."""

from collections.abc import Mapping, Sequence
from typing import Any

from access.evaluation.caller import NOBODY, Caller
from access.evaluation.decide import Decision, Target, decide
from access.evaluation.policy import Policy, compile_policy
from access.evaluation.principals import Named, Who
from access.evaluation.template import condition_key
from access.identity import Principal

OURS, THEIRS = "111111111111", "222222222222"
OUR_ID, THEIR_ID = "a" * 64, "b" * 64
ROLE = f"arn:aws:iam::{OURS}:role/ops/deploy"
SESSION = f"arn:aws:sts::{OURS}:assumed-role/deploy/monday"

PRINCIPALS = {
    "root": Principal(OUR_ID, "us", "K", "account", OURS, f"arn:aws:iam::{OURS}:root", OURS),
    "ann": Principal(OUR_ID, "us", "K", "user", OURS, f"arn:aws:iam::{OURS}:user/ann", "AIDAANN", "ann"),
    "bob": Principal(OUR_ID, "us", "K", "user", OURS, f"arn:aws:iam::{OURS}:user/d/bob", "AIDABOB", "bob"),
    "session": Principal(OUR_ID, "us", "K", "role", OURS, SESSION, "AROADEPLOY:monday", "monday"),
    "their root": Principal(THEIR_ID, "t", "K", "account", THEIRS, f"arn:aws:iam::{THEIRS}:root", THEIRS),
    "eve": Principal(THEIR_ID, "t", "K", "user", THEIRS, f"arn:aws:iam::{THEIRS}:user/eve", "AIDAEVE", "eve"),
    "anonymous": NOBODY.principal,
}
ROLES = {"session": ROLE}

Json = dict[str, Any]


def statement(effect: str = "Allow", **fields: Any) -> Json:
    """A statement about everything, but for the fields given."""
    made: Json = {"Effect": effect}
    if "NotAction" not in fields:
        made["Action"] = "s3:*"
    if "NotResource" not in fields:
        made["Resource"] = "*"
    return made | fields


def document(*statements: Json, version: str = "2012-10-17") -> Json:
    return {"Version": version, "Statement": list(statements)}


def policy(*statements: Json, name: str = "policy", version: str = "2012-10-17") -> Policy:
    return compile_policy(document(*statements, version=version), name)


def who(name: str) -> Who:
    return Who(PRINCIPALS[name], ROLES.get(name, ""))


class Values:
    """A request's condition keys."""

    def __init__(self, values: Mapping[str, str | Sequence[str]] | None = None) -> None:
        self._values = {
            condition_key(key): (value,) if isinstance(value, str) else tuple(value)
            for key, value in (values or {}).items()
        }

    def __call__(self, key: str) -> Sequence[str] | None:
        return self._values.get(key)


def asked(
    name: str = "ann",
    action: str = "s3:GetObject",
    resource: str = "arn:aws:s3:::photos/cat",
    context: Mapping[str, str | Sequence[str]] | None = None,
    identity: Sequence[Policy] = (),
    boundary: Policy | None = None,
    session: Sequence[Policy] | None = None,
    owner: str = OUR_ID,
    policy: Policy | None = None,
    **target: Any,
) -> Decision:
    caller = Caller(who(name), tuple(identity), boundary, None if session is None else tuple(session))
    policies = () if policy is None else (policy,)
    return decide(caller, action.lower(), resource, Values(context), Target(owner, policies, **target))


__all__ = ["Named", "asked", "document", "policy", "statement", "who"]
