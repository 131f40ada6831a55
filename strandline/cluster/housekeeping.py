"""What one process of a cluster does for all: finish deletions of buckets that their gateway did not, keep
shards of the index small, copy blobs again, free orphans.

Every worker may; the one that is given the only partition of `dead-letters` in the group HOUSEKEEPERS does.
Should two of them overlap for a moment, while one is being replaced, then they do the same thing twice.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

from access.keyring import KeyRing
from blobs.s3.store import S3Blobs
from bus.contract import Feed
from index.cassandra.index import CassandraIndex
from index.cassandra.shard_keeper import ShardKeeper
from ingest.ports import Ports
from processors.bucket_keeper import BucketKeeper
from processors.orphan_sweeper import OrphanSweeper
from schemas.errors import ServiceUnavailable, StorageFull, StrandlineError
from strandline.cluster.orphans import orphan_sweeper
from strandline.cluster.services import open_services, open_zone_blobs
from strandline.cluster.settings import ClusterSettings
from strandline.exposition import ORPHAN_BYTES, ORPHANS, SWEPT
from strandline.loops import watched
from strandline.metrics import Metrics
from strandline.outage import Outage
from strandline.settings import Settings

log = logging.getLogger(__name__)

HOUSEKEEPERS = "housekeepers"
FENCE_SECONDS = 60.0  # longer than a deletion of a bucket may take
REPAIR_SECONDS = 60.0
SHARD_SECONDS = 10.0
SWEEP_SECONDS = 60.0  # how often it looks whether a sweep is due, at least


class Housekeeper:
    """`keep_house` is what a group member serves its partition with."""

    def __init__(
        self,
        settings: Settings,
        cluster: ClusterSettings,
        index: CassandraIndex,
        keys: KeyRing,
        metrics: Metrics,
    ) -> None:
        self._settings, self._cluster = settings, cluster
        self._index, self._keys = index, keys
        self._metrics = metrics

    async def keep_house(self, feed: Feed) -> None:
        """Until the partition goes to another worker."""
        log.info("this worker keeps house now")
        blobs = open_zone_blobs(self._cluster, self._keys)
        await blobs.start()
        sweeper = orphan_sweeper(self._settings, self._cluster, self._index.reader, blobs)
        sweeping = _sweep(sweeper, self._cluster.write_lease_seconds, self._metrics)
        loops = (self._keep_buckets(), self._keep_shards(), _repair(blobs), sweeping)
        tasks = [_running(loop) for loop in loops]
        try:
            await feed.wait_ended()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await blobs.close()

    async def _keep_buckets(self) -> None:
        keeper = BucketKeeper(self._index.reader, self._open_ports)
        outage = Outage(log, "deletions that were cut short wait", "deletions are finished again")
        while True:
            try:
                await keeper.look()
                outage.worked()
            except ServiceUnavailable as error:
                outage.failed(error)
            await asyncio.sleep(FENCE_SECONDS)

    async def _keep_shards(self) -> None:
        keeper = ShardKeeper(self._index.client, self._index.pace)
        outage = Outage(log, "shards that have grown wait", "shards are split again")
        while True:
            try:
                await keeper.step()
                outage.worked()
            except ServiceUnavailable as error:
                outage.failed(error)
            await asyncio.sleep(SHARD_SECONDS)

    @asynccontextmanager
    async def _open_ports(self) -> AsyncIterator[Ports]:
        async with open_services(self._settings, self._cluster, self._keys, writes=True) as services:
            yield services.ports


async def _repair(blobs: S3Blobs) -> None:
    """Make again, from time to time, the copies that writers and readers have found missing."""
    outage = Outage(log, "missing copies wait", "missing copies are made again")
    while True:
        await asyncio.sleep(REPAIR_SECONDS)
        try:
            done = await blobs.repairer.repair_noted()
            outage.worked()
        except (ServiceUnavailable, StorageFull) as error:
            outage.failed(error)
            continue
        if done.blocks or done.lost:
            log.warning("%d blocks were copied again, %d have no copy left", done.blocks, done.lost)


async def _sweep(sweeper: OrphanSweeper, lease: float, metrics: Metrics) -> None:
    """Free, once per lease (seconds), the bytes in the zones that nothing names."""
    outage = Outage(log, "bytes that nothing names stay in the zones", "the zones are swept again")
    while True:
        await asyncio.sleep(min(SWEEP_SECONDS, lease))
        try:
            place = await sweeper.due()
            while place is not None and not place.done:
                swept = await sweeper.step(place)
                place = swept.place
                metrics.add(ORPHANS, swept.orphans)
                metrics.add(ORPHAN_BYTES, swept.bytes)
                if swept.orphans:
                    log.warning("nothing named %d blobs in the zones: %d bytes freed", *swept[2:])
            metrics.set(SWEPT, sweeper.done_at // 1000)
            outage.worked()
        except StrandlineError as error:  # whatever it is: nothing that is named was freed
            outage.failed(error.message)


def _running(loop: Coroutine[object, object, None]) -> "asyncio.Task[None]":
    return watched(loop, log, "a part of the housekeeping")
