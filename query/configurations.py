"""Configurations of buckets, decoded and kept: the bucket's row says which of them are in force.

A document is named by the seq of the event that set it, so what is kept never goes stale; and a bucket
without a configuration of some kind costs no read.
"""

from typing import Generic, NamedTuple

import msgspec

from index.contract import IndexReader
from schemas.configurations.documents import decode_document
from schemas.configurations.kinds import Kind, T
from schemas.errors import IndexCorrupt
from schemas.recent import Recent
from schemas.rows import Bucket, Configuration

KEPT_DOCUMENTS = 1000


class Stored(NamedTuple, Generic[T]):
    """A configuration, and the seq of the event that set it."""

    seq: int
    document: T


class Configurations:
    """Reads configurations of buckets from the index."""

    def __init__(self, index: IndexReader) -> None:
        self._index = index
        self._kept: Recent[tuple[bytes, str, int], msgspec.Struct] = Recent(KEPT_DOCUMENTS)

    async def get(self, bucket: Bucket, kind: Kind[T], identifier: str = "") -> T | None:
        """The bucket's configuration of a kind; one of them by its id where it may have several."""
        told = bucket.configurations.get(kind.name)
        if told is None:
            return None
        kept = self._kept.get((bucket.bucket_id, kind.name, told.seq))
        if isinstance(kept, kind.type) and not identifier:
            return kept
        row = await self._index.configuration(bucket.bucket_id, kind.name, identifier)
        if row is None:
            return None
        configuration = _decode(bucket, row, kind)
        if not identifier:
            self._kept.put((bucket.bucket_id, kind.name, row.seq), configuration)
        return configuration

    async def stored(self, bucket: Bucket, kind: Kind[T], identifier: str) -> Stored[T] | None:
        """One of a kind that has ids, as it is in the index now."""
        if kind.name not in bucket.configurations:
            return None
        row = await self._index.configuration(bucket.bucket_id, kind.name, identifier)
        return None if row is None else Stored(row.seq, _decode(bucket, row, kind))

    async def page(self, bucket: Bucket, kind: Kind[T], after: str | None, limit: int) -> list[tuple[str, T]]:
        """The bucket's configurations of a kind that have ids, in their order, those after `after`."""
        if kind.name not in bucket.configurations:
            return []
        found = await self._index.configurations(bucket.bucket_id, kind.name, after, limit)
        return [(row.identifier, _decode(bucket, row, kind)) for row in found]


def _decode(bucket: Bucket, row: Configuration, kind: Kind[T]) -> T:
    try:
        return decode_document(row.document, kind.type)
    except msgspec.MsgspecError as error:
        raise IndexCorrupt(
            f"the {row.kind} configuration {row.identifier!r} of bucket {bucket.name} cannot be decoded: "
            f"{error}"
        ) from error
