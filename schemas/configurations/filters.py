"""Filters by prefix and tags, which several configurations share."""

from msgspec import field

from schemas.configurations.element import S3Element
from schemas.configurations.tagging import Tag


class And(S3Element, frozen=True):
    prefix: str | None = None
    tags: tuple[Tag, ...] = field(default=(), name="Tag")


class Filter(S3Element, frozen=True, kw_only=True):
    """At most one of them; none: every object."""

    prefix: str | None = None
    tag: Tag | None = None
    all_of: And | None = field(default=None, name="And")
