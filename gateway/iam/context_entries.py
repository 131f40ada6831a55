"""ContextEntries: condition keys that a simulation is to go by, each with its values and their type."""

from collections.abc import Callable, Sequence
from typing import Any

from access.evaluation.comparisons import address, binary, date, number, truth
from access.evaluation.template import condition_key
from gateway.authorization.given_keys import Given
from gateway.iam.parameters import Parameters
from schemas.errors import InvalidInput, InvalidSimulation

ENTRIES = "ContextEntries"
LEAST_NAME, MOST_NAME = 5, 256
_LIST = "List"
_PIECE = 256  # characters that are compared in about the time that a short value takes


def _text(value: str) -> str:
    return value


# What a value of a type must be readable as; None where it is not.
_READ: dict[str, Callable[[str], Any]] = {
    "string": _text, "numeric": number, "boolean": truth, "ip": address, "binary": binary, "date": date,
}  # fmt: skip


def context_entries(parameters: Parameters) -> Given:
    """The keys that are given. Raises InvalidInput, InvalidSimulation."""
    found: dict[str, tuple[str, ...]] = {}
    for place, name in enumerate(parameters.fields(ENTRIES, "ContextKeyName"), 1):
        entry = f"{ENTRIES}.member.{place}"
        if not LEAST_NAME <= len(name) <= MOST_NAME:
            raise InvalidInput(
                f"1 validation error detected: Value '{name}' at 'contextEntries.{place}.member."
                "contextKeyName' failed to satisfy constraint: Member must have length from "
                f"{LEAST_NAME} to {MOST_NAME}"
            )
        key = condition_key(name)
        if key in found:
            raise InvalidSimulation(f"Duplicate context key: {name}")
        values = tuple(parameters.items(f"{entry}.ContextKeyValues"))
        _check_values(name, parameters.get(f"{entry}.ContextKeyType", "string"), values)
        found[key] = values
    return found


def pieces(values: Sequence[str]) -> int:
    """How many values there are; long ones count for several."""
    return sum(1 + len(value) // _PIECE for value in values)


def _check_values(name: str, kind: str, values: tuple[str, ...]) -> None:
    read = _READ.get(kind.removesuffix(_LIST))
    if read is None:
        kinds = ", ".join([*_READ, *(f"{one}{_LIST}" for one in _READ)])
        raise InvalidInput(
            f"1 validation error detected: Value '{kind}' at 'contextKeyType' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{kinds}]"
        )
    if len(values) > 1 and not kind.endswith(_LIST):
        raise InvalidSimulation(
            f"Invalid context value: {name} has {len(values)} values; its type must be {kind}{_LIST}"
        )
    for value in values:
        if read(value) is None:
            raise InvalidSimulation(f"Invalid context value: {value!r} of {name} is not of type {kind}")
