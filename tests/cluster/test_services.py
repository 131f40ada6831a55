"""The services that the other tests here stand on: they answer, and can be hurt and healed."""

import time
from http.client import HTTPConnection

import pytest
from cassandra.cluster import Cluster
from confluent_kafka.admin import AdminClient
from minio import Minio

from tests.cluster.services import Cassandra, Kafka, Zones

pytestmark = pytest.mark.cluster


def test_kafka_answers_and_makes_no_topic_by_itself(kafka: Kafka) -> None:
    client = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    metadata = client.list_topics(kafka.topic_prefix() + "unknown", timeout=10)
    assert len(metadata.brokers) >= 1
    assert all(topic.error is not None for topic in metadata.topics.values())


def test_cassandra_answers(cassandra: Cassandra) -> None:
    cluster = Cluster(cassandra.contact_points, port=cassandra.port)
    try:
        (row,) = cluster.connect().execute("SELECT data_center, release_version FROM system.local")
        assert row.data_center == "datacenter1"
        assert row.release_version.startswith("5.0")
    finally:
        cluster.shutdown()


def test_every_zone_answers(zones: Zones) -> None:
    for zone in zones.zones:
        scheme, _, host = zone.endpoint.partition("://")
        client = Minio(host, access_key=zone.access_key, secret_key=zone.secret_key, secure=scheme == "https")
        assert isinstance(client.list_buckets(), list)


def test_a_service_can_be_paused_killed_and_started_again(zones: Zones) -> None:
    if not zones.processes:
        pytest.skip("the zones were not started here")
    process = zones.processes[0]
    port = int(zones.zones[0].endpoint.rpartition(":")[2])
    process.pause()
    assert not answers(port)
    process.resume()
    assert answers(port)
    pid = process.pid
    process.kill()
    assert process.pid is None
    assert not process.is_ready()
    process.start()
    process.wait()
    # A MinIO that has just begun to listen may reset or refuse a connection once more.
    limit = time.monotonic() + 10
    while not answers(port):
        assert time.monotonic() < limit
        time.sleep(0.1)
    assert process.pid not in (None, pid)


def answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/minio/health/live")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
