"""SIGTERM while the workers are still starting: a quiet end with exit code 0."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes import children, command_line
from tests.server import ACCESS_KEY, ROOT, SECRET_KEY, clean_environment, free_port

pytestmark = pytest.mark.embedded


@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["to the parent", "to the group"])
@pytest.mark.parametrize("late", [0.0, 0.3, 0.6])
def test_sigterm_while_workers_start(tmp_path: Path, send: Callable[[int, int], None], late: float) -> None:
    """`late` varies how far the workers have come; each outcome must be the same."""
    process = subprocess.Popen(
        [
            sys.executable, "-m", "strandline", "serve", "--data-dir", str(tmp_path / "data"),
            "--workers", "2", "--s3-listen", f"127.0.0.1:{free_port()}",
            "--api-listen", f"127.0.0.1:{free_port()}",
        ],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, start_new_session=True,
        env=clean_environment(STRANDLINE_ROOT_ACCESS_KEY=ACCESS_KEY, STRANDLINE_ROOT_SECRET_KEY=SECRET_KEY),
    )  # fmt: skip
    try:
        limit = time.monotonic() + 60
        while not any("strandline.worker" in command_line(pid) for pid in children(process.pid)):
            assert process.poll() is None
            assert time.monotonic() < limit
            time.sleep(0.01)
        time.sleep(late)
        send(process.pid, signal.SIGTERM)
        told, _ = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert process.returncode == 0, told
    assert "Traceback" not in told
    assert "ERROR" not in told
    assert "strandline:" not in told
