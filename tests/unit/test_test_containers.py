"""The containers that the cluster's tests use where a Docker engine answers: what they are told to be."""

import socket
import tarfile
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from testcontainers.core.config import ConnectionMode
from testcontainers.core.transferable import build_transfer_tar

from tests.cluster import containers

SERVICES = yaml.safe_load((containers.COMPOSE / "docker-compose.yaml").read_text())["services"]


@pytest.mark.parametrize(
    ("recipe", "service"),
    [
        (containers.kafka_recipe("h", 1), "kafka-1"),
        (containers.cassandra_recipe(), "cassandra"),
        (containers.zone_recipe(), "zone-b"),
    ],
)
def test_images_and_settings_are_those_of_compose(recipe: containers.Recipe, service: str) -> None:
    expected = SERVICES[service]
    assert recipe.image == expected["image"]
    assert recipe.command == expected.get("command")
    assert recipe.environment.keys() == expected["environment"].keys()
    changed = {name for name, value in recipe.environment.items() if value != expected["environment"][name]}
    assert all(
        name.endswith(("FACTOR", "REPLICAS", "MIN_ISR", "VOTERS", "ADVERTISED_LISTENERS")) for name in changed
    )


def test_one_broker_is_enough_for_itself_and_tells_where_it_is_reached() -> None:
    environment = containers.kafka_recipe("10.0.0.7", 4711).environment
    assert environment["KAFKA_MIN_INSYNC_REPLICAS"] == environment["KAFKA_DEFAULT_REPLICATION_FACTOR"] == "1"
    assert environment["KAFKA_CONTROLLER_QUORUM_VOTERS"].count("@") == 1
    assert environment["KAFKA_ADVERTISED_LISTENERS"].startswith("CLIENT://10.0.0.7:4711,")


def test_the_node_finds_its_configuration() -> None:
    recipe = containers.cassandra_recipe()
    ((here, there),) = recipe.files.items()
    assert here.is_file()
    assert f"-Dcassandra.config=file://{there}" in (recipe.command or ())
    assert yaml.safe_load(here.read_text())["listen_address"] == recipe.hostname


def test_without_a_socket_there_is_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'none'}")
    assert not containers.engine_answers()


def test_an_engine_that_refuses_connections_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{taken.getsockname()[1]}")
        assert not containers.engine_answers()


def test_a_container_is_told_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("testcontainers.core.container.DockerClient", lambda **_: None)
    broker = containers.container(containers.kafka_recipe("h", 4711))
    assert broker.ports == {str(containers.KAFKA_PORT): 4711}
    assert broker.env["KAFKA_NODE_ID"] == "1"
    node = containers.container(containers.cassandra_recipe())
    assert node.ports == {str(containers.CASSANDRA_PORT): None}
    ((here, there, mode),) = node._transferable_specs
    with tarfile.open(fileobj=BytesIO(build_transfer_tar(here, there, mode))) as copied:
        assert [name.lstrip("/") for name in copied.getnames()] == ["etc/strandline/cassandra.yaml"]
    assert mode == 0o644
    assert not node.volumes  # a path here means nothing to the engine of another machine
    assert containers.container(containers.zone_recipe()).image == SERVICES["zone-a"]["image"]


@pytest.mark.parametrize(
    ("mode", "host"),
    [(ConnectionMode.docker_host, "engine.example"), (ConnectionMode.bridge_ip, "172.17.0.1"),
     (ConnectionMode.gateway_ip, "172.17.0.1")],
)  # fmt: skip
def test_a_broker_tells_an_address_that_we_reach(
    mode: ConnectionMode, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a container, that of its network's gateway: the engine's machine, which publishes the port."""

    class Client:
        client = SimpleNamespace(close=lambda: None)

        def __init__(self, **_: object) -> None: ...

        def host(self) -> str:
            return "engine.example"

        def get_connection_mode(self) -> ConnectionMode:
            return mode

    monkeypatch.setattr("testcontainers.core.docker_client.DockerClient", Client)
    monkeypatch.setattr("testcontainers.core.container.DockerClient", Client)
    monkeypatch.setattr("testcontainers.core.utils.default_gateway_ip", lambda: "172.17.0.1")
    broker, address = containers.kafka_container()
    assert address == f"{host}:{broker.ports[str(containers.KAFKA_PORT)]}"
    assert broker.env["KAFKA_ADVERTISED_LISTENERS"].startswith(f"CLIENT://{address},")
