"""SIGKILL at random moments, again and again: no acknowledged write is lost, nothing is half there.

STRANDLINE_TEST_ROUNDS sets how many: 50 by default, and a fifth of that with two worker processes.
STRANDLINE_TEST_SEED repeats a run.
"""

import os
import random
import threading
import time
from pathlib import Path

import pytest

from tests.faults.inspection import inspect
from tests.faults.ledger import Ledger
from tests.faults.writers import Writer
from tests.s3.raw import Raw
from tests.server import ACCESS_KEY, SECRET_KEY, Server, strandline

ROUNDS = int(os.environ.get("STRANDLINE_TEST_ROUNDS", "50"))
SEED = int(os.environ.get("STRANDLINE_TEST_SEED") or random.SystemRandom().randrange(2**32))
WRITERS = 4
VERIFY_EVERY = 25  # rounds between proofs that the index equals the replay
PLAIN, VERSIONED = "plain", "versioned"


def verify_index(server: Server) -> None:
    """The live index must equal the replayed log."""
    done = strandline("index", "verify", "--data-dir", str(server.data_dir))
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "equal" in done.stdout


def new_raw(server: Server) -> Raw:
    return Raw(server.endpoint, ACCESS_KEY, SECRET_KEY)


def make_buckets(server: Server) -> None:
    with new_raw(server) as raw:
        for name in (PLAIN, VERSIONED):
            assert raw.send("PUT", f"/{name}").status == 200
        state = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        assert raw.send("PUT", f"/{VERSIONED}?versioning=", {}, state).status == 200


def write_until_killed(server: Server, writers: list[Writer], chosen: random.Random) -> None:
    """Let the writers run, kill the server after a random time, and wait until all have noticed."""
    stop = threading.Event()
    threads = [
        threading.Thread(target=writer.run, args=(random.Random(chosen.random()), stop), daemon=True)
        for writer in writers
    ]
    for thread in threads:
        thread.start()
    time.sleep(chosen.uniform(0.02, 0.6))  # the moment of the crash: the fault, not a wait
    server.kill()
    stop.set()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    failures = [writer.failure for writer in writers if writer.failure is not None]
    if failures:
        raise failures[0]


@pytest.mark.slow
@pytest.mark.timeout(60 + ROUNDS * 30)
@pytest.mark.parametrize(("workers", "rounds"), [(1, ROUNDS), (2, max(1, ROUNDS // 5))])
def test_nothing_acknowledged_is_lost(tmp_path: Path, workers: int, rounds: int) -> None:
    print(f"STRANDLINE_TEST_SEED={SEED}")
    chosen = random.Random(f"{SEED}-{workers}")
    server = Server(tmp_path / "data", tmp_path / "log", "--workers", str(workers))
    ledger = Ledger()
    raws = [new_raw(server) for _ in range(WRITERS)]
    writers = [Writer(i, raw, PLAIN, VERSIONED, ledger) for i, raw in enumerate(raws)]
    try:
        server.start()
        make_buckets(server)
        for number in range(1, rounds + 1):
            write_until_killed(server, writers, chosen)
            server.start()
            with new_raw(server) as raw:
                inspect(raw, writers, ledger)
            if number % VERIFY_EVERY == 0:
                verify_index(server)
        print(f"{rounds} kills; {ledger.begun} writes begun, {ledger.acknowledged} acknowledged")
        assert server.stop() == 0
        verify_index(server)
        done = strandline("fsck", "--data-dir", str(server.data_dir))
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    except BaseException:
        print(f"SEED={SEED}; end of the server's log:\n{server.log_tail()}")
        raise
    finally:
        server.kill()
        for raw in raws:
            raw.close()
