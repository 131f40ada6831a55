"""Commands that read the data folder without a server: token, log tail."""

import asyncio
import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from access.credentials import load_root
from access.directory import open_directory
from access.keyring import KeyRing
from access.tokens import TokenVerifier
from ingest.payload import Payload
from processors.request_log import RequestLog
from schemas.rows import Attributes
from strandline.cli import main
from strandline.commands.token import parse_lifetime
from tests.store import ORIGIN, embedded_store


def fill(folder: Path) -> None:
    """A store with a bucket, two objects and a delete."""

    async def run() -> None:
        async with embedded_store(folder) as store:
            bucket = await store.producer.create_bucket("photos", "owner", ORIGIN)
            for key in ("ü/a", "b"):
                await store.producer.put_object(bucket, key, Payload(b"hello", 5), Attributes(), ORIGIN)
            await store.producer.delete_object(bucket, "b", ORIGIN)
            requests = RequestLog(store.engine.record_audit)
            requests.observe("GetObject", "photos", "b", 404, 0, 9, 0.5, "who", "::1", "ab01", "NoSuchKey")
            requests.flush()

    asyncio.run(run())


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("offline") / "data"
    fill(folder)
    return folder


def tail(data: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert main(["log", "tail", "--data-dir", str(data), *arguments]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_events_are_printed_with_names_and_without_keys(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = tail(data, capsys, "--from", "start")
    puts = [line for line in lines if line["type"] == "object.put"]
    assert [(line["bucket"], line["key"], line["size"]) for line in puts] == [
        ("photos", "ü/a", 5),
        ("photos", "b", 5),
    ]
    assert puts[0]["manifest"] == {"layout": "inline", "length": 5, "blobs": []}
    assert "data_key" not in json.dumps(lines)
    assert lines[-1]["type"] == "object.delete"
    assert [line["position"] for line in lines] == sorted(line["position"] for line in lines)
    assert tail(data, capsys, "--from", str(lines[-1]["position"])) == lines[-1:]
    assert tail(data, capsys, "--from", "last:2") == lines[-2:]
    assert tail(data, capsys) == lines


def test_the_other_topics(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policies = tail(data, capsys, "--topic", "policies")
    assert (policies[0]["type"], policies[0]["bucket"]) == ("bucket.create", "photos")
    facts = tail(data, capsys, "--topic", "facts")
    assert [f["type"] for f in facts if f["key"]] == ["object.created", "object.created", "object.deleted"]
    (request,) = tail(data, capsys, "--topic", "audit")
    assert (request["type"], request["key"], request["status"]) == ("request", "b", 404)


@pytest.mark.parametrize("position", ["x", "-1", "last:", "1.5", ""])
def test_a_wrong_position_is_told(data: Path, position: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["log", "tail", "--data-dir", str(data), f"--from={position}"]) == 2
    assert repr(position) in capsys.readouterr().err


def test_a_position_beyond_the_end_is_told(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["log", "tail", "--data-dir", str(data), "--from", "1000000"]) == 1
    assert "1000000" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", ["token", "log tail", "index verify", "index rebuild", "snapshot", "audit verify", "fsck"]
)
def test_a_folder_that_is_none_is_told(
    tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command.split(), "--data-dir", str(tmp_path / "none")]) == 2
    assert "is not a data folder" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_an_index_that_is_gone_is_made_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(tmp_path)
    shutil.rmtree(tmp_path / "index")
    assert main(["index", "rebuild", "--data-dir", str(tmp_path)]) == 0
    assert main(["index", "verify", "--data-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out.endswith("equal\n")


def test_fsck_names_a_missing_master_key_and_makes_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(tmp_path)
    (tmp_path / "keys" / "master.key").unlink()
    assert main(["fsck", "--data-dir", str(tmp_path)]) == 1
    assert "master.key is missing" in capsys.readouterr().out
    assert not (tmp_path / "keys" / "master.key").exists()


def test_a_token_is_good_for_the_api(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["token", "--data-dir", str(data), "--lifetime", "2h"]
    (data / "keys" / "root-credentials.json").unlink()
    assert main(arguments) == 2
    assert "has the server been started" in capsys.readouterr().err
    root = load_root(data / "keys")
    assert main(arguments) == 0
    token = capsys.readouterr().out.strip()
    directory = open_directory(root.credential, KeyRing(data / "keys"))
    assert TokenVerifier(directory).verify(token).id == root.credential.principal.id


def test_credentials_are_printed_for_a_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "data"
    arguments = ["credentials", "--data-dir", str(folder), "--s3-listen", ":9009"]
    assert main(arguments) == 2  # no such folder
    fill(folder)
    (folder / "keys" / "root-credentials.json").unlink()
    assert main(arguments) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 2)
    assert "no credentials in" in told.err
    root = load_root(folder / "keys")
    assert main(arguments) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"export AWS_ACCESS_KEY_ID={root.credential.access_key}",
        f"export AWS_SECRET_ACCESS_KEY={root.credential.secret_key}",
        "export AWS_ENDPOINT_URL=http://127.0.0.1:9009",
        "export AWS_DEFAULT_REGION=us-east-1",
    ]


def test_configured_credentials_are_quoted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STRANDLINE_ROOT_ACCESS_KEY", "someone")
    assert main(["credentials"]) == 2
    monkeypatch.setenv("STRANDLINE_ROOT_SECRET_KEY", "$(rm)'x\"y;z")
    assert main(["credentials"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert shlex.split(lines[1]) == ["export", "AWS_SECRET_ACCESS_KEY=$(rm)'x\"y;z"]


def test_lifetimes(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [parse_lifetime(t) for t in ("90", "90s", "2m", "3h", "7d")] == [90, 90, 120, 10800, 604800]
    for wrong in ("", "1w", "-1", "8d", "0", "٣"):
        assert main(["token", "--data-dir", str(data), f"--lifetime={wrong}"]) == 2
        assert capsys.readouterr().err.count("\n") == 1
