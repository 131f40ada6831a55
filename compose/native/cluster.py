"""All services of a cluster in one state folder, which outlives the process that started them."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from compose.native.cassandra import CassandraNodes
from compose.native.kafka import KafkaBrokers
from compose.native.minio import MinioZones
from compose.native.process import Process, start_all, stop_all
from compose.native.store import NativeStore

PLAN_FILE = "plan.json"


@dataclass(frozen=True)
class Plan:
    """How many of what, and where. Kept in the state folder: the same services start again with their data.

    kafka_ports     one a broker
    zone_ports      one a zone
    cassandra_port  CQL on 127.0.0.1, 127.0.0.2, …; `storage_port` is the nodes' own
    gateway_ports   S3, one a gateway, each with its API on the port after it; none: services alone
    auditor_port    where gateways look requests up in the audit trail
    """

    kafka_ports: tuple[int, ...] = (9092, 9093, 9094)
    cassandra_nodes: int = 1
    cassandra_port: int = 9042
    storage_port: int = 7000
    zone_ports: tuple[int, ...] = (9101, 9102, 9103)
    gateway_ports: tuple[int, ...] = (9000, 9010)
    auditor_port: int = 9012
    workers: int = 2
    kafka_heap_mib: int = 384
    cassandra_heap_mib: int = 768

    def save(self, folder: Path) -> None:
        """Write it into the state folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / PLAN_FILE).write_bytes(msgspec.json.encode(self))

    @classmethod
    def load(cls, folder: Path) -> "Plan | None":
        """That of a state folder, None without one."""
        try:
            return msgspec.json.decode((folder / PLAN_FILE).read_bytes(), type=cls)
        except FileNotFoundError:
            return None


class NativeCluster:
    """The services of a plan. Raises NotAvailable when this machine lacks what they need."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.kafka = KafkaBrokers(folder, list(plan.kafka_ports), heap_mib=plan.kafka_heap_mib)
        self.cassandra = CassandraNodes(
            folder,
            plan.cassandra_nodes,
            plan.cassandra_port,
            plan.storage_port,
            heap_mib=plan.cassandra_heap_mib,
        )
        self.zones = MinioZones(folder, list(plan.zone_ports))
        self.store = NativeStore(
            folder,
            self.kafka.bootstrap_servers.split(","),
            self.cassandra.contact_points,
            plan.cassandra_port,
            self.zones.zones,
            list(plan.gateway_ports),
            plan.workers,
            plan.auditor_port,
        )
        self.gateway_ports = plan.gateway_ports

    @property
    def services(self) -> list[Process]:
        """What the store stands on."""
        return [*self.kafka.brokers, *self.cassandra.nodes, *self.zones.processes]

    @property
    def processes(self) -> list[Process]:
        """All of them, in the order in which they are best told."""
        return self.services + (self.store.processes if self.store.gateways else [])

    def start(self) -> None:
        """Start what does not run, and wait until all are ready. Raises DidNotStart."""
        start_all(self.services)
        if self.store.gateways:
            self.store.prepare()
            start_all(self.store.processes)

    def stop(self) -> None:
        """Stop all; their data stays."""
        stop_all(self.store.processes)
        stop_all(self.services)
