"""Limits: how much may be asked of the store by an access key or an account, and of a bucket.

A bucket's is a configuration of it (`schemas.rows.Configuration`); those of accounts and access keys are
rows of `identities`. The operator sets them.
"""

import msgspec

from schemas.configurations.kinds import Kind


class Limits(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is allowed at most; 0: as much as there is. Fields may be added with defaults.

    requests  a second
    upload    bytes of request bodies a second
    download  bytes of answers' bodies a second
    size      bytes that may be stored (schemas.rows.Usage); not of an access key
    versions  versions and delete markers that there may be; not of an access key
    """

    requests: int = 0
    upload: int = 0
    download: int = 0
    size: int = 0
    versions: int = 0

    @property
    def is_quota(self) -> bool:
        """Whether it limits what may be stored."""
        return bool(self.size or self.versions)


BUCKET_LIMITS = Kind("limits", Limits)
