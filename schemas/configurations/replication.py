"""Replication: which objects are copied to which buckets."""

from typing import Literal

from msgspec import field

from schemas.configurations.element import S3Element, Status
from schemas.configurations.filters import Filter
from schemas.configurations.kinds import Kind

ReplicaClass = Literal[
    "STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER",
    "DEEP_ARCHIVE", "GLACIER_IR",
]  # fmt: skip


class Switch(S3Element, frozen=True):
    status: Status


class SourceSelectionCriteria(S3Element, frozen=True):
    sse_kms_encrypted_objects: Switch | None = None
    replica_modifications: Switch | None = None


class AccessControlTranslation(S3Element, frozen=True):
    owner: Literal["Destination"]


class ReplicaEncryption(S3Element, frozen=True):
    replica_kms_key_id: str | None = field(default=None, name="ReplicaKmsKeyID")


class Minutes(S3Element, frozen=True):
    minutes: int


class ReplicationTime(S3Element, frozen=True):
    status: Status
    time: Minutes


class Metrics(S3Element, frozen=True):
    status: Status
    event_threshold: Minutes | None = None


class ReplicationDestination(S3Element, frozen=True):
    """`bucket` is an ARN."""

    bucket: str
    account: str | None = None
    storage_class: ReplicaClass | None = None
    access_control_translation: AccessControlTranslation | None = None
    encryption_configuration: ReplicaEncryption | None = None
    replication_time: ReplicationTime | None = None
    metrics: Metrics | None = None


class ReplicationRule(S3Element, frozen=True, kw_only=True):
    id: str | None = field(default=None, name="ID")
    priority: int | None = None
    prefix: str | None = None
    filter: Filter | None = None
    status: Status
    source_selection_criteria: SourceSelectionCriteria | None = None
    existing_object_replication: Switch | None = None
    destination: ReplicationDestination
    delete_marker_replication: Switch | None = None


class ReplicationConfiguration(S3Element, frozen=True):
    role: str
    rules: tuple[ReplicationRule, ...] = field(default=(), name="Rule")


REPLICATION = Kind("replication", ReplicationConfiguration)
