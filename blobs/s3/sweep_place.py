"""How far the sweep over the zones is, kept in the zones themselves: so that it goes on where it was.

It is the name of an empty object, in every zone that answers; the latest one counts.
"""

import re
from collections.abc import Sequence

from blobs.s3 import names
from blobs.s3.quorum import ask
from blobs.s3.zone import Zone
from blobs.sweep_contract import SweepPlace

_NAME = re.compile(r"sweep/([0-9a-f]{3})-([0-9a-f]{12})-([0-9a-f]{12})")


def place_name(place: SweepPlace) -> str:
    return f"{names.SWEEP}{place.shard:03x}-{place.began:012x}-{place.at:012x}"


def sweep_place(name: str) -> SweepPlace | None:
    """The place of that name; None for a name that is not of this layout."""
    match = _NAME.fullmatch(name)
    return None if match is None else SweepPlace(*(int(digits, 16) for digits in match.groups()))


async def read_place(zones: Sequence[Zone], patience: float) -> SweepPlace:
    """The latest place in any zone that answers; where no sweep ever ran, one that was done long ago.
    Raises ServiceUnavailable when no zone answers."""

    async def look(zone: Zone) -> list[SweepPlace]:
        found = [sweep_place(one.name) for one in await zone.list_all(names.SWEEP)]
        return [place for place in found if place is not None]

    answers = await ask("reading how far the sweep is", zones, look, bool, patience)
    places = [place for found in answers.good.values() for place in found]
    return max(places, key=lambda place: place.at, default=SweepPlace())


async def write_place(zones: Sequence[Zone], place: SweepPlace, patience: float) -> None:
    """Keep a later place, and forget those before it. Raises ServiceUnavailable or StorageFull when no zone
    takes it."""
    name = place_name(place)

    async def keep(zone: Zone) -> None:
        await zone.put(name)
        there = [one.name for one in await zone.list_all(names.SWEEP)]
        await zone.remove([older for older in there if older != name])

    await ask("keeping how far the sweep is", zones, keep, bool, patience)
