"""Filters of configurations: the rules that they share."""

from collections.abc import Sequence
from typing import Any

import msgspec

from gateway.tags import checked
from schemas.configurations.tagging import Tag
from schemas.errors import InvalidRequest, MalformedXML


def check_filter(found: Any) -> None:
    """A filter names one predicate, and its And at least two.

    found  any of the filter structs

    Raises MalformedXML, InvalidRequest, InvalidTag.
    """
    named = _named(found)
    if len(named) > 1:
        raise MalformedXML()
    if found.tag is not None:
        check_tags((found.tag,))
    if found.all_of is not None:
        check_tags(found.all_of.tags)
        others = [name for name in _named(found.all_of) if name != "tags"]
        if len(others) + len(found.all_of.tags) < 2:
            raise MalformedXML()


def _named(struct: msgspec.Struct) -> list[str]:
    """The fields that say something."""
    return [name for name in struct.__struct_fields__ if getattr(struct, name) not in (None, ())]


def check_tags(tags: Sequence[Tag]) -> None:
    """Raises InvalidRequest for a key that comes twice, InvalidTag."""
    if len({tag.key for tag in tags}) < len(tags):
        raise InvalidRequest("Duplicate Tag Keys are not allowed.")
    checked(((tag.key, tag.value) for tag in tags), len(tags))
