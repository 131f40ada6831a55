"""Why S3 would let a caller do something, or not: a request's questions, put for one that nobody has sent.

`Asking` looks up what the bucket's owner has set, and the object where the answer turns on it, as it does for
requests; what only a request tells has the values that are given.
"""

from typing import NamedTuple

import msgspec

from access.evaluation.decide import Decision, Target, decide
from access.evaluation.template import Context
from access.evaluation.trail import Trail, trail
from access.identity import Principal
from gateway.authorization.actions import BYPASS, NEEDS, On
from gateway.authorization.asking import ARN, MAY_MEND, MENDS, Asking
from gateway.authorization.explanation import BucketSettings, Explanation, boundary_of
from gateway.authorization.given_keys import Given, GivenKeys, of_request
from gateway.authorization.global_keys import Values
from gateway.authorization.request_keys import EXISTING_TAG
from gateway.authorization.strangers import owners_part, told_to_strangers
from gateway.request import Request, Services
from schemas.configurations.public_access_block import NOTHING_BLOCKED
from schemas.errors import InvalidSimulation

_FROM_REQUEST = ("aws:requestedregion", "s3:resourceaccount")

_IGNORED = "An ACL would grant it, but IgnorePublicAcls is on."
_DISABLED = "An ACL would grant it, but the bucket's object ownership (BucketOwnerEnforced) disables ACLs."

_CANNOT_PAY = Decision(False, reason="Requesters pay for this bucket, which anonymous callers cannot.")
_NOT_THEIRS = Decision(False, reason="Only the account that owns a bucket sees to its policy.")
_NOBODY = Decision(False, reason="Anonymous callers have no account.")


class Place(NamedTuple):
    """An action as AWS writes it, what it is on, and an operation that needs it."""

    action: str
    on: On
    operation: str


def _places() -> dict[str, Place]:
    found = {BYPASS.lower(): Place(BYPASS, "object", "DeleteObject")}
    for operation, needs in NEEDS.items():
        for action in (
            (*needs.actions, *needs.versioned) if needs.on in ("account", "bucket", "object") else ()
        ):
            if action == operation or action.lower() not in found:
                found[action.lower()] = Place(action, needs.on, operation)
    return found


_PLACES = _places()


async def explain_s3(
    services: Services, principal: Principal, action: str, resource: str, given: Given, asker: str = ""
) -> Explanation:
    """Of an action without "s3:", in any case. asker: the canonical id of the account that is told; "" may
    know everything. Raises InvalidSimulation, NoSuchBucket."""
    place = _PLACES.get(action.lower())
    if place is None:
        raise InvalidSimulation(f"No request needs s3:{action} here.")
    bucket, _, key = resource.removeprefix(ARN).partition("/")
    if place.on == "account":
        return _in_account(services, principal, place, resource, given)
    if not resource.startswith(ARN) or not bucket or (place.on == "object") != bool(key):
        wanted = f"{ARN}BUCKET/KEY" if place.on == "object" else f"{ARN}BUCKET"
        raise InvalidSimulation(f"s3:{place.action} is about {wanted}, not about {resource}")
    request = _request(services, principal, place.operation, bucket, key, given)
    asking = await Asking.of(request, await services.reader.bucket(bucket))
    if asker in ("", asking.bucket.owner_id):
        return await _on_bucket(asking, place, given)
    return await _to_strangers(asking, place, given)


def _in_account(
    services: Services, principal: Principal, place: Place, resource: str, given: Given
) -> Explanation:
    """Of what is the caller's own account's."""
    caller = services.callers.caller(principal)
    keys = GivenKeys(caller, given, principal.account, services.region)
    found = trail(caller, f"s3:{place.action.lower()}", resource, keys, Target(principal.id))
    if principal.kind == "anonymous":
        found = found._replace(decision=_NOBODY)
    return Explanation(principal, f"s3:{place.action}", resource, principal.id, boundary_of(caller), found)


