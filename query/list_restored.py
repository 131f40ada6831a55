"""Which objects of a page are archived and restored: read one by one, for the few who ask."""

import asyncio
from collections.abc import Sequence

from index.contract import IndexReader, ListEntry
from schemas.archive import ARCHIVED, is_restored
from schemas.rows import Bucket


async def list_restored(
    index: IndexReader, bucket: Bucket, entries: Sequence[ListEntry], now: float
) -> dict[str, int]:
    """Until when each restored one can be read, in Unix milliseconds, by key; `now` in Unix seconds."""
    archived = [entry.key for entry in entries if entry.storage_class in ARCHIVED]
    rows = await asyncio.gather(*(index.current(bucket.bucket_id, key) for key in archived))
    return {row.key: row.restored_until for row in rows if row is not None and is_restored(row, now)}
