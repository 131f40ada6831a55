"""The producer API: what may be written, in one class. The gateway uses nothing else to write."""

from typing import Literal

from ingest.payload import Payload
from ingest.results import CompletedPart, DeleteResult, PartResult, PutResult
from schemas.events import Condition, Origin
from schemas.rows import Attributes, Bucket, ObjectVersion, Upload


class Producer:
    """Puts, deletes, multipart uploads and bucket changes; each returns when its effect is durable and
    visible to every reader, or raises a domain error and leaves nothing behind.

    `bucket` arguments are rows as read before; a change since then is noticed and resolved anew.
    """

    async def put_object(
        self, bucket: Bucket, key: str, payload: Payload, attributes: Attributes, origin: Origin,
        condition: Condition | None = None,
    ) -> PutResult:
        """Store an object. Raises NoSuchBucket, PreconditionFailed, NoSuchKey (If-Match on a missing key),
        BadDigest, ContentSHA256Mismatch, IncompleteBody, EntityTooLarge, StorageFull, ServiceUnavailable."""
        raise NotImplementedError

    async def copy_object(
        self, bucket: Bucket, key: str, source_bucket: Bucket, source: ObjectVersion, attributes: Attributes,
        origin: Origin, checksum_algorithm: str | None = None, condition: Condition | None = None,
    ) -> PutResult:
        """A new version with the source's bytes (by reference) and these attributes."""
        raise NotImplementedError

    async def set_metadata(
        self, bucket: Bucket, current: ObjectVersion, attributes: Attributes, origin: Origin,
    ) -> PutResult:
        """A new version of the same bytes with other attributes, if `current` is still the head."""
        raise NotImplementedError

    async def delete_object(
        self, bucket: Bucket, key: str, origin: Origin, version: str | None = None,
        condition: Condition | None = None,
    ) -> DeleteResult:
        """Delete a key, or one version of it for good. Deleting what is not there succeeds."""
        raise NotImplementedError

    async def create_upload(
        self, bucket: Bucket, key: str, attributes: Attributes, origin: Origin,
        checksum_algorithm: str | None = None,
        checksum_type: Literal["FULL_OBJECT", "COMPOSITE"] | None = None,
    ) -> Upload:
        """Begin a multipart upload. Raises InvalidRequest for an algorithm that lacks that type."""
        raise NotImplementedError

    async def put_part(
        self, bucket: Bucket, upload: Upload, number: int, payload: Payload, origin: Origin,
    ) -> PartResult:
        """Store a part. Raises NoSuchUpload when the upload ended meanwhile."""
        raise NotImplementedError

    async def copy_part(
        self, bucket: Bucket, upload: Upload, number: int, source: ObjectVersion,
        start: int, length: int, origin: Origin,
    ) -> PartResult:
        """Store a part from a byte range of an object."""
        raise NotImplementedError

    async def complete_upload(
        self, bucket: Bucket, key: str, upload_id: str, parts: list[CompletedPart], origin: Origin,
        condition: Condition | None = None, object_size: int | None = None,
        checksum: tuple[str, str] | None = None, checksum_type: str | None = None,
    ) -> PutResult:
        """Join the parts. `checksum` is (algorithm, base64) of the whole object, as announced; `object_size`
        likewise. Raises NoSuchUpload, InvalidPart, InvalidPartOrder, EntityTooSmall, BadDigest …"""
        raise NotImplementedError

    async def abort_upload(self, bucket: Bucket, key: str, upload_id: str, origin: Origin) -> None:
        """Give an upload up; its parts are freed. Raises NoSuchUpload."""
        raise NotImplementedError

    async def create_bucket(self, name: str, owner_id: str, origin: Origin) -> Bucket:
        """Raises BucketAlreadyOwnedByYou or BucketAlreadyExists. The name must have been validated."""
        raise NotImplementedError

    async def delete_bucket(self, bucket: Bucket, origin: Origin) -> None:
        """Raises BucketNotEmpty."""
        raise NotImplementedError

    async def set_versioning(
        self, bucket: Bucket, versioning: Literal["enabled", "suspended"], origin: Origin,
    ) -> Bucket:
        """Acknowledged once every partition has applied it."""
        raise NotImplementedError
