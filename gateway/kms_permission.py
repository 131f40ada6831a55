"""Who may use which key of the KMS: the one place that decides it.

Every key has the default key policy so far: it is its account's, whose root may do everything with it and
whose users and roles what their own policies allow. The key that S3 makes for an account is open, through S3,
to everybody in the account, as the key that AWS manages is.

Source: AWS KMS Developer Guide, "Default key policy", "AWS managed keys" and "Condition keys for AWS KMS".
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from access.evaluation.caller import Caller, session_values
from access.evaluation.decide import Target, decide
from access.evaluation.policy import compile_policy
from access.identity import Principal
from access.kms_envelope import key_account
from access.kms_keys import KmsKey
from gateway.authorization.global_keys import GLOBAL, Values, named
from gateway.authorization.refusal import refusal
from gateway.request import Services
from schemas.errors import AccessDenied

_CONTEXT = "kms:encryptioncontext:"
_MANAGED = compile_policy(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": "*",
            "Action": [
                "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey",
            ],
            "Resource": "*",
        },
    },
    "the policy of the key that S3 made",
)  # fmt: skip


class Through(NamedTuple):
    """How a request reached the KMS.

    source   the client's address
    secure   whether it came by TLS
    service  that asks for its client, "s3"; "" for a call of the client's own
    """

    source: str
    secure: bool
    service: str = ""


class KmsConditions(msgspec.Struct, gc=False):
    """Condition keys of a request to the KMS, as access.evaluation asks for them.

    owner    the account of the key
    tags     of the key
    context  the encryption context
    """

    caller: Caller
    through: Through
    region: str
    owner: str
    tags: Mapping[str, str]
    context: Mapping[str, str]

    @property
    def source(self) -> str:
        return self.through.source

    @property
    def secure(self) -> bool:
        return self.through.secure

    def __call__(self, key: str) -> Values:
        found = GLOBAL.get(key)
        if found is not None:
            value = found(self)
            return None if value is None else (value,)
        if key == "kms:calleraccount":
            return (self.caller.principal.account,)
        if key == "kms:viaservice":
            service = self.through.service
            return (f"{service}.{self.region}.amazonaws.com",) if service else None
        if key == "kms:encryptioncontextkeys":
            return tuple(self.context) or None
        if key.startswith(_CONTEXT):
            return named(self.context, key.removeprefix(_CONTEXT))
        kind, _, name = key.partition("/")
        tags = {"aws:principaltag": self.caller.tags, "aws:resourcetag": self.tags}.get(kind)
        if tags is None or not name:
            return session_values(self.caller, key)
        return named(tags, name)


def check_kms(
    services: Services,
    principal: Principal,
    action: str,
    arn: str,
    through: Through,
    context: Mapping[str, str] = {},
) -> None:
    """Whether the caller may do that with the key of that ARN. Raises AccessDenied, KmsNotFound."""
    account = key_account(arn)
    if not principal.account or principal.account != account:
        raise AccessDenied(
            f"User: {principal.arn or 'anonymous'} is not authorized to perform: kms:{action} on resource: "
            f"{arn} because no resource-based policy allows the kms:{action} action"
        )
    _ask(services, principal, action, arn, through, context, services.kms.kms(account).find(arn))


def check_kms_account(
    services: Services, principal: Principal, action: str, through: Through, resource: str = "*"
) -> None:
    """Whether the caller may do that in its own account, with no key or with one of its aliases.
    Raises AccessDenied."""
    if not principal.account:
        raise AccessDenied(f"User: anonymous is not authorized to perform: kms:{action}")
    _ask(services, principal, action, resource, through, {}, None)


def _ask(
    services: Services, principal: Principal, action: str, resource: str, through: Through,
    context: Mapping[str, str], key: KmsKey | None,
) -> None:  # fmt: skip
    caller = services.callers.caller(principal)
    tags = key.tags if key is not None else {}
    keys = KmsConditions(caller, through, services.region, principal.account, tags, context)
    managed = key is not None and key.manager == "AWS" and bool(through.service)
    target = Target(principal.id, (_MANAGED,) if managed else ())
    decision = decide(caller, f"kms:{action.lower()}", resource, keys, target)
    if not decision.allowed:
        raise AccessDenied(refusal(principal.arn, f"kms:{action}", resource, decision))
