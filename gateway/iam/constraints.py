"""What every action of IAM asks of its parameters, before it looks anything up: lengths and characters.

Source: IAM API Reference, the constraints of each action's request parameters; a test proves the table equal
to those of botocore's model. Other values (documents, tags, URLs) are checked by who reads them.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from gateway.iam.parameters import Parameters, member
from schemas.errors import InvalidInput


class Constraint(NamedTuple):
    """From `least` to `most` characters that the whole `pattern` matches; "" allows all."""

    pattern: str
    least: int
    most: int


_NAME = Constraint(r"[\w+=,.@-]+", 1, 128)
_SHORT_NAME = _NAME._replace(most=64)
_PATH = Constraint(r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)", 1, 512)
_POLICY_PATH = _PATH._replace(pattern=r"((/[A-Za-z0-9\.,\+@=_-]+)*)/")
_PREFIX = _PATH._replace(pattern=r"\u002F[\u0021-\u007F]*")
_ARN = Constraint("", 20, 2048)

CONSTRAINTS = {
    "ClientID": Constraint("", 1, 255),
    "GroupName": _NAME,
    "Marker": Constraint(r"[\u0020-\u00FF]+", 1, 320),
    "NewGroupName": _NAME,
    "NewPath": _PATH,
    "NewUserName": _SHORT_NAME,
    "OpenIDConnectProviderArn": _ARN,
    "Path": _PATH,
    "PathPrefix": _PREFIX,
    "PermissionsBoundary": _ARN,
    "PolicyArn": _ARN,
    "PolicyName": _NAME,
    "RoleName": _SHORT_NAME,
    "UserName": _NAME,
    "VersionId": Constraint(r"v[1-9][0-9]*(\.[A-Za-z0-9-]*)?", 0, 2048),
}

# Where actions differ in what they ask of a parameter of the same name.
OF_ACTIONS = {
    **{
        (action, "UserName"): _SHORT_NAME
        for action in (
            "AttachUserPolicy", "CreateUser", "DeleteUserPermissionsBoundary", "DetachUserPolicy",
            "ListAttachedUserPolicies", "PutUserPermissionsBoundary",
        )
    },
    **{
        (action, "PathPrefix"): _POLICY_PATH
        for action in (
            "ListAttachedGroupPolicies", "ListAttachedRolePolicies", "ListAttachedUserPolicies",
            "ListPolicies",
        )
    },
    ("ListEntitiesForPolicy", "PathPrefix"): _PATH,
    ("CreatePolicy", "Path"): _POLICY_PATH,
}  # fmt: skip

_matches: dict[str, Callable[[str], object]] = {
    one.pattern: re.compile(one.pattern, re.ASCII).fullmatch
    for one in (*CONSTRAINTS.values(), *OF_ACTIONS.values())
    if one.pattern
}
_WORDS = {
    _NAME.pattern: "It must contain only alphanumeric characters and/or the following: +=,.@_-",
    _PATH.pattern: "It must begin and end with / and contain only printable ASCII characters between.",
    _POLICY_PATH.pattern: "It must begin and end with / and contain only letters, digits and .,+@=_-/",
    _PREFIX.pattern: "It must begin with / and contain only printable ASCII characters.",
}


def check_parameters(action: str, parameters: Parameters) -> None:
    """Raises InvalidInput for a parameter that is too short, too long or has other characters than allowed.
    An empty one counts as not given."""
    for name, usual in CONSTRAINTS.items():
        value = parameters.get(name)
        if not value:
            continue
        constraint = OF_ACTIONS.get((action, name), usual)
        if len(value) > constraint.most:
            raise _out_of_length(name, value, f"less than or equal to {constraint.most}")
        if len(value) < constraint.least:
            raise _out_of_length(name, value, f"greater than or equal to {constraint.least}")
        if constraint.pattern and not _matches[constraint.pattern](value):
            words = _WORDS.get(constraint.pattern, f"It must match the pattern {constraint.pattern}")
            raise InvalidInput(f"The specified value for {member(name)} is invalid. {words}")


def _out_of_length(name: str, value: str, bound: str) -> InvalidInput:
    return InvalidInput(
        f"1 validation error detected: Value '{value}' at '{member(name)}' failed to satisfy constraint: "
        f"Member must have length {bound}"
    )
