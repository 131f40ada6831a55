"""Finishes deletions of buckets that nobody finishes any more: their gateway died behind the fence.

A fenced bucket takes no writes, so one that stays fenced is out of order until somebody decides: deleted
if it is empty, else open again.
"""

import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from index.contract import IndexReader
from ingest.buckets import finish_deletion
from ingest.ports import Ports
from schemas.errors import (
    BucketNotEmpty,
    ConditionalRequestConflict,
    LogError,
    NoSuchBucket,
    ServiceUnavailable,
)
from schemas.events import Origin
from schemas.ids import uuid7
from schemas.rows import Bucket

log = logging.getLogger(__name__)

PAGE = 1000


class BucketKeeper:
    """`open_ports` gives a write path to work with; it is opened only when there is something to do."""

    def __init__(
        self, index: IndexReader, open_ports: Callable[[], AbstractAsyncContextManager[Ports]]
    ) -> None:
        self._index = index
        self._open_ports = open_ports
        self._seen: dict[bytes, int] = {}  # fenced buckets at the last look: id to epoch

    async def settle(self) -> int:
        """Finish every fenced bucket, when no gateway can be at work yet; returns how many there were."""
        fenced = await self._fenced()
        await self._finish(fenced)
        return len(fenced)

    async def look(self) -> int:
        """Finish the buckets that have been fenced since the look before: calls must be further apart than a
        deletion may take. Returns how many there were."""
        fenced = await self._fenced()
        stuck = [bucket for bucket in fenced if self._seen.get(bucket.bucket_id) == bucket.epoch]
        self._seen = {bucket.bucket_id: bucket.epoch for bucket in fenced}
        await self._finish(stuck)
        return len(stuck)

    async def _fenced(self) -> list[Bucket]:
        found: list[Bucket] = []
        after = ""
        while page := await self._index.buckets("", after, PAGE):
            found += [bucket for bucket in page if bucket.status == "fenced"]
            after = page[-1].name
        return found

    async def _finish(self, fenced: list[Bucket]) -> None:
        if not fenced:
            return
        async with self._open_ports() as ports:
            for bucket in fenced:
                await self._finish_one(ports, bucket)

    async def _finish_one(self, ports: Ports, bucket: Bucket) -> None:
        origin = Origin(uuid7(), bucket.owner_id, operation="DeleteBucket", cause="bucket-keeper")
        try:
            await finish_deletion(ports, bucket, origin)
        except BucketNotEmpty:
            log.warning("bucket %s was about to be deleted and is not empty: open again", bucket.name)
        except (NoSuchBucket, ConditionalRequestConflict) as error:
            log.info("bucket %s was taken care of by somebody else: %s", bucket.name, error.message)
        except (LogError, ServiceUnavailable) as error:
            log.error("bucket %s stays fenced for now: %s", bucket.name, error.message)
        else:
            log.warning("bucket %s: its deletion, cut short, was finished", bucket.name)
