"""A store in a cluster as one endpoint: a gateway with both roles and a worker, each a real process.

It has what `tests.server.Server` has, so that suites written for a data folder run on it too.
"""

import json
import signal
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.cluster.services import Cassandra, Kafka, Zones
from tests.server import (
    ACCESS_KEY,
    ROOT,
    SECRET_KEY,
    STOP_SECONDS,
    Server,
    clean_environment,
    free_port,
    strandline,
)

REPLICATED = 3  # brokers and nodes from which on everything is kept three times


class ClusterServer(Server):
    """`prepare` makes its topics, its keyspace and its place in the zones, which are its own.

    flags  of the gateway
    """

    def __init__(
        self, folder: Path, kafka: Kafka, cassandra: Cassandra, zones: Zones, *flags: str, roles: str = ""
    ) -> None:
        self.config = folder / "strandline.toml"
        more = ("--roles", roles) if roles else ()
        super().__init__(folder / "data", folder / "log", *more, *flags, STRANDLINE_CONFIG=str(self.config))
        folder.mkdir(parents=True, exist_ok=True)
        self.auditor_port = free_port()
        self.config.write_text(configuration(folder / "keys", kafka, cassandra, zones, self.auditor_port))
        self.workers: list[subprocess.Popen[bytes]] = []

    @property
    def keys_dir(self) -> Path:
        return self.config.parent / "keys"

    def prepare(self) -> None:
        """Make topics and tables, at the same time."""
        run = partial(strandline, STRANDLINE_CONFIG=str(self.config))
        with ThreadPoolExecutor() as threads:
            started = [
                threads.submit(run, *command) for command in (("topics", "create"), ("schema", "migrate"))
            ]
        for done in started:
            assert done.result().returncode == 0, done.result().stderr

    def start(self) -> None:
        """Start a worker when there is none, and the gateway."""
        if not self.workers:
            self.start_worker()
        super().start()

    def start_worker(self, *flags: str) -> "subprocess.Popen[bytes]":
        """One more worker. Writes wait until it has partitions."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "strandline", "worker", "--data-dir", str(self.data_dir), *flags],
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env=clean_environment(STRANDLINE_CONFIG=str(self.config)),
                start_new_session=True,
            )
        self.workers.append(process)
        return process

    def start_auditor(self) -> None:
        """A worker that writes the audit trail, in the data folder, and that gateways may ask."""
        listen = f"127.0.0.1:{self.auditor_port}"
        self.start_worker("--processors", "auditor", "--worker-listen", listen)

    def stop(self) -> int:
        """Stop the gateway, then the workers; the first exit code that is not 0."""
        codes = [super().stop()]
        for worker in self.workers:
            worker.send_signal(signal.SIGTERM)
        codes += [worker.wait(STOP_SECONDS) for worker in self.workers]
        self.workers.clear()
        return next(filter(None, codes), 0)

    def kill(self) -> None:
        super().kill()
        for worker in self.workers:
            worker.kill()
            worker.wait(STOP_SECONDS)
        self.workers.clear()


def client(server: Server, **more: Any) -> Any:
    """S3 of the server's operator, with one attempt. more: of its configuration."""
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        region_name="us-east-1",
        config=Config(retries={"total_max_attempts": 1}, proxies={}, **more),
    )


def configuration(keys: Path, kafka: Kafka, cassandra: Cassandra, zones: Zones, auditor_port: int) -> str:
    """A configuration file for a store of its own on those services."""
    copies = REPLICATED if len(kafka.brokers) >= REPLICATED else 1
    rows = REPLICATED if len(cassandra.contact_points) >= REPLICATED else 1
    bucket = f"t{uuid.uuid4().hex[:12]}"
    text = f"""
[cluster]
keys_dir = {json.dumps(str(keys))}
[cluster.kafka]
bootstrap_servers = {json.dumps(kafka.bootstrap_servers.split(","))}
topic_prefix = "{kafka.topic_prefix()}"
replication_factor = {copies}
min_insync_replicas = {2 if copies == REPLICATED else 1}
[cluster.cassandra]
contact_points = {json.dumps(list(cassandra.contact_points))}
port = {cassandra.port}
keyspace = "{cassandra.keyspace()}"
replication_factor = {rows}
"""
    text += f"""
[cluster.auditor]
endpoint = "http://127.0.0.1:{auditor_port}"
"""
    for zone in zones.zones:
        text += f"""
[[cluster.zones]]
name = "{zone.name}"
endpoint = "{zone.endpoint}"
access_key = "{zone.access_key}"
secret_key = "{zone.secret_key}"
bucket = "{bucket}"
"""
    return text
