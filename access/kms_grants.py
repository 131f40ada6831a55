"""Grants: rights to a key of the KMS that are given to one principal, and taken back, beside its policy.

Source: AWS KMS Developer Guide, "Grants in AWS KMS"; AWS KMS API Reference, CreateGrant and GrantConstraints.
"""

import binascii
import re
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping

import msgspec

from access.kms import Kms
from access.kms_keys import KmsGrant, KmsKey, KmsKeys
from schemas.errors import KmsInvalidArn, KmsInvalidGrantToken, KmsNotFound, KmsValidation, LimitExceeded

# What symmetric keys do, and what manages grants.
OPERATIONS = frozenset({
    "CreateGrant", "Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo",
    "RetireGrant",
})  # fmt: skip
GRANTS_LIMIT = 1000  # of a key: all of them are in its file
PAIRS_LIMIT, CONTEXT_LIMIT = 8, 384  # of a constraint: pairs, characters
TOKEN_HEADER = b"SLgrant1"

_WITHOUT_CONTEXT = frozenset({"DescribeKey", "RetireGrant"})
PRINCIPAL_ARN = (
    r"arn:aws:iam::\d{12}:(root|(user|role)/[!-~]+)|arn:aws:sts::\d{12}:(assumed-role|federated-user)/[!-~]+"
)
_is_principal = re.compile(PRINCIPAL_ARN).fullmatch
_is_name = re.compile(r"[a-zA-Z0-9:/_-]{1,256}").fullmatch


def check_grant(grant: KmsGrant) -> None:
    """Whether a grant can be made. Raises KmsValidation, KmsInvalidArn."""
    for arn in filter(None, (grant.grantee, grant.retiring)):
        check_principal(arn)
    unknown = sorted(set(grant.operations) - OPERATIONS)
    if unknown or not grant.operations:
        named = f"Operations has {unknown[0]!r}" if unknown else "Operations is empty"
        raise KmsValidation(f"{named}; a symmetric key has {', '.join(sorted(OPERATIONS))}.")
    if grant.name and not _is_name(grant.name):
        raise KmsValidation(f"Name is {grant.name!r}; it has 1 to 256 letters, digits, : / _ -.")
    for name, context in (
        ("EncryptionContextSubset", grant.context_subset),
        ("EncryptionContextEquals", grant.context_equals),
    ):
        size = sum(len(text) for pair in context.items() for text in pair)
        if len(context) > PAIRS_LIMIT or size > CONTEXT_LIMIT:
            raise KmsValidation(
                f"{name} has {len(context)} pairs of {size} characters; at most {PAIRS_LIMIT} pairs of "
                f"{CONTEXT_LIMIT} characters are allowed."
            )


def check_principal(arn: str) -> None:
    """Raises KmsInvalidArn."""
    if not _is_principal(arn):
        raise KmsInvalidArn(f"{arn!r} is not the ARN of an account's root, a user, a role or a session.")


def create_grant(kms: Kms, name: str, grant: KmsGrant) -> KmsGrant:
    """Give it to a key; where the same one with the same name was given before, that is answered.
    Raises KmsNotFound, KmsDisabled, KmsInvalidState, LimitExceeded."""
    key_id = kms.usable(name).key_id
    made = [grant]

    def granted(key: KmsKey) -> KmsKey:
        same = [one for one in key.grants if grant.name and _same(one, grant)]
        if same:
            made[0] = same[0]
            return key
        if len(key.grants) >= GRANTS_LIMIT:
            raise LimitExceeded(f"The key has {len(key.grants)} grants; at most {GRANTS_LIMIT} are allowed.")
        return msgspec.structs.replace(key, grants=(*key.grants, grant))

    kms.keys.change(key_id, granted)
    return made[0]


def _same(one: KmsGrant, other: KmsGrant) -> bool:
    return one == msgspec.structs.replace(other, grant_id=one.grant_id, created_at=one.created_at)


def remove_grant(keys: KmsKeys, key_id: str, grant_id: str) -> None:
    """Take it back. Raises KmsNotFound, also for a grant that is not there."""

    def without(key: KmsKey) -> KmsKey:
        find_grant(key, grant_id)
        return msgspec.structs.replace(
            key, grants=tuple(one for one in key.grants if one.grant_id != grant_id)
        )

    keys.change(key_id, without)


def find_grant(key: KmsKey, grant_id: str) -> KmsGrant:
    """Raises KmsNotFound."""
    for grant in key.grants:
        if grant.grant_id == grant_id:
            return grant
    raise KmsNotFound(f"Grant ID {grant_id} not found")


def retirable(keys: KmsKeys, principal: str) -> Iterator[tuple[KmsKey, KmsGrant]]:
    """The grants of all keys that the principal may retire, in the order of keys and grants."""
    for key_id in keys.ids():
        try:
            key = keys.get(key_id)
        except KmsNotFound:
            continue  # erased just now
        for grant in sorted(key.grants, key=lambda one: one.grant_id):
            if grant.retiring == principal:
                yield key, grant


# --- what a grant allows ------------------------------------------------------------------------------------
def covers(grant: KmsGrant, action: str, context: Mapping[str, str], about: KmsGrant | None = None) -> bool:
    """Whether it is a grant of that action. about: the grant that is made or retired.

    One to make grants makes none for other operations, nor with less strict constraints; one to retire
    grants is about itself."""
    if action not in grant.operations:
        return False
    if action == "CreateGrant":
        return about is not None and _as_strict(grant, about)
    if action == "RetireGrant":
        return about is not None and about.grant_id == grant.grant_id
    return action in _WITHOUT_CONTEXT or _fits(grant, context)


def _fits(grant: KmsGrant, context: Mapping[str, str]) -> bool:
    """Whether the encryption context is one that the constraints let pass."""
    given = _pairs(context)
    if grant.context_equals and _pairs(grant.context_equals) != given:
        return False
    return _pairs(grant.context_subset) <= given


def _as_strict(parent: KmsGrant, child: KmsGrant) -> bool:
    if not set(child.operations) <= set(parent.operations):
        return False
    equals = _pairs(child.context_equals)
    if parent.context_equals and equals != _pairs(parent.context_equals):
        return False
    return _pairs(parent.context_subset) <= (equals or _pairs(child.context_subset))


def _pairs(context: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    """The pairs as constraints compare them: the case of names does not count."""
    return frozenset((name.lower(), value) for name, value in context.items())


# --- tokens -------------------------------------------------------------------------------------------------
def token_of(key_id: str, grant: KmsGrant) -> str:
    """The grant token: what names a grant without its key."""
    named = TOKEN_HEADER + uuid.UUID(key_id).bytes + bytes.fromhex(grant.grant_id)
    return urlsafe_b64encode(named).decode()


def of_token(keys: KmsKeys, token: str) -> tuple[KmsKey, KmsGrant]:
    """The key and the grant that a token names. Raises KmsInvalidGrantToken."""
    refused = KmsInvalidGrantToken("The grant token names no grant that there is.")
    try:
        named = urlsafe_b64decode(token)
    except (binascii.Error, ValueError):
        raise refused from None
    if len(named) != 8 + 16 + 32 or not named.startswith(TOKEN_HEADER):
        raise refused
    try:
        key = keys.get(str(uuid.UUID(bytes=named[8:24])))
        return key, find_grant(key, named[24:].hex())
    except KmsNotFound:
        raise refused from None
