"""Actions on grants. Source: AWS KMS API Reference; AWS KMS Developer Guide, "Grants in AWS KMS"."""

import secrets
from collections.abc import Mapping
from typing import Any

from access.kms_grants import (
    check_grant,
    check_principal,
    create_grant,
    find_grant,
    of_token,
    remove_grant,
    retirable,
    token_of,
)
from access.kms_keys import KmsGrant, KmsKey
from gateway.kms.call import Action, Answer, Call, Input, PageInput, TokenInput, page
from schemas.errors import AccessDenied, KmsNotFound, KmsValidation

# The store makes no grants for its own use.
FOR_SERVICE = {"kms:grantisforawsresource": ("false",)}
EQUALS, SUBSET = "EncryptionContextEquals", "EncryptionContextSubset"


class Constraints(Input, frozen=True):
    encryption_context_subset: Mapping[str, str] | None = None
    encryption_context_equals: Mapping[str, str] | None = None


class CreateInput(TokenInput, frozen=True, kw_only=True):
    key_id: str
    grantee_principal: str
    operations: tuple[str, ...]
    retiring_principal: str = ""
    constraints: Constraints = Constraints()
    name: str = ""


class ListInput(PageInput, frozen=True, kw_only=True):
    key_id: str
    grant_id: str | None = None
    grantee_principal: str | None = None


class RetirableInput(PageInput, frozen=True, kw_only=True):
    retiring_principal: str


class RevokeInput(Input, frozen=True):
    key_id: str
    grant_id: str


class RetireInput(Input, frozen=True):
    grant_token: str | None = None
    key_id: str | None = None
    grant_id: str | None = None


def create(call: Call, asked: CreateInput) -> Answer:
    constraints = asked.constraints
    grant = KmsGrant(
        secrets.token_hex(32), asked.grantee_principal, tuple(sorted(set(asked.operations))),
        int(call.kms.keys.now() * 1000), asked.name,
        _pairs(SUBSET, constraints.encryption_context_subset),
        _pairs(EQUALS, constraints.encryption_context_equals),
        asked.retiring_principal, call.principal.account,
    )  # fmt: skip
    context = {**grant.context_subset, **grant.context_equals}
    key = call.key(asked.key_id, context, asked=_conditions(grant), grant=grant)
    check_grant(grant)
    made = create_grant(call.kms, call.kms.arn(key), grant)
    return {"GrantId": made.grant_id, "GrantToken": token_of(key.key_id, made)}


def _pairs(name: str, context: Mapping[str, str] | None) -> dict[str, str]:
    """Of a constraint; one without pairs could be meant to let pass every context, or only an empty one."""
    if context is not None and not context:
        raise KmsValidation(f"{name} is empty; a constraint has at least one pair.")
    return dict(context or {})


def _conditions(grant: KmsGrant) -> dict[str, tuple[str, ...]]:
    kinds = {EQUALS: grant.context_equals, SUBSET: grant.context_subset}
    return {
        **FOR_SERVICE,
        "kms:grantconstrainttype": tuple(name for name, context in kinds.items() if context),
        "kms:granteeprincipal": (grant.grantee,),
        "kms:grantoperations": grant.operations,
        "kms:retiringprincipal": (grant.retiring,) if grant.retiring else (),
    }


def list_grants(call: Call, asked: ListInput) -> Answer:
    key = call.key(asked.key_id, asked=FOR_SERVICE)
    found = [
        grant
        for grant in sorted(key.grants, key=lambda one: one.grant_id)
        if asked.grant_id in (None, grant.grant_id) and asked.grantee_principal in (None, grant.grantee)
    ]
    return page(found, asked, "Grants", lambda grant: grant.grant_id, lambda grant: _shown(call, key, grant))


def list_retirable(call: Call, asked: RetirableInput) -> Answer:
    principal = asked.retiring_principal
    call.check_account(principal)
    check_principal(principal)
    if principal.split(":")[4] != call.principal.account:
        raise AccessDenied(f"{principal} is not a principal of the account {call.principal.account}")
    found = list(retirable(call.kms.keys, principal))
    return page(
        found, asked, "Grants", lambda one: f"{one[0].key_id}/{one[1].grant_id}",
        lambda one: _shown(call, *one),
    )  # fmt: skip


def revoke(call: Call, asked: RevokeInput) -> Answer:
    key = call.key(asked.key_id, asked=FOR_SERVICE)
    remove_grant(call.kms.keys, key.key_id, asked.grant_id)
    return {}


def retire(call: Call, asked: RetireInput) -> Answer:
    key, grant_id = _named(call, asked)
    try:
        grant = find_grant(key, grant_id)
    except KmsNotFound:
        call.check(key)  # whoever may not retire it is not told that there is none
        raise
    call.check(key, grant=grant)
    remove_grant(call.kms.keys, key.key_id, grant_id)
    return {}


def _named(call: Call, asked: RetireInput) -> tuple[KmsKey, str]:
    if asked.grant_token is not None and asked.key_id is None and asked.grant_id is None:
        key, grant = of_token(call.kms.keys, asked.grant_token)
        return key, grant.grant_id
    if asked.grant_token is None and asked.key_id is not None and asked.grant_id is not None:
        return call.kms.find(asked.key_id), asked.grant_id
    raise KmsValidation("A grant is named either by GrantToken or by KeyId and GrantId.")


def _shown(call: Call, key: KmsKey, grant: KmsGrant) -> Answer:
    constraints = {EQUALS: grant.context_equals, SUBSET: grant.context_subset}
    shown: dict[str, Any] = {
        "KeyId": call.kms.arn(key),
        "GrantId": grant.grant_id,
        "Name": grant.name,
        "CreationDate": grant.created_at / 1000,
        "GranteePrincipal": grant.grantee,
        "IssuingAccount": f"arn:aws:iam::{grant.issuer}:root",
        "Operations": grant.operations,
    }
    if grant.retiring:
        shown["RetiringPrincipal"] = grant.retiring
    if any(constraints.values()):
        shown["Constraints"] = {name: context for name, context in constraints.items() if context}
    return shown


ACTIONS = {
    "CreateGrant": Action(CreateInput, create, changes=True),
    "ListGrants": Action(ListInput, list_grants),
    "ListRetirableGrants": Action(RetirableInput, list_retirable),
    "RetireGrant": Action(RetireInput, retire, changes=True),
    "RevokeGrant": Action(RevokeInput, revoke, changes=True),
}
