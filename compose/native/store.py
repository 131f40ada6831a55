"""Strandline's roles as plain processes, over the services of a native cluster."""

import json
import subprocess
import sys
import urllib.request
from functools import partial
from pathlib import Path

from compose.native.minio import Zone
from compose.native.process import DidNotStart, Process

ROOT = Path(__file__).resolve().parents[2]
PREPARE_SECONDS = 120
ASK_SECONDS = 2.0
FIRST_WORKER = "materializer,housekeeper,auditor,collector,access-logger"  # it does what only one should do
OTHER_WORKERS = "materializer,housekeeper"
REPLICATED = 3  # brokers and nodes from which on everything is kept three times
PREPARATIONS = (("topics", "create"), ("schema", "migrate"))


class NativeStore:
    """Gateways with both roles, and workers. Their configuration and keys are in the state folder.

    gateway_ports  for each gateway its port for S3; the next one is that of the API
    auditor_port   of the first worker, which is the auditor
    """

    def __init__(
        self,
        folder: Path,
        brokers: list[str],
        contact_points: list[str],
        cql_port: int,
        zones: list[Zone],
        gateway_ports: list[int],
        workers: int,
        auditor_port: int,
    ) -> None:
        self.config = folder / "strandline.toml"
        auditor = f"127.0.0.1:{auditor_port}"
        self._text = configuration(folder / "keys", brokers, contact_points, cql_port, zones, auditor)
        environment = {"STRANDLINE_CONFIG": str(self.config)}
        strandline = [sys.executable, "-m", "strandline"]
        self.gateways = [
            Process(
                f"gateway-{number}",
                folder / f"gateway-{number}",
                [*strandline, "serve", "--s3-listen", f"127.0.0.1:{port}", "--api-listen",
                 f"127.0.0.1:{port + 1}", "--data-dir", str(folder / f"gateway-{number}")],
                partial(_is_ready, port + 1),
                environment=environment,
            )
            for number, port in enumerate(gateway_ports, 1)
        ]  # fmt: skip
        self.workers = [
            Process(
                f"worker-{number}",
                folder / f"worker-{number}",
                [*strandline, "worker", "--processors", processors, "--data-dir",
                 str(folder / f"worker-{number}" / "data"),
                 *(("--worker-listen", auditor) if number == 1 else ())],
                lambda: True,
                environment=environment,
            )
            for number, processors in enumerate([FIRST_WORKER] + [OTHER_WORKERS] * (workers - 1), 1)
        ]  # fmt: skip

    @property
    def processes(self) -> list[Process]:
        """All of them."""
        return [*self.gateways, *self.workers]

    def prepare(self) -> None:
        """Write the configuration, make topics and tables. Raises DidNotStart."""
        self.config.write_text(self._text)
        self.config.chmod(0o600)
        for command in PREPARATIONS:
            done = subprocess.run(
                [sys.executable, "-m", "strandline", *command, "--config", str(self.config)],
                cwd=ROOT, capture_output=True, text=True, timeout=PREPARE_SECONDS,
            )  # fmt: skip
            if done.returncode:
                raise DidNotStart(f"strandline {' '.join(command)}: {done.stderr}")


def configuration(
    keys: Path,
    brokers: list[str],
    contact_points: list[str],
    cql_port: int,
    zones: list[Zone],
    auditor: str,
) -> str:
    """The configuration file of a store on those services, whose auditor listens at HOST:PORT."""
    copies = REPLICATED if len(brokers) >= REPLICATED else 1
    text = f"""\
[cluster]
keys_dir = {json.dumps(str(keys))}

[cluster.kafka]
bootstrap_servers = {json.dumps(brokers)}
replication_factor = {copies}
min_insync_replicas = {max(1, copies - 1)}

[cluster.cassandra]
contact_points = {json.dumps(contact_points)}
port = {cql_port}
replication_factor = {REPLICATED if len(contact_points) >= REPLICATED else 1}

[cluster.auditor]
endpoint = "http://{auditor}"
"""
    for zone in zones:
        text += f"""
[[cluster.zones]]
name = {json.dumps(zone.name)}
endpoint = {json.dumps(zone.endpoint)}
access_key = {json.dumps(zone.access_key)}
secret_key = {json.dumps(zone.secret_key)}
"""
    return text


def _is_ready(port: int) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/health/ready", timeout=ASK_SECONDS) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
