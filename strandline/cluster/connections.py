"""From the settings of a cluster to the connections of its engines."""

import ssl
from pathlib import Path

from access.keyring import KeyRing
from blobs.placement import Placement, ZoneMap
from blobs.s3.endpoint import ZoneEndpoint
from bus.kafka import KafkaConnection, Login, Tls, TopicPlan
from index.cassandra.client import Connection
from schemas.errors import ConfigurationError
from strandline.cluster.audit_questions import RemoteTrail
from strandline.cluster.settings import (
    AuditorSettings,
    CassandraSettings,
    ClientCertificate,
    ClusterSettings,
    KafkaSettings,
)
from strandline.settings import Settings

FIRST_MAP = 1


def cluster_of(settings: Settings) -> ClusterSettings:
    """The cluster that is configured. Raises ConfigurationError when none is."""
    if settings.cluster is None:
        raise ConfigurationError("no cluster is configured: name a file with a table [cluster] by --config")
    return settings.cluster


def kafka_connection(kafka: KafkaSettings) -> KafkaConnection:
    """How to reach the brokers."""
    tls, sasl = kafka.tls, kafka.sasl
    return KafkaConnection(
        ",".join(kafka.bootstrap_servers),
        kafka.topic_prefix,
        None if tls is None else Tls(_text(tls.ca), _text(tls.cert), _text(tls.key), tls.verify_host_name),
        None if sasl is None else Login(sasl.mechanism, sasl.user, sasl.password.get_secret_value()),
    )


def topic_plan(kafka: KafkaSettings) -> TopicPlan:
    """What topics there must be."""
    return TopicPlan(
        object_partitions=kafka.object_partitions,
        policy_partitions=kafka.policy_partitions,
        receipt_partitions=kafka.receipt_partitions,
        replication_factor=kafka.replication_factor,
        min_insync_replicas=kafka.min_insync_replicas,
    )


def cassandra_connection(cassandra: CassandraSettings) -> Connection:
    """How to reach the nodes. Raises ConfigurationError for certificates that cannot be used."""
    return Connection(
        contact_points=cassandra.contact_points,
        port=cassandra.port,
        keyspace=cassandra.keyspace,
        datacenter=cassandra.datacenter,
        user=cassandra.user,
        password=None if cassandra.password is None else cassandra.password.get_secret_value(),
        tls=None if cassandra.tls is None else client_context(cassandra.tls),
    )


def zone_endpoints(cluster: ClusterSettings) -> list[ZoneEndpoint]:
    """Where the zones are."""
    return [
        ZoneEndpoint(
            zone.name,
            zone.endpoint,
            zone.access_key,
            zone.secret_key.get_secret_value(),
            zone.bucket,
            zone.region,
            zone.ca,
        )
        for zone in cluster.zones
    ]


def placement(cluster: ClusterSettings) -> Placement:
    """Where copies belong. Raises ConfigurationError for zone maps that contradict each other."""
    if not cluster.zone_maps:
        return Placement((ZoneMap(FIRST_MAP, {zone.name: 1.0 for zone in cluster.zones}),))
    maps = [ZoneMap(one.version, one.weights) for one in cluster.zone_maps]
    return Placement(tuple(sorted(maps, key=lambda one: one.version, reverse=True)))


def remote_trail(auditor: AuditorSettings, keys: KeyRing) -> RemoteTrail:
    """The audit trail, asked at its auditor. Raises ConfigurationError for certificates that cannot be
    used."""
    tls = None if auditor.tls is None else client_context(auditor.tls)
    return RemoteTrail(auditor.endpoint, keys, tls)


def client_context(tls: ClientCertificate) -> ssl.SSLContext:
    """TLS towards a service. Raises ConfigurationError for certificates that cannot be used."""
    try:
        context = ssl.create_default_context(cafile=tls.ca)
        if tls.cert is not None:
            context.load_cert_chain(tls.cert, tls.key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"a certificate cannot be used: {error}") from None
    context.check_hostname = tls.verify_host_name
    return context


def _text(file: Path | None) -> str | None:
    return None if file is None else str(file)
