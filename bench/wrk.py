"""One run of wrk over prepared requests."""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("replay.lua")
TIMEOUT_SECONDS = 60


class WrongAnswer(Exception):
    """A server answered with an error, or lost a connection: such a run measures nothing."""


@dataclass(frozen=True)
class Requests:
    """What a run sends: heads (with their empty line), one body for all, and what to do at the end.

    once  True: stop when all have been sent (writes that must not repeat); False: begin again
    """

    heads: list[str]
    body: bytes = b""
    once: bool = False


@dataclass(frozen=True)
class Sample:
    """What one run measured. Times are microseconds; `generator_busy` is wrk's CPU seconds per second."""

    rate: float
    requests: int
    seconds: float
    bytes: int
    mean_us: float
    p50_us: int
    p90_us: int
    p99_us: int
    max_us: int
    generator_busy: float

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def clean_environment() -> dict[str, str]:
    """This environment without proxies and certificate overrides, for servers and clients on loopback."""
    dropped = {"aws_ca_bundle", "http_proxy", "https_proxy", "all_proxy", "no_proxy"}
    return {name: value for name, value in os.environ.items() if name.lower() not in dropped}


def run(endpoint: str, requests: Requests, seconds: float, connections: int, threads: int = 1) -> Sample:
    """Send the requests over that many connections for about that long.

    Raises WrongAnswer when any answer had a status of 400 or more, or any connection failed.
    """
    with tempfile.TemporaryDirectory(prefix="strandline-bench-") as folder:
        heads = Path(folder, "heads")
        _write(heads, requests.heads)
        body = Path(folder, "body") if requests.body else None
        if body:
            body.write_bytes(requests.body)
        command = [
            "wrk", f"-t{threads}", f"-c{connections}", f"-d{max(1, round(seconds))}s",
            f"--timeout={TIMEOUT_SECONDS}s", "-s", str(SCRIPT), endpoint, "--",
            str(heads), str(body or ""), "stop" if requests.once else "wrap", str(threads),
        ]  # fmt: skip
        before = os.times()
        started = time.monotonic()
        done = subprocess.run(
            command, capture_output=True, text=True, env=clean_environment(), timeout=seconds * 4 + 120
        )
        wall = time.monotonic() - started
        after = os.times()
    used = (after.children_user - before.children_user) + (after.children_system - before.children_system)
    return _sample(done, used / wall)


def _write(path: Path, heads: Iterable[str]) -> None:
    with path.open("wb") as file:
        file.writelines(head.encode() for head in heads)


def _sample(done: "subprocess.CompletedProcess[str]", busy: float) -> Sample:
    line = next((row for row in done.stdout.splitlines() if row.startswith("RESULT ")), None)
    if line is None:
        raise WrongAnswer(f"wrk gave no result (exit {done.returncode}): {done.stdout} {done.stderr}")
    found = json.loads(line.removeprefix("RESULT "))
    errors = {
        name: count for name, count in found.items() if name.endswith(("_errors", "timeouts")) and count
    }
    if errors:
        raise WrongAnswer(f"of {found['requests']} requests some failed: {errors}")
    if not found["requests"]:
        raise WrongAnswer("no request was answered")
    seconds = found["duration_us"] / 1e6
    return Sample(
        rate=found["requests"] / seconds,
        requests=found["requests"],
        seconds=seconds,
        bytes=found["bytes"],
        mean_us=found["mean_us"],
        p50_us=found["p50_us"],
        p90_us=found["p90_us"],
        p99_us=found["p99_us"],
        max_us=found["max_us"],
        generator_busy=round(busy, 3),
    )
