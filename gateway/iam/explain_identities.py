"""Why IAM or STS would let a caller do something, or not: as `permission` decides it for requests."""

from collections.abc import Mapping
from typing import NamedTuple

from access.account_identities import PolicyText
from access.evaluation.decide import Decision, Target, decide
from access.evaluation.policy import Policy
from access.evaluation.template import Context
from access.evaluation.trail import trail
from access.identity import Principal
from gateway.authorization.explanation import Explanation, boundary_of
from gateway.authorization.given_keys import Given, GivenKeys, of_request
from gateway.authorization.global_keys import Values, named
from gateway.authorization.strangers import owners_part, told_to_strangers
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
    asker: str = "",
) -> Explanation:
    """Of an action of that service, in any case. asker: the canonical id of the account that is told; "" may
    know everything. Raises InvalidSimulation."""
    name = known.get(f"{service}:{action.lower()}") or _BESIDES.get(f"{service}:{action.lower()}")
    if name is None:
        raise InvalidSimulation(f"There is no action {service}:{action} here.")
    asked = _asked(services, principal, name, resource)
    account = services.identities.directory.account(asked.account)
    owner = "" if account is None else account.canonical_id
    caller = services.callers.caller(principal)
    keys = GivenKeys(caller, given, asked.account, services.region)
    target = Target(owner, asked.policies, by_policy=name in _TRUSTED)
    word, boundary = f"{service}:{name}", boundary_of(caller)
    if asked.account and asker not in ("", owner):
        owners = _context(GivenKeys(caller, of_request(given), asked.account, services.region), asked.tags)
        context = _context(keys, asked.tags)
        outcome = decide(caller, word.lower(), resource, context, owners_part(target, owners))
        allowed = _settled(principal, name, outcome).allowed
        own = trail(caller, word.lower(), resource, _context(keys, {}), Target(principal.id))
        return told_to_strangers(principal, word, resource, owner, boundary, allowed, own, given)
    found = trail(caller, word.lower(), resource, _context(keys, asked.tags), target)
    found = found._replace(decision=_settled(principal, name, found.decision))
    return Explanation(principal, word, resource, owner, boundary, found)


def _settled(principal: Principal, action: str, decision: Decision) -> Decision:
    """The evaluator's, but for what is settled before it."""
    if principal.kind == "anonymous":
        return _NOBODY
    return _NEEDS_NOTHING if action in OPEN else decision


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
