"""Where copies belong: computed from a blob's id and a versioned map of zones, never stored.

Weighted rendezvous hashing. Every zone draws a score for the blob, and the best draw wins:

    h     = first 53 bits of BLAKE2b-64(blob id ‖ UTF-8 of the zone's name), plus a half, over 2^53
    score = weight / -ln(h)

So a zone holds blobs in proportion to its weight, and a changed map moves only the copies that the change
is about: what a new zone wins, what a removed zone held. The function is frozen, for ever; golden vectors
in tests/unit/test_placement.py hold it. (Two C libraries may differ in the last bit of a logarithm. That
swaps two zones for one blob in about 10^15, and `places` are a set of three for whoever reads.)
"""

import hashlib
import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from schemas.errors import ConfigurationError

COPIES = 3


@dataclass(frozen=True)
class ZoneMap:
    """Which zones there are, and how much each should hold beside the others.

    version  grows with every change; of two maps the greater one is in force
    weights  by the zone's name; a zone of weight 2 holds twice as much as one of weight 1
    """

    version: int
    weights: dict[str, float]

    def __post_init__(self) -> None:
        if not self.weights:
            raise ConfigurationError(f"zone map {self.version} names no zone")
        for zone, weight in self.weights.items():
            if not (weight > 0 and math.isfinite(weight)):
                raise ConfigurationError(f"zone {zone!r} has the weight {weight}: it must be above 0")

    @cached_property
    def _draws(self) -> list[tuple[str, bytes, float]]:
        return [(zone, zone.encode(), weight) for zone, weight in sorted(self.weights.items())]

    def places(self, blob: bytes) -> tuple[str, ...]:
        """The zones that hold the blob's copies, COPIES of them where there are so many, best first."""
        scored = sorted((-_score(blob, name, weight), zone) for zone, name, weight in self._draws)
        return tuple(zone for _, zone in scored[:COPIES])


@dataclass(frozen=True)
class Placement:
    """The map in force, and the older ones whose copies may not have moved yet, newest first.

    Raises ConfigurationError when two maps have the same version.
    """

    maps: tuple[ZoneMap, ...]

    def __post_init__(self) -> None:
        versions = [zones.version for zones in self.maps]
        if not versions or versions != sorted(set(versions), reverse=True):
            raise ConfigurationError(f"zone maps must be listed newest first, each once; got {versions}")

    @property
    def zones(self) -> set[str]:
        """Every zone that any map names."""
        return {zone for zones in self.maps for zone in zones.weights}

    def targets(self, blob: bytes) -> tuple[str, ...]:
        """Where its copies belong: the places of the map in force."""
        return self.maps[0].places(blob)

    def candidates(self, blob: bytes) -> tuple[str, ...]:
        """Where its copies may be: the new places first, then the old ones."""
        if len(self.maps) == 1:
            return self.targets(blob)
        return tuple(dict.fromkeys(zone for zones in self.maps for zone in zones.places(blob)))

    def enough_copies(self, blob: bytes, zones: Collection[str]) -> bool:
        """Whether copies in these zones are enough to acknowledge: a majority of the targets."""
        return _majority(self.targets(blob), zones)

    def is_quorum(self, blob: bytes, zones: Collection[str]) -> bool:
        """Whether what these zones took, or said, holds for the blob: a majority of the places of every
        map. So any two quorums share a zone, between processes with the map before and the map after a
        change too."""
        return all(_majority(one.places(blob), zones) for one in self.maps)


def majority(places: int) -> int:
    """How many of so many places are more than half."""
    return places // 2 + 1


def _majority(places: Collection[str], zones: Collection[str]) -> bool:
    return sum(place in zones for place in places) >= majority(len(places))


def _score(blob: bytes, name: bytes, weight: float) -> float:
    drawn = int.from_bytes(hashlib.blake2b(blob + name, digest_size=8).digest(), "big") >> 11
    return weight / -math.log((drawn + 0.5) / 2**53)
