"""The processors that live on facts and records of requests in a cluster, on faust: the auditor, the
collector and the access logger.

Each of them runs in one worker of the cluster, on a data folder that keeps its place: `audit/` is the trail,
`consumers/` how far the others have come.
"""

import asyncio
import logging
import time
from collections.abc import Collection
from contextlib import AsyncExitStack

from access.keyring import KeyRing
from bus.positions import Positions
from processors.access_logger import ACCESS_LOGGER, AccessLoggerPartition
from processors.audit_trail import AuditTrail
from processors.auditor import AUDITOR, Auditor, AuditorPartition, SharedAuditor
from processors.collecting import COLLECTOR, CollectorPartition
from processors.collector import Collector
from processors.faust_runner import FaustRunner
from processors.runner import MakeProcessor
from schemas.events import AUDIT, FACTS
from strandline.access_logs import AccessLogs
from strandline.cluster.connections import client_context, kafka_connection
from strandline.cluster.services import open_services, open_zone_blobs
from strandline.cluster.settings import ClusterSettings
from strandline.consumers import only_consumer
from strandline.data_dir import DataDir
from strandline.loops import watched
from strandline.settings import Settings

log = logging.getLogger(__name__)

DAY_MILLISECONDS = 24 * 3600 * 1000
CUT_SECONDS = 3600.0


async def start_consumers(
    names: Collection[str],
    settings: Settings,
    cluster: ClusterSettings,
    keys: KeyRing,
    stack: AsyncExitStack,
) -> None:
    """Start those named, until `stack` is left. Raises ConfigurationError when another worker has the data
    folder."""
    data = DataDir(settings.data_dir)
    data.create()
    stack.enter_context(only_consumer(data))
    if AUDITOR in names:
        await _start_auditor(settings, cluster, data, stack)
    positions = Positions(str(data.consumers))
    if COLLECTOR in names:
        await _start_collector(settings, cluster, positions, keys, stack)
    if ACCESS_LOGGER in names:
        await _start_access_logger(settings, cluster, positions, keys, stack)


async def _start_auditor(
    settings: Settings, cluster: ClusterSettings, data: DataDir, stack: AsyncExitStack
) -> None:
    auditor = Auditor(AuditTrail(data.audit), settings.region)
    stack.callback(auditor.close)
    shared = SharedAuditor(auditor)

    def make(topic: str, partition: int) -> AuditorPartition:
        return AuditorPartition(shared, topic, partition)

    await _start(_runner(cluster, AUDITOR, (AUDIT, FACTS), make), stack)
    if settings.audit_keep_days:
        cutting = watched(_cut(shared, settings.audit_keep_days), log, "the removal of old audit files")
        stack.callback(cutting.cancel)


async def _start_collector(
    settings: Settings, cluster: ClusterSettings, positions: Positions, keys: KeyRing, stack: AsyncExitStack
) -> None:
    blobs = open_zone_blobs(cluster, keys)
    await blobs.start()
    stack.push_async_callback(blobs.close)
    collector = Collector(blobs, settings.gc_grace_seconds, time.time, log.error)
    stopping = asyncio.Event()

    def make(_: str, partition: int) -> CollectorPartition:
        return CollectorPartition(collector, positions, stopping, partition)

    await _start(_runner(cluster, COLLECTOR, (FACTS,), make), stack)
    stack.callback(stopping.set)


async def _start_access_logger(
    settings: Settings,
    cluster: ClusterSettings,
    positions: Positions,
    keys: KeyRing,
    stack: AsyncExitStack,
) -> None:
    services = await stack.enter_async_context(open_services(settings, cluster, keys, writes=True))
    logs = AccessLogs(
        services.services.producer, services.services.reader, positions, settings.access_log_seconds
    )
    delivering = watched(logs.deliver_regularly(), log, "the delivery of access logs")
    stack.callback(delivering.cancel)

    def make(_: str, partition: int) -> AccessLoggerPartition:
        return logs.partition(partition)

    await _start(_runner(cluster, ACCESS_LOGGER, (AUDIT,), make), stack)


async def _start(runner: FaustRunner, stack: AsyncExitStack) -> None:
    stack.push_async_callback(runner.stop)
    await runner.start()


def _runner(cluster: ClusterSettings, name: str, topics: tuple[str, ...], make: MakeProcessor) -> FaustRunner:
    kafka = cluster.kafka
    connection = kafka_connection(kafka)
    login = None
    if kafka.sasl is not None:
        login = kafka.sasl.mechanism, kafka.sasl.user, kafka.sasl.password.get_secret_value()
    return FaustRunner(
        connection.bootstrap_servers,
        connection.name(name),
        {connection.name(topic): topic for topic in topics},
        make,
        tls=None if kafka.tls is None else client_context(kafka.tls),
        login=login,
    )


async def _cut(auditor: SharedAuditor, days: int) -> None:
    """Remove old files of the trail, once an hour."""
    while True:
        await auditor.drop_before(int(time.time() * 1000) - days * DAY_MILLISECONDS)
        await asyncio.sleep(CUT_SECONDS)
