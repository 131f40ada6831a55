"""Why IAM or STS would let a caller do something, or not: as `permission` decides it for requests."""

from collections.abc import Mapping
from typing import NamedTuple

from access.directory import PolicyText
from access.evaluation.decide import Decision, Target
from access.evaluation.policy import Policy
from access.evaluation.template import Context
from access.evaluation.trail import trail
from access.identity import Principal
from gateway.authorization.explanation import Explanation, boundary_of
from gateway.authorization.given_keys import Given, GivenKeys
from gateway.authorization.global_keys import Values, named
from gateway.iam.sts import OPEN
from gateway.iam.subjects import TRUST, TRUSTS_NOBODY
from gateway.request import Services
from schemas.errors import InvalidSimulation
from schemas.identities import ROLE, row_name

# Besides AssumeRole itself, what its tags and its source identity need.
_BESIDES = {"sts:tagsession": "TagSession", "sts:setsourceidentity": "SetSourceIdentity"}
_TRUSTED = frozenset({"AssumeRole", *_BESIDES.values()})
_TAGS = ("iam:resourcetag/", "aws:resourcetag/")

_NEEDS_NOTHING = Decision(True, reason="It needs no permission.")
_NOBODY = Decision(False, reason="Anonymous callers have no account.")


Known = Mapping[str, str]  # names of actions as AWS writes them, by service:name in lower case


class _Asked(NamedTuple):
    """What is asked for: the number of its account, its tags, and the policies on it."""

    account: str
    tags: Mapping[str, str]
    policies: tuple[Policy, ...]


def explain_identities(
    services: Services,
    known: Known,
    principal: Principal,
    service: str,
    action: str,
    resource: str,
    given: Given,
) -> Explanation:
    """Of an action of that service, in any case. Raises InvalidSimulation."""
    name = known.get(f"{service}:{action.lower()}") or _BESIDES.get(f"{service}:{action.lower()}")
    if name is None:
        raise InvalidSimulation(f"There is no action {service}:{action} here.")
    asked = _asked(services, principal, name, resource)
    account = services.identities.directory.account(asked.account)
    owner = "" if account is None else account.canonical_id
    caller = services.callers.caller(principal)
    keys = GivenKeys(caller, given, asked.account, services.region)
    target = Target(owner, asked.policies, by_policy=name in _TRUSTED)
    found = trail(caller, f"{service}:{name.lower()}", resource, _context(keys, asked.tags), target)
    if principal.kind == "anonymous":
        found = found._replace(decision=_NOBODY)
    elif name in OPEN:
        found = found._replace(decision=_NEEDS_NOTHING)
    return Explanation(principal, f"{service}:{name}", resource, owner, owner, boundary_of(caller), found)


def _asked(services: Services, principal: Principal, action: str, resource: str) -> _Asked:
    """A user, a role, or anything else that an ARN names, which has no tags here."""
    directory = services.identities.directory
    found = directory.at(resource)
    fields = resource.split(":")
    account = fields[4] if len(fields) > 4 and fields[4] else principal.account
    tags = {} if found is None else found[2].tags
    if action not in _TRUSTED:
        return _Asked(account, tags, ())
    trust = TRUSTS_NOBODY
    if found is not None and found[1] == ROLE:
        role = found[2]
        seq = directory.in_account(account).tables[ROLE][row_name(role.name)].seq
        trust = PolicyText(f"{TRUST}{role.unique_id}", seq, role.trust)
    return _Asked(account, tags, (services.callers.policy(trust),))


def _context(keys: GivenKeys, tags: Mapping[str, str]) -> Context:
    def values(key: str) -> Values:
        if key.startswith(_TAGS) and key not in keys.given:
            return named(tags, key.partition("/")[2])
        return keys(key)

    return values
