"""Java services from Maven Central: their jars, fetched once through Maven into .cache/."""

import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[1] / ".cache" / "cluster"
FETCH_SECONDS = 600


class NotAvailable(RuntimeError):
    """A service that cannot be run here, and what is missing."""


def missing_tools() -> list[str]:
    """What of Java and Maven is not installed, as messages."""
    return [f"{tool} is not installed" for tool in ("java", "mvn") if shutil.which(tool) is None]


def class_path(service: str) -> str:
    """The class path of a service (its pom is in poms/), fetched when it is not there yet.

    Raises NotAvailable without Java or Maven, or when Maven fails.
    """
    if missing := missing_tools():
        raise NotAvailable(", ".join(missing))
    pom = HERE / "poms" / f"{service}.xml"
    folder = CACHE / service
    stamp = folder / "pom.xml"  # written last: the jars are those of this pom
    if not stamp.exists() or stamp.read_bytes() != pom.read_bytes():
        _fetch(pom, folder)
    return f"{folder}/*"


def _fetch(pom: Path, folder: Path) -> None:
    """Into a folder beside, then renamed: others may be fetching or using it at the same time."""
    draft = folder.with_name(f"{folder.name}.{os.getpid()}.new")
    shutil.rmtree(draft, ignore_errors=True)
    command = [
        "mvn", "--batch-mode", "--quiet", "--file", str(pom), "dependency:copy-dependencies",
        f"-DoutputDirectory={draft}", "-DincludeScope=runtime",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECONDS)
    if done.returncode:
        raise NotAvailable(f"Maven could not fetch {folder.name}: {(done.stdout + done.stderr)[-2000:]}")
    shutil.copy(pom, draft / "pom.xml")
    old = folder.with_name(f"{folder.name}.{os.getpid()}.old")
    if folder.exists():
        folder.rename(old)
    draft.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
