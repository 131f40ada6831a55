"""One flipped bit in each kind of file: it is detected and named, and never served."""

import os
import random
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.ledger import Write
from tests.s3.raw import Raw
from tests.server import ACCESS_KEY, SECRET_KEY, DidNotStart, Server, strandline

MIB = 1024 * 1024
SIZES = {"empty": 0, "inline": 300, "packed": 70_000, "large": 2 * MIB + 5}
# Kind of file: where it lies. Locks, counters and the like hold nothing that could be damaged.
KINDS = {
    "log of objects": "log/object-versions/**/*.log",
    "log of policies": "log/policies/**/*.log",
    "log of facts": "log/facts/**/*.log",
    "index": "index/*.sqlite",
    "pack": "blobs/zones/**/packs/*",
    "blob": "blobs/zones/**/blobs/**/*",
    "references": "blobs/references.sqlite",
    "master key": "keys/master.key",
    "bucket key": "keys/bucket-keys/*",
    "snapshot": "snapshots/**/*",
    "audit trail": "audit/*.jsonl",
}
FLIPS_EACH = int(os.environ.get("FLIPS", "2"))
# The frame that closes a log holds no record: damaged, it passes for a torn tail, and nothing is missing.
CLOSING_MARK = 40
REFUSED = "did not start"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Write]]:
    """A data folder with something of everything, of a server that was stopped in order."""
    folder = tmp_path_factory.mktemp("sound")
    server = Server(folder / "data", folder / "log")
    writes: dict[str, Write] = {}
    server.start()
    try:
        with Raw(server.endpoint, ACCESS_KEY, SECRET_KEY) as raw:
            assert raw.send("PUT", "/bucket").status == 200
            for number in range(40):
                for kind, size in SIZES.items():
                    if kind == "large" and number > 1:
                        continue
                    write = Write(f"{kind}/{number}", number, size)
                    assert raw.send("PUT", f"/bucket/{write.key}", {}, write.content()).status == 200
                    writes[write.key] = write
            for kind in SIZES:  # copies share bytes, which the store of references remembers
                source = {"x-amz-copy-source": f"/bucket/{kind}/0"}
                assert raw.send("PUT", f"/bucket/copy/{kind}", source).status == 200
                writes[f"copy/{kind}"] = writes[f"{kind}/0"]
        wait_for_audit(server)
        assert server.stop() == 0
    finally:
        server.kill()
    done = strandline("snapshot", "--data-dir", str(folder / "data"))
    assert done.returncode == 0, done.stdout + done.stderr
    done = strandline("fsck", "--data-dir", str(folder / "data"))
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "data", writes


def wait_for_audit(server: Server) -> None:
    """The audit trail is written a little later than the answers."""
    limit = time.monotonic() + 30
    while not any(path.stat().st_size for path in server.data_dir.glob(KINDS["audit trail"])):
        assert time.monotonic() < limit, "no audit trail"
        time.sleep(0.05)


def flip(path: Path, chosen: random.Random) -> str:
    """Flip one bit among the bytes that hold something (files are filled ahead with zeros)."""
    data = bytearray(path.read_bytes())
    used = len(data.rstrip(b"\0"))
    if path.suffix == ".log":
        used -= CLOSING_MARK
    for _ in range(1000):
        # Bit 5 of a letter is its case, which hexadecimal digits in key files do not mind.
        place, bit = chosen.randrange(used), 1 << chosen.randrange(5 if path.suffix == ".key" else 8)
        data[place] ^= bit
        before = contents(path)
        path.write_bytes(data)
        # In a database, a bit of a page's unused space is part of nothing that could be read.
        if path.suffix != ".sqlite" or contents(path) != before:
            return f"bit {bit:#04x} of byte {place} of {used} in {path}"
        data[place] ^= bit
        path.write_bytes(data)
    raise AssertionError(f"no bit of {path} means anything")


def contents(path: Path) -> list[str] | None:
    """All rows that SQLite reads in a database; None when it refuses, or for another kind of file."""
    if path.suffix != ".sqlite":
        return None
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as database:
        database.text_factory = bytes
        try:
            tables = database.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
            found = []
            for name, sql in tables:
                if sql and sql.lstrip().upper().startswith(b"CREATE TABLE"):
                    found.append(repr(database.execute(f'SELECT * FROM "{name.decode()}"').fetchall()))
        except (sqlite3.Error, UnicodeDecodeError):
            return None
    return found


def told(output: str, path: Path) -> bool:
    """Whether the damage is named by its file."""
    return path.name in output or str(path) in output


def served_rightly_or_not_at_all(data: Path, log: Path, writes: dict[str, Write]) -> str:
    """Start on the damaged folder and read everything; returns what the server said.

    Each object must come as it was written, or with an error, or broken off; never with other bytes."""
    server = Server(data, log)
    try:
        server.start()
        with Raw(server.endpoint, ACCESS_KEY, SECRET_KEY) as raw:
            for key, write in writes.items():
                try:
                    answer = raw.send("GET", f"/bucket/{key}")
                except Exception as error:  # broken off in the middle, which every client notices
                    print(f"{key}: {error!r}")
                    continue
                right = answer.status == 200 and answer.body == write.content()
                assert right or answer.status >= 500, f"{key}: {answer.status} {answer.body[:100]!r}"
    except DidNotStart:
        return f"{REFUSED}\n{server.log_tail()}"
    finally:
        server.kill()
    return server.log_tail(100_000)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit_is_named_and_never_served(
    sound: tuple[Path, dict[str, Write]], tmp_path: Path, kind: str
) -> None:
    folder, writes = sound
    files = sorted(path for path in folder.glob(KINDS[kind]) if path.is_file() and path.stat().st_size)
    assert files, f"no file of the kind {kind}"
    for number in range(FLIPS_EACH):
        chosen = random.Random(f"{kind} {number}")
        data = tmp_path / f"data-{number}"
        shutil.copytree(folder, data)
        damaged = data / chosen.choice(files).relative_to(folder)
        what = flip(damaged, chosen)
        done = strandline("fsck", "--data-dir", str(data))
        output = done.stdout + done.stderr
        assert done.returncode != 0, f"{what}: fsck found nothing:\n{output}"
        assert told(output, damaged), f"{what}: fsck does not name it:\n{output}"
        assert "Traceback" not in output, output
        said = served_rightly_or_not_at_all(data, tmp_path / f"log-{number}", writes)
        if said.startswith(REFUSED):  # one clear line that names the file
            assert told(said, damaged), f"{what}: {said}"
            assert "Traceback" not in said, said
        print(what, said[-500:], sep="\n")
