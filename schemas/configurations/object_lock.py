"""Object Lock of a bucket, and what new versions are kept by unless they say otherwise."""

from typing import Literal

from schemas.configurations.element import S3Element
from schemas.configurations.kinds import Kind
from schemas.rows import BucketLock, LockMode

DAYS_OF_A_YEAR = 365


class DefaultRetention(S3Element, frozen=True):
    """Days or years."""

    mode: LockMode
    days: int | None = None
    years: int | None = None


class ObjectLockRule(S3Element, frozen=True):
    default_retention: DefaultRetention


class ObjectLockConfiguration(S3Element, frozen=True):
    object_lock_enabled: Literal["Enabled"]
    rule: ObjectLockRule | None = None

    def bucket_lock(self) -> BucketLock:
        """What apply needs of it."""
        if self.rule is None:
            return BucketLock()
        default = self.rule.default_retention
        return BucketLock(default.mode, default.days or (default.years or 0) * DAYS_OF_A_YEAR)


OBJECT_LOCK = Kind("object-lock", ObjectLockConfiguration)
