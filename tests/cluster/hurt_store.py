"""A whole cluster that only one test file has: services, gateways, workers, and links that can be cut.

Three brokers, one Cassandra node or three, three zones, two gateways, two workers. Gateways and workers come
to the brokers, to the zones and (of one node) to Cassandra through toxiproxy, by links of their own:

    gateways-kafka-1 …   workers-kafka-1 …   gateways-cassandra   workers-cassandra   gateways-zone-a …
"""

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka.admin import AdminClient

from compose.native.cassandra import CassandraNodes
from compose.native.kafka import Door, KafkaBrokers
from compose.native.minio import MinioZones, Zone
from compose.native.ports import free_ports, is_listening
from compose.native.process import Process, start_all, stop_all
from compose.native.store import NativeStore
from compose.native.toxiproxy import Toxiproxy
from schemas.events import OBJECT_VERSIONS
from tests.histories.clients import Client, Crowd, NotSent
from tests.histories.operation import Answer, Kind
from tests.histories.recorder import Recorder
from tests.s3.raw import Raw

BROKERS, ZONES, GATEWAYS, WORKERS = 3, 3, 2, 2
SIDES = ("gateways", "workers")
PREFIX = "strandline."  # of topics, by default
SERVES_SECONDS = 90.0
PROBED, PROBES = "probed", 12  # a bucket, and keys enough to reach most partitions
ASK_SECONDS = 10.0


@dataclass(frozen=True)
class Links:
    """The ports behind which a side finds the services, and the names of its links."""

    kafka: dict[str, int]
    cassandra: dict[str, int]
    zones: dict[str, int]


