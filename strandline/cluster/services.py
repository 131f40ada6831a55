"""What the HTTP edge stands on in a cluster: producer and reader over Kafka, Cassandra and the zones."""

import logging
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from access.directory import open_directory
from access.keyring import KeyRing
from access.kms_envelope import KmsEnvelope
from access.openid.fetching import Fetcher
from access.openid.issuer_keys import IssuerKeys
from blobs.s3.store import S3Blobs
from bus.contract import Submitter
from bus.kafka import KafkaSubmitter
from gateway.request import Services
from index.cassandra.index import CassandraIndex
from index.directory import Age, BucketDirectory
from ingest.ports import Ports
from ingest.producer import Producer
from query.identities import FreshIdentities
from query.reader import Reader
from schemas.partitioning import identity_partition_of
from strandline.cluster.connections import (
    cassandra_connection,
    kafka_connection,
    placement,
    zone_endpoints,
)
from strandline.cluster.keys import root_of
from strandline.cluster.late_submitter import LateSubmitter
from strandline.cluster.settings import ClusterSettings
from strandline.listen import parse_listen
from strandline.settings import Settings

log = logging.getLogger(__name__)


class ClusterServices:
    """Producer and reader of one process. Make it with `open`, which closes it at the end."""

    def __init__(
        self,
        settings: Settings,
        cluster: ClusterSettings,
        index: CassandraIndex,
        blobs: S3Blobs,
        submitter: Submitter,
        keys: KeyRing,
    ) -> None:
        self.index, self.blobs, self.submitter = index, blobs, submitter
        age = Age()
        directory = BucketDirectory(index.reader, age)
        identities = open_directory(root_of(settings, cluster).credential, keys)
        partition = identity_partition_of(cluster.kafka.policy_partitions)
        lease = cluster.write_lease_seconds
        self.ports = Ports(
            submitter, blobs, index.reader, directory, keys, settings.region,
            lease_end=lambda: int((time.time() + lease) * 1000),
        )  # fmt: skip
        self.services = Services(
            producer=Producer(self.ports),
            reader=Reader(index.reader, directory, blobs),
            identities=FreshIdentities(identities, index.reader, age, partition),
            region=settings.region,
            domains=settings.domains,
            customer_keys_over_http=settings.customer_keys_over_http,
            new_buckets=settings.new_buckets,
            s3_port=parse_listen(settings.s3_listen)[1],
            issuers=IssuerKeys(Fetcher(settings.oidc_loopback_issuers, settings.oidc_ca)),
            kms=KmsEnvelope(keys.kms_keys, settings.region),
        )


@asynccontextmanager
async def open_services(
    settings: Settings, cluster: ClusterSettings, keys: KeyRing, *, writes: bool
) -> AsyncIterator[ClusterServices]:
    """Connect to everything; `writes`: to Kafka too, with a partition for receipts;
    else that waits until a read has something to write.

    Raises ConfigurationError for a cluster that is not prepared for this program, ServiceUnavailable when
    Kafka or Cassandra do not answer. Zones that are away join when they are back.
    """
    async with AsyncExitStack() as stack:
        index, blobs = await stack.enter_async_context(open_contents(cluster, keys))
        submitter: KafkaSubmitter | LateSubmitter
        if writes:
            submitter = KafkaSubmitter(kafka_connection(cluster.kafka))
            await submitter.start()
        else:
            submitter = LateSubmitter(kafka_connection(cluster.kafka), cluster.kafka.policy_partitions)
        stack.push_async_callback(submitter.close)
        yield ClusterServices(settings, cluster, index, blobs, submitter, keys)


@asynccontextmanager
async def open_contents(
    cluster: ClusterSettings, keys: KeyRing
) -> AsyncIterator[tuple[CassandraIndex, S3Blobs]]:
    """The index and the bytes in the zones. Raises as `open_services`."""
    async with AsyncExitStack() as stack:
        index = await CassandraIndex.open(cassandra_connection(cluster.cassandra))
        stack.push_async_callback(index.close)
        blobs = open_zone_blobs(cluster, keys)
        stack.push_async_callback(blobs.close)
        await blobs.start()
        yield index, blobs


def open_zone_blobs(cluster: ClusterSettings, keys: KeyRing) -> S3Blobs:
    """The bytes in the zones; call its start() before use and close() at the end."""
    return S3Blobs(
        zone_endpoints(cluster),
        placement(cluster),
        keys,
        inline_limit=cluster.inline_limit,
        report=log.warning,
    )
