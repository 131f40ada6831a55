"""Who is simulated, and by which policies: of a principal that there is, or given with the call.

Source: IAM API Reference, SimulatePrincipalPolicy and SimulateCustomPolicy.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from access.account_identities import PolicyText
from access.directory import Directory
from access.evaluation.caller import Caller
from access.evaluation.policy import Policy, compile_policy
from access.evaluation.principals import Who
from access.identity import Principal
from access.identity_policy import check_policy, check_resource_policy
from access.managed_policies import BUILT_IN
from access.statement_positions import Position, positions
from gateway.iam.call import Call
from gateway.iam.identity_arns import IdentityArn, identity_arn, identity_at
from schemas.errors import InvalidSimulation, LimitExceeded, MalformedPolicyDocument, NoSuchEntity
from schemas.identities import GROUP, ROLE, USER

SOURCE, CALLER = "PolicySourceArn", "CallerArn"
INPUT, BOUNDARY, RESOURCE = "PolicyInputList", "PermissionsBoundaryPolicyInputList", "ResourcePolicy"
SESSION = "simulation"  # what the session of a role is called


class Sourced(NamedTuple):
    """A policy, and what answers call it: SourcePolicyId and SourcePolicyType. places: of its statements."""

    policy: Policy
    id: str
    kind: str
    places: list[tuple[Position, Position]]


class Simulated(NamedTuple):
    """account: the number of the caller's; resource: the policy that every resource has."""

    caller: Caller
    account: str
    resource: Policy | None
    sources: Mapping[Policy, Sourced]


def of_principal(call: Call) -> Simulated:
    """A user, group or role, by its own policies and those that are given. Raises InvalidInput,
    InvalidSimulation, NoSuchEntity."""
    named, document, identity = _identity(call)
    arn = call.parameters.required(SOURCE)
    attached = None if named.kind == GROUP or not document.boundary else document.boundary
    return _simulated(call, call.parameters.get(CALLER) or arn, identity, attached)


def of_policies(call: Call) -> Simulated:
    """Whoever has the policies that are given. Raises InvalidInput, InvalidSimulation."""
    call.parameters.required_items(INPUT)
    return _simulated(call, call.parameters.get(CALLER), _given(call, INPUT), None)


def policies_of_principal(call: Call) -> list[Policy]:
    """Those of a user with its groups, of a group or a role, and those that are given. Raises InvalidInput,
    InvalidSimulation, NoSuchEntity."""
    return [one.policy for one in _identity(call)[2]]


def policies_given(call: Call) -> list[Policy]:
    """Raises InvalidInput, InvalidSimulation."""
    call.parameters.required_items(INPUT)
    return [one.policy for one in _given(call, INPUT)]


def _identity(call: Call) -> tuple[IdentityArn, Any, list[Sourced]]:
    """Whom PolicySourceArn names, its document, and its policies with those that are given."""
    arn = call.parameters.required(SOURCE)
    named = identity_arn(arn)
    if named is None:
        raise InvalidSimulation(f"Invalid Entity Arn: {arn}")
    document = identity_at(call, arn)
    if document is None:
        raise NoSuchEntity(f"The {named.kind} with name {named.name} cannot be found.")
    texts = call.directory.policies_of(call.number, named.kind, document)
    return named, document, [_held(call.directory, text) for text in texts] + _given(call, INPUT)


def _simulated(call: Call, arn: str, identity: list[Sourced], attached: str | None) -> Simulated:
    boundary = _boundary(call, attached)
    resource = _resource_policy(call, arn)
    who, tags, account = _caller(call, arn)
    caller = Caller(
        who, tuple(one.policy for one in identity), None if boundary is None else boundary.policy, tags=tags
    )
    all_of_them = [*identity, *(one for one in (boundary, resource) if one is not None)]
    return Simulated(
        caller, account, None if resource is None else resource.policy,
        {one.policy: one for one in all_of_them},
    )  # fmt: skip


# --- policies ------------------------------------------------------------------------------------------
def _held(directory: Directory, text: PolicyText) -> Sourced:
    """A policy that is attached, or stands in a user, group or role."""
    name = text.id.rpartition("/")[2]
    if text.id.startswith("arn:"):
        return _sourced(text.text, name, "aws-managed" if text.id in BUILT_IN else "user-managed")
    found = directory.identified(text.id.partition("/")[0])
    assert found is not None  # it has just been found by its name
    _, kind, document = found
    return _sourced(text.text, f"{kind}_{document.name}_{name}", kind)


def _given(call: Call, parameter: str) -> list[Sourced]:
    texts = enumerate(call.parameters.items(parameter), 1)
    return [_checked(text, f"{parameter}.{place}", "none", check_policy) for place, text in texts]


def _boundary(call: Call, attached: str | None) -> Sourced | None:
    """The one that is given, else the one that is attached."""
    given = _given(call, BOUNDARY)
    if len(given) > 1:
        raise InvalidSimulation(f"{len(given)} permissions boundaries are given; there can be one")
    if given:
        return given[0]
    if attached is None:
        return None
    text = call.directory.managed(attached)
    assert text is not None  # policies that bound somebody cannot be deleted
    return _held(call.directory, text)


def _resource_policy(call: Call, caller_arn: str) -> Sourced | None:
    text = call.parameters.get(RESOURCE)
    if not text:
        return None
    named = identity_arn(caller_arn)
    if named is None or named.kind == GROUP:
        raise InvalidSimulation("Invalid caller - Caller must be an IAM user in this context.")
    return _checked(text, RESOURCE, "resource", check_resource_policy)


def _checked(text: str, name: str, kind: str, check: Callable[[str], None]) -> Sourced:
    try:
        check(text)
    except (LimitExceeded, MalformedPolicyDocument) as error:
        raise InvalidSimulation(f"{name}: {error.message}") from None
    return _sourced(text, name, kind)


def _sourced(text: str, name: str, kind: str) -> Sourced:
    return Sourced(compile_policy(text, name), name, kind, positions(text))


# --- the caller ----------------------------------------------------------------------------------------
def _caller(call: Call, arn: str) -> tuple[Who, Mapping[str, str], str]:
    """Whoever an ARN names, its tags and the number of its account: of somebody else than a user or role of
    the account only what the ARN says. Without an ARN it is somebody of the account.

    Raises InvalidSimulation."""
    if not arn:
        return Who(_principal(call, IdentityArn(call.number, USER, ""), "", "")), {}, call.number
    named = identity_arn(arn)
    if named is None:
        raise InvalidSimulation(f"Invalid caller: {arn} is not the ARN of an IAM user, group or role.")
    document = identity_at(call, arn)
    unique_id = "" if document is None else document.unique_id
    who = Who(_principal(call, named, arn, unique_id), arn if named.kind == ROLE else "")
    return who, _tags(document), named.number


def _principal(call: Call, named: IdentityArn, arn: str, unique_id: str) -> Principal:
    account = canonical_id(call, named.number)
    if named.kind != ROLE:
        name = named.name if named.kind == USER else ""
        return Principal(account, "", "", "user", named.number, arn, unique_id, name)
    session = f"arn:aws:sts::{named.number}:assumed-role/{named.name}/{SESSION}"
    return Principal(account, "", "", "role", named.number, session, f"{unique_id}:{SESSION}", SESSION)


def _tags(document: Any) -> dict[str, str]:
    """Names in lower case."""
    return {name.lower(): value for name, value in getattr(document, "tags", {}).items()}


def canonical_id(call: Call, number: str) -> str:
    """The canonical id of an account; its number for one that is not there, which no policy can name so."""
    account = call.directory.account(number)
    return number if account is None else account.canonical_id
