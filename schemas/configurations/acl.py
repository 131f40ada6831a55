"""ACL of a bucket: the grants that its owner made."""

import msgspec

from schemas.configurations.kinds import Kind
from schemas.rows import Grant


class BucketAcl(msgspec.Struct, frozen=True):
    grants: tuple[Grant, ...]


ACL = Kind("acl", BucketAcl)