async def _on_bucket(asking: Asking, place: Place, given: Given) -> Explanation:
    target = await asking.target(place.action)
    context = _context(GivenKeys(asking.caller, given, asking.keys.owner), asking)
    found = trail(asking.caller, f"s3:{place.action.lower()}", asking.resource, context, target)
    remarks = _remarks(asking, target, found)
    if not found.decision.allowed and await _acl_would_allow(asking, place, context):
        remarks.append(_IGNORED if asking.rules.acls_count else _DISABLED)
    principal, bucket, rules = asking.caller.principal, asking.bucket, asking.rules
    settings = BucketSettings(
        bucket.name, asking.keys.owner, bool(rules.policies), rules.ownership, rules.block,
        rules.requester_pays,
    )  # fmt: skip
    return Explanation(
        principal, f"s3:{place.action}", asking.resource, target.owner,
        boundary_of(asking.caller), found._replace(decision=_decision(asking, place, found.decision)),
        target.granted_by if _by_acl(found.decision, target) else "", tuple(remarks), settings,
    )  # fmt: skip


async def _to_strangers(asking: Asking, place: Place, given: Given) -> Explanation:
    caller, resource, owner = asking.caller, asking.resource, asking.bucket.owner_id
    principal, action = caller.principal, f"s3:{place.action.lower()}"
    owners = _context(GivenKeys(caller, of_request(given), asking.keys.owner), asking)
    target = owners_part(await asking.target(place.action), owners)
    known = _context(GivenKeys(caller, given, asking.keys.owner), asking)
    outcome = _decision(asking, place, decide(caller, action, resource, known, target))
    unknown = GivenKeys(caller, given, "", asking.keys.region)
    own = trail(caller, action, resource, unknown, Target(principal.id))
    return told_to_strangers(
        principal, f"s3:{place.action}", resource, owner, boundary_of(caller), outcome.allowed, own, given
    )


def _decision(asking: Asking, place: Place, found: Decision) -> Decision:
    """The evaluator's, but for what is settled before and after it."""
    principal = asking.caller.principal
    if asking.rules.requester_pays and principal.kind == "anonymous":
        return _CANNOT_PAY
    if asking.may_mend(place.action):
        return MAY_MEND
    if place.operation in MENDS and principal.id != asking.bucket.owner_id and found.allowed:
        return _NOT_THEIRS
    return found


def _by_acl(decision: Decision, target: Target) -> bool:
    """Whether an ACL is what allows it."""
    return decision.allowed and decision.statement is None and decision.policy == target.granted_by != ""


def _remarks(asking: Asking, target: Target, found: Trail) -> list[str]:
    remarks = []
    opened = any(one.source == "resource-based policy" for one in found.allowing)
    stranger = asking.caller.principal.id != asking.bucket.owner_id
    if opened and target.closed and stranger:
        remarks.append(
            "The bucket's policy is public, and RestrictPublicBuckets lets it open nothing to others."
        )
    if opened and target.foreign:
        remarks.append(
            "The object belongs to another account: the bucket's policy can deny it, not allow it."
        )
    if stranger and asking.rules.requester_pays:
        remarks.append("Requesters pay: the request must have the header x-amz-request-payer: requester.")
    return remarks


async def _acl_would_allow(asking: Asking, place: Place, context: Context) -> bool:
    """Whether it would be allowed where all ACLs count."""
    rules = msgspec.structs.replace(asking.rules, ownership="ObjectWriter", block=NOTHING_BLOCKED)
    other = Asking(asking.request, asking.caller, asking.bucket, rules, asking.key)
    target = await other.target(place.action)
    decision = decide(asking.caller, f"s3:{place.action.lower()}", asking.resource, context, target)
    return _by_acl(decision, target)


def _context(keys: GivenKeys, asking: Asking) -> Context:
    """What is given, else what the bucket and the object tell, else what is known without a request."""

    def values(key: str) -> Values:
        of_store = key in _FROM_REQUEST or key.startswith(f"{EXISTING_TAG}/")
        return asking.keys(key) if of_store and key not in keys.given else keys(key)

    return values


def _request(
    services: Services, principal: Principal, operation: str, bucket: str, key: str, given: Given
) -> Request:
    """A request that could ask for it, as far as looking up what it is about needs one."""
    version, acl = given.get("s3:versionid"), given.get("s3:x-amz-acl")
    query = {"versionId": version[0]} if version else {}
    headers = {"x-amz-acl": acl[0]} if acl else {}
    return Request(
        "GET", f"/{bucket}/{key}", bucket, key, query, headers, b"", "", operation, principal, services
    )
