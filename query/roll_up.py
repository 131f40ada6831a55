"""Listings with a prefix and a delimiter over any ordered rows: objects, versions, uploads.

Keys that share what follows the prefix, up to the delimiter, roll up into one common prefix; the listing
then seeks past all of them, so a page costs the page and not what lies under its prefixes.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, Protocol, TypeVar

HIGHEST = 0x10FFFF
FIRST_FETCH = 8
AFTER_JUMP = 2
FETCH_GROWTH = 4


class Keyed(Protocol):
    @property
    def key(self) -> str: ...


RowT = TypeVar("RowT", bound=Keyed)
TailT = TypeVar("TailT")


class Place(NamedTuple, Generic[TailT]):
    """Where to read on. `tail` None: from `key` itself on; else only what of `key` comes after `tail`."""

    key: str
    tail: TailT | None


@dataclass(slots=True)
class RolledUp(Generic[RowT]):
    """One page: rows and common prefixes, each in order; `last` is the key or prefix it ends with."""

    rows: list[RowT] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    truncated: bool = False
    last: str = ""


def successor(prefix: str) -> str | None:
    """The smallest string greater than every string that begins with `prefix`; None when there is none."""
    for i in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[i])
        if code < HIGHEST:
            following = 0xE000 if code == 0xD7FF else code + 1  # surrogates are not characters
            return prefix[:i] + chr(following)
    return None


def first_place(prefix: str, delimiter: str, place: Place[TailT]) -> Place[TailT] | None:
    """Where a page begins, given the marker. None: after a marker inside the last possible prefix."""
    if place.key < prefix:
        return Place(prefix, None)
    if delimiter and place.tail is not None and place.key.startswith(prefix):
        cut = place.key.find(delimiter, len(prefix))
        if cut >= 0:
            beyond = successor(place.key[: cut + len(delimiter)])
            return None if beyond is None else Place(beyond, None)
    return place


async def roll_up(
    fetch: Callable[[Place[TailT], str | None, int], Awaitable[list[RowT]]],
    tail_of: Callable[[RowT], TailT],
    prefix: str,
    delimiter: str,
    marker: Place[TailT],
    limit: int,
) -> RolledUp[RowT]:
    """One page of at most `limit` rows and common prefixes together.

    fetch    reads up to n rows in order from a place up to, without, the stop key
    tail_of  what of a row's key comes after it (see Place)
    """
    page: RolledUp[RowT] = RolledUp()
    place = first_place(prefix, delimiter, marker)
    stop = successor(prefix) if prefix else None
    if limit <= 0 or place is None:
        return page
    if not delimiter:
        rows = await fetch(place, stop, limit + 1)
        page.truncated = len(rows) > limit
        page.rows = rows[:limit]
        page.last = page.rows[-1].key if page.rows else ""
        return page

    size = min(FIRST_FETCH, limit + 1)
    while place is not None:
        rows = await fetch(place, stop, size)
        inside = _take(page, rows, prefix, delimiter, limit)
        if page.truncated or len(rows) < size:
            break
        if inside is not None:
            beyond = successor(inside)
            place = None if beyond is None else Place(beyond, None)
            size = AFTER_JUMP
        else:
            place = Place(rows[-1].key, tail_of(rows[-1]))
            size = min(size * FETCH_GROWTH, limit - len(page.rows) - len(page.prefixes) + 1)
    return page


def _take(page: RolledUp[RowT], rows: list[RowT], prefix: str, delimiter: str, limit: int) -> str | None:
    """Add rows to the page until it is full; returns the common prefix that the last row lies under."""
    inside: str | None = None
    skip = len(prefix)
    for row in rows:
        key = row.key
        if inside is not None and key.startswith(inside):
            continue
        full = len(page.rows) + len(page.prefixes) >= limit
        if full:
            page.truncated = True
            return None
        cut = key.find(delimiter, skip)
        if cut < 0:
            inside = None
            page.rows.append(row)
            page.last = key
        else:
            inside = key[: cut + len(delimiter)]
            page.prefixes.append(inside)
            page.last = inside
    return inside
