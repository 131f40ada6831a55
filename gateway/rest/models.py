"""What the REST API takes and gives as JSON. Times are RFC 3339 in UTC, sizes bytes, ETags without quotes."""

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from index.contract import ListEntry
from ingest.results import DeleteResult, PutResult
from schemas.configurations.grants import AccessGrant, Right
from schemas.rows import Bucket, Checksum, ObjectVersion, Usage, Versioning


def rfc3339(milliseconds: int) -> str:
    """Unix milliseconds as `2026-01-02T03:04:05.678Z`."""
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class CreateBucketRequest(_Input):
    name: str = Field(description="3 to 63 letters, digits, dots and hyphens, as S3 has it")


class VersioningRequest(_Input):
    status: Literal["enabled", "suspended"] = Field(
        description="enabled: every write keeps the version before it; suspended: writes replace the version "
        '"null" and leave the others'
    )


class GrantRequest(_Input):
    user_id: str = Field(description="Unique id or ARN of a user or role, of any account")
    permissions: list[Right] = Field(
        min_length=1,
        description="read: objects, their tags and listings; write: put objects and tags, also in parts; "
        "delete: objects and versions",
    )
    expires_at: AwareDatetime | None = Field(
        description="From this moment on it counts for nothing (RFC 3339, to the second); null: it has no end"
    )

    @field_validator("permissions")
    @classmethod
    def _each_once(cls, permissions: list[Right]) -> list[Right]:
        if len(set(permissions)) < len(permissions):
            raise ValueError("a permission is named twice")
        return permissions


class BucketModel(BaseModel):
    name: str
    created: str
    region: str
    owner: str
    versioning: Versioning

    @classmethod
    def of(cls, row: Bucket) -> "BucketModel":
        return cls(
            name=row.name,
            created=rfc3339(row.created_at),
            region=row.region,
            owner=row.owner_id,
            versioning=row.versioning,
        )


class UsageModel(BaseModel):
    bytes: int = Field(description="Of all versions, and of parts of uploads in progress")
    objects: int = Field(description="Keys that a listing shows")
    versions: int = Field(description="Versions of objects, delete markers included")


class BucketDetails(BucketModel):
    usage: UsageModel = Field(description="Every acknowledged write counted")

    @classmethod
    def used(cls, row: Bucket, usage: Usage) -> "BucketDetails":
        counted = UsageModel(bytes=usage.size, objects=usage.objects, versions=usage.versions)
        return cls(**BucketModel.of(row).model_dump(), usage=counted)


class GrantModel(BaseModel):
    policy_id: str
    bucket_id: str = Field(description="The bucket's own id, which no other bucket of its name has")
    user_id: str = Field(description="Unique id of the user or role")
    permissions: list[Right]
    created: str
    expires_at: str | None

    @classmethod
    def of(cls, bucket: Bucket, grant: AccessGrant) -> "GrantModel":
        return cls(
            policy_id=grant.policy_id,
            bucket_id=bucket.bucket_id.hex(),
            user_id=grant.user_id,
            permissions=list(grant.permissions),
            created=rfc3339(grant.created_at),
            expires_at=None if grant.expires_at is None else rfc3339(grant.expires_at),
        )


class AccessModel(BaseModel):
    policy: dict[str, Any] | None = Field(description="The bucket's policy, in AWS's language")
    grants: list[GrantModel] = Field(description="Grants in force, oldest first")


class BucketList(BaseModel):
    buckets: list[BucketModel]
    continuation: str | None = Field(description="Pass it to get the next page; null on the last")


class ChecksumModel(BaseModel):
    algorithm: str
    value: str = Field(description="Base64")
    type: Literal["FULL_OBJECT", "COMPOSITE"]

    @classmethod
    def of(cls, checksum: Checksum | None) -> "ChecksumModel | None":
        if checksum is None:
            return None
        return cls(algorithm=checksum.algorithm, value=checksum.value, type=checksum.type)


class StoredObject(BaseModel):
    key: str
    version: str
    etag: str
    size: int
    created: str
    checksum: ChecksumModel | None

    @classmethod
    def of(cls, key: str, result: PutResult) -> "StoredObject":
        return cls(
            key=key,
            version=result.version,
            etag=result.etag,
            size=result.size,
            created=rfc3339(result.created_at),
            checksum=ChecksumModel.of(result.checksum),
        )


class DeletedObject(BaseModel):
    key: str
    version: str | None = Field(description="Version removed, or of the delete marker put on the key")
    delete_marker: bool = Field(description="Whether that version is a delete marker")

    @classmethod
    def of(cls, key: str, result: DeleteResult) -> "DeletedObject":
        return cls(key=key, version=result.version or None, delete_marker=result.delete_marker)


class ObjectModel(BaseModel):
    key: str
    size: int
    etag: str
    created: str
    storage_class: str
    owner: str

    @classmethod
    def of(cls, entry: ListEntry) -> "ObjectModel":
        return cls(
            key=entry.key,
            size=entry.size,
            etag=entry.etag,
            created=rfc3339(entry.created_at),
            storage_class=entry.storage_class,
            owner=entry.owner_id,
        )


class ObjectList(BaseModel):
    objects: list[ObjectModel] = Field(description="Keys in the order of their UTF-8 bytes")
    prefixes: list[str] = Field(description="Common prefixes up to and with the delimiter")
    continuation: str | None = Field(description="Pass it to get the next page; null on the last")


class VersionModel(BaseModel):
    key: str
    version: str
    latest: bool
    delete_marker: bool
    size: int
    etag: str
    created: str
    storage_class: str
    owner: str
    checksum: ChecksumModel | None

    @classmethod
    def of(cls, row: ObjectVersion, latest: bool) -> "VersionModel":
        return cls(
            key=row.key,
            version=row.version,
            latest=latest,
            delete_marker=row.delete_marker,
            size=row.size,
            etag=row.etag,
            created=rfc3339(row.created_at),
            storage_class=row.attributes.storage_class,
            owner=row.owner_id,
            checksum=ChecksumModel.of(row.checksum),
        )


class VersionList(BaseModel):
    versions: list[VersionModel] = Field(description="By key, newest first within a key")
    continuation: str | None = Field(description="Pass it to get the next page; null on the last")
