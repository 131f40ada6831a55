"""`strandline serve` in a cluster: a gateway with the role `ingest`, the role `query`, or both."""

import asyncio
import logging
import sys
from contextlib import AsyncExitStack

from access.credentials import Root
from bus.kafka import KafkaSubmitter
from gateway.operations import OPERATIONS
from gateway.roles import Roles
from processors.request_log import RequestLog
from schemas.errors import ConfigurationError
from schemas.events import OBJECT_VERSIONS
from strandline import __version__
from strandline.announcement import url
from strandline.cluster.audit import AuditTopic
from strandline.cluster.connections import cluster_of, kafka_connection, remote_trail, topic_plan
from strandline.cluster.keys import open_keys
from strandline.cluster.services import ClusterServices, open_services
from strandline.cluster.settings import ClusterSettings
from strandline.http_edge import HttpEdge
from strandline.listening import check_free
from strandline.loops import watched
from strandline.metrics import Metrics
from strandline.runtime import tune_for_serving
from strandline.settings import Settings
from strandline.stopping import stop_on_signals

log = logging.getLogger(__name__)

STALLED, AWAY = "stalled_partitions", "zones_away"
GAUGES = ("requests_in_progress", STALLED, AWAY)
LOOK_SECONDS = 1.0


async def serve_in_cluster(settings: Settings, roles: Roles) -> None:
    """Serve until SIGTERM or SIGINT, then drain.

    Raises ConfigurationError for what cannot be used and for a cluster that is not prepared,
    ServiceUnavailable when it does not answer.
    """
    cluster = cluster_of(settings)
    if settings.workers > 1:
        raise ConfigurationError("workers are for a data folder: in a cluster, start more gateways instead")
    check_free(*settings.listens)
    stopping = stop_on_signals()
    async with AsyncExitStack() as stack:
        keys, root = open_keys(settings, cluster)
        services = await stack.enter_async_context(
            open_services(settings, cluster, keys, writes=roles.ingest)
        )
        metrics = Metrics([operation.name for operation in OPERATIONS], (), GAUGES)
        request_log = await _open_request_log(cluster, settings.audit, stack)
        watch = ClusterWatch(services, metrics)
        watching = watched(watch.run(), log, "the watch over the cluster")
        stack.callback(watching.cancel)
        look_up = None if cluster.auditor is None else remote_trail(cluster.auditor, keys)
        edge = HttpEdge(settings, services.services, metrics, request_log, watch.trouble, roles, look_up)
        await edge.start()
        tune_for_serving()
        _announce(settings, cluster, roles, root)
        await stopping.wait()
        await edge.stop(settings.drain_seconds)


class ClusterWatch:
    """Whether this gateway can write, for health checks and metrics."""

    def __init__(self, services: ClusterServices, metrics: Metrics) -> None:
        self._services = services
        self._metrics = metrics
        self._trouble = ""

    def trouble(self) -> str:
        """Why writes are refused now; "" while any partition takes them."""
        return self._trouble

    async def run(self) -> None:
        """Look once a second."""
        while True:
            submitter = self._services.submitter
            if isinstance(submitter, KafkaSubmitter):
                stalled = [topic for topic, _ in submitter.stalled].count(OBJECT_VERSIONS)
                everywhere = stalled == submitter.partitions(OBJECT_VERSIONS)
                self._trouble = "the log takes no events, and writes are refused" if everywhere else ""
                self._metrics.set(STALLED, len(submitter.stalled))
            self._metrics.set(AWAY, len(self._services.blobs.zones_away()))
            await asyncio.sleep(LOOK_SECONDS)


async def _open_request_log(cluster: ClusterSettings, audited: bool, stack: AsyncExitStack) -> RequestLog:
    topic = AuditTopic(kafka_connection(cluster.kafka), topic_plan(cluster.kafka))
    stack.push_async_callback(topic.close)
    request_log = RequestLog(topic.publish, audited=audited)
    request_log.start()
    stack.push_async_callback(request_log.stop)
    return request_log


def _announce(settings: Settings, cluster: ClusterSettings, roles: Roles, root: Root) -> None:
    names = ",".join(name for name, has in roles._asdict().items() if has)
    print(f"Strandline {__version__}: {names}, in a cluster, region {settings.region}")
    print(f"  S3        {url(settings.s3_listen, settings.scheme)}")
    print(f"  API       {url(settings.api_listen, settings.scheme)}  (docs: /docs, metrics: /metrics)")
    if settings.website_listen is not None:
        print(f"  websites  {url(settings.website_listen, settings.scheme)}")
    where = f", secret in {cluster.keys_dir}" if settings.root_access_key is None else ""
    print(f"  root      access key {root.credential.access_key}{where}")
    sys.stdout.flush()
