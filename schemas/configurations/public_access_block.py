"""Public access block: what keeps ACLs and policies from opening a bucket to everybody."""

import msgspec

from schemas.configurations.kinds import Kind


class PublicAccessBlockConfiguration(msgspec.Struct, frozen=True, rename="pascal", omit_defaults=True):
    """Four switches. All None: the block was deleted, and nothing is blocked."""

    block_public_acls: bool | None = None
    ignore_public_acls: bool | None = None
    block_public_policy: bool | None = None
    restrict_public_buckets: bool | None = None


# What a bucket has until somebody says otherwise.
ALL_BLOCKED = PublicAccessBlockConfiguration(True, True, True, True)
NOTHING_BLOCKED = PublicAccessBlockConfiguration()


def strictest(
    one: PublicAccessBlockConfiguration, other: PublicAccessBlockConfiguration
) -> PublicAccessBlockConfiguration:
    """What is blocked where either blocks it, as AWS has it of a bucket's and its account's."""
    pairs = zip(msgspec.structs.astuple(one), msgspec.structs.astuple(other), strict=True)
    return PublicAccessBlockConfiguration(*(bool(mine or theirs) for mine, theirs in pairs))


PUBLIC_ACCESS_BLOCK = Kind("public-access-block", PublicAccessBlockConfiguration)
