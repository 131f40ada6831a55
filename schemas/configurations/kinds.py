"""Kinds of configurations, and the rules that apply knows about them."""

from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)

# How many documents of a kind a bucket may have, where that is more than one; each then has an id.
LIMITS: dict[str, int] = {
    "analytics": 1000, "intelligent-tiering": 1000, "inventory": 1000, "link": 10_000, "metrics": 1000,
}  # fmt: skip

# Kinds that a bucket can only have while its versioning is enabled.
NEED_VERSIONING: frozenset[str] = frozenset({"object-lock", "replication"})


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A kind of configuration: the name that events and rows carry, and what its documents are."""

    name: str
    type: type[T]
