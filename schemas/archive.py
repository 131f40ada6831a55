"""Archived objects: those of storage classes that must be restored before they can be read.

Their bytes lie where everybody's lie, so a restore has nothing to fetch: it opens the object for reading
until its term ends, from the moment it is applied.
"""

from schemas.rows import ObjectVersion

ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE"})

_DAY = 86_400_000  # milliseconds
_LAST_DAY = 253_402_214_400_000  # 9999-12-31, the last day that a date in a header can name


def is_archived(version: ObjectVersion) -> bool:
    """Whether the version's bytes can be read only while it is restored."""
    return version.attributes.storage_class in ARCHIVED


def is_restored(version: ObjectVersion, now: float) -> bool:
    """Whether a restore of the archived version is in force; `now` in Unix seconds."""
    return version.restored_until > now * 1000


def term_end(now: int, days: int) -> int:
    """When a restore for that many days ends: at the midnight (UTC) after it. Unix milliseconds."""
    return min(((now + days * _DAY) // _DAY + 1) * _DAY, _LAST_DAY)
