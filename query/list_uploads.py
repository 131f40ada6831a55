"""ListMultipartUploads: uploads in progress by key and upload id."""

from index.contract import IndexReader
from query.pages import UploadPage
from query.roll_up import Place, roll_up
from schemas.rows import Bucket, Upload

LAST_UPLOAD = "\U0010ffff"  # after every upload id


async def list_uploads(
    index: IndexReader,
    bucket: Bucket,
    prefix: str,
    delimiter: str,
    key_marker: str,
    upload_marker: str,
    limit: int,
) -> UploadPage:
    """One page of uploads after the markers; an upload marker without a key marker is ignored, as in S3."""
    bucket_id = bucket.bucket_id

    async def fetch(place: Place[str], stop: str | None, count: int) -> list[Upload]:
        return await index.list_uploads(bucket_id, place.key, place.tail, stop, count)

    marker: Place[str] = Place("", None)
    if key_marker:
        marker = Place(key_marker, upload_marker or LAST_UPLOAD)
    page = await roll_up(fetch, _upload_id, prefix, delimiter, marker, limit)
    next_key = page.last if page.truncated else ""
    ends_with_row = bool(page.rows) and page.rows[-1].key == next_key
    next_upload = page.rows[-1].upload_id if page.truncated and ends_with_row else ""
    return UploadPage(page.rows, page.prefixes, page.truncated, next_key, next_upload)


def _upload_id(row: Upload) -> str:
    return row.upload_id
