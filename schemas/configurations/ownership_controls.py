"""Ownership controls: whether ACLs mean anything, and who owns what others upload."""

from typing import Literal

import msgspec

from schemas.configurations.kinds import Kind

ObjectOwnership = Literal["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"]


class OwnershipRule(msgspec.Struct, frozen=True, rename="pascal"):
    object_ownership: ObjectOwnership


class OwnershipControls(msgspec.Struct, frozen=True):
    """One rule; none: the controls were deleted, which means ObjectWriter."""

    rules: tuple[OwnershipRule, ...] = msgspec.field(default=(), name="Rule")


# What a bucket has until somebody says otherwise.
ENFORCED = OwnershipControls((OwnershipRule("BucketOwnerEnforced"),))

OWNERSHIP_CONTROLS = Kind("ownership-controls", OwnershipControls)
