"""ExplainAccess: whether somebody may do something, who decided it, and why. An action of this store's own.

It answers for the whole decision: the caller's own policies and boundary, and of a bucket its policy, grants,
ACLs, object ownership and public access block. What another account has set is not told.
"""

import re
from typing import NamedTuple

from access.evaluation.trail import Found
from access.identity import Principal
from gateway.authorization.explain_s3 import explain_s3
from gateway.authorization.explanation import BucketSettings, Explanation
from gateway.authorization.given_keys import Given
from gateway.iam.call import Call, Reading, Result
from gateway.iam.context_entries import context_entries, pieces
from gateway.iam.explain_identities import Known, explain_identities
from gateway.iam.explained_principal import explained_principal
from gateway.request import Services
from schemas.errors import InvalidSimulation

MOST_VALUES = 50  # that may be given: each is compared with every value of the policies

_is_action = re.compile(r"(s3|iam|sts):([A-Za-z]+)", re.IGNORECASE).fullmatch


class Question(NamedTuple):
    """asker: the account that wants to know; operator: whether it is the store's, who may know everything."""

    asker: str
    operator: bool
    principal: Principal
    service: str
    action: str
    resource: str
    given: Given


def explain_access(known: Known, call: Call) -> Reading:
    """Raises InvalidInput, InvalidSimulation, NoSuchEntity."""
    question = _question(call)

    async def read(services: Services) -> Result:
        return _shown(await _explain(services, known, question))

    return Reading(read)


def _question(call: Call) -> Question:
    """What is asked. Raises InvalidInput, InvalidSimulation, NoSuchEntity."""
    principal = explained_principal(call)
    name = call.parameters.required("ActionName")
    resource = call.parameters.required("ResourceArn")
    action = _is_action(name)
    if action is None:
        raise InvalidSimulation(f"{name!r} is not an action of s3, iam or sts, like s3:GetObject")
    given = context_entries(call.parameters)
    if sum(map(pieces, given.values())) > MOST_VALUES:
        raise InvalidSimulation(f"Too many or too long context values: at most {MOST_VALUES} can be given")
    asker, operator = call.principal, call.directory.root.principal.id
    return Question(
        asker.id, asker.kind == "account" and asker.id == operator, principal, action[1].lower(), action[2],
        resource, given,
    )  # fmt: skip


async def _explain(services: Services, known: Known, question: Question) -> Explanation:
    """Raises InvalidSimulation, NoSuchBucket."""
    who, service, rest = question.principal, question.service, (question.action, question.resource)
    asker = "" if question.operator else question.asker
    if service == "s3":
        return await explain_s3(services, who, *rest, question.given, asker)
    return explain_identities(services, known, who, service, *rest, question.given, asker)


# --- as the answer tells it ----------------------------------------------------------------------------
def _shown(found: Explanation) -> Result:
    """What is not there is left out."""
    told: Result = {
        "Principal": found.principal.arn or "anonymous",
        "Action": found.action,
        "Resource": found.resource,
        "Decision": found.verdict,
        "Reason": found.trail.decision.reason,
        "DecidedBy": [_statement(one) for one in found.deciding],
    }
    if found.acl:
        told["Acl"] = found.acl
    if found.trail.boundary is not None:
        told["PermissionsBoundary"] = {"Policy": found.boundary, "Allows": found.trail.boundary}
    told["Statements"] = [_statement(one) for one in found.trail.denying + found.trail.allowing]
    told["MissingContextValues"] = list(found.missing)
    told["Remarks"] = list(found.remarks)
    if found.bucket is not None:
        told["Bucket"] = _bucket(found.bucket)
    return told


def _statement(found: Found) -> Result:
    """Statement: its place in the policy, from 1."""
    told: Result = {
        "Effect": "Deny" if found.statement.denies else "Allow",
        "Kind": found.source,
        "Policy": found.policy.name,
        "Statement": found.statement.place,
    }
    return {**told, "Sid": found.statement.sid} if found.statement.sid else told


def _bucket(settings: BucketSettings) -> Result:
    return {
        "Name": settings.name,
        "Account": settings.owner,
        "HasPolicy": settings.policy,
        "ObjectOwnership": settings.ownership,
        "IgnorePublicAcls": bool(settings.block.ignore_public_acls),
        "RestrictPublicBuckets": bool(settings.block.restrict_public_buckets),
        "RequesterPays": settings.requester_pays,
    }
