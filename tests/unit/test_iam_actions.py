"""The table of IAM's and STS's actions: of AWS's names, each about something that a policy can name."""

from pathlib import Path

import botocore.session
import pytest

from access.directory import open_directory
from access.identity import Credential, Principal
from access.keyring import KeyRing
from gateway.iam.actions import ACTIONS
from gateway.iam.call import OTHER_ACCOUNT, Call
from gateway.iam.parameters import Parameters

OF_THE_STORE = {
    "CreateAccount", "ListAccounts", "UpdateAccount", "DeleteAccount", "ExplainAccess", "PutLimits",
    "GetLimits", "DeleteLimits",
}  # fmt: skip
NUMBER = "123456789012"
ROOT = Credential("AKIAROOT", "secret", Principal("f" * 64, "root", "AKIAROOT", account="000000000000"))
CALLER = Principal("c" * 64, "us", "AKIA", "user", NUMBER, f"arn:aws:iam::{NUMBER}:user/u", "AIDAU", "u")


def test_every_action_is_one_of_aws() -> None:
    session = botocore.session.get_session()
    known = {service: set(session.get_service_model(service).operation_names) for service in ("iam", "sts")}
    assert {n for n, action in ACTIONS.items() if n not in known[action.service]} == OF_THE_STORE


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_what_it_is_about_can_be_told_without_parameters(name: str, tmp_path: Path) -> None:
    call = Call(name, Parameters({}), CALLER, open_directory(ROOT, KeyRing(tmp_path)), 0)
    subject = ACTIONS[name].about(call)
    assert subject.account == NUMBER
    assert OTHER_ACCOUNT not in call.parameters
