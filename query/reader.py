"""The read API: what the gateway reads with, in one class. Every read sees every acknowledged write."""

import time
from collections.abc import AsyncIterator, Awaitable, Coroutine, Sequence
from typing import Any

import msgspec

from access.account_identities import Entry
from blobs.contract import BlobStore, Lent
from index.contract import IndexReader, ListEntry
from index.directory import BucketDirectory
from query.bucket_rules import BucketRules, RulesOfBuckets
from query.configurations import Configurations, Stored
from query.get_object import find_object, part_range
from query.list_objects import list_objects
from query.list_restored import list_restored
from query.list_uploads import list_uploads
from query.list_versions import list_versions
from query.pages import ObjectPage, UploadPage, VersionPage
from schemas.configurations.kinds import Kind, T
from schemas.errors import NoSuchBucket, NoSuchUpload
from schemas.manifest import NO_BYTES, Manifest, PartInfo
from schemas.rows import Bucket, ObjectVersion, Part, Upload, Usage

BUCKETS_PAGE = 1000


class Reader:
    """Reads of the index and of bytes."""

    def __init__(self, index: IndexReader, directory: BucketDirectory, blobs: BlobStore) -> None:
        self._index = index
        self._directory = directory
        self._blobs = blobs
        self._configurations = Configurations(index)
        self._rules = RulesOfBuckets(self._configurations)
        # The bucket of that name if it is in memory and up to date; None does not say that there is none.
        self.known_bucket = directory.known

    async def bucket(self, name: str) -> Bucket:
        """Raises NoSuchBucket."""
        bucket = await self._directory.get(name)
        if bucket is None:
            raise NoSuchBucket("The specified bucket does not exist", BucketName=name)
        return bucket

    def remembered_bucket(self, name: str) -> Bucket | None:
        """The bucket as this process read it last, without asking anybody; None when it does not remember."""
        return self._directory.remembered(name)

    def buckets(self, prefix: str = "", after: str = "", limit: int = 10_000) -> Awaitable[list[Bucket]]:
        """Buckets in order of their names, those after `after`."""
        return self._index.buckets(prefix, after, limit)

    def configuration(
        self, bucket: Bucket, kind: Kind[T], identifier: str = ""
    ) -> Coroutine[Any, Any, T | None]:
        """A configuration of the bucket, None when it has none of that kind (or id)."""
        return self._configurations.get(bucket, kind, identifier)

    def stored_configuration(
        self, bucket: Bucket, kind: Kind[T], identifier: str
    ) -> Coroutine[Any, Any, Stored[T] | None]:
        """One of a kind with ids as it is now, with the seq by which a change of it may name it."""
        return self._configurations.stored(bucket, kind, identifier)

    def configurations(
        self, bucket: Bucket, kind: Kind[T], after: str | None, limit: int
    ) -> Coroutine[Any, Any, list[tuple[str, T]]]:
        """Configurations of a kind with ids, in order of the ids, those after `after` (None: all)."""
        return self._configurations.page(bucket, kind, after, limit)

    def usage(self, bucket: Bucket) -> Awaitable[Usage]:
        """How much there is of the bucket, every acknowledged write counted."""
        return self._index.usage(bucket.bucket_id)

    async def usage_of_account(self, owner_id: str) -> Usage:
        """How much there is of all buckets of the account with that canonical id."""
        found, after = Usage(), ""
        while page := await self._index.buckets("", after, BUCKETS_PAGE):
            for bucket in page:
                if bucket.owner_id == owner_id:
                    found += await self._index.usage(bucket.bucket_id)
            after = page[-1].name
        return found

    def rules(self, bucket: Bucket, account: Entry | None = None) -> Coroutine[Any, Any, BucketRules]:
        """What the bucket's owner has set about access, as of that row; account: the public access block of
        its account, if that is to count."""
        return self._rules.of(bucket, account)

    def find(self, bucket: Bucket, key: str, version: str | None = None) -> Awaitable[ObjectVersion]:
        """The object of that key, or that version of it.

        Raises NoSuchKey (its details have delete_marker="true" and version_id when the head is a delete
        marker); NoSuchVersion; InvalidArgument for a text that cannot be a version id; and
        MethodNotAllowed (details version_id, last_modified in Unix milliseconds) when the version named
        is a delete marker."""
        return find_object(self._index, bucket, key, version)

    async def unlock(self, version: ObjectVersion, object_key: bytes) -> ObjectVersion:
        """The version as it can be read, given its object key. Never to be kept, nor to be written."""
        if version.manifest is None:
            return version
        whole = await self._blobs.expand(version.manifest)
        return msgspec.structs.replace(version, manifest=self._blobs.open(whole, object_key))

    async def read(self, version: ObjectVersion, start: int, length: int) -> bytes:
        """A range at once; for small ones (at most 1 MiB)."""
        manifest = version.manifest
        if manifest is None or length == 0:
            return b""
        at_once = self._blobs.read_now(manifest, start, length)
        return await self._blobs.read(manifest, start, length) if at_once is None else at_once

    def stream(self, version: ObjectVersion, start: int, length: int) -> AsyncIterator[bytes]:
        """A range in verified chunks of at most 1 MiB."""
        return self._blobs.stream(version.manifest or NO_BYTES, start, length)

    def lend(self, version: ObjectVersion, start: int, length: int) -> AsyncIterator[Lent]:
        """The same, for a consumer that is done with a chunk before it waits for anything: then its memory
        is used again."""
        return self._blobs.lend(version.manifest or NO_BYTES, start, length)

    def part_range(self, version: ObjectVersion, number: int) -> Awaitable[tuple[int, int, int]]:
        """(start, length, number of parts) of that part; 0 parts for an object not uploaded in parts.
        Raises InvalidPartNumber."""
        return part_range(self._blobs, version, number)

    async def part_infos(self, version: ObjectVersion) -> tuple[PartInfo, ...]:
        """The parts that the object was completed from, in order."""
        manifest: Manifest | None = version.manifest
        return () if manifest is None else (await self._blobs.expand(manifest)).parts

    def list_objects(
        self, bucket: Bucket, prefix: str, delimiter: str, after: str, limit: int
    ) -> Awaitable[ObjectPage]:
        """Keys after `after` (exclusive; a common prefix that covers `after` is not repeated)."""
        return list_objects(self._index, bucket, prefix, delimiter, after, limit)

    def restored(self, bucket: Bucket, entries: Sequence[ListEntry]) -> Awaitable[dict[str, int]]:
        """Of the archived objects among the entries that are restored: until when (Unix milliseconds)."""
        return list_restored(self._index, bucket, entries, time.time())

    def list_versions(
        self, bucket: Bucket, prefix: str, delimiter: str, key_marker: str, version_marker: str, limit: int
    ) -> Awaitable[VersionPage]:
        """Versions after the markers. Raises InvalidArgument for a version marker without key marker."""
        return list_versions(self._index, bucket, prefix, delimiter, key_marker, version_marker, limit)

    def list_uploads(
        self, bucket: Bucket, prefix: str, delimiter: str, key_marker: str, upload_marker: str, limit: int
    ) -> Awaitable[UploadPage]:
        """Uploads in progress after the markers."""
        return list_uploads(self._index, bucket, prefix, delimiter, key_marker, upload_marker, limit)

    async def upload(self, bucket: Bucket, key: str, upload_id: str) -> Upload:
        """Raises NoSuchUpload."""
        upload = await self._index.upload(bucket.bucket_id, key, upload_id)
        if upload is None:
            raise NoSuchUpload(
                "The specified upload does not exist. The upload ID may be invalid, or the upload may "
                "have been aborted or completed.",
                UploadId=upload_id,
            )
        return upload

    def list_parts(self, upload: Upload, after: int, limit: int) -> Awaitable[list[Part]]:
        """Up to `limit` parts numbered above `after`."""
        return self._index.parts(upload.upload_id, after, limit)


__all__ = ["ObjectPage", "Reader", "UploadPage", "VersionPage"]
