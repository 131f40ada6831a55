"""The producer API: what may be written, in one class. The gateway uses nothing else to write.

Each call returns when its effect is durable and visible to every reader, or raises a domain error
(`schemas.errors`) and leaves nothing behind. LogUnavailable and ServiceUnavailable mean that nothing was
written; SubmitTimeout that the outcome is unknown.

`bucket` arguments are rows as read before; a change since then is noticed and resolved anew.
"""

from collections.abc import Awaitable
from typing import Literal

import msgspec

from ingest.buckets import create_bucket, delete_bucket, set_versioning
from ingest.configurations import configure_bucket, lock_bucket
from ingest.copy_object import copy_object
from ingest.delete_object import delete_object
from ingest.identities import change_identities
from ingest.multipart import abort_upload, complete_upload, copy_part, create_upload, put_part
from ingest.payload import Payload
from ingest.ports import Ports
from ingest.put_object import put_object
from ingest.results import CompletedPart, DeleteResult, PartResult, PutResult
from ingest.update_object import restore, set_acl, set_legal_hold, set_retention, set_tags
from schemas.configurations.documents import encode_document
from schemas.configurations.kinds import Kind, T
from schemas.configurations.object_lock import ObjectLockConfiguration
from schemas.events import Condition, IdentityChange, Origin
from schemas.rows import Attributes, Bucket, Grant, ObjectLock, ObjectVersion, Upload


