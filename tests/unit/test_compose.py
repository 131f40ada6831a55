"""The cluster as containers: pinned, checked, set as the native services are, before them the gateway."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from compose.gateway import FILE, nginx_conf
from compose.native import cassandra, minio
from compose.native.kafka import CLUSTER_ID, PROPERTIES, replication
from compose.native.store import NativeStore
from strandline.load_settings import load_settings

COMPOSE = Path(__file__).parents[2] / "compose"
DOCUMENT: dict[str, Any] = yaml.safe_load((COMPOSE / "docker-compose.yaml").read_text())
SERVICES: dict[str, Any] = DOCUMENT["services"]
PREPARING = {"topics", "schema"}


def test_every_image_is_pinned() -> None:
    images = {name: service["image"] for name, service in SERVICES.items()}
    assert {
        name for name, image in images.items() if not re.search(r":\D*\d+\.\d+|:RELEASE\.\d{4}", image)
    } == set()
    base = re.findall(r"^FROM (\S+)", (COMPOSE / "Dockerfile").read_text(), re.MULTILINE)
    assert all(re.search(r":\d+\.\d+\.\d+", image) for image in base)


def test_versions_are_those_of_the_native_services() -> None:
    def version(service: str) -> str:
        pom = (COMPOSE / "native" / "poms" / f"{service}.xml").read_text()
        found: list[str] = re.findall(r"<version>(\d[^<]+)</version>", pom)
        return found[0]

    assert SERVICES["kafka-1"]["image"] == f"apache/kafka:{version('kafka')}"
    assert SERVICES["cassandra"]["image"] == f"cassandra:{version('cassandra')}"


def test_every_long_running_service_has_a_health_check_and_restarts() -> None:
    running = set(SERVICES) - PREPARING
    assert {name for name in running if SERVICES[name].get("restart") != "unless-stopped"} == set()
    assert {name for name in running if "healthcheck" not in SERVICES[name]} == set()


def test_what_is_stored_is_on_volumes() -> None:
    named = {
        volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())
    }
    assert set(DOCUMENT["volumes"]) == {name for name in named if "/" not in name}
    for name in ("kafka-1", "kafka-2", "kafka-3", "cassandra", "zone-a", "zone-b", "zone-c"):
        assert any(volume.startswith(f"{name}:") for volume in SERVICES[name]["volumes"])


def test_kafka_has_the_settings_of_the_native_brokers() -> None:
    brokers = [name for name in SERVICES if name.startswith("kafka-")]
    expected = {
        "KAFKA_" + name.upper().replace(".", "_"): value
        for name, value in (PROPERTIES | replication(len(brokers))).items()
    }
    for name in brokers:
        environment = SERVICES[name]["environment"]
        assert {key: environment.get(key) for key in expected} == expected
        assert environment["CLUSTER_ID"] == CLUSTER_ID
        assert environment["KAFKA_NODE_ID"] == name[-1]
        own = {"CLUSTER_ID", "NODE_ID", "HEAP_OPTS", "CONTROLLER_QUORUM_VOTERS", "LISTENERS", "LOG_DIRS",
               "ADVERTISED_LISTENERS", "LISTENER_SECURITY_PROTOCOL_MAP"}  # fmt: skip
        assert {key.removeprefix("KAFKA_") for key in set(environment) - set(expected)} == own


def test_cassandra_has_the_settings_of_the_native_nodes() -> None:
    settings = yaml.safe_load((COMPOSE / "cassandra.yaml").read_text())
    assert {key: settings.get(key) for key in cassandra.SETTINGS} == cassandra.SETTINGS


def test_zones_have_the_keys_and_settings_of_the_native_ones() -> None:
    for name in ("zone-a", "zone-b", "zone-c"):
        assert SERVICES[name]["environment"] == minio.ENVIRONMENT


def test_the_roles_read_a_configuration_that_fits_the_services(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings({}, COMPOSE / "strandline.toml")
    cluster = settings.cluster
    assert cluster is not None
    hosts = [server.partition(":")[0] for server in cluster.kafka.bootstrap_servers]
    zones = [zone.endpoint.removeprefix("http://").partition(":")[0] for zone in cluster.zones]
    assert cluster.auditor is not None
    auditor = urlsplit(cluster.auditor.endpoint)
    assert "auditor" in SERVICES[auditor.hostname]["command"][2]
    assert settings.worker_listen == f"0.0.0.0:{auditor.port}"
    assert {*hosts, *zones, *cluster.cassandra.contact_points} <= set(SERVICES)
    assert {(zone.access_key, zone.secret_key.get_secret_value()) for zone in cluster.zones} == {
        (minio.ACCESS_KEY, minio.SECRET_KEY)
    }


def test_the_native_auditor_is_where_the_native_gateways_ask(tmp_path: Path) -> None:
    """Without a gateway, too: a folder may have workers alone."""
    for gateway_ports in ([], [1]):
        store = NativeStore(
            tmp_path, [], [], 1, [minio.Zone("a", "http://127.0.0.1:1")], gateway_ports, 2, 4711
        )
        assert store.workers[0]._command[-2:] == ["--worker-listen", "127.0.0.1:4711"]
        assert "--worker-listen" not in store.workers[1]._command
        assert 'endpoint = "http://127.0.0.1:4711"' in store._text


def test_nginx_conf_is_current() -> None:
    assert FILE.read_text() == nginx_conf(), "compose/nginx.conf is stale: run `make docs`"


def test_a_client_of_compose_takes_the_file() -> None:
    for command in (["docker", "compose"], ["docker-compose"]):
        if (
            shutil.which(command[0])
            and not subprocess.run([*command, "version"], capture_output=True).returncode
        ):
            done = subprocess.run(
                [*command, "--file", str(COMPOSE / "docker-compose.yaml"), "config", "--quiet"],
                capture_output=True, text=True,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            return
    pytest.skip("no client of Docker Compose here")