class HurtStore:
    """`start` it, hurt its processes and links, `stop` it. `nodes` is 1 or 3."""

    def __init__(self, folder: Path, nodes: int = 1) -> None:
        self.proxy = Toxiproxy(folder)
        self.links = {side: _links(side, nodes) for side in SIDES}
        ports = {side: free_ports(BROKERS) for side in SIDES}
        doors = {
            side.upper(): [
                Door(port, told)
                for port, told in zip(ports[side], self.links[side].kafka.values(), strict=True)
            ]
            for side in SIDES
        }
        self.kafka = KafkaBrokers(folder, free_ports(BROKERS), heap_mib=384, doors=doors)
        self.cassandra = CassandraNodes(folder, nodes, *free_ports(2))
        self.zones = MinioZones(folder, free_ports(ZONES))
        self._upstream = [
            (name, port, to)
            for side in SIDES
            for links, targets in (
                (self.links[side].kafka, ports[side]),
                (self.links[side].cassandra, [self.cassandra.port]),
                (
                    self.links[side].zones,
                    [int(zone.endpoint.rpartition(":")[2]) for zone in self.zones.zones],
                ),
            )
            for (name, port), to in zip(links.items(), targets, strict=False)
        ]
        self._keys = folder / "keys"
        (self._auditor_port,) = free_ports(1)
        self._ports = [port for _ in range(GATEWAYS) for port in _two_in_a_row()]
        self._front, self._back = (self._side(folder / side, side) for side in SIDES)
        self.gateways, self.workers = self._front.gateways, self._back.workers[:WORKERS]
        self.spare_worker = self._back.workers[WORKERS]

    def _side(self, folder: Path, side: str) -> NativeStore:
        """Gateways or workers. Both share the folder of keys."""
        folder.mkdir(parents=True)
        self._keys.mkdir(mode=0o700, exist_ok=True)
        (folder / "keys").symlink_to(self._keys)
        links = self.links[side]
        brokers = [f"127.0.0.1:{port}" for port in links.kafka.values()]
        zones = [
            Zone(zone.name, f"http://127.0.0.1:{port}")
            for zone, port in zip(self.zones.zones, links.zones.values(), strict=True)
        ]
        cql_port = next(iter(links.cassandra.values()), self.cassandra.port)
        gateways = self._ports[::2] if side == "gateways" else []
        points = self.cassandra.contact_points
        return NativeStore(
            folder, brokers, points, cql_port, zones, gateways, WORKERS + 1, self._auditor_port
        )

    @property
    def services(self) -> list[Process]:
        """What the store stands on."""
        return [*self.kafka.brokers, *self.cassandra.nodes, *self.zones.processes]

    @property
    def config(self) -> Path:
        """The gateways' configuration file."""
        return self._front.config

    @property
    def endpoints(self) -> list[str]:
        """Where the gateways serve S3."""
        return [f"http://127.0.0.1:{port}" for port in self._ports[::2]]

    def start(self) -> None:
        """Start everything that does not run, and wait until it serves."""
        fresh = self.proxy.process.pid is None
        start_all([self.proxy.process, *self.services])
        if fresh:
            for name, port, to in self._upstream:
                self.proxy.link(name, port, to)
        for side in (self._front, self._back):
            side.prepare()
        start_all([*self.gateways, *self.workers])

    def stop(self) -> None:
        """Stop everything."""
        stop_all([*self.gateways, *self.workers, self.spare_worker])
        stop_all([*self.services, self.proxy.process])

    def credentials(self) -> tuple[str, str]:
        """Access key and secret key of the root identity."""
        found = json.loads((self._keys / "root-credentials.json").read_text())
        return found["access_key"], found["secret_key"]

    def leader(self, partition: int) -> Process:
        """The broker that leads a partition of object-versions now."""
        client = AdminClient({"bootstrap.servers": self.kafka.bootstrap_servers, "log_level": 0})
        topic = client.list_topics(PREFIX + OBJECT_VERSIONS, timeout=ASK_SECONDS)
        found = topic.topics[PREFIX + OBJECT_VERSIONS].partitions[partition].leader
        return self.kafka.brokers[found - 1]

    def crowd(self, bucket: str, keys: list[str], clients: int, chosen: random.Random) -> Crowd:
        """Clients of all gateways, and their bucket."""
        raw = Raw(self.endpoints[0], *self.credentials())
        answer = raw.send("PUT", f"/{bucket}")
        raw.close()
        assert answer.status == 200, answer
        return Crowd(self.endpoints, self.credentials(), bucket, keys, clients, chosen)

    def until_it_serves(self, seconds: float = SERVES_SECONDS) -> None:
        """Wait until every gateway acknowledges writes to all partitions: the store is well again. They go
        into a bucket of their own."""
        limit = time.monotonic() + seconds
        keys = [f"probe-{number}" for number in range(PROBES)]
        gateways = [Raw(endpoint, *self.credentials(), ASK_SECONDS) for endpoint in self.endpoints]
        client = Client("probe", gateways, PROBED, keys, Recorder())
        for gateway in gateways:
            while not _has_bucket(gateway):
                assert time.monotonic() < limit, f"{gateway.endpoint} makes no bucket"
                threading.Event().wait(0.2)
            for key in keys:
                while not _acknowledged(client, gateway, key):
                    assert time.monotonic() < limit, f"{gateway.endpoint} acknowledges no write of {key}"
                    threading.Event().wait(0.2)
            gateway.close()

    def log_tails(self) -> str:
        """The ends of what gateways and workers wrote."""
        processes = [*self.gateways, *self.workers, self.spare_worker]
        return "\n".join(f"--- {process.name}\n{process.log_tail()}" for process in processes)


@contextmanager
def hurt_store(folder: Path, nodes: int = 1) -> Iterator[HurtStore]:
    """A running one, which ends with the block."""
    store = HurtStore(folder, nodes)
    try:
        store.start()
        yield store
    finally:
        store.stop()


def _has_bucket(gateway: Raw) -> bool:
    """Make the bucket of probes, unless it is ours already; whether it is there now."""
    try:
        return gateway.send("PUT", f"/{PROBED}").status in (200, 409)
    except OSError:
        return False


def _acknowledged(client: Client, gateway: Raw, key: str) -> bool:
    try:
        return client.write(gateway, Kind.PUT, key, 60) is Answer.DONE
    except NotSent:
        return False


def _links(side: str, nodes: int) -> Links:
    """Several nodes tell their own addresses to who comes, so no link stands before them."""
    kafka, zones = free_ports(BROKERS), free_ports(ZONES)
    cassandra = free_ports(1) if nodes == 1 else []
    return Links(
        {f"{side}-kafka-{number}": port for number, port in enumerate(kafka, 1)},
        {f"{side}-cassandra": port for port in cassandra},
        {f"{side}-zone-{letter}": port for letter, port in zip("abc", zones, strict=True)},
    )


def _two_in_a_row() -> tuple[int, int]:
    """A free port whose next one is free too: S3, and the API after it."""
    while True:
        (port,) = free_ports(1)
        if not is_listening("127.0.0.1", port + 1):
            return port, port + 1
