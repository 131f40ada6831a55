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
from tests.s3.raw import Raw
from tests.server import ACCESS_KEY, ROOT, SECRET_KEY, Server, clean_environment, free_port

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


def test_what_was_answered_before_all_workers_listened_is_audited(tmp_path: Path) -> None:
    """The first workers serve while the others start; stopped then, they drain as they would later."""
    server = Server(tmp_path / "data", tmp_path / "log", "--workers", "6")
    server.start()
    try:
        with Raw(server.endpoint, ACCESS_KEY, SECRET_KEY) as sender:
            answers = [sender.send("GET", "/") for _ in range(10)]
            assert server.stop() == 0, server.log_tail()
    finally:
        server.kill()
    trail = "".join(path.read_text() for path in (tmp_path / "data" / "audit").glob("audit-*.jsonl"))
    assert [answer.status for answer in answers] == [200] * 10
    assert all(answer.headers["x-amz-request-id"] in trail for answer in answers)
    assert "ERROR" not in server.log_tail()
