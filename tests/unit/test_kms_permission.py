"""Who may use keys of the KMS: the root of the key's account, and whom its policies let."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from access.evaluation.caller import Caller
from access.evaluation.policy import Policy, compile_policy
from access.evaluation.principals import Who
from access.identity import ANONYMOUS, Principal
from access.keyring import KeyRing
from access.kms_envelope import KmsEnvelope
from gateway.kms.call import Call
from gateway.kms.port import ACTIONS, KmsPort
from gateway.kms_permission import Asked, Through, check_kms
from schemas.errors import AccessDenied

ACCOUNT, OTHER = "1" * 12, "2" * 12
ROOT = Principal("r", "root", "", "account", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)
USER = Principal("r", "root", "", "user", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/u", "AIDA", "u")
STRANGER = Principal("s", "other", "", "account", OTHER, f"arn:aws:iam::{OTHER}:root", OTHER)


HERE = Through("127.0.0.1", False)
ALL = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}}


class Port:
    """The port without HTTP and signatures."""

    def __init__(self, folder: Path) -> None:
        self.envelope = KmsEnvelope(KeyRing(folder).kms_keys, "us-east-1")
        callers = SimpleNamespace(caller=lambda principal: Caller(Who(principal), self.policies))
        self.policies: tuple[Policy, ...] = ()
        self.services: Any = SimpleNamespace(kms=self.envelope, region="us-east-1", callers=callers)
        identities: Any = SimpleNamespace()
        self._port = KmsPort(self.services, identities)

    def call(self, principal: Principal, action: str, **parameters: object) -> dict[str, Any]:
        body = msgspec.json.encode(parameters)
        return asyncio.run(self._port._perform(Call(action, principal, self.services, HERE), body))


@pytest.fixture
def port(tmp_path: Path) -> Port:
    return Port(tmp_path)


def test_strangers_and_nobody_use_no_key(port: Port) -> None:
    arn = port.call(ROOT, "CreateKey")["KeyMetadata"]["Arn"]
    for principal in (STRANGER, ANONYMOUS):
        with pytest.raises(AccessDenied, match="kms:Decrypt"):
            check_kms(port.services, principal, Asked("Decrypt"), arn, HERE)
    blob = port.call(ROOT, "Encrypt", KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    for action, parameters in (
        ("DescribeKey", {"KeyId": arn}),
        ("Encrypt", {"KeyId": arn, "Plaintext": b"x"}),
        ("Decrypt", {"CiphertextBlob": blob}),
        ("Decrypt", {"CiphertextBlob": blob, "KeyId": arn}),
        ("GenerateDataKey", {"KeyId": arn, "KeySpec": "AES_256"}),
        ("DisableKey", {"KeyId": arn}),
        ("ScheduleKeyDeletion", {"KeyId": arn}),
        ("CreateAlias", {"AliasName": "alias/mine", "TargetKeyId": arn}),
    ):
        with pytest.raises(AccessDenied):
            port.call(STRANGER, action, **parameters)
    own = port.call(STRANGER, "CreateKey")["KeyMetadata"]["Arn"]
    with pytest.raises(AccessDenied):
        port.call(STRANGER, "ReEncrypt", CiphertextBlob=blob, DestinationKeyId=own)
    assert [key["KeyArn"] for key in port.call(STRANGER, "ListKeys")["Keys"]] == [own]


def test_every_action_asks(port: Port) -> None:
    """With every parameter that an action may need, a user without policies is refused each of them."""
    arn = port.call(ROOT, "CreateKey")["KeyMetadata"]["Arn"]
    port.call(ROOT, "CreateAlias", AliasName="alias/one", TargetKeyId=arn)
    blob = port.call(ROOT, "Encrypt", KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    given = {
        "AliasName": "alias/one", "TargetKeyId": arn, "KeyId": arn, "DestinationKeyId": arn,
        "CiphertextBlob": blob, "Plaintext": b"x", "NumberOfBytes": 32, "Description": "d", "Tags": [],
        "TagKeys": [], "Policy": "{}",
        "GranteePrincipal": USER.arn, "RetiringPrincipal": USER.arn, "Operations": ["Decrypt"],
        "GrantId": "0" * 64,
    }  # fmt: skip
    for action, one in ACTIONS.items():
        fields = {field.encode_name: field.required for field in msgspec.structs.fields(one.input)}
        parameters = {
            name: value for name, value in given.items()
            if fields.get(name) or (name in fields and (name == "NumberOfBytes" or action == "RetireGrant"))
        }  # fmt: skip
        with pytest.raises(AccessDenied, match=rf"kms:{action}(To)? on resource"):
            port.call(USER, action, **parameters)
    port.policies = (compile_policy(ALL, "all"),)
    assert port.call(USER, "Encrypt", KeyId=arn, Plaintext=b"x")["KeyId"] == arn
    port.call(USER, "DeleteAlias", AliasName="alias/one")


def test_the_key_of_s3_stays_as_it_is(port: Port) -> None:
    arn = port.call(ROOT, "DescribeKey", KeyId="alias/aws/s3")["KeyMetadata"]["Arn"]
    for action in ("DisableKey", "ScheduleKeyDeletion", "RotateKeyOnDemand", "DisableKeyRotation"):
        with pytest.raises(AccessDenied, match="managed by the store"):
            port.call(ROOT, action, KeyId=arn)


@pytest.mark.parametrize("body", [{"KeyId": 5}, {}, {"KeyId": "x", "More": 1}])
def test_parameters_are_checked(port: Port, body: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        port.call(ROOT, "DescribeKey", **body)
