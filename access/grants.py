"""Grants as policies: what a grant allows, in the words of the policy language, for the one evaluator."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from access.evaluation.policy import VARIABLES_SINCE, Policy, compile_policy
from access.identity import Principal
from schemas.configurations.grants import AccessGrant, AccessGrants, Right

ACTIONS: dict[Right, tuple[str, ...]] = {
    "read": (
        "s3:GetBucketLocation", "s3:GetBucketVersioning", "s3:GetObject", "s3:GetObjectAttributes",
        "s3:GetObjectTagging", "s3:GetObjectVersion", "s3:GetObjectVersionAttributes",
        "s3:GetObjectVersionTagging", "s3:ListBucket", "s3:ListBucketVersions",
    ),
    "write": (
        "s3:AbortMultipartUpload", "s3:DeleteObjectTagging", "s3:ListBucketMultipartUploads",
        "s3:ListMultipartUploadParts", "s3:PutObject", "s3:PutObjectTagging",
    ),
    "delete": ("s3:DeleteObject", "s3:DeleteObjectVersion"),
}  # fmt: skip

Json = dict[str, Any]


def compile_grants(held: AccessGrants, bucket: str) -> Mapping[str, Policy]:
    """The policy of everybody who is granted something in the bucket, by unique id."""
    statements: dict[str, list[Json]] = {}
    for grant in held.grants:
        statements.setdefault(grant.user_id, []).append(statement(grant, bucket))
    return {
        user_id: compile_policy(
            {"Version": VARIABLES_SINCE, "Statement": theirs}, f"the grants of bucket {bucket}"
        )
        for user_id, theirs in statements.items()
    }


def granted_to(policies: Mapping[str, Policy], principal: Principal) -> Policy | None:
    """What a user, or the role of a session, is granted."""
    return policies.get(principal.unique_id.partition(":")[0])


def statement(grant: AccessGrant, bucket: str) -> Json:
    """The grant as a statement of a bucket's policy, which the moment of its end closes by itself."""
    arn = f"arn:aws:s3:::{bucket}"
    made: Json = {
        "Sid": grant.policy_id,
        "Effect": "Allow",
        "Principal": {"AWS": grant.user_id},
        "Action": [action for right in grant.permissions for action in ACTIONS[right]],
        "Resource": [arn, f"{arn}/*"],
    }
    if grant.expires_at is not None:
        end = datetime.fromtimestamp(grant.expires_at // 1000, UTC)
        made["Condition"] = {"DateLessThan": {"aws:CurrentTime": f"{end:%Y-%m-%dT%H:%M:%SZ}"}}
    return made
