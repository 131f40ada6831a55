"""The stores under test, as real processes that are paused while the other one is measured."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.signing import Signer
from bench.wrk import clean_environment
from compose.native.minio import find_minio

ROOT = Path(__file__).resolve().parent.parent
ACCESS_KEY = "benchaccesskey"
SECRET_KEY = "benchsecretkey0123456789"
START_SECONDS = 60


class Unavailable(Exception):
    """A store that cannot be measured here, and why."""


def free_port() -> int:
    """A loopback port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """A store's process. `command` and `environment` are what starts it."""

    name: str
    command: list[str]
    environment: dict[str, str]
    port: int
    folder: Path
    ready_path: str
    ready_port: int
    announces: bytes = b""  # in its log, once all its processes have started
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def signer(self, style: str) -> Signer:
        """Makes requests for this store."""
        return Signer(f"127.0.0.1:{self.port}", ACCESS_KEY, SECRET_KEY, style)

    def start(self) -> None:
        """Start it and wait until it says that it is ready. Raises Unavailable with the end of its log."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, cwd=ROOT, start_new_session=True,
                env={**clean_environment(), **self.environment},
            )  # fmt: skip
        limit = time.monotonic() + START_SECONDS
        while not self._ready():
            if self.process.poll() is not None or time.monotonic() > limit:
                tail = self.log.read_text(errors="replace")[-2000:]
                self.stop()
                raise Unavailable(f"{self.name} did not start:\n{tail}")
            time.sleep(0.05)

    def _ready(self) -> bool:
        if self.announces not in self.log.read_bytes():
            return False
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.ready_port, timeout=2)
            connection.request("GET", self.ready_path)
            return connection.getresponse().status == 200
        except OSError:
            return False

    def pause(self) -> None:
        """Hold all its processes, so that it takes nothing from the one being measured."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it; kill it when it does not end by itself."""
        if self.process is None or self.process.poll() is not None:
            return
        self.resume()
        self._signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self.process.wait(20)

    def settle(self, limit_seconds: float = 60) -> None:
        """Wait until it has finished what it does after the answers (less than a tenth of a core for a
        second), so that one measurement does not pay for what the last one left behind."""
        os.sync()
        limit = time.monotonic() + limit_seconds
        before = self._processor_seconds()
        while time.monotonic() < limit:
            time.sleep(1)
            now = self._processor_seconds()
            if now - before < 0.1:
                return
            before = now

    def _processor_seconds(self) -> float:
        """Processor time that all its processes have used."""
        ticks = 0
        for entry in self._processes():
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self) -> int:
        """Resident memory of all its processes together."""
        pages = sum(int((entry / "statm").read_text().split()[1]) for entry in self._processes())
        return pages * os.sysconf("SC_PAGE_SIZE")

    def _processes(self) -> list[Path]:
        """Folders in /proc of its processes."""
        assert self.process is not None
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it ended while we looked
                if os.getpgid(int(entry.name)) == self.process.pid:
                    found.append(entry)
        return found

    def _signal(self, number: int) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, number)


def minio(folder: Path) -> Server:
    """MinIO on a single drive, console and update check off, everything else as it comes."""
    port = free_port()
    command = [find_minio(), "server", "--quiet", "--address", f"127.0.0.1:{port}", str(folder / "minio")]
    environment = {
        "MINIO_ROOT_USER": ACCESS_KEY,
        "MINIO_ROOT_PASSWORD": SECRET_KEY,
        "MINIO_BROWSER": "off",
        "MINIO_UPDATE": "off",
    }
    return Server("minio", command, environment, port, folder, "/minio/health/ready", port)


def strandline(folder: Path, workers: int, large_sync: bool = True) -> Server:
    """This tree's `strandline serve` with its defaults; `large_sync` off leaves out the fdatasync of
    large objects (MinIO does none)."""
    name = "strandline" if large_sync else "strandline-nosync"
    port, api = free_port(), free_port()
    command = [
        sys.executable, "-m", "strandline", "serve", "--data-dir", str(folder / name),
        "--s3-listen", f"127.0.0.1:{port}", "--api-listen", f"127.0.0.1:{api}", "--workers", str(workers),
    ]  # fmt: skip
    environment = {"STRANDLINE_ROOT_ACCESS_KEY": ACCESS_KEY, "STRANDLINE_ROOT_SECRET_KEY": SECRET_KEY}
    if not large_sync:
        environment["STRANDLINE_UNSAFE_UNSYNCED_LARGE_OBJECTS"] = "true"
    return Server(name, command, environment, port, folder, "/health/ready", api, b"\n  S3 ")
