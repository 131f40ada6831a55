"""Key policies: the documents that say who may do what with a key of the KMS.

Source: AWS KMS Developer Guide, "Key policies in AWS KMS", "Default key policy" and "AWS managed keys"; AWS
KMS API Reference, PutKeyPolicy.
"""

import json
import re
from typing import Any

from access.evaluation.policy import Policy, compile_policy
from access.identity_policy import check_resource_policy
from access.kms_grants import PRINCIPAL_ARN
from access.kms_keys import KmsGrant, KmsKey
from access.policy_document import statements, texts
from schemas.errors import LimitExceeded, MalformedPolicyDocument
from schemas.recent import Recent

POLICY_NAME = "default"  # the one policy that a key has
POLICY_LIMIT = 32 * 1024  # bytes
KEPT_POLICIES = 1024

_is_principal = re.compile(rf"\*|\d{{12}}|{PRINCIPAL_ARN}|A[A-Z0-9]{{15,127}}").fullmatch
_is_action = re.compile(r"\*|kms:[A-Za-z0-9*?]+", re.I).fullmatch

# What AWS managed keys are open to, through their service alone.
_USE = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]


class KeyPolicies:
    """The policies of keys, compiled; each is compiled once. region: of the store."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._compiled: Recent[tuple[str, str], Policy] = Recent(KEPT_POLICIES)

    def text(self, key: KmsKey) -> str:
        """The document as it was put, or the one that a key has until then."""
        if key.policy:
            return key.policy
        document = _managed(key.account, self._region) if key.manager == "AWS" else _default(key.account)
        return json.dumps(document)

    def of(self, key: KmsKey) -> Policy:
        """Raises MalformedPolicy when it cannot be compiled: nothing is decided then."""
        known = self._compiled.get((key.key_id, key.policy))
        if known is None:
            known = compile_policy(self.text(key), f"the policy of key {key.key_id}")
            self._compiled.put((key.key_id, key.policy), known)
        return known

    def of_grant(self, grant: KmsGrant) -> Policy:
        """What a grant says, but for its constraints."""
        operations = [f"kms:{operation}" for operation in grant.operations]
        return self._allowing(f"grant {grant.grant_id}", [grant.grantee], operations)

    def of_retiring(self, grant: KmsGrant) -> Policy:
        """Who may retire a grant because of what it is to them: its retiring principal and its issuer."""
        principals = [name for name in (grant.retiring, grant.issuer) if name]
        return self._allowing(f"retiring grant {grant.grant_id}", principals, ["kms:RetireGrant"])

    def _allowing(self, name: str, principals: list[str], actions: list[str]) -> Policy:
        known = self._compiled.get((name, ""))
        if known is None:
            statement = {
                "Effect": "Allow", "Principal": {"AWS": principals}, "Action": actions, "Resource": "*",
            }  # fmt: skip
            known = compile_policy({"Version": "2012-10-17", "Statement": statement}, name)
            self._compiled.put((name, ""), known)
        return known


def check_key_policy(text: str) -> None:
    """Whether it can be the policy of a key. Raises MalformedPolicyDocument, LimitExceeded."""
    size = len(text.encode())
    if size > POLICY_LIMIT:
        raise LimitExceeded(f"The key policy has {size} bytes; at most {POLICY_LIMIT} are allowed.")
    check_resource_policy(text)
    for statement in statements(json.loads(text)):
        if not {"Resource", "NotResource"} & statement.keys():
            raise MalformedPolicyDocument("Policy statement must contain resources.")
        _check_principals(statement.get("Principal", statement.get("NotPrincipal")))
        for action in texts(statement.get("Action", statement.get("NotAction")), "Action"):
            if not _is_action(action):
                raise MalformedPolicyDocument(f"Action {action!r} is none of the KMS: kms:… or *.")


def _check_principals(named: Any) -> None:
    for kind, value in named.items() if isinstance(named, dict) else ():
        if kind == "CanonicalUser":
            raise MalformedPolicyDocument("Key policies name no CanonicalUser: name an account or an ARN.")
        for one in value if isinstance(value, list) else [value]:
            if kind == "AWS" and not _is_principal(one):
                raise MalformedPolicyDocument(
                    f"Policy contains a statement with one or more invalid principals: {one!r} is neither an "
                    "account nor the ARN of a user, a role or a session."
                )


def _default(account: str) -> dict[str, Any]:
    """The account's root may do everything, and so lets IAM decide."""
    statement = {
        "Sid": "Enable IAM User Permissions",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    return {"Version": "2012-10-17", "Id": "key-default-1", "Statement": [statement]}


def _managed(account: str, region: str) -> dict[str, Any]:
    """S3's own key: everybody in the account uses it through S3, and nobody otherwise."""
    through_s3 = {
        "Sid": "Allow access through S3 for all principals in the account that are authorized to use S3",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": _USE,
        "Resource": "*",
        "Condition": {
            "StringEquals": {
                "kms:CallerAccount": account,
                "kms:ViaService": f"s3.{region}.amazonaws.com",
            }
        },
    }
    metadata = {
        "Sid": "Allow direct access to key metadata to the account",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"],
        "Resource": "*",
    }
    return {"Version": "2012-10-17", "Id": "auto-s3-2", "Statement": [through_s3, metadata]}
