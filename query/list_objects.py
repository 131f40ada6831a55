"""ListObjects: keys of a bucket in order, by prefix and delimiter."""

from index.contract import IndexReader, ListEntry
from query.pages import ObjectPage
from query.roll_up import Place, roll_up
from schemas.rows import Bucket


async def list_objects(
    index: IndexReader, bucket: Bucket, prefix: str, delimiter: str, after: str, limit: int
) -> ObjectPage:
    """One page of keys after `after`."""
    bucket_id = bucket.bucket_id

    async def fetch(place: Place[bool], stop: str | None, count: int) -> list[ListEntry]:
        return await index.list_current(bucket_id, place.key, place.tail is None, stop, count)

    marker: Place[bool] = Place(after, True) if after else Place("", None)
    page = await roll_up(fetch, _exclusive, prefix, delimiter, marker, limit)
    return ObjectPage(page.rows, page.prefixes, page.truncated, page.last if page.truncated else "")


def _exclusive(_: ListEntry) -> bool:
    return True
