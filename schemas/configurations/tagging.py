"""Tags: names and values that users give to buckets, for their own bookkeeping and for cost reports."""

import msgspec

from schemas.configurations.kinds import Kind


class Tag(msgspec.Struct, frozen=True, rename="pascal"):
    key: str
    value: str


class TagSet(msgspec.Struct, frozen=True):
    tags: tuple[Tag, ...] = msgspec.field(default=(), name="Tag")


class Tagging(msgspec.Struct, frozen=True, rename="pascal"):
    """Tags in the order in which they were given."""

    tag_set: TagSet


TAGGING = Kind("tagging", Tagging)
