"""Inventory: regular lists of a bucket's objects, and where they go."""

from typing import Literal

from msgspec import field

from schemas.configurations.element import S3Element
from schemas.configurations.kinds import Kind

OptionalField = Literal[
    "Size", "LastModifiedDate", "StorageClass", "ETag", "IsMultipartUploaded", "ReplicationStatus",
    "EncryptionStatus", "ObjectLockRetainUntilDate", "ObjectLockMode", "ObjectLockLegalHoldStatus",
    "IntelligentTieringAccessTier", "BucketKeyStatus", "ChecksumAlgorithm", "ObjectAccessControlList",
    "ObjectOwner", "LifecycleExpirationDate",
]  # fmt: skip


class WithS3Key(S3Element, frozen=True):
    """Encrypted as everything is."""


class WithKmsKey(S3Element, frozen=True):
    key_id: str


class InventoryEncryption(S3Element, frozen=True):
    sse_s3: WithS3Key | None = field(default=None, name="SSE-S3")
    sse_kms: WithKmsKey | None = field(default=None, name="SSE-KMS")


class InventoryBucket(S3Element, frozen=True, kw_only=True):
    account_id: str | None = None
    bucket: str
    format: Literal["CSV", "ORC", "Parquet"]
    prefix: str | None = None
    encryption: InventoryEncryption | None = None


class InventoryDestination(S3Element, frozen=True):
    s3_bucket_destination: InventoryBucket = field(name="S3BucketDestination")


class InventoryFilter(S3Element, frozen=True):
    prefix: str


class OptionalFields(S3Element, frozen=True):
    fields: tuple[OptionalField, ...] = field(default=(), name="Field")


class Schedule(S3Element, frozen=True):
    frequency: Literal["Daily", "Weekly"]


class InventoryConfiguration(S3Element, frozen=True, kw_only=True):
    destination: InventoryDestination
    is_enabled: bool
    filter: InventoryFilter | None = None
    id: str
    included_object_versions: Literal["All", "Current"]
    optional_fields: OptionalFields | None = None
    schedule: Schedule


INVENTORY = Kind("inventory", InventoryConfiguration)
