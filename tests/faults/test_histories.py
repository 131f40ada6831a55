"""SIGKILL and SIGSTOP while clients share keys: what all of them were told is what one copy would have said.

`test_kill` gives each key one writer and knows what must be there; here clients race for the same keys, with
conditions and listings, and a search over the history judges (tests/histories).
"""

import os
import random
import signal
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.test_kill import ROUNDS, SEED
from tests.histories.clients import Crowd
from tests.histories.linearizable import check
from tests.processes import children, command_line
from tests.s3.raw import Raw
from tests.server import ACCESS_KEY, SECRET_KEY, Server

HISTORIES = max(1, ROUNDS // 10)  # each with some faults and keys of its own
FAULTS = 3
KEYS = [f"k{number}" for number in range(5)]
CLIENTS = 6
WAIT_SECONDS = 60.0


def kill_all(server: Server, chosen: random.Random) -> None:
    """The whole server, and a new one."""
    server.kill()
    server.start()


def pause_all(server: Server, chosen: random.Random) -> None:
    """Stand still for a moment, as a virtual machine does."""
    assert server.process is not None
    os.killpg(server.process.pid, signal.SIGSTOP)
    time.sleep(chosen.uniform(0.1, 1.0))  # the fault
    os.killpg(server.process.pid, signal.SIGCONT)


def kill_worker(server: Server, chosen: random.Random) -> None:
    """One worker process; the server starts another one by itself."""
    os.kill(chosen.choice(workers_of(server)), signal.SIGKILL)


def workers_of(server: Server) -> list[int]:
    """The processes that take requests beside the sequencer's; none when the sequencer's takes them."""
    assert server.process is not None
    return [pid for pid in children(server.process.pid) if "strandline.worker" in command_line(pid)]


def one_history(server: Server, bucket: str, chosen: random.Random) -> str:
    """Clients race for a few keys while the server is hurt. Raises what the judge says."""
    with Raw(server.endpoint, ACCESS_KEY, SECRET_KEY) as raw:
        assert raw.send("PUT", f"/{bucket}").status == 200
    credentials = (ACCESS_KEY, SECRET_KEY)
    crowd = Crowd([server.endpoint], credentials, bucket, KEYS, CLIENTS, chosen)
    faults = [kill_all, pause_all] + ([kill_worker] if workers_of(server) else [])
    with closing(crowd):
        crowd.start()
        try:
            for _ in range(FAULTS):
                crowd.more(chosen.randrange(5, 40), WAIT_SECONDS)
                chosen.choice(faults)(server, chosen)
            crowd.more(20, WAIT_SECONDS)
        finally:
            crowd.stop()
        crowd.look(WAIT_SECONDS)
    check(crowd.recorder.operations)
    return crowd.recorder.summary()


@pytest.mark.slow
@pytest.mark.timeout(120 + HISTORIES * 60)
@pytest.mark.parametrize("workers", [1, 2])
def test_what_clients_are_told_is_what_one_copy_would_say(tmp_path: Path, workers: int) -> None:
    print(f"STRANDLINE_TEST_SEED={SEED}")
    chosen = random.Random(f"{SEED}-histories-{workers}")
    server = Server(tmp_path / "data", tmp_path / "log", "--workers", str(workers))
    try:
        server.start()
        for number in range(HISTORIES):
            print(one_history(server, f"history-{number}", chosen))
        assert server.stop() == 0
    except BaseException:
        print(f"SEED={SEED}; end of the server's log:\n{server.log_tail()}")
        raise
    finally:
        server.kill()
