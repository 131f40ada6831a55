"""ListObjectVersions: versions and delete markers by key, newest first."""

from index.contract import IndexReader
from query.pages import VersionPage
from query.roll_up import Place, roll_up
from schemas.errors import InvalidArgument
from schemas.ids import NULL_VERSION, version_rank
from schemas.rows import Bucket, ObjectVersion


async def list_versions(
    index: IndexReader,
    bucket: Bucket,
    prefix: str,
    delimiter: str,
    key_marker: str,
    version_marker: str,
    limit: int,
) -> VersionPage:
    """One page of versions after the markers."""
    bucket_id = bucket.bucket_id

    async def fetch(place: Place[int], stop: str | None, count: int) -> list[ObjectVersion]:
        return await index.list_versions(bucket_id, place.key, place.tail, stop, count)

    marker: Place[int] = Place("", None)
    if key_marker:
        marker = Place(key_marker, await _rank_of_marker(index, bucket_id, key_marker, version_marker))
    elif version_marker:
        raise InvalidArgument(
            "A version-id marker cannot be specified without a key marker.",
            ArgumentName="version-id-marker",
            ArgumentValue=version_marker,
        )
    # A marker inside a key's versions is no reason to leave out the prefix the key lies under, but a
    # page never ends inside one: so the rule of `first_place` holds for both.
    page = await roll_up(fetch, _rank, prefix, delimiter, marker, limit)
    next_key = page.last if page.truncated else ""
    ends_with_row = bool(page.rows) and page.rows[-1].key == next_key
    next_version = page.rows[-1].version if page.truncated and ends_with_row else ""
    latest = [row.ended_seq == 0 for row in page.rows]
    return VersionPage(page.rows, latest, page.prefixes, page.truncated, next_key, next_version)


async def _rank_of_marker(index: IndexReader, bucket_id: bytes, key: str, version: str) -> int:
    """Below which rank the marker's key goes on; 0 when all of its versions are behind the marker."""
    if not version:
        return 0
    if version == NULL_VERSION:
        row = await index.version(bucket_id, key, version)
        return row.rank if row is not None else 0
    rank = version_rank(version)
    if rank is None:
        raise InvalidArgument(
            "Invalid version id specified", ArgumentName="version-id-marker", ArgumentValue=version
        )
    return rank


def _rank(row: ObjectVersion) -> int:
    return row.rank
