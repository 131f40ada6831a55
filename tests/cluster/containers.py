"""Kafka, Cassandra and zone stores as containers, for a test run on a machine with a Docker engine.

Images, commands and settings are those of compose/docker-compose.yaml; what differs is said here: one broker
instead of three, and ports that this machine can reach.
"""

import functools
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from compose.native.kafka import replication
from compose.native.minio import Zone
from compose.native.ports import free_ports

COMPOSE = Path(__file__).parents[2] / "compose"
SOCKET = "unix:///var/run/docker.sock"
ENGINE_SECONDS = 5
START_SECONDS = 180  # an image may have to be fetched before
KAFKA_PORT, CASSANDRA_PORT, ZONE_PORT = 9092, 9042, 9000


@dataclass(frozen=True)
class Recipe:
    """A container to be. port: the one that clients come to; ready: what its log says once it serves, or
    the path that answers 200 then."""

    image: str
    port: int
    ready: str
    environment: dict[str, str]
    command: list[str] | str | None = None
    hostname: str | None = None
    files: dict[Path, str] = field(
        default_factory=dict
    )  # copied into it: the engine may be another machine's
    told_port: int | None = None  # the same port here, for what tells its clients where to come to


def engine_answers() -> bool:
    """Whether a Docker engine can be asked for containers: the one that DOCKER_HOST names, else the usual."""
    try:
        import docker
    except ModuleNotFoundError:
        return False
    socket = os.environ.get("DOCKER_HOST", SOCKET)
    if socket.startswith("unix://") and not Path(socket.removeprefix("unix://")).is_socket():
        return False
    try:
        client = docker.from_env(timeout=ENGINE_SECONDS)
    except docker.errors.DockerException:
        return False
    try:
        return bool(client.ping())
    except (docker.errors.DockerException, OSError):
        return False
    finally:
        client.close()


def kafka_recipe(host: str, port: int) -> Recipe:
    """One broker, which tells its clients to come to `host` and `port`."""
    service = _services()["kafka-1"]
    single = {f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in replication(1).items()}
    environment = service["environment"] | single
    environment |= {
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@kafka-1:9094",
        "KAFKA_ADVERTISED_LISTENERS": f"CLIENT://{host}:{port},INTERNAL://kafka-1:9093",
    }
    return Recipe(
        service["image"], KAFKA_PORT, r"Kafka Server started", environment, hostname="kafka-1", told_port=port
    )


def cassandra_recipe() -> Recipe:
    """One node."""
    service = _services()["cassandra"]
    here, there, _ = service["volumes"][0].split(":")
    return Recipe(
        service["image"], CASSANDRA_PORT, r"Startup complete", service["environment"], service["command"],
        "cassandra", {(COMPOSE / here).resolve(): there},
    )  # fmt: skip


def zone_recipe() -> Recipe:
    """One zone store."""
    service = _services()["zone-a"]
    return Recipe(
        service["image"], ZONE_PORT, "/minio/health/live", service["environment"], service["command"]
    )


def container(recipe: Recipe) -> Any:
    """A container of testcontainers, not started yet. Needs a Docker engine."""
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import HttpWaitStrategy, LogMessageWaitStrategy

    made = DockerContainer(recipe.image).with_envs(**recipe.environment)
    if recipe.command is not None:
        made.with_command(recipe.command)
    if recipe.hostname is not None:
        made.with_kwargs(hostname=recipe.hostname)
    for here, there in recipe.files.items():
        made.with_copy_into_container(here, there)
    if recipe.told_port is None:
        made.with_exposed_ports(recipe.port)
    else:
        made.with_bind_ports(recipe.port, recipe.told_port)
    if recipe.ready.startswith("/"):
        return made.waiting_for(
            HttpWaitStrategy(recipe.port, recipe.ready).with_startup_timeout(START_SECONDS)
        )
    return made.waiting_for(LogMessageWaitStrategy(recipe.ready).with_startup_timeout(START_SECONDS))


def kafka_container() -> tuple[Any, str]:
    """A broker to start, and where its clients come to: a port that the engine's machine publishes."""
    from testcontainers.core.config import ConnectionMode
    from testcontainers.core.docker_client import DockerClient
    from testcontainers.core.utils import default_gateway_ip

    client = DockerClient()
    try:
        host = client.host()
        if client.get_connection_mode() is not ConnectionMode.docker_host:
            host = default_gateway_ip() or host  # we are in a container: "localhost" is not that machine
    finally:
        client.client.close()
    (port,) = free_ports(1)
    return container(kafka_recipe(host, port)), f"{host}:{port}"


def address(started: Any, port: int) -> tuple[str, int]:
    """Where a port of a started container is reached."""
    return started.get_container_host_ip(), int(started.get_exposed_port(port))


def zone(name: str, started: Any) -> Zone:
    """What a client needs of a started zone store."""
    host, port = address(started, ZONE_PORT)
    return Zone(name, f"http://{host}:{port}")


@functools.cache
def _services() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load((COMPOSE / "docker-compose.yaml").read_text())["services"]
    return services
