"""Lifecycle: when objects move to other storage classes, and when they end."""

from typing import Literal

from msgspec import field

from schemas.configurations.element import S3Element, Status
from schemas.configurations.kinds import Kind
from schemas.configurations.tagging import Tag

TransitionClass = Literal[
    "GLACIER", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "DEEP_ARCHIVE", "GLACIER_IR"
]
MinimumSize = Literal["varies_by_storage_class", "all_storage_classes_128K"]


class LifecycleAnd(S3Element, frozen=True):
    """Sizes in bytes."""

    prefix: str | None = None
    tags: tuple[Tag, ...] = field(default=(), name="Tag")
    object_size_greater_than: int | None = None
    object_size_less_than: int | None = None


class LifecycleFilter(S3Element, frozen=True):
    """At most one of them; none: every object."""

    prefix: str | None = None
    tag: Tag | None = None
    object_size_greater_than: int | None = None
    object_size_less_than: int | None = None
    all_of: LifecycleAnd | None = field(default=None, name="And")


class Expiration(S3Element, frozen=True):
    """One of them. `date` is ISO 8601, midnight UTC; `days` count from creation."""

    date: str | None = None
    days: int | None = None
    expired_object_delete_marker: bool | None = None


class Transition(S3Element, frozen=True, kw_only=True):
    date: str | None = None
    days: int | None = None
    storage_class: TransitionClass


class NoncurrentVersionTransition(S3Element, frozen=True, kw_only=True):
    noncurrent_days: int | None = None
    storage_class: TransitionClass
    newer_noncurrent_versions: int | None = None


class NoncurrentVersionExpiration(S3Element, frozen=True):
    noncurrent_days: int | None = None
    newer_noncurrent_versions: int | None = None


class AbortIncompleteMultipartUpload(S3Element, frozen=True):
    days_after_initiation: int | None = None


class LifecycleRule(S3Element, frozen=True, kw_only=True):
    expiration: Expiration | None = None
    id: str | None = field(default=None, name="ID")
    prefix: str | None = None
    filter: LifecycleFilter | None = None
    status: Status
    transitions: tuple[Transition, ...] = field(default=(), name="Transition")
    noncurrent_version_transitions: tuple[NoncurrentVersionTransition, ...] = field(
        default=(), name="NoncurrentVersionTransition"
    )
    noncurrent_version_expiration: NoncurrentVersionExpiration | None = None
    abort_incomplete_multipart_upload: AbortIncompleteMultipartUpload | None = None


class LifecycleRules(S3Element, frozen=True):
    """The document as it is on the wire."""

    rules: tuple[LifecycleRule, ...] = field(default=(), name="Rule")


class LifecycleConfiguration(S3Element, frozen=True):
    """The rules, and the size below which transitions leave objects where they are (a header's value)."""

    lifecycle: LifecycleRules
    minimum_size: MinimumSize = "all_storage_classes_128K"


LIFECYCLE = Kind("lifecycle", LifecycleConfiguration)
