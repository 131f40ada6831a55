"""MinIO servers as zone stores: one process and one folder a zone."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from compose.native.binary import find_binary
from compose.native.ports import is_listening
from compose.native.process import Process

ACCESS_KEY = "zoneaccesskey"
SECRET_KEY = "zonesecretkey0123456789"
# compose/docker-compose.yaml says the same.
ENVIRONMENT = {
    "MINIO_ROOT_USER": ACCESS_KEY,
    "MINIO_ROOT_PASSWORD": SECRET_KEY,
    "MINIO_BROWSER": "off",
    "MINIO_UPDATE": "off",
}


class Zone(NamedTuple):
    """A zone store as a client needs it."""

    name: str
    endpoint: str
    access_key: str = ACCESS_KEY
    secret_key: str = SECRET_KEY


def find_minio() -> str:
    """MinIO's binary: in the path, in .cache/bin, or built there with Go. Raises NotAvailable."""
    return find_binary("minio", "install-minio")


class MinioZones:
    """Zones named zone-a, zone-b, …, one a port.

    certs        a folder with public.crt and private.key, to serve TLS
    environment  more of MinIO's own variables
    """

    def __init__(
        self,
        folder: Path,
        ports: list[int],
        *,
        certs: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        binary = find_minio()
        names = [f"zone-{chr(ord('a') + number)}" for number in range(len(ports))]
        scheme = "https" if certs else "http"
        self.zones = [
            Zone(name, f"{scheme}://127.0.0.1:{port}") for name, port in zip(names, ports, strict=True)
        ]
        self.processes = [
            _zone(binary, folder / name, port, certs, environment or {})
            for name, port in zip(names, ports, strict=True)
        ]


def _zone(
    binary: str, folder: Path, port: int, certs: Path | None, environment: Mapping[str, str]
) -> Process:
    command = [binary, "server", str(folder / "data"), "--address", f"127.0.0.1:{port}", "--quiet"]
    if certs is not None:
        command += ["--certs-dir", str(certs)]
    variables = {**ENVIRONMENT, **environment}
    return Process(
        folder.name, folder, command, lambda: is_listening("127.0.0.1", port), environment=variables
    )
