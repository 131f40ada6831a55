"""Sessions of roles: what the ways of assuming one have in common.

Source: AWS STS API Reference, AssumeRole; IAM User Guide, "Passing session tags", "Role chaining", "IAM and
AWS STS quotas".
"""

import json
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from access.arns import role_principal
from access.evaluation.decide import Decision
from access.identity_policy import SESSION_LIMIT, check_policy
from access.session_tokens import TOKEN_LIMIT, SessionClaims
from gateway.authorization.refusal import refusal
from gateway.iam.access_keys import KEY_DIGITS, SECRET_BYTES
from gateway.iam.call import Call, Result, moment, new_id
from gateway.iam.parameters import TAGS_LIMIT
from gateway.iam.subjects import Assumed, role_to_assume
from schemas.errors import AccessDenied, InvalidInput, MalformedPolicyDocument
from schemas.identities import Role

QUARTER, HOUR = 900, 3600
MOST = 12 * HOUR
KEY_PREFIX = "ASIA"  # of temporary access keys
POLICIES_LIMIT = 10
LEAST_NAME, MOST_NAME = 2, 64

_is_session_name = re.compile(r"[\w+=,.@-]+", re.ASCII).fullmatch


class Said(NamedTuple):
    """What a session is to say beside whose it is. transitive: tags that go on to the sessions it makes;
    keys: condition keys of a web identity."""

    tags: dict[str, str]
    transitive: tuple[str, ...]
    source_identity: str
    provider: str = ""
    keys: Mapping[str, tuple[str, ...]] = {}


def required_role(call: Call) -> Assumed:
    """The role of RoleArn. Raises AccessDenied where there is none: whoever may assume it knows of it."""
    arn = call.parameters.required("RoleArn")
    found = role_to_assume(call)
    if found is None:
        caller = call.principal.arn or "anonymous"
        raise AccessDenied(refusal(caller, f"sts:{call.action}", arn, Decision(False)))
    return found


def session_of(call: Call, assumed: Assumed, said: Said, limit: int) -> Result:
    """A session of the role, as the answer tells of it. limit: seconds that it may last at most.
    Raises InvalidInput, MalformedPolicyDocument, PackedPolicyTooLarge."""
    name = text_of(call, "RoleSessionName", _is_session_name, required=True)
    seconds = _seconds(call, assumed.role, limit)
    policies, arns = session_policies(call, assumed.number)
    role = assumed.role
    claims = SessionClaims(
        new_id(KEY_PREFIX, KEY_DIGITS), secrets.token_hex(SECRET_BYTES), assumed.number, "role",
        role.unique_id, call.now, call.now + seconds, name, "", policies, arns, said.tags, said.transitive,
        said.source_identity, said.provider, dict(said.keys),
    )  # fmt: skip
    principal = role_principal(assumed.number, assumed.account, role, name)
    told = credentials(call, claims)
    shown: Result = {
        "Credentials": told,
        "AssumedRoleUser": {"AssumedRoleId": principal.unique_id, "Arn": principal.arn},
    }
    if policies or arns or said.tags:
        shown["PackedPolicySize"] = min(100, 1 + 100 * len(told["SessionToken"]) // TOKEN_LIMIT)
    if said.source_identity:
        shown["SourceIdentity"] = said.source_identity
    return shown


def credentials(call: Call, claims: SessionClaims) -> Result:
    """Temporary credentials as they are told, once."""
    return {
        "AccessKeyId": claims.access_key,
        "SecretAccessKey": claims.secret_key,
        "SessionToken": call.directory.tokens.seal(claims),
        "Expiration": moment(claims.expires_at),
    }


def _seconds(call: Call, role: Role, limit: int) -> int:
    seconds = call.parameters.number("DurationSeconds", min(HOUR, role.max_seconds), QUARTER, MOST)
    if seconds > limit:
        raise InvalidInput(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role "
            "chaining"
        )
    if seconds > role.max_seconds:
        raise InvalidInput("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    return seconds


def session_policies(call: Call, number: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(texts, ARNs) of the session's policies, which are of the account of that number or everybody's.
    Raises InvalidInput, MalformedPolicyDocument."""
    text = call.parameters.limited("Policy", SESSION_LIMIT)
    if text:
        check_policy(text)
        text = json.dumps(json.loads(text), separators=(",", ":"))  # white space needs no place in the token
    arns = tuple(dict.fromkeys(call.parameters.fields("PolicyArns", "arn")))
    if len(arns) > POLICIES_LIMIT:
        raise InvalidInput(f"{len(arns)} managed policies; a session has {POLICIES_LIMIT} at most")
    for arn in arns:
        owner = arn.removeprefix("arn:aws:iam::").partition(":")[0]
        if owner not in ("aws", number) or call.directory.managed(arn) is None:
            raise MalformedPolicyDocument(
                f"Policy {arn} does not exist in the account of the session, or is not attachable."
            )
    return ((text,) if text else ()), arns


def given_tags(call: Call, before: dict[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The tags that the session gets, and which of them are transitive. before: transitive tags of the
    session that asks, which nobody can take away. Raises InvalidInput."""
    given = call.parameters.tags()
    inherited = {name.lower() for name in before}
    for name in given:
        if name.lower() in inherited:
            raise InvalidInput(f"One of the specified transitive tag keys can't be set again: {name}")
    folded = {name.lower(): name for name in given}
    transitive = call.parameters.items("TransitiveTagKeys")
    for name in transitive:
        if name.lower() not in folded:
            raise InvalidInput(
                f"The specified transitive tag key must be included in the requested tags: {name}"
            )
    tags = {**before, **given}
    if len(tags) > TAGS_LIMIT:
        raise InvalidInput(f"{len(tags)} tags with those of the session before; at most {TAGS_LIMIT}")
    return tags, (*before, *(folded[name.lower()] for name in transitive))


def text_of(
    call: Call, parameter: str, fits: Callable[[str], Any] = _is_session_name, least: int = LEAST_NAME,
    most: int = MOST_NAME, required: bool = False,
) -> str:  # fmt: skip
    """A parameter of allowed characters, "" where it is not given. Raises InvalidInput."""
    value = call.parameters.required(parameter) if required else call.parameters.get(parameter)
    if parameter not in call.parameters:
        return ""
    call.parameters.limited(parameter, most, least)
    if not fits(value):
        raise InvalidInput(
            f"1 validation error detected: Value '{value}' at '{parameter[0].lower()}{parameter[1:]}' failed "
            "to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*"
        )
    return value
