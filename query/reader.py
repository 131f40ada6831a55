"""The read API: what the gateway reads with, in one class."""

from collections.abc import AsyncIterator
from typing import NamedTuple

from index.contract import ListEntry
from schemas.rows import Bucket, ObjectVersion, Part, Upload


class ObjectPage(NamedTuple):
    """One page of keys. `entries` and `prefixes` are each in order; together at most `limit`.
    `next_marker` is the last key or prefix of the page when `truncated`, else ""."""

    entries: list[ListEntry]
    prefixes: list[str]
    truncated: bool
    next_marker: str


class VersionPage(NamedTuple):
    """One page of versions, newest first within a key. `latest[i]` tells whether versions[i] is the head."""

    versions: list[ObjectVersion]
    latest: list[bool]
    prefixes: list[str]
    truncated: bool
    next_key: str
    next_version: str


class UploadPage(NamedTuple):
    uploads: list[Upload]
    prefixes: list[str]
    truncated: bool
    next_key: str
    next_upload: str


class Reader:
    """Reads of the index and of bytes. Every read sees every acknowledged write."""

    async def bucket(self, name: str) -> Bucket:
        """Raises NoSuchBucket. Cached: a hit costs well under a microsecond."""
        raise NotImplementedError

    async def buckets(self, prefix: str = "", after: str = "", limit: int = 10_000) -> list[Bucket]:
        raise NotImplementedError

    async def find(self, bucket: Bucket, key: str, version: str | None = None) -> ObjectVersion:
        """The object of that key, or that version of it.

        Raises NoSuchKey (its details have delete_marker="true" and version_id when the head is a delete
        marker); NoSuchVersion; InvalidArgument for a text that cannot be a version id; and
        MethodNotAllowed (details version_id, last_modified) when the version named is a delete marker."""
        raise NotImplementedError

    async def read(self, version: ObjectVersion, start: int, length: int) -> bytes:
        """A range at once; for small ones (at most 1 MiB)."""
        raise NotImplementedError

    def stream(self, version: ObjectVersion, start: int, length: int) -> AsyncIterator[bytes]:
        """A range in verified chunks of at most 1 MiB."""
        raise NotImplementedError

    async def part_range(self, version: ObjectVersion, number: int) -> tuple[int, int, int]:
        """(start, length, number of parts) of that part. An object not made of parts has one part.
        Raises InvalidPartNumber."""
        raise NotImplementedError

    async def list_objects(
        self, bucket: Bucket, prefix: str, delimiter: str, after: str, limit: int,
    ) -> ObjectPage:
        """Keys after `after` (exclusive; a common prefix equal to or covered by `after` is not repeated)."""
        raise NotImplementedError

    async def list_versions(
        self, bucket: Bucket, prefix: str, delimiter: str, key_marker: str, version_marker: str, limit: int,
    ) -> VersionPage:
        """Versions after the markers. Raises InvalidArgument for a version marker without key marker."""
        raise NotImplementedError

    async def list_uploads(
        self, bucket: Bucket, prefix: str, delimiter: str, key_marker: str, upload_marker: str, limit: int,
    ) -> UploadPage:
        raise NotImplementedError

    async def upload(self, bucket: Bucket, key: str, upload_id: str) -> Upload:
        """Raises NoSuchUpload."""
        raise NotImplementedError

    async def list_parts(self, upload: Upload, after: int, limit: int) -> list[Part]:
        """Up to `limit` parts numbered above `after`."""
        raise NotImplementedError
