"""Policies of identities as they come in: attached to users, groups and roles, and those that roles trust.

Source: IAM User Guide, "Grammar of the IAM JSON policy language"; "IAM and AWS STS quotas".
"""

import re
from typing import Any

from access.evaluation.policy import compile_policy
from access.policy_document import VERSIONS, check_condition, only, parsed, statements, texts
from schemas.errors import LimitExceeded, MalformedPolicy, MalformedPolicyDocument

# Characters that are no white space.
USER_LIMIT, GROUP_LIMIT, ROLE_LIMIT = 2048, 5120, 10_240  # of all inline policies together
MANAGED_LIMIT = 6144
TRUST_LIMIT = 2048
SESSION_LIMIT = 2048
TEXT_LIMIT = 131_072  # characters as sent

_FIELDS = frozenset({"Version", "Id", "Statement"})
_STATEMENT_FIELDS = frozenset({
    "Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition", "Principal",
    "NotPrincipal",
})  # fmt: skip
_is_action = re.compile(r"[A-Za-z0-9-]+:[A-Za-z0-9*?]+").fullmatch
_is_trust_action = re.compile(r"sts:[A-Za-z*?]+", re.I).fullmatch
_PRINCIPALS = frozenset({"AWS", "CanonicalUser", "Federated", "Service"})


def check_policy(text: str) -> None:
    """A policy to be attached to an identity or a session. Raises MalformedPolicyDocument."""
    for statement in _read(text):
        if {"Principal", "NotPrincipal"} & statement.keys():
            raise MalformedPolicyDocument("Policy document should not specify a principal.")
        _check_one_of(statement, "Resource", "Policy statement must contain resources.")
        for resource in _texts(statement, "Resource"):
            if resource != "*" and resource.count(":") < 5:
                raise MalformedPolicyDocument(f'Resource {resource} must be in ARN format or "*".')
        for action in _texts(statement, "Action"):
            if action != "*" and not _is_action(action):
                raise MalformedPolicyDocument(
                    "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
                )
    _compile(text)


def check_trust(text: str) -> None:
    """The policy that says who may assume a role. Raises MalformedPolicyDocument, LimitExceeded."""
    for statement in _read(text):
        for name in ("Resource", "NotResource"):
            if name in statement:
                raise MalformedPolicyDocument(f"Has prohibited field {name}")
        _check_one_of(statement, "Principal", "Missing required field Principal")
        _check_principals(statement.get("Principal", statement.get("NotPrincipal")))
        if not all(_is_trust_action(action) for action in _texts(statement, "Action")):
            raise MalformedPolicyDocument("AssumeRole policy may only specify STS AssumeRole actions.")
    _compile(text)
    if length(text) > TRUST_LIMIT:
        raise LimitExceeded(f"Cannot exceed quota for ACLSizePerRole: {TRUST_LIMIT}")


def check_resource_policy(text: str) -> None:
    """A policy on some resource, of whatever service. Raises MalformedPolicyDocument."""
    for statement in _read(text):
        _check_one_of(statement, "Principal", "Missing required field Principal")
        _check_principals(statement.get("Principal", statement.get("NotPrincipal")))
        if {"Resource", "NotResource"} & statement.keys():
            _check_one_of(statement, "Resource", "Policy statement must contain resources.")
            _texts(statement, "Resource")
        _texts(statement, "Action")
    _compile(text)


def length(text: str) -> int:
    """Characters that are no white space."""
    return len("".join(text.split()))


def _read(text: str) -> list[dict[str, Any]]:
    if len(text) > TEXT_LIMIT:
        raise LimitExceeded(f"A policy of {len(text)} characters; at most {TEXT_LIMIT} are read.")
    try:
        policy = parsed(text.strip())
        only(policy, _FIELDS)
        found = statements(policy)
        for statement in found:
            only(statement, _STATEMENT_FIELDS)
            if "Condition" in statement:
                check_condition(statement["Condition"])
    except MalformedPolicy as error:
        raise MalformedPolicyDocument(error.message or "Syntax errors in policy.") from None
    if policy.get("Version", VERSIONS[0]) not in VERSIONS:
        raise MalformedPolicyDocument("The policy must contain a valid version string")
    if not isinstance(policy.get("Id", ""), str):
        raise MalformedPolicyDocument("Id must be a string")
    sids = [statement["Sid"] for statement in found if "Sid" in statement]
    if not all(isinstance(sid, str) for sid in sids) or len(set(sids)) < len(sids):
        raise MalformedPolicyDocument("Statement IDs (SID) in a single policy must be unique.")
    for statement in found:
        if statement.get("Effect") not in ("Allow", "Deny"):
            raise MalformedPolicyDocument("Missing required field Effect cannot be empty!")
        _check_one_of(statement, "Action", "Policy statement must contain actions.")
    return found


def _check_one_of(statement: dict[str, Any], name: str, message: str) -> None:
    if len({name, f"Not{name}"} & statement.keys()) != 1:
        raise MalformedPolicyDocument(message)


def _check_principals(named: Any) -> None:
    if named != "*" and not (isinstance(named, dict) and named and named.keys() <= _PRINCIPALS):
        raise MalformedPolicyDocument("Invalid principal in policy")
    for value in named.values() if isinstance(named, dict) else ():
        if not all(isinstance(one, str) and one for one in (value if isinstance(value, list) else [value])):
            raise MalformedPolicyDocument("Invalid principal in policy")


def _texts(statement: dict[str, Any], name: str) -> list[str]:
    try:
        return texts(statement.get(name, statement.get(f"Not{name}")), name)
    except MalformedPolicy as error:
        raise MalformedPolicyDocument(error.message) from None


def _compile(text: str) -> None:
    """Whatever else the evaluator could not read must not get in."""
    try:
        compile_policy(text, "")
    except MalformedPolicy as error:
        raise MalformedPolicyDocument(error.message or "Syntax errors in policy.") from None
