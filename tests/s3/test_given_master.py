"""A master key that the environment gives: never on the disk, in every process and command, and replaced."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.s3.conftest import Store
from tests.server import ACCESS_KEY, SECRET_KEY, DidNotStart, Server, strandline

pytestmark = pytest.mark.embedded

OLD, NEW = "1f" * 32, "2e" * 32


def s3(server: Server) -> Any:
    return Store(server.endpoint, ACCESS_KEY, SECRET_KEY, server).client()


def give(server: Server, master: str) -> None:
    server.environment["STRANDLINE_MASTER_KEY"] = master


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    found = Server(tmp_path / "data", tmp_path / "log", "--workers", "2")
    give(found, OLD)
    found.start()
    yield found
    found.kill()


def on_disk(folder: Path, master: str) -> list[Path]:
    """The files that hold that key, in hex or as it is."""
    forms = (master.encode(), bytes.fromhex(master))
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and any(form in path.read_bytes() for form in forms)
    ]


def command(server: Server, *words: str, **environment: str) -> str:
    """What a command that ends well prints."""
    done = strandline(
        *words,
        "--data-dir",
        str(server.data_dir),
        STRANDLINE_ROOT_ACCESS_KEY=ACCESS_KEY,
        STRANDLINE_ROOT_SECRET_KEY=SECRET_KEY,
        STRANDLINE_API_LISTEN=f"127.0.0.1:{server.api_port}",
        **environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_process_and_command_goes_by_it_and_none_keeps_it(server: Server) -> None:
    client = s3(server)
    client.create_bucket(Bucket="photos")
    for number in range(8):  # over connections of their own, so that both workers see some
        kind = {"ServerSideEncryption": "aws:kms"} if number % 2 else {}
        s3(server).put_object(Bucket="photos", Key=str(number), Body=b"hello" * 4096, **kind)
    given = {"STRANDLINE_MASTER_KEY": OLD}
    assert "alias/mine" not in command(server, "kms", "list", **given)
    command(server, "kms", "create", "--alias", "alias/mine", **given)
    assert "alias/mine" in command(server, "kms", "list", **given)
    command(server, "account", "create", "--name", "alt", "--email", "alt@example.com", **given)
    client.delete_object(Bucket="photos", Key="0")  # bytes to free, for the processors' process
    assert server.stop() == 0
    for words in (["fsck"], ["index", "verify"], ["index", "rebuild"], ["snapshot"], ["audit", "verify"]):
        command(server, *words, **given)
    command(server, "account", "create", "--name", "third", "--email", "third@example.com", **given)
    server.start()
    for number in range(1, 8):
        assert s3(server).get_object(Bucket="photos", Key=str(number))["Body"].read() == b"hello" * 4096
    assert not (server.data_dir / "keys" / "master.key").exists()
    assert on_disk(server.data_dir, OLD) == []
    assert OLD not in server.log_tail()


@pytest.mark.parametrize(
    ("master", "said"),
    [
        (NEW, "the master key is not the one that the keys in"),
        ("", "STRANDLINE_MASTER_KEY"),
        (NEW[:-2], "STRANDLINE_MASTER_KEY"),
        ("zz" * 32, "64 hex digits"),
    ],
)
def test_a_wrong_key_is_one_line_and_never_repeated(server: Server, master: str, said: str) -> None:
    server.stop()
    server.log.write_text("")
    give(server, master)
    with pytest.raises(DidNotStart):
        server.start()
    lines = server.log_tail().splitlines()
    assert len(lines) == 1, lines
    assert said in lines[0]
    assert not master or master not in lines[0]
    done = strandline("kms", "list", "--data-dir", str(server.data_dir), STRANDLINE_MASTER_KEY=master)
    assert done.returncode != 0
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_the_key_it_does_not_start_and_makes_no_other(server: Server) -> None:
    server.stop()
    server.log.write_text("")
    del server.environment["STRANDLINE_MASTER_KEY"]
    with pytest.raises(DidNotStart):
        server.start()
    lines = server.log_tail().splitlines()
    assert len(lines) == 1, lines
    assert "STRANDLINE_MASTER_KEY" in lines[0]
    assert not (server.data_dir / "keys" / "master.key").exists()


def test_it_is_replaced_under_a_running_server(server: Server) -> None:
    client = s3(server)
    client.create_bucket(Bucket="photos")
    client.put_object(Bucket="photos", Key="before", Body=b"hello", ServerSideEncryption="aws:kms")
    old, new = {"STRANDLINE_MASTER_KEY": OLD}, {"STRANDLINE_MASTER_KEY": NEW}
    said = command(server, "kms", "rotate-master", **old, STRANDLINE_NEXT_MASTER_KEY=NEW)
    assert "start every process with STRANDLINE_MASTER_KEY" in said
    client.create_bucket(Bucket="more")
    client.put_object(Bucket="more", Key="between", Body=b"hello", ServerSideEncryption="aws:kms")
    assert server.stop() == 0
    give(server, NEW)
    server.start()
    assert "the old master key is of no use any more" in command(server, "kms", "rotate-master", **new)
    client = s3(server)
    for bucket, key in (("photos", "before"), ("more", "between")):
        assert client.get_object(Bucket=bucket, Key=key)["Body"].read() == b"hello"
    refused = strandline("kms", "list", "--data-dir", str(server.data_dir), **old)
    assert refused.returncode != 0
    assert "the master key is not the one" in refused.stderr
    assert on_disk(server.data_dir, OLD) == on_disk(server.data_dir, NEW) == []


def test_it_moves_from_its_file_into_the_environment(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", tmp_path / "log")
    server.start()
    try:
        client = s3(server)
        client.create_bucket(Bucket="photos")
        client.put_object(Bucket="photos", Key="k", Body=b"hello")
        command(server, "kms", "rotate-master", STRANDLINE_NEXT_MASTER_KEY=NEW)
        server.stop()
        give(server, NEW)
        server.start()
        command(server, "kms", "rotate-master", STRANDLINE_MASTER_KEY=NEW)
        assert s3(server).get_object(Bucket="photos", Key="k")["Body"].read() == b"hello"
        assert not (server.data_dir / "keys" / "master.key").exists()
    finally:
        server.kill()
