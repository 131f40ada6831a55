"""Programs written in Go: taken from the path or from .cache/bin, else built there once."""

import shutil
import subprocess
from pathlib import Path

from compose.native.jars import NotAvailable

ROOT = Path(__file__).resolve().parents[2]
BUILD_SECONDS = 900


def find_binary(name: str, script: str) -> str:
    """The program's file. `script` of scripts/ builds it into .cache/bin. Raises NotAvailable."""
    cached = ROOT / ".cache/bin" / name
    found = shutil.which(name) or (str(cached) if cached.exists() else None)
    if found:
        return found
    if shutil.which("go") is None:
        raise NotAvailable(f"{name} is not installed, nor is Go to build it with")
    print(f"building {name} with go install (once, some minutes) …", flush=True)
    try:
        subprocess.run([ROOT / "scripts" / script], check=True, timeout=BUILD_SECONDS)
    except (subprocess.SubprocessError, OSError) as error:
        raise NotAvailable(f"{name} could not be built: {error}") from None
    return str(cached)
