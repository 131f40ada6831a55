"""Kafka brokers in KRaft mode: each of them is broker and controller."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from compose.native.jars import class_path
from compose.native.ports import free_ports
from compose.native.process import DidNotStart, Process

CLUSTER_ID = "c3RyYW5kbGluZS1sb2dzMQ"  # 16 bytes in URL-safe base64; each store has brokers of its own
HEAP_MIB = 512
FORMAT_SECONDS = 60
METADATA_SECONDS = 3.0

# What differs from Kafka's defaults, for every number of brokers. compose/docker-compose.yaml says the same.
PROPERTIES = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "INTERNAL",
    # Topics are made by `strandline topics create`, with the right number of partitions, or not at all.
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "offsets.topic.num.partitions": "8",
    # A broker that hangs or died holds up its partitions for this long.
    "broker.session.timeout.ms": "4000",
    "broker.heartbeat.interval.ms": "1000",
    "controller.quorum.election.timeout.ms": "1000",
    "controller.quorum.fetch.timeout.ms": "2000",
    "replica.lag.time.max.ms": "10000",
}


def replication(brokers: int) -> dict[str, str]:
    """Copies of what Kafka keeps for itself: three, two of which must be there, where there are three."""
    copies, needed = (3, 2) if brokers >= 3 else (1, 1)
    return {
        "default.replication.factor": str(copies),
        "min.insync.replicas": str(needed),
        "offsets.topic.replication.factor": str(copies),
        "transaction.state.log.replication.factor": str(copies),
        "transaction.state.log.min.isr": str(needed),
    }


class Door(NamedTuple):
    """A listener of a broker: the port it listens on, and the one that it tells clients to come to."""

    port: int
    told: int


class KafkaBrokers:
    """One broker or several.

    client_ports  ports for clients; the other ports are chosen free
    properties    override those of every broker, to try TLS and logins; a listener for clients is called
                  CLIENT
    doors         more listeners by name, each with one Door a broker: who comes in by one is told, of every
                  broker, the port that the door says
    """

    def __init__(
        self,
        folder: Path,
        client_ports: list[int],
        *,
        heap_mib: int = HEAP_MIB,
        properties: Mapping[str, str] | None = None,
        doors: Mapping[str, Sequence[Door]] | None = None,
    ) -> None:
        self.bootstrap_servers = ",".join(f"127.0.0.1:{port}" for port in client_ports)
        count = len(client_ports)
        others = _kept_ports(folder, 2 * count)
        self._controllers, self._internal = others[:count], others[count:]
        self._class_path = class_path("kafka")
        self._given = dict(properties or {})
        self._doors = dict(doors or {})
        self.brokers = [
            self._broker(folder / f"kafka-{number + 1}", number, port, heap_mib)
            for number, port in enumerate(client_ports)
        ]

    def _broker(self, folder: Path, number: int, port: int, heap_mib: int) -> Process:
        file = folder / "server.properties"
        # Brokers here live for minutes on few cores: the second compiler costs more than it gives.
        java = ["java", "-XX:TieredStopAtLevel=1", "-cp", self._class_path,
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]  # fmt: skip
        start = [*java, f"-Xms{heap_mib}m", f"-Xmx{heap_mib}m", "kafka.Kafka", str(file)]
        settings = self._properties(folder, number, port)

        def prepare() -> None:
            file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
            _format([*java, "kafka.tools.StorageTool", "format"], file)

        return Process(folder.name, folder, start, lambda: self._sees_all(number), prepare=prepare)

    def _properties(self, folder: Path, number: int, port: int) -> dict[str, str]:
        controller, internal = self._controllers[number], self._internal[number]
        voters = ",".join(f"{n + 1}@127.0.0.1:{p}" for n, p in enumerate(self._controllers))
        names = ("CLIENT", "INTERNAL", "CONTROLLER", *self._doors)
        doors = {name: doors[number] for name, doors in self._doors.items()}
        more = "".join(f",{name}://127.0.0.1:{door.port}" for name, door in doors.items())
        told = "".join(f",{name}://127.0.0.1:{door.told}" for name, door in doors.items())
        return {
            **PROPERTIES,
            **replication(len(self._controllers)),
            "node.id": str(number + 1),
            "controller.quorum.voters": voters,
            "listeners": f"CLIENT://127.0.0.1:{port},INTERNAL://127.0.0.1:{internal},"
            f"CONTROLLER://127.0.0.1:{controller}{more}",
            "advertised.listeners": f"CLIENT://127.0.0.1:{port},INTERNAL://127.0.0.1:{internal}{told}",
            "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in names),
            "log.dirs": str(folder / "data"),
            **self._given,
        }

    def _sees_all(self, number: int) -> bool:
        """Whether this broker answers and sees all others. Asked on the listener between brokers, which needs
        no login."""
        port = self._internal[number]
        client = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0})
        try:
            return len(client.list_topics(timeout=METADATA_SECONDS).brokers) == len(self._controllers)
        except KafkaException:
            return False


def _format(command: list[str], file: Path) -> None:
    """Give the broker's data folder its cluster id; one that has it is left alone."""
    done = subprocess.run(
        [*command, "--ignore-formatted", "--cluster-id", CLUSTER_ID, "--config", str(file)],
        capture_output=True, text=True, timeout=FORMAT_SECONDS,
    )  # fmt: skip
    if done.returncode:
        raise DidNotStart(f"formatting {file.parent} failed: {done.stdout}{done.stderr}")


def _kept_ports(folder: Path, count: int) -> list[int]:
    """Ports between the brokers: chosen once, since each broker's data names those of the others."""
    file = folder / "kafka-ports"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(" ".join(map(str, free_ports(count))))
    return [int(port) for port in file.read_text().split()]
