"""Policy documents, compiled: what a request must match is made ready once, and found by its action.

Documents were validated when they were set (`access.policy_document`).
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from access.evaluation.conditions import Condition, Null, compile_conditions
from access.evaluation.principals import Named, Principals, Who
from access.evaluation.template import Context, Template, compiled, condition_key
from access.evaluation.wildcard import Matcher, fits, matcher
from schemas.errors import MalformedPolicy

VARIABLES_SINCE = "2012-10-17"  # documents of this version have variables

_KEPT_ACTIONS = 512  # of which it is remembered which statements name them
_begin = re.compile(r"[^*?$]*").match  # of a resource: what is there before any wildcard or variable

Json = dict[str, Any]


class Ask(msgspec.Struct, frozen=True, gc=False):
    """A question: may the caller do this?

    action    lower case, "s3:getobject"
    resource  an ARN
    context   the request's condition keys
    """

    who: Who
    action: str
    resource: str
    context: Context


class Statement:
    """One statement. `place` counts from 1; `sid` is "" where it has none; a resource that it is about begins
    with one of `begins`."""

    __slots__ = (
        "_actions", "_conditions", "_excepted", "_excludes", "_excludes_actions", "_principals", "_resources",
        "_templates", "begins", "denies", "place", "sid",
    )  # fmt: skip

    def __init__(self, found: Json, place: int, variables: bool) -> None:
        self.place = place
        self.sid: str = found.get("Sid") or ""
        self.denies = found["Effect"] == "Deny"
        self._excludes_actions = "NotAction" in found
        actions = _many(found["NotAction"] if self._excludes_actions else found["Action"])
        self._actions = [fits(action.lower()) for action in actions]
        self._excludes = "NotResource" in found
        # The policy of a role, which says who may take it, has no resource: it is about that role.
        resources = _many(found.get("NotResource" if self._excludes else "Resource", "*"))
        self.begins = frozenset({""}) if self._excludes else frozenset(_begin(one)[0] for one in resources)  # type: ignore[index]
        made = [compiled(resource, matcher, True, variables) for resource in resources]
        self._resources: list[Matcher] = [one for one in made if not isinstance(one, Template)]
        self._templates: list[Template] = [one for one in made if isinstance(one, Template)]
        self._excepted = "NotPrincipal" in found
        named = found.get("NotPrincipal" if self._excepted else "Principal")
        self._principals = None if named is None else Principals(named)
        self._conditions: tuple[Condition | Null, ...] = compile_conditions(
            found.get("Condition") or {}, variables
        )

    def names_action(self, action: str) -> bool:
        return any(fits(action) for fits in self._actions) != self._excludes_actions

    def applies(self, ask: Ask) -> Named:
        """Whether the statement, whose action fits, is about this request; and how it names the caller. In a
        policy without principals that is the caller itself."""
        if not self._fits_resource(ask):
            return Named.NOT
        named = Named.ITSELF if self._principals is None else self._names(ask)
        if named is Named.NOT:
            return Named.NOT
        for condition in self._conditions:
            if not condition.holds(ask.context):
                return Named.NOT
        return named

    def _names(self, ask: Ask) -> Named:
        principals = self._principals
        assert principals is not None
        who = ask.who
        if not self._excepted:
            return principals.names(who)
        if principals.name_all_of(who) if self.denies else principals.name_any_of(who):
            return Named.NOT
        return Named.ROLE if who.principal.kind == "role" or who.provider else Named.ITSELF

    def _fits_resource(self, ask: Ask) -> bool:
        resource = ask.resource
        for matches in self._resources:
            if matches(resource):
                return not self._excludes
        for template in self._templates:
            matching = template.matching(ask.context)
            if matching is None:
                # A variable without a value names nothing; where it would except something, nothing is
                # allowed by what cannot be told, and everything denied.
                if self._excludes and not self.denies:
                    return False
            elif matching(resource):
                return not self._excludes
        return self._excludes

    @property
    def actions(self) -> int:
        """How many patterns of actions it has."""
        return len(self._actions)

    def comparisons(self, values: Callable[[str], int]) -> int:
        """How many of them, at most, tell whether it applies to one request. values: how many a key has."""
        of_resource = len(self._resources) + len(self._templates)
        return of_resource + sum(one.comparisons(values(one.key)) for one in self._conditions)

    @property
    def names(self) -> set[str]:
        """The condition keys that it asks about, in conditions and in variables, as they are written."""
        return set[str]().union(
            *(condition.names for condition in self._conditions), *(one.names for one in self._templates)
        )

    def missing(self, ask: Ask) -> set[str]:
        """The condition keys without a value, as they are written, that decide whether the statement, whose
        action fits, applies."""
        unknown = _unknown({key for template in self._templates for key in template.needed}, ask)
        if not unknown and not self._fits_resource(ask):
            return set()
        if self._principals is not None and self._names(ask) is Named.NOT:
            return set()
        needed = unknown.union(*(condition.needed for condition in self._conditions))
        return _unknown(needed, ask)


class _OfAction(NamedTuple):
    """The statements that name an action. Denials are about no resource that begins with none of `denied`."""

    denying: tuple[Statement, ...]
    allowing: tuple[Statement, ...]
    denied: tuple[str, ...]


class Policy:
    """A compiled document.

    name  what people know it by: "the policy of bucket photos" …
    keys  the condition keys that its statements ask about; of tags without the tag's key
    """

    __slots__ = ("_by_action", "keys", "name", "statements")

    def __init__(self, name: str, statements: Sequence[Statement]) -> None:
        self.name = name
        self.statements = tuple(statements)
        names = {name for one in statements for name in one.names}
        self.keys = frozenset(condition_key(name).partition("/")[0] for name in names)
        self._by_action: dict[str, _OfAction] = {}

    def _of_action(self, action: str) -> _OfAction:
        found = self._by_action.get(action)
        if found is None:
            named = [one for one in self.statements if one.names_action(action)]
            denying = tuple(one for one in named if one.denies)
            allowing = tuple(one for one in named if not one.denies)
            denied = frozenset[str]().union(*(one.begins for one in denying))
            found = _OfAction(denying, allowing, tuple(denied))
            if len(self._by_action) >= _KEPT_ACTIONS:
                self._by_action.clear()
            self._by_action[action] = found
        return found

    def about(self, action: str) -> tuple[Statement, ...]:
        """The statements that name an action, in their order."""
        found = self._of_action(action)
        return tuple(sorted(found.denying + found.allowing, key=lambda one: one.place))

    def denying(self, ask: Ask) -> Statement | None:
        """The first statement that denies it."""
        found = self._of_action(ask.action)
        if ask.resource.startswith(found.denied):
            for statement in found.denying:
                if statement.applies(ask):
                    return statement
        return None

    def allowing(self, ask: Ask) -> tuple[Named, Statement | None]:
        """The statement that allows it and names the caller most closely."""
        best, by = Named.NOT, None
        for statement in self._of_action(ask.action).allowing:
            named = statement.applies(ask)
            if named > best:
                best, by = named, statement
                if named is Named.ITSELF:
                    break
        return best, by


def compile_policy(document: str | Json, name: str) -> Policy:
    """The policy of a document. Raises MalformedPolicy for what no validated document has."""
    try:
        found: Json = json.loads(document) if isinstance(document, str) else document
        variables = found.get("Version") == VARIABLES_SINCE
        statements = found["Statement"]
        many = statements if isinstance(statements, list) else [statements]
        return Policy(name, [Statement(one, place, variables) for place, one in enumerate(many, 1)])
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise MalformedPolicy(f"{name} cannot be read: {type(error).__name__}: {error}") from error


def _unknown(names: set[str], ask: Ask) -> set[str]:
    return {name for name in names if not ask.context(condition_key(name))}


def _many(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]
