"""What a result must say about where it was measured."""

import os
import platform
import subprocess
import time
from pathlib import Path


def describe(minio: str | None) -> dict[str, object]:
    """Processor, cores, memory, kernel, versions and date; no host or user names."""
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "processor": _field("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "wrk": _first_line(["wrk", "-v"]),
        "strandline": _first_line(["git", "rev-parse", "--short", "HEAD"]),
        "minio": _first_line([minio, "--version"]) if minio else None,
    }


def filesystem_of(path: Path) -> str:
    """Type of the file system that holds the path."""
    return _first_line(["stat", "-f", "-c", "%T", str(path)])


def load_average() -> float:
    """Runnable processes over the last minute: above the number of cores, figures are not to be trusted."""
    return os.getloadavg()[0]


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        if line.startswith(name):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _first_line(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    return ((done.stdout or done.stderr).splitlines() or ["unknown"])[0].strip()


def disk_bytes(folder: Path) -> int:
    """What the files below a folder take on disk."""
    return sum(file.stat().st_blocks * 512 for file in folder.rglob("*"))
