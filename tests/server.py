"""A real `strandline serve` process on free loopback ports, for the tests that talk to it from outside."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from compose.native.ports import free_ports

ROOT = Path(__file__).resolve().parent.parent
ACCESS_KEY = "testaccesskey"
SECRET_KEY = "testsecretkey0123456789"
READY_SECONDS = 60
STOP_SECONDS = 60
# A proxy or a certificate bundle set for the machine must not come between a test and its own server.
DROPPED = frozenset({"aws_ca_bundle", "http_proxy", "https_proxy", "all_proxy", "no_proxy"})


class DidNotStart(Exception):
    """The server ended or did not become ready; the message ends with its log."""


def clean_environment(**more: str) -> dict[str, str]:
    """This environment without proxies, certificate overrides and settings of Strandline."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.lower() not in DROPPED and not name.startswith("STRANDLINE_")
    }
    return kept | more


def free_port() -> int:
    """A loopback port that nothing listens on now, nor an outgoing connection takes later."""
    return free_ports(1)[0]


class Server:
    """A server on one data folder, which can be stopped, killed and started again on the same ports. It has
    one worker unless `flags` say otherwise."""

    def __init__(self, data_dir: Path, log: Path, *flags: str, **environment: str) -> None:
        self.data_dir, self.log = data_dir, log
        self.port, self.api_port = free_port(), free_port()
        self._flags = flags
        self.environment = {
            "STRANDLINE_ROOT_ACCESS_KEY": ACCESS_KEY,
            "STRANDLINE_ROOT_SECRET_KEY": SECRET_KEY,
            "STRANDLINE_WORKERS": "1",
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def without_credentials(self) -> None:
        """Let it generate its root credentials at its first start."""
        del self.environment["STRANDLINE_ROOT_ACCESS_KEY"], self.environment["STRANDLINE_ROOT_SECRET_KEY"]

    @property
    def configuration(self) -> dict[str, str]:
        """Where commands find its configuration file, if it has one."""
        return {name: value for name, value in self.environment.items() if name == "STRANDLINE_CONFIG"}

    @property
    def keys_dir(self) -> Path:
        """The folder of its keys."""
        return self.data_dir / "keys"

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it is ready. Raises DidNotStart with the end of its log."""
        command = [
            sys.executable, "-m", "strandline", "serve", "--data-dir", str(self.data_dir),
            "--s3-listen", f"127.0.0.1:{self.port}", "--api-listen", f"127.0.0.1:{self.api_port}",
            *self._flags,
        ]  # fmt: skip
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=ROOT, env=clean_environment(**self.environment),
                start_new_session=True,
            )  # fmt: skip
        limit = time.monotonic() + READY_SECONDS
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > limit:
                code = self.process.poll()
                self.kill()
                raise DidNotStart(f"exit code {code}; log:\n{self.log_tail()}")
            time.sleep(0.02)

    def ready(self) -> bool:
        """Whether it says that it is ready."""
        connection = http.client.HTTPConnection("127.0.0.1", self.api_port, timeout=5)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def stop(self) -> int:
        """SIGTERM; the exit code. Kills it, and fails, when it does not end."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        finally:
            self.kill()

    def kill(self) -> None:
        """SIGKILL to all its processes at once, as a power failure would end them."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):  # already gone
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(STOP_SECONDS)
        self.process = None

    def log_tail(self, size: int = 6000) -> str:
        """The end of what it wrote."""
        return self.log.read_text(errors="replace")[-size:] if self.log.exists() else ""


def metric(server: Server, line: str) -> int:
    """A sample of /metrics, 0 where there is none yet."""
    return sample(server.api_port, line)


def sample(port: int, line: str) -> int:
    """A sample of /metrics on that port."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    finally:
        connection.close()
    found = [one.rpartition(" ")[2] for one in text.splitlines() if one.startswith(line)]
    return int(float(found[0])) if found else 0


def strandline(
    *arguments: str, timeout: float = 300, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run a `strandline` command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "strandline", *arguments],
        cwd=ROOT, env=clean_environment(**environment), capture_output=True, text=True, timeout=timeout,
    )  # fmt: skip
