"""Cassandra nodes: on 127.0.0.1 and the loopback addresses after it, since every node has the same ports."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cassandra import OperationTimedOut
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable
from cassandra.policies import WhiteListRoundRobinPolicy

from compose.native.jars import class_path
from compose.native.ports import is_listening
from compose.native.process import Process

HERE = Path(__file__).resolve().parent
HEAP_MIB = 768
TOKENS = 2**64

# What differs from Cassandra's defaults. compose/cassandra.yaml says the same.
SETTINGS: dict[str, Any] = {
    "cluster_name": "strandline",
    "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
    "endpoint_snitch": "SimpleSnitch",
    # A write is on the node's disk before it is answered.
    "commitlog_sync": "batch",
    "commitlog_segment_size": "32MiB",
    "storage_compatibility_mode": "NONE",
    "memtable": {
        "configurations": {
            "trie": {"class_name": "TrieMemtable"},
            "default": {"inherits": "trie"},
        }
    },
    "sstable": {"selected_format": "bti"},
    "hinted_handoff_enabled": True,
    "auto_snapshot": False,
}


class CassandraNodes:
    """One node or several, each with a copy of its own.

    port       of CQL, on every node's address
    settings   override those of cassandra.yaml, to try TLS and logins
    """

    def __init__(
        self,
        folder: Path,
        count: int,
        port: int,
        storage_port: int,
        *,
        heap_mib: int = HEAP_MIB,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.port = port
        self.contact_points = [f"127.0.0.{number + 1}" for number in range(count)]
        self._storage_port = storage_port
        self._class_path = class_path("cassandra")
        self._given = dict(settings or {})
        self.nodes = [
            self._node(folder / f"cassandra-{number + 1}", number, heap_mib) for number in range(count)
        ]

    def _node(self, folder: Path, number: int, heap_mib: int) -> Process:
        file = folder / "cassandra.yaml"
        agent = next(Path(self._class_path).parent.glob("jamm-*.jar"))
        command = [
            "java", f"@{HERE / 'cassandra.jvm'}", f"-javaagent:{agent}", "-cp", self._class_path,
            f"-Xms{heap_mib}m", f"-Xmx{heap_mib}m", f"-Dcassandra.config=file://{file}",
            f"-Dcassandra.storagedir={folder}", f"-Dlogback.configurationFile={HERE / 'logback.xml'}",
            "org.apache.cassandra.service.CassandraDaemon",
        ]  # fmt: skip
        # JSON is YAML.
        text = json.dumps(self._settings(folder, number), indent=1)
        address = self.contact_points[number]
        return Process(
            folder.name,
            folder,
            command,
            lambda: is_listening(address, self.port) and self._sees_all(address),
            prepare=lambda: _write(file, text),
        )

    def _sees_all(self, address: str) -> bool:
        """Whether the node has met the others; a single one is not asked, so that it may want a login."""
        others = len(self.contact_points) - 1
        if not others:
            return True
        only = ExecutionProfile(load_balancing_policy=WhiteListRoundRobinPolicy([address]))
        cluster = Cluster([address], port=self.port, execution_profiles={EXEC_PROFILE_DEFAULT: only})
        try:
            return len(cluster.connect().execute("SELECT peer FROM system.peers_v2").all()) == others
        except (NoHostAvailable, OperationTimedOut):
            return False
        finally:
            cluster.shutdown()

    def _settings(self, folder: Path, number: int) -> dict[str, Any]:
        address = self.contact_points[number]
        # Each of them is a seed: one that is not starts only when it reaches one that is.
        seeds = ",".join(f"{node}:{self._storage_port}" for node in self.contact_points)
        return {
            **SETTINGS,
            "listen_address": address,
            "rpc_address": address,
            "storage_port": self._storage_port,
            "native_transport_port": self.port,
            "seed_provider": [
                {
                    "class_name": "org.apache.cassandra.locator.SimpleSeedProvider",
                    "parameters": [{"seeds": seeds}],
                }
            ],
            "num_tokens": 1,
            "initial_token": str(number * TOKENS // len(self.contact_points) - TOKENS // 2),
            "auto_bootstrap": False,
            "data_file_directories": [str(folder / "data")],
            "commitlog_directory": str(folder / "commitlog"),
            "saved_caches_directory": str(folder / "saved_caches"),
            "hints_directory": str(folder / "hints"),
            **self._given,
        }


def _write(file: Path, text: str) -> None:
    file.write_text(text)
