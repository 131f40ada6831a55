"""The orphan sweeper over Kafka, Cassandra and the zones of a cluster."""

import asyncio
from contextlib import closing

from blobs.s3.store import S3Blobs
from bus.kafka import KafkaLogReader
from index.contract import IndexReader
from processors.orphan_sweeper import OrphanSweeper
from schemas.events import OBJECT_VERSIONS
from strandline.cluster.connections import kafka_connection
from strandline.cluster.settings import ClusterSettings
from strandline.settings import Settings


def orphan_sweeper(
    settings: Settings, cluster: ClusterSettings, index: IndexReader, blobs: S3Blobs
) -> OrphanSweeper:
    """Make it over an index and zones that are open."""

    async def ends() -> dict[tuple[str, int], int]:
        return await asyncio.to_thread(_ends, cluster)

    return OrphanSweeper(blobs.sweeping, index, ends, cluster.write_lease_seconds, settings.gc_grace_seconds)


def _ends(cluster: ClusterSettings) -> dict[tuple[str, int], int]:
    """Of every object partition, the offset that its next event gets. Raises ServiceUnavailable."""
    connection = kafka_connection(cluster.kafka)
    found: dict[tuple[str, int], int] = {}
    for partition in range(cluster.kafka.object_partitions):
        with closing(KafkaLogReader(connection, OBJECT_VERSIONS, partition)) as log:
            found[OBJECT_VERSIONS, partition] = log.end_offset
    return found