class Producer:
    """Puts, deletes, multipart uploads and bucket changes."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def change_identities(
        self, seen: dict[str, int], changes: tuple[IdentityChange, ...], origin: Origin
    ) -> Awaitable[None]:
        """Set and remove documents of accounts, all of them or none. `seen`: the accounts concerned, with the
        seq of the last change in each that was known when the changes were made; IdentitiesChanged when one
        has changed since. When this returns, every gateway goes by it."""
        return change_identities(self._ports, seen, changes, origin)

    def put_object(
        self,
        bucket: Bucket,
        key: str,
        payload: Payload,
        attributes: Attributes,
        origin: Origin,
        condition: Condition | None = None,
        owner: str = "",
    ) -> Awaitable[PutResult]:
        """Store an object. It belongs to `owner`, or else to the bucket's owner.

        Raises NoSuchBucket, PreconditionFailed, NoSuchKey (If-Match on a missing key), BadDigest,
        ContentSHA256Mismatch, IncompleteBody, EntityTooLarge, StorageFull …"""
        return put_object(self._ports, bucket, key, payload, attributes, origin, condition, owner)

    def copy_object(
        self,
        bucket: Bucket,
        key: str,
        source: ObjectVersion,
        attributes: Attributes,
        origin: Origin,
        checksum_algorithm: str | None = None,
        condition: Condition | None = None,
        object_key: bytes = b"",
        owner: str = "",
        *,
        by_reference: bool = True,
    ) -> Awaitable[PutResult]:
        """A new version with the source's bytes and these attributes; `source` as it can be read.

        object_key    of `attributes.encryption`
        by_reference  whether both may share bytes and data keys; else they are encrypted anew"""
        return copy_object(
            self._ports, bucket, key, source, attributes, origin, checksum_algorithm, condition, object_key,
            owner, by_reference=by_reference,
        )  # fmt: skip

    def set_metadata(
        self, bucket: Bucket, current: ObjectVersion, attributes: Attributes, origin: Origin
    ) -> Awaitable[PutResult]:
        """A new version of the same bytes with other attributes, if the key's ETag is still that of
        `current`; else PreconditionFailed. The encryption stays, and no key is needed for it."""
        attributes = msgspec.structs.replace(attributes, encryption=current.attributes.encryption)
        condition = Condition(if_match=current.etag)
        return copy_object(self._ports, bucket, current.key, current, attributes, origin, None, condition)

    def set_tags(
        self, bucket: Bucket, key: str, tags: dict[str, str], origin: Origin, version: str | None = None
    ) -> Awaitable[str]:
        """Give an object, or one version of it, these tags and no others; returns the version's id.
        Raises NoSuchKey or NoSuchVersion, also for a delete marker."""
        return set_tags(self._ports, bucket, key, tags, origin, version)

    def set_acl(
        self,
        bucket: Bucket,
        key: str,
        acl: tuple[Grant, ...],
        origin: Origin,
        version: str | None = None,
    ) -> Awaitable[str]:
        """Give an object, or one version of it, this ACL; returns the version's id.
        Raises NoSuchKey or NoSuchVersion, also for a delete marker."""
        return set_acl(self._ports, bucket, key, acl, origin, version)

    def restore(
        self, bucket: Bucket, key: str, days: int, origin: Origin, version: str | None = None
    ) -> Awaitable[None]:
        """Make an archived object, or one version of it, readable for so many days from now. Raises
        NoSuchKey, NoSuchVersion, InvalidObjectState."""
        return restore(self._ports, bucket, key, days, origin, version)

    def delete_object(
        self,
        bucket: Bucket,
        key: str,
        origin: Origin,
        version: str | None = None,
        condition: Condition | None = None,
        bypass_governance: bool = False,
    ) -> Awaitable[DeleteResult]:
        """Delete a key, or one version of it for good. Deleting what is not there succeeds.

        Raises InvalidArgument for a text that cannot be a version id, and ObjectLocked for a version under
        retention or legal hold; `bypass_governance` passes over retention in GOVERNANCE mode."""
        return delete_object(self._ports, bucket, key, origin, version, condition, bypass_governance)

    def create_upload(
        self,
        bucket: Bucket,
        key: str,
        attributes: Attributes,
        origin: Origin,
        checksum_algorithm: str | None = None,
        checksum_type: Literal["FULL_OBJECT", "COMPOSITE"] | None = None,
        owner: str = "",
    ) -> Awaitable[Upload]:
        """Begin a multipart upload. Raises InvalidRequest for an algorithm that lacks that type."""
        return create_upload(
            self._ports, bucket, key, attributes, origin, checksum_algorithm, checksum_type, owner
        )

    def put_part(
        self, bucket: Bucket, upload: Upload, number: int, payload: Payload, origin: Origin
    ) -> Awaitable[PartResult]:
        """Store a part. Raises NoSuchUpload when the upload ended meanwhile."""
        return put_part(self._ports, bucket, upload, number, payload, origin)

    def copy_part(
        self,
        bucket: Bucket,
        upload: Upload,
        number: int,
        source: ObjectVersion,
        start: int,
        length: int,
        origin: Origin,
        object_key: bytes = b"",
    ) -> Awaitable[PartResult]:
        """Store a part from a byte range of an object, `source` as it can be read; `object_key` of the
        upload's encryption."""
        return copy_part(self._ports, bucket, upload, number, source, start, length, origin, object_key)

    def complete_upload(
        self,
        bucket: Bucket,
        key: str,
        upload_id: str,
        parts: list[CompletedPart],
        origin: Origin,
        condition: Condition | None = None,
        object_size: int | None = None,
        checksum: tuple[str, str] | None = None,
        checksum_type: str | None = None,
    ) -> Awaitable[PutResult]:
        """Join the parts. `checksum` is (algorithm, base64) of the whole object, as announced;
        `object_size` likewise. Raises NoSuchUpload, InvalidPart, InvalidPartOrder, EntityTooSmall …"""
        return complete_upload(
            self._ports, bucket, key, upload_id, parts, origin, condition, object_size, checksum,
            checksum_type,
        )  # fmt: skip

    def abort_upload(self, bucket: Bucket, key: str, upload_id: str, origin: Origin) -> Awaitable[None]:
        """Give an upload up; its parts are freed. Raises NoSuchUpload."""
        return abort_upload(self._ports, bucket, key, upload_id, origin)

    def create_bucket(
        self, name: str, owner_id: str, origin: Origin, locked: bool = False
    ) -> Awaitable[Bucket]:
        """Make a bucket; `locked`: with Object Lock and versioning enabled. Raises BucketAlreadyOwnedByYou or
        BucketAlreadyExists. The name must have been validated."""
        return create_bucket(self._ports, name, owner_id, origin, locked)

    def delete_bucket(self, bucket: Bucket, origin: Origin) -> Awaitable[None]:
        """Raises BucketNotEmpty."""
        return delete_bucket(self._ports, bucket, origin)

    def set_versioning(
        self, bucket: Bucket, versioning: Literal["enabled", "suspended"], origin: Origin
    ) -> Awaitable[Bucket]:
        """Acknowledged once every partition has applied it."""
        return set_versioning(self._ports, bucket, versioning, origin)

    def configure_bucket(
        self,
        bucket: Bucket,
        kind: Kind[T],
        configuration: T | None,
        origin: Origin,
        identifier: str = "",
        checked: tuple[str, ...] = (),
        replaces: int | None = None,
    ) -> Awaitable[None]:
        """Set a configuration of the bucket, or remove it (None); in force everywhere when this returns.

        checked  names of the kinds that it was checked against as `bucket` tells of them: when one of them
                 has changed since, OperationAborted is raised
        replaces the seq of the one that it takes the place of (`Reader.stored_configuration`): when that one
                 is no longer there, OperationAborted is raised

        Raises NoSuchBucket, TooManyConfigurations, InvalidBucketState, ConfigurationTooLarge."""
        document = None if configuration is None else encode_document(configuration)
        return configure_bucket(
            self._ports, bucket, kind.name, identifier, document, origin, checked, replaces
        )

    def lock_bucket(
        self, bucket: Bucket, configuration: ObjectLockConfiguration, origin: Origin
    ) -> Awaitable[None]:
        """Give the bucket Object Lock, or another default retention. Acknowledged once every partition has
        applied it. Raises InvalidBucketState unless versioning is enabled."""
        return lock_bucket(self._ports, bucket, configuration, origin)

    def set_retention(
        self,
        bucket: Bucket,
        key: str,
        retention: ObjectLock,
        origin: Origin,
        version: str | None = None,
        bypass_governance: bool = False,
    ) -> Awaitable[None]:
        """Give an object, or one version of it, this retention (without a mode: none). Raises ObjectLocked
        for less than what is in force, unless that is in GOVERNANCE mode and passed over."""
        return set_retention(self._ports, bucket, key, retention, origin, version, bypass_governance)

    def set_legal_hold(
        self, bucket: Bucket, key: str, held: bool, origin: Origin, version: str | None = None
    ) -> Awaitable[None]:
        """Put an object, or one version of it, under legal hold, or take it away."""
        return set_legal_hold(self._ports, bucket, key, held, origin, version)


__all__ = ["CompletedPart", "Producer"]
