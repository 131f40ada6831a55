"""Conditions of a statement: all of them must hold; of the values beside one key, one must fit.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Set operators for multivalued
context keys".
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from access.evaluation.comparisons import ORDERED, arn, ignoring_case
from access.evaluation.template import Context, MakeMatcher, Template, compiled, condition_key
from access.evaluation.wildcard import Matcher, matcher
from schemas.errors import MalformedPolicy

Quantifier = Literal["", "forallvalues", "foranyvalue"]

# Of texts, whose values may hold variables: (how they are matched, whether * and ? are wildcards).
_TEXTS: dict[str, tuple[MakeMatcher, bool]] = {
    "stringequals": (matcher, False),
    "stringequalsignorecase": (ignoring_case, False),
    "stringlike": (matcher, True),
    "arnequals": (arn, True),
    "arnlike": (arn, True),
}
# The negation of an operator that must not be told apart by its name alone.
_NEGATED = {
    "stringnotequals": "stringequals",
    "stringnotequalsignorecase": "stringequalsignorecase",
    "stringnotlike": "stringlike",
    "arnnotequals": "arnequals",
    "arnnotlike": "arnlike",
    "numericnotequals": "numericequals",
    "datenotequals": "dateequals",
    "notipaddress": "ipaddress",
}


class Operator(NamedTuple):
    """What a condition's operator says: of which values, compared how, the other way round or not, and
    whether it holds where the request has no such key."""

    quantifier: Quantifier
    name: str
    negated: bool
    if_exists: bool


def operator(text: str) -> Operator:
    """Reads "ForAnyValue:StringNotLikeIfExists" and the like. Raises MalformedPolicy."""
    head, colon, name = text.lower().rpartition(":")
    quantifier: Quantifier = ""
    if colon:
        if head == "forallvalues":
            quantifier = "forallvalues"
        elif head == "foranyvalue":
            quantifier = "foranyvalue"
        else:
            raise MalformedPolicy(f"Invalid Condition type : {text}")
    if_exists = name.endswith("ifexists")
    name = name.removesuffix("ifexists")
    if name == "null" and not if_exists and not quantifier:
        return Operator("", "null", False, False)
    positive = _NEGATED.get(name, name)
    if positive not in _TEXTS and positive not in ORDERED:
        raise MalformedPolicy(f"Invalid Condition type : {text}")
    return Operator(quantifier, positive, name in _NEGATED, if_exists)


class Condition:
    """One operator on one key."""

    __slots__ = ("_matchers", "_negated", "_quantifier", "_templates", "_without", "key", "name")

    def __init__(self, how: Operator, key: str, values: Sequence[str], variables: bool) -> None:
        self.key, self.name = condition_key(key), key
        self._negated = how.negated
        self._quantifier = how.quantifier
        # What the condition is where the request has no such key, or no value of it.
        self._without = (
            how.if_exists
            or how.quantifier == "forallvalues"
            or (how.negated and how.quantifier != "foranyvalue")
        )
        self._matchers: list[Matcher] = []
        self._templates: list[Template] = []
        for value in values:
            made = _comparison(how.name, value, variables)
            if isinstance(made, Template):
                self._templates.append(made)
            else:
                self._matchers.append(made)

    @property
    def names(self) -> set[str]:
        """The condition keys that it asks about, as they are written: its own, and those of variables in its
        values."""
        return {self.name}.union(*(template.names for template in self._templates))

    @property
    def needed(self) -> set[str]:
        """The condition keys that decide it, as they are written."""
        return {self.name}.union(*(template.needed for template in self._templates))

    def comparisons(self, given: int) -> int:
        """How many of them it makes at most where its key has so many values."""
        return given * (len(self._matchers) + len(self._templates))

    def holds(self, context: Context) -> bool:
        """Whether the request fulfils it."""
        values = context(self.key)
        if not values:
            return self._without
        matchers = self._matchers
        if self._templates:
            resolved = [template.matching(context) for template in self._templates]
            matchers = matchers + [one for one in resolved if one is not None]
        negated = self._negated
        if len(values) == 1:  # then the quantifiers say the same
            value = values[0]
            for fits in matchers:
                if fits(value):
                    return not negated
            return negated
        if self._quantifier == "forallvalues":
            return all(any(fits(value) for fits in matchers) != negated for value in values)
        if self._quantifier == "foranyvalue":
            return any(any(fits(value) for fits in matchers) != negated for value in values)
        return any(fits(value) for value in values for fits in matchers) != negated


class Null:
    """Whether the request has a key at all: "true" asks for one without."""

    __slots__ = ("_missing", "key", "name")

    def __init__(self, key: str, values: Sequence[str]) -> None:
        self.key, self.name = condition_key(key), key
        self._missing = {value.strip().lower() for value in values}

    @property
    def names(self) -> set[str]:
        return {self.name}

    @property
    def needed(self) -> set[str]:
        return {self.name}

    def comparisons(self, given: int) -> int:
        return 1

    def holds(self, context: Context) -> bool:
        return ("false" if context(self.key) else "true") in self._missing


def _comparison(name: str, value: str, variables: bool) -> Matcher | Template:
    if name in _TEXTS:
        make, wild = _TEXTS[name]
        return compiled(value, make, wild, variables)
    return ORDERED[name](value)


def compile_conditions(found: dict[str, dict[str, Any]], variables: bool) -> tuple[Condition | Null, ...]:
    """The conditions of a statement. Raises MalformedPolicy."""
    made: list[Condition | Null] = []
    for text, keys in found.items():
        how = operator(text)
        for key, given in keys.items():
            values = [written(one) for one in (given if isinstance(given, list) else [given])]
            made.append(Null(key, values) if how.name == "null" else Condition(how, key, values, variables))
    return tuple(made)


def written(value: str | int | float | bool) -> str:
    """A value as text: JSON's true is "true"."""
    return str(value).lower() if isinstance(value, bool) else str(value)
