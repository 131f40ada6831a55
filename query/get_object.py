"""GET and HEAD: which version is meant, and its bytes."""

from blobs.contract import BlobStore
from index.contract import IndexReader
from schemas.errors import InvalidPartNumber, MethodNotAllowed, NoSuchKey, NoSuchVersion
from schemas.ids import check_version_id
from schemas.rows import Bucket, ObjectVersion


async def find_object(
    index: IndexReader, bucket: Bucket, key: str, version: str | None = None
) -> ObjectVersion:
    """The head of a key, or one version of it (see `query.reader.Reader.find` for the errors)."""
    if version is not None:
        return await _find_version(index, bucket, key, version)
    row = await index.current(bucket.bucket_id, key)
    if row is None:
        raise await _no_such_key(index, bucket, key)
    return row


async def _no_such_key(index: IndexReader, bucket: Bucket, key: str) -> NoSuchKey:
    """The error for a key without a current object; it tells when a delete marker hides older ones."""
    if bucket.versioning != "unversioned":
        newest = await index.newest(bucket.bucket_id, key)
        if newest is not None and newest.delete_marker:
            return NoSuchKey(
                "The specified key does not exist.",
                Key=key,
                delete_marker="true",
                version_id=newest.version,
            )
    return NoSuchKey("The specified key does not exist.", Key=key)


async def _find_version(index: IndexReader, bucket: Bucket, key: str, version: str) -> ObjectVersion:
    check_version_id(version)
    row = await index.version(bucket.bucket_id, key, version)
    if row is None:
        raise NoSuchVersion("The specified version does not exist.", Key=key, VersionId=version)
    if row.delete_marker:
        raise MethodNotAllowed(
            "The specified method is not allowed against this resource.",
            version_id=row.version,
            last_modified=str(row.created_at),
            delete_marker="true",
        )
    return row


async def part_range(blobs: BlobStore, version: ObjectVersion, number: int) -> tuple[int, int, int]:
    """(start, length, number of parts) of a part; an object that was not uploaded in parts is one part."""
    manifest = await blobs.expand(version.manifest) if version.manifest is not None else None
    parts = manifest.parts if manifest is not None else ()
    if not parts:
        if number != 1:
            raise InvalidPartNumber(
                "The requested partnumber is not satisfiable", PartNumberRequested=str(number)
            )
        return 0, version.size, 0
    if number > len(parts):
        raise InvalidPartNumber(
            "The requested partnumber is not satisfiable",
            PartNumberRequested=str(number),
            ActualPartCount=str(len(parts)),
        )
    start = sum(part.size for part in parts[: number - 1])
    return start, parts[number - 1].size, len(parts)
