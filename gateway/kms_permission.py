"""Who may use which key of the KMS: the one place that decides it.

The key's policy opens it, to accounts (whose own policies say further to whom) or to users and roles by name,
and its grants do; nothing else does, not even being its account's root. Its policy until another is put lets
the account decide. Callers of other accounts need their own account's policies besides the key's policy, and
may never change a key.

Source: AWS KMS Developer Guide, "Key policies", "Allowing users in other accounts to use a KMS key",
"Grants in AWS KMS", "Condition keys for AWS KMS" and "Permissions reference".
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from access.evaluation.caller import Caller, session_values
from access.evaluation.decide import NOT_BY_OWN, NOT_OPENED, Decision, Target, decide
from access.evaluation.policy import Policy
from access.identity import Principal
from access.kms_envelope import key_account
from access.kms_grants import covers
from access.kms_keys import KmsGrant, KmsKey
from gateway.authorization.global_keys import GLOBAL, Values, named
from gateway.authorization.refusal import refusal
from gateway.request import Services
from schemas.errors import AccessDenied

# What callers of other accounts can do with a key; "Cross-account use: Yes" in the API Reference.
ACROSS_ACCOUNTS = frozenset({
    "CreateGrant", "Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext",
    "GetKeyRotationStatus", "ListGrants", "ReEncryptFrom", "ReEncryptTo", "RetireGrant", "RevokeGrant",
})  # fmt: skip
_CONTEXT = "kms:encryptioncontext:"
_OF_EVERY_KEY = {
    "kms:keyorigin": ("AWS_KMS",),
    "kms:keyspec": ("SYMMETRIC_DEFAULT",),
    "kms:keyusage": ("ENCRYPT_DECRYPT",),
    "kms:multiregion": ("false",),
}


class Through(NamedTuple):
    """How a request reached the KMS.

    source   the client's address
    secure   whether it came by TLS
    service  that asks for its client, "s3"; "" for a call of the client's own
    """

    source: str
    secure: bool
    service: str = ""


class Asked(NamedTuple):
    """What a request asks of a key.

    action   without the service
    context  the encryption context
    keys     further condition keys of this request, in lower case
    grant    the grant that is to be made or retired
    """

    action: str
    context: Mapping[str, str] = {}
    keys: Mapping[str, tuple[str, ...]] = {}
    grant: KmsGrant | None = None


class KmsConditions(msgspec.Struct, gc=False):
    """Condition keys of a request to the KMS, as access.evaluation asks for them.

    owner    the account of the key
    tags     of the key
    """

    caller: Caller
    through: Through
    region: str
    owner: str
    tags: Mapping[str, str]
    asked: Asked

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
            return tuple(self.asked.context) or None
        if key.startswith(_CONTEXT):
            return named(self.asked.context, key.removeprefix(_CONTEXT))
        if key.startswith("kms:"):
            return self.asked.keys.get(key) or _OF_EVERY_KEY.get(key)
        kind, _, name = key.partition("/")
        tags = {"aws:principaltag": self.caller.tags, "aws:resourcetag": self.tags}.get(kind)
        if tags is None or not name:
            return session_values(self.caller, key)
        return named(tags, name)


def check_kms(services: Services, principal: Principal, asked: Asked, arn: str, through: Through) -> None:
    """Whether the caller may do that with the key of that ARN. Raises AccessDenied, KmsNotFound."""
    _check_signed(principal, asked, arn)
    key = services.kms.kms(key_account(arn)).find(arn)
    decision = decide_kms(services, principal, asked, key, through)
    if not decision.allowed:
        raise AccessDenied(refusal(principal.arn, f"kms:{asked.action}", arn, _told(decision)))


def decide_kms(
    services: Services, principal: Principal, asked: Asked, key: KmsKey, through: Through,
    policy: Policy | None = None,
) -> Decision:  # fmt: skip
    """Whether the caller may do that with the key, under the policy that it has or another one."""
    own = principal.account == key.account
    if not own and asked.action not in ACROSS_ACCOUNTS:
        return NOT_OPENED
    caller = services.callers.caller(principal)
    keys = KmsConditions(caller, through, services.region, key.account, key.tags, asked)
    opens = services.kms.policies.of(key) if policy is None else policy
    grants = _grants(services, caller, key, asked) if key.grants else ()
    target = Target(principal.id if own else "", (opens,), by_policy=True, grants=grants)
    return decide(caller, f"kms:{asked.action.lower()}", services.kms.arn(key), keys, target)


def _grants(services: Services, caller: Caller, key: KmsKey, asked: Asked) -> tuple[Policy, ...]:
    """The grants of the key that are the caller's and of what is asked, and who may retire one."""
    policies, about = services.kms.policies, asked.grant
    # Whose a grant is, the evaluator decides; but a key may have a thousand that are others'.
    names = {caller.principal.arn, caller.principal_arn, f"arn:aws:iam::{caller.principal.account}:root"}
    found = [
        policies.of_grant(one)
        for one in key.grants
        if one.grantee in names and covers(one, asked.action, asked.context, about)
    ]
    if asked.action == "RetireGrant" and about is not None:
        found.append(policies.of_retiring(about))
    return tuple(found)


def check_kms_account(
    services: Services, principal: Principal, asked: Asked, through: Through, resource: str = "*"
) -> None:
    """Whether the caller may do that in its own account, with no key or with one of its aliases.
    Raises AccessDenied."""
    _check_signed(principal, asked, resource)
    caller = services.callers.caller(principal)
    keys = KmsConditions(caller, through, services.region, principal.account, {}, asked)
    decision = decide(caller, f"kms:{asked.action.lower()}", resource, keys, Target(principal.id))
    if not decision.allowed:
        raise AccessDenied(refusal(principal.arn, f"kms:{asked.action}", resource, decision))


def _check_signed(principal: Principal, asked: Asked, resource: str) -> None:
    if not principal.account:
        raise AccessDenied(
            f"User: anonymous is not authorized to perform: kms:{asked.action} on resource: {resource}"
        )


def _told(decision: Decision) -> Decision:
    """As the KMS tells it: callers of other accounts, too, learn which side does not allow it."""
    if decision is NOT_OPENED:
        return msgspec.structs.replace(decision, source="resource-based policy")
    if decision is NOT_BY_OWN:
        return msgspec.structs.replace(decision, source="identity-based policy")
    return decision
