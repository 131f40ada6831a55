"""SimulatePrincipalPolicy and SimulateCustomPolicy: what policies say of actions that nobody asks for yet.

It is the one evaluator that answers, as for a real request. What it is told of are the policies of identities
and the ResourcePolicy of the call: policies, ACLs and public access blocks of buckets do not count here.

Source: IAM API Reference, SimulatePrincipalPolicy, SimulateCustomPolicy, EvaluationResult.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

from access.evaluation.decide import Target
from access.evaluation.policy import Policy
from access.evaluation.template import condition_key
from access.evaluation.trail import Found, Trail, trail
from access.statement_positions import Position
from gateway.authorization.given_keys import Given, GivenKeys
from gateway.iam.call import PAGE, PAGE_LIMIT, Call, Reading, Result
from gateway.iam.context_entries import context_entries, pieces
from gateway.iam.simulated import Simulated, Sourced, canonical_id, of_policies, of_principal
from gateway.request import Services
from schemas.errors import InvalidInput, InvalidSimulation

ANY = "*"
LEAST_ACTION, MOST_ACTION = 3, 128
WORK_LIMIT = 50_000  # comparisons that a page of results needs: some tenths of a second
# What these ask for does not exist here, so nothing could be said of it.
UNBUILT = ("OrderedOrganizationPolicyInputList", "PolicyExclusionList", "ResourceHandlingOption")

_is_action = re.compile(r"[A-Za-z0-9-]+:[A-Za-z0-9-]+").fullmatch
_is_arn = re.compile(r"arn:[^:]+:[^:]+:[^:]*:(\d{12}|[^:\d]*):.+").fullmatch
_is_owner = re.compile(r"(\d{12})|arn:aws:iam::(\d{12}):root").fullmatch
_is_marker = re.compile(r"\d{1,4}", re.ASCII).fullmatch

_RANK = {"allowed": 0, "implicitDeny": 1, "explicitDeny": 2}


class Simulation(NamedTuple):
    """What every action of a call is asked with. owner: the number of the account of resources whose ARN
    tells none."""

    call: Call
    simulated: Simulated
    resources: list[str]
    owner: str
    given: Given


class Answer(NamedTuple):
    """What was found of one resource."""

    resource: str
    decision: str
    trail: Trail
    missing: list[str]


def simulate_principal_policy(call: Call) -> Reading:
    """Raises InvalidInput, InvalidSimulation, NoSuchEntity."""
    return _simulate(call, of_principal(call))


def simulate_custom_policy(call: Call) -> Reading:
    """Raises InvalidInput, InvalidSimulation."""
    return _simulate(call, of_policies(call))


def _simulate(call: Call, simulated: Simulated) -> Reading:
    for name in UNBUILT:
        if call.parameters.holds(name):
            raise InvalidSimulation(f"{name} is not supported: there is nothing of the kind here.")
    actions = _actions(call)
    simulation = Simulation(
        call, simulated, _resources(call), _owner(call, simulated), context_entries(call.parameters)
    )
    begin, end = _page(call, simulation)
    return Reading(partial(_results, simulation, actions, begin, end))


def _page(call: Call, simulation: Simulation) -> tuple[int, int]:
    """Which actions are answered for: fewer than MaxItems where each is much work. Raises InvalidInput,
    InvalidSimulation."""
    work = _work(simulation)
    if work > WORK_LIMIT:
        raise InvalidSimulation(
            f"{len(simulation.resources)} resources, the values in the statements and those of "
            f"ContextEntries are too much for one call: one action takes {work} comparisons, of {WORK_LIMIT} "
            "at most"
        )
    marker = call.parameters.get("Marker")
    if marker and not _is_marker(marker):
        raise InvalidInput(f"Invalid Marker: {marker}")
    begin = int(marker or 0)
    return begin, begin + min(call.parameters.number("MaxItems", PAGE, 1, PAGE_LIMIT), WORK_LIMIT // work)


def _work(simulation: Simulation) -> int:
    """How much is to be compared for one action: the actions of statements once, and for each resource
    theirs, and in each condition its values by those that its key has."""
    sizes = {key: pieces(values) for key, values in simulation.given.items()}
    # A key that nothing is given for may be known, and has one value then.
    values = partial(_size, sizes)
    statements = [one for policy in simulation.simulated.sources for one in policy.statements]
    of_one = sum(one.comparisons(values) for one in statements)
    return max(1, sum(one.actions for one in statements), of_one * pieces(simulation.resources))


def _size(sizes: Mapping[str, int], key: str) -> int:
    return max(1, sizes.get(key, 1))


async def _results(
    simulation: Simulation, actions: list[str], begin: int, end: int, services: Services
) -> Result:
    """A page of the results, one for each action. Other requests are served between its resources."""
    results = [await _result(simulation, action) for action in actions[begin:end]]
    page: Result = {"IsTruncated": end < len(actions), "EvaluationResults": results}
    return {**page, "Marker": str(end)} if end < len(actions) else page


def _actions(call: Call) -> list[str]:
    actions = call.parameters.required_items("ActionNames")
    for action in actions:
        if not LEAST_ACTION <= len(action) <= MOST_ACTION:
            raise InvalidInput(
                f"1 validation error detected: Value '{action}' at 'actionNames' failed to satisfy "
                f"constraint: Member must have length from {LEAST_ACTION} to {MOST_ACTION}"
            )
        if not _is_action(action):
            raise InvalidSimulation(
                f'Invalid Input Actions: "{action}"; an action is service:Name, without wildcards'
            )
    return actions


def _resources(call: Call) -> list[str]:
    resources = call.parameters.items("ResourceArns") or [ANY]
    for resource in resources:
        if resource != ANY and not _is_arn(resource):
            raise InvalidSimulation(f'Invalid Input Resources: "{resource}" is neither an ARN nor "*"')
    return resources


def _owner(call: Call, simulated: Simulated) -> str:
    given = call.parameters.get("ResourceOwner")
    if not given:
        return simulated.account
    found = _is_owner(given)
    if found is None:
        raise InvalidSimulation(f"'{given}' is not a valid as a Resource Owner.")
    return found[1] or found[2]


# --- one action ----------------------------------------------------------------------------------------
async def _result(simulation: Simulation, action: str) -> Result:
    answers = []
    for resource in simulation.resources:
        answers.append(_answer(simulation, action, resource))
        await asyncio.sleep(0)
    worst = max((one.decision for one in answers), key=_RANK.__getitem__)
    sources = simulation.simulated.sources
    deciding = [one.trail for one in answers if one.decision == worst]
    result: Result = {
        "EvalActionName": action,
        "EvalResourceName": answers[0].resource if len(answers) == 1 else ANY,
        "EvalDecision": worst,
        "MatchedStatements": _statements([one for trail in deciding for one in trail.decisive], sources),
        "MissingContextValues": list(dict.fromkeys(name for one in answers for name in one.missing)),
        **_boundary([one.trail for one in answers]),
    }
    if simulation.resources != [ANY]:
        result["ResourceSpecificResults"] = [_of_resource(one, sources) for one in answers]
    return result


def _answer(simulation: Simulation, action: str, resource: str) -> Answer:
    simulated = simulation.simulated
    arn = _is_arn(resource)
    number = (arn[1] if arn is not None and arn[1].isdigit() else "") or simulation.owner
    keys = GivenKeys(simulated.caller, simulation.given, number)
    policies = () if simulated.resource is None else (simulated.resource,)
    target = Target(canonical_id(simulation.call, number), policies)
    found = trail(simulated.caller, action.lower(), resource, keys, target)
    missing = [name for name in found.missing if condition_key(name) not in simulation.given]
    return Answer(resource, _word(found), found, missing)


def _word(found: Trail) -> str:
    if found.decision.allowed:
        return "allowed"
    return "explicitDeny" if found.decision.explicit else "implicitDeny"


# --- as answers write it -------------------------------------------------------------------------------
def _of_resource(answer: Answer, sources: Mapping[Policy, Sourced]) -> Result:
    return {
        "EvalResourceName": answer.resource,
        "EvalResourceDecision": answer.decision,
        "MatchedStatements": _statements(answer.trail.decisive, sources),
        "MissingContextValues": answer.missing,
        **_boundary([answer.trail]),
    }


def _boundary(trails: list[Trail]) -> Result:
    """Nothing, where there is no boundary."""
    if trails[0].boundary is None:
        return {}
    return {"PermissionsBoundaryDecisionDetail": {
        "AllowedByPermissionsBoundary": all(one.boundary for one in trails)
    }}  # fmt: skip


def _statements(found: Sequence[Found], sources: Mapping[Policy, Sourced]) -> list[Result]:
    """Each statement once."""
    once = {id(one.statement): one for one in found}
    return [_statement(one, sources[one.policy]) for one in once.values()]


def _statement(found: Found, source: Sourced) -> Result:
    begin, end = source.places[found.statement.place - 1]
    return {
        "SourcePolicyId": source.id,
        "SourcePolicyType": source.kind,
        "StartPosition": _position(begin),
        "EndPosition": _position(end),
    }


def _position(position: Position) -> Result:
    return {"Line": position.line, "Column": position.column}
