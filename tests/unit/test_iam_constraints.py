"""The constraints of IAM's parameters are those of botocore's service model."""

from typing import Any

import botocore.session
import pytest

from gateway.iam.actions import ACTIONS
from gateway.iam.constraints import CONSTRAINTS, OF_ACTIONS, Constraint, check_parameters
from gateway.iam.parameters import Parameters
from schemas.errors import InvalidInput

MODEL: Any = botocore.session.get_session().get_service_model("iam")
BUILT = sorted(set(MODEL.operation_names) & ACTIONS.keys())


@pytest.mark.parametrize("action", BUILT)
def test_they_are_those_of_the_service_model(action: str) -> None:
    shape = MODEL.operation_model(action).input_shape
    members = {} if shape is None else shape.members
    for name in CONSTRAINTS.keys() & members.keys():
        asked = members[name].metadata
        ours = OF_ACTIONS.get((action, name), CONSTRAINTS[name])
        # A version has no bounds but its pattern.
        bounds = asked.get("min", 0), asked.get("max", 2048)
        assert ours == Constraint(asked.get("pattern", ""), *bounds), (action, name)


def test_every_exception_is_about_an_action_that_there_is() -> None:
    for action, name in OF_ACTIONS:
        assert name in MODEL.operation_model(action).input_shape.members


@pytest.mark.parametrize(
    ("action", "name", "value"),
    [
        ("GetUser", "UserName", "no/slash"),
        ("GetUser", "UserName", "no space"),
        ("GetUser", "UserName", "\u00e9"),
        ("GetUser", "UserName", "n" * 129),
        ("CreateUser", "UserName", "n" * 65),
        ("CreateUser", "Path", "no-slash"),
        ("CreateUser", "Path", "/open"),
        ("ListUsers", "PathPrefix", "division"),
        ("ListUsers", "PathPrefix", "/" + "p" * 512),
        ("ListAttachedUserPolicies", "PathPrefix", "/open"),
        ("AttachUserPolicy", "PolicyArn", "arn:short"),
        ("DeletePolicyVersion", "VersionId", "latest"),
    ],
)
def test_what_breaks_them_is_refused(action: str, name: str, value: str) -> None:
    with pytest.raises(InvalidInput, match=name[0].lower() + name[1:]):
        check_parameters(action, Parameters({name: value}))


@pytest.mark.parametrize(
    ("action", "name", "value"),
    [
        ("GetUser", "UserName", "n" * 128),
        ("GetUser", "UserName", ""),
        ("CreateUser", "Path", "/a/b/"),
        ("ListUsers", "PathPrefix", "/open"),
        ("ListPolicies", "PathPrefix", "/service-role/"),
        ("DeletePolicyVersion", "VersionId", "v12"),
    ],
)
def test_what_keeps_them_is_taken(action: str, name: str, value: str) -> None:
    check_parameters(action, Parameters({name: value}))
