"""One process of a cluster: started in the background, known by its pid file, and there for tests to hurt."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

LOOK_SECONDS = 0.1
READY_SECONDS = 120.0  # a JVM on a busy machine
STOP_SECONDS = 30.0
LOG_TAIL_BYTES = 4000
# A proxy set for the machine must not come between services on loopback.
DROPPED = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})


class DidNotStart(Exception):
    """A service ended or did not become ready in time; the message ends with its log."""


class Process:
    """A service with a folder of its own: `pid` and `log` in it, and whatever the program keeps there.

    command   program and arguments
    is_ready  whether it answers; raises nothing
    prepare   called before each start, to write configuration and format what is new
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        command: Sequence[str],
        is_ready: Callable[[], bool],
        *,
        prepare: Callable[[], None] = lambda: None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name, self.folder = name, folder
        self.log = folder / "log"
        self._command = list(command)
        self._is_ready = is_ready
        self._prepare = prepare
        self._environment = dict(environment or {})
        self._pid_file = folder / "pid"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs; never that of another process that got the number later."""
        try:
            pid, started = map(int, self._pid_file.read_text().split())
        except (OSError, ValueError):
            return None
        return pid if _start_time(pid) == started else None

    def start(self) -> None:
        """Start it when it does not run; returns at once. `wait` says when it is ready."""
        if self.pid is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self._prepare()
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=_clean_environment() | self._environment,
                start_new_session=True,
            )
        self._pid_file.write_text(f"{self._child.pid} {_start_time(self._child.pid) or 0}\n")

    def wait(self, seconds: float = READY_SECONDS) -> None:
        """Wait until it is ready. Raises DidNotStart with the end of its log."""
        limit = time.monotonic() + seconds
        while not self.is_ready():
            if self.pid is None or time.monotonic() > limit:
                state = "ended" if self.pid is None else f"is not ready after {seconds:.0f} s"
                raise DidNotStart(f"{self.name} {state}; its log {self.log} ends with:\n{self.log_tail()}")
            time.sleep(LOOK_SECONDS)

    def is_ready(self) -> bool:
        """Whether it runs and answers."""
        return self.pid is not None and self._is_ready()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """SIGTERM, and SIGKILL when that does not end it in time. Harmless when it does not run."""
        self.resume()
        self._signal(signal.SIGTERM)
        if not self._until_gone(seconds):
            self._signal(signal.SIGKILL)
            self._until_gone(STOP_SECONDS)
        self._pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone. What it has on disk stays."""
        self._signal(signal.SIGKILL)
        self._until_gone(STOP_SECONDS)

    def pause(self) -> None:
        """SIGSTOP: it holds its connections and answers nothing, like a machine that hangs."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT after `pause`."""
        self._signal(signal.SIGCONT)

    def leave(self) -> None:
        """Let it run on, to be ended by others: Python warns of a child that is forgotten while it runs."""
        if self._child is not None:
            self._child.returncode = 0
            self._child = None

    def log_tail(self) -> str:
        """The end of what it wrote."""
        return self.log.read_text(errors="replace")[-LOG_TAIL_BYTES:] if self.log.exists() else ""

    def _until_gone(self, seconds: float) -> bool:
        limit = time.monotonic() + seconds
        while self.pid is not None:
            if time.monotonic() > limit:
                return False
            time.sleep(LOOK_SECONDS)
        if self._child is not None:
            self._child.wait()  # else it would stay a zombie
            self._child = None
        return True

    def _signal(self, number: signal.Signals) -> None:
        pid = self.pid
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):  # it ended just now
                os.kill(pid, number)


def start_all(processes: list[Process]) -> None:
    """Start them side by side and wait until each is ready; when one does not come up, stop all again.

    Raises DidNotStart."""
    try:
        with ThreadPoolExecutor(len(processes)) as pool:
            list(pool.map(Process.start, processes))
            list(pool.map(Process.wait, processes))
    except BaseException:
        stop_all(processes)
        raise


def stop_all(processes: list[Process]) -> None:
    """Stop them side by side."""
    if not processes:
        return
    with ThreadPoolExecutor(len(processes)) as pool:
        list(pool.map(Process.stop, processes))


def _start_time(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None when it has ended."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state in "ZX" else int(fields[18])


def _clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.lower() not in DROPPED}
