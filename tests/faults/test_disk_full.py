"""A full disk: a clear error, nothing lost, and service again once there is space."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.ledger import Ledger, Write
from tests.s3.raw import Answer, Raw
from tests.server import ACCESS_KEY, SECRET_KEY, Server, strandline

MIB = 1024 * 1024
DISK = 128 * MIB
BALLAST = 56 * MIB
MIN_FREE = 16 * MIB
SIZES = {"inline": 400, "packed": 200_000, "large": 3 * MIB}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    mount = tmp_path / "disk"
    mount.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=0700", "tmpfs", str(mount)],
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"mounting a tmpfs is not permitted here: {done.stderr.strip()}")
    try:
        yield mount
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=True)


def put(raw: Raw, ledger: Ledger, write: Write) -> Answer:
    """Put an object; the ledger learns what the answer means."""
    ledger.intend(write.key, write)
    answer = raw.send("PUT", f"/bucket/{write.key}", {}, write.content())
    if answer.status == 200:
        ledger.acknowledge(write.key, write)
    return answer


def fill(raw: Raw, ledger: Ledger, kind: str) -> Answer:
    """Put objects of one kind until the disk is full; the first answer that is no success."""
    for step in range(DISK // SIZES[kind] + 100_000):
        answer = put(raw, ledger, Write(f"{kind}/{step % 20_000:05}", step, SIZES[kind]))
        if answer.status != 200:
            return answer
    raise AssertionError("the disk never became full")


def check(raw: Raw, ledger: Ledger, final: bool = False) -> None:
    """What was acknowledged is there; what was refused is there wholly or not at all."""
    for key in ledger.possible:
        answer = raw.send("GET", f"/bucket/{key}")
        assert answer.status in (200, 404), f"{key}: {answer.status} {answer.body[:300]!r}"
        ledger.settle(key, answer.body if answer.status == 200 else None, final)


def turns(condition: Callable[[], bool], seconds: float = 30) -> bool:
    """Whether the condition comes true in time."""
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(0.1)
    return True


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "min_free"), [("packed", MIN_FREE), ("large", MIN_FREE), ("inline", MIN_FREE), ("inline", 0)]
)
def test_a_full_disk(disk: Path, tmp_path: Path, kind: str, min_free: int) -> None:
    """With nothing kept free, or where somebody else uses it up, the server finds out by its own writes."""
    data = disk / "data"
    options = ("--segment-bytes", "4MiB", "--gc-grace-seconds", "0", "--min-free-bytes", str(min_free))
    server = Server(data, tmp_path / "log", *options)
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(BALLAST))
    ledger = Ledger()
    try:
        server.start()
        with Raw(server.endpoint, ACCESS_KEY, SECRET_KEY) as raw:
            assert raw.send("PUT", "/bucket").status == 200
            for step, size in enumerate(SIZES.values()):
                assert put(raw, ledger, Write(f"before/{step}", step, size)).status == 200
            if kind == "inline":  # tiny objects alone would take minutes to fill it
                left = os.statvfs(disk)
                fill_up = left.f_bavail * left.f_frsize - min_free // 2 - 12 * MIB
                (disk / "more").write_bytes(bytes(max(0, fill_up)))
            refusal = fill(raw, ledger, kind)
            # With nothing kept free, the log may still take an event that the index has no room for.
            assert refusal.status == 507 or (refusal.status == 503 and not min_free), refusal
            for step in range(3):
                refusal = put(raw, ledger, Write(f"refused/{step}", step, SIZES[kind]))
                assert refusal.status == 507, f"a full disk must be told as such: {refusal}"
                assert refusal.code == "InsufficientStorage"
            assert turns(lambda: not server.ready()), "a full device must show in /health/ready"
            check(raw, ledger)
            if kind != "inline":
                gone = raw.send("DELETE", "/bucket/before/1")
                assert gone.status == 204, f"the way to make room must stay open: {gone}"
                ledger.acknowledge("before/1", None)
            (disk / "more").unlink(missing_ok=True)
            ballast.unlink()
            after = Write("after", 0, SIZES[kind])
            assert put(raw, ledger, after).status == 200, "space is free again, but writes are still refused"
            assert turns(server.ready), "ready again by itself"
            check(raw, ledger)
        assert server.stop() == 0
        told = server.log_tail(1 << 20).lower()
        for what in (
            "is full: writes are refused",
            "has space again",
            "audit records wait",
            "index cannot be",
        ):
            assert told.count(what) <= 2, f"told again and again: {what}"
        done = strandline("index", "verify", "--data-dir", str(data))
        assert done.returncode == 0, done.stdout + done.stderr
        done = strandline("fsck", "--data-dir", str(data))
        assert done.returncode == 0, done.stdout + done.stderr
        server.start()
        with Raw(server.endpoint, ACCESS_KEY, SECRET_KEY) as raw:
            check(raw, ledger, final=True)
    except BaseException:
        print(server.log_tail())
        raise
    finally:
        server.kill()
