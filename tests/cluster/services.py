"""Kafka, Cassandra and zone stores for tests: those that the environment names, else containers where a
Docker engine answers, else native processes.

A test asks for the fixture `kafka`, `cassandra` or `zones`; each starts its service when it is first asked
for: native ones once per run, whatever the number of test processes, containers once per test process. Where
there is none the test is skipped and says why; with STRANDLINE_REQUIRE_CLUSTER=1 it fails instead.

Services given by the environment (`python -m compose.native environment` prints it for running ones):

    STRANDLINE_TEST_KAFKA      host:port,…
    STRANDLINE_TEST_CASSANDRA  host,…:port
    STRANDLINE_TEST_ZONES      http://host:port,… ; STRANDLINE_TEST_ZONE_KEYS  access:secret
"""

import fcntl
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

import pytest

from compose.native.jars import NotAvailable
from compose.native.minio import MinioZones, Zone
from compose.native.ports import free_ports
from compose.native.process import Process, start_all, stop_all
from tests.cluster import containers

REQUIRED = "STRANDLINE_REQUIRE_CLUSTER"
ZONES = 3
T = TypeVar("T")


@dataclass(frozen=True)
class Kafka:
    """A cluster of brokers. `brokers` is empty when it was not started here: nobody may hurt it then."""

    bootstrap_servers: str
    brokers: tuple[Process, ...] = ()

    def topic_prefix(self) -> str:
        """A prefix for topics that no other test has."""
        return f"t{uuid.uuid4().hex[:12]}."


@dataclass(frozen=True)
class Cassandra:
    """A cluster of nodes. `nodes` is empty when it was not started here."""

    contact_points: tuple[str, ...]
    port: int
    nodes: tuple[Process, ...] = ()

    def keyspace(self) -> str:
        """A name for a keyspace that no other test has."""
        return f"t{uuid.uuid4().hex[:12]}"


@dataclass(frozen=True)
class Zones:
    """Zone stores. `processes` is empty when they were not started here."""

    zones: tuple[Zone, ...]
    processes: tuple[Process, ...] = ()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """One broker."""
    if given := os.environ.get("STRANDLINE_TEST_KAFKA"):
        yield Kafka(given)
        return
    if containers.engine_answers():
        broker, address = containers.kafka_container()
        with broker:
            yield Kafka(address)
        return

    def make(folder: Path, ports: list[int]) -> tuple[Kafka, list[Process]]:
        from compose.native.kafka import KafkaBrokers

        started = KafkaBrokers(folder, ports[:1])
        return Kafka(started.bootstrap_servers, tuple(started.brokers)), started.brokers

    with _shared(tmp_path_factory, "kafka", make) as found:
        yield found


@pytest.fixture(scope="session")
def cassandra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cassandra]:
    """One node."""
    if given := os.environ.get("STRANDLINE_TEST_CASSANDRA"):
        hosts, _, port = given.rpartition(":")
        yield Cassandra(tuple(hosts.split(",")), int(port))
        return
    if containers.engine_answers():
        with containers.container(containers.cassandra_recipe()) as node:
            host, number = containers.address(node, containers.CASSANDRA_PORT)
            yield Cassandra((host,), number)
        return

    def make(folder: Path, ports: list[int]) -> tuple[Cassandra, list[Process]]:
        from compose.native.cassandra import CassandraNodes

        started = CassandraNodes(folder, 1, ports[0], ports[1])
        return Cassandra(tuple(started.contact_points), started.port, tuple(started.nodes)), started.nodes

    with _shared(tmp_path_factory, "cassandra", make) as found:
        yield found


@pytest.fixture(scope="session")
def zones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zones]:
    """Three zones."""
    if given := os.environ.get("STRANDLINE_TEST_ZONES"):
        access_key, _, secret_key = os.environ["STRANDLINE_TEST_ZONE_KEYS"].partition(":")
        endpoints = enumerate(given.split(","))
        yield Zones(tuple(Zone(f"zone-{n}", endpoint, access_key, secret_key) for n, endpoint in endpoints))
        return
    if containers.engine_answers():
        with ExitStack() as stack:
            recipe = containers.zone_recipe()
            started = [stack.enter_context(containers.container(recipe)) for _ in range(ZONES)]
            yield Zones(tuple(containers.zone(f"zone-{n}", store) for n, store in enumerate(started)))
        return

    def make(folder: Path, ports: list[int]) -> tuple[Zones, list[Process]]:
        started = MinioZones(folder, ports[:ZONES])
        return Zones(tuple(started.zones), tuple(started.processes)), started.processes

    with _shared(tmp_path_factory, "zones", make) as found:
        yield found


def unavailable(reason: str) -> NoReturn:
    """Skip the test, or fail it where a cluster is required."""
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{REQUIRED}=1, and {reason}", pytrace=False)
    pytest.skip(reason)


@contextmanager
def _shared(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path, list[int]], tuple[T, list[Process]]]
) -> Iterator[T]:
    """A service that all processes of this test run use: the first starts it, the last one to leave stops it.

    Who uses it holds a shared lock on a file, which the kernel drops even for a test process that dies.
    """
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    folder.mkdir(exist_ok=True)
    with (folder / "users").open("a") as users:
        with _alone(folder):
            fcntl.flock(users, fcntl.LOCK_SH)
            found, processes = _made(folder, make)
            start_all(processes)
        try:
            yield found
        finally:
            with _alone(folder):
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:  # another one uses it still
                    for process in processes:
                        process.leave()
                else:
                    stop_all(processes)


def _made(
    folder: Path, make: Callable[[Path, list[int]], tuple[T, list[Process]]]
) -> tuple[T, list[Process]]:
    file = folder / "ports"
    if not file.exists():
        file.write_text(" ".join(map(str, free_ports(4))))
    try:
        return make(folder, [int(port) for port in file.read_text().split()])
    except NotAvailable as missing:
        unavailable(str(missing))
    except ModuleNotFoundError as missing:
        unavailable(f"{missing.name} is not installed: pip install -e '.[cluster]'")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / "starting").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
