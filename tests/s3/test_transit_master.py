"""A master key under a transit endpoint: a server with it, its commands, and what a missing endpoint does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import make_certificates
from tests.s3.conftest import Store
from tests.server import ACCESS_KEY, SECRET_KEY, DidNotStart, Server, strandline
from tests.transit_server import TOKEN, TransitServer

pytestmark = pytest.mark.embedded


@pytest.fixture
def transit(tmp_path: Path) -> Iterator[TransitServer]:
    with TransitServer(make_certificates(tmp_path / "tls")) as found:
        yield found


@pytest.fixture
def variables(transit: TransitServer, tmp_path: Path) -> dict[str, str]:
    """The settings of the endpoint."""
    (tmp_path / "token").write_text(TOKEN)
    return {
        "STRANDLINE_TRANSIT_URL": transit.url,
        "STRANDLINE_TRANSIT_KEY": "strandline",
        "STRANDLINE_TRANSIT_TOKEN_FILE": str(tmp_path / "token"),
        "STRANDLINE_TRANSIT_CA": str(tmp_path / "tls" / "ca.crt"),
    }


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    found = Server(tmp_path / "data", tmp_path / "log", "--workers", "2")
    yield found
    found.kill()


def s3(server: Server) -> Any:
    return Store(server.endpoint, ACCESS_KEY, SECRET_KEY, server).client()


def command(server: Server, *words: str, **environment: str) -> Any:
    root = {"STRANDLINE_ROOT_ACCESS_KEY": ACCESS_KEY, "STRANDLINE_ROOT_SECRET_KEY": SECRET_KEY}
    return strandline(*words, "--data-dir", str(server.data_dir), **root, **environment)


def well(server: Server, *words: str, **environment: str) -> str:
    """What a command that ends well prints."""
    done = command(server, *words, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return str(done.stdout)


def one_line(said: str) -> str:
    (line,) = said.splitlines()
    assert line.startswith("strandline: ")
    assert TOKEN not in line
    return line


def test_objects_outlive_the_endpoint_s_absence(
    server: Server, transit: TransitServer, variables: dict[str, str]
) -> None:
    server.environment.update(variables)
    server.start()
    client = s3(server)
    client.create_bucket(Bucket="photos")
    client.put_object(Bucket="photos", Key="kms", Body=b"hello" * 4096, ServerSideEncryption="aws:kms")
    assert not (server.data_dir / "keys" / "master.key").exists()
    transit.stop()  # what runs needs it no more, new keys included
    client.create_bucket(Bucket="more")
    client.put_object(Bucket="more", Key="k", Body=b"hello")
    assert client.get_object(Bucket="photos", Key="kms")["Body"].read() == b"hello" * 4096
    assert server.stop() == 0

    server.log.write_text("")
    with pytest.raises(DidNotStart):
        server.start()
    assert "Connection refused" in one_line(server.log_tail())
    assert "Connection refused" in one_line(command(server, "kms", "list", **variables).stderr)
    transit.start()
    server.start()
    assert s3(server).get_object(Bucket="photos", Key="kms")["Body"].read() == b"hello" * 4096
    assert well(server, "kms", "list", **variables)
    assert server.stop() == 0
    for words in (["fsck"], ["index", "verify"], ["snapshot"]):
        well(server, *words, **variables)


def test_it_moves_there_under_a_running_server_and_is_wrapped_anew(
    server: Server, transit: TransitServer, variables: dict[str, str]
) -> None:
    server.start()
    s3(server).create_bucket(Bucket="photos")
    s3(server).put_object(Bucket="photos", Key="k", Body=b"hello", ServerSideEncryption="aws:kms")
    assert "start every process with transit_url" in well(
        server, "kms", "rotate-master", "--to-transit", **variables
    )
    s3(server).put_object(Bucket="photos", Key="between", Body=b"hello", ServerSideEncryption="aws:kms")
    server.stop()
    server.environment.update(variables)
    server.start()
    assert "back up" in well(server, "kms", "rotate-master", **variables)
    assert not (server.data_dir / "keys" / "master.key").exists()
    transit.rotate("strandline")
    assert "wrapped as vault:v2" in well(server, "kms", "rewrap-master", **variables)
    transit.minimum = 2
    server.stop()
    server.start()
    for key in ("k", "between"):
        assert s3(server).get_object(Bucket="photos", Key=key)["Body"].read() == b"hello"
    without = command(server, "kms", "rewrap-master")
    assert without.returncode != 0
    assert "Traceback" not in without.stderr


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"STRANDLINE_TRANSIT_KEY": ""}, "transit_url needs transit_key and transit_token_file"),
        ({"STRANDLINE_TRANSIT_KEY": "a/b"}, "STRANDLINE_TRANSIT_KEY"),
        ({"STRANDLINE_TRANSIT_URL": "http://vault.example/v1/transit"}, "it is an https URL"),
        ({"STRANDLINE_TRANSIT_CA": ""}, "its certificate is not trusted"),
        ({"STRANDLINE_TRANSIT_TOKEN_FILE": "/nonexistent"}, "cannot be read"),
        ({"STRANDLINE_MASTER_KEY": "1f" * 32}, "two places of one master key"),
    ],
)
def test_settings_that_do_not_do_are_one_line(
    server: Server, variables: dict[str, str], changed: dict[str, str], said: str
) -> None:
    server.environment.update(variables | changed)
    with pytest.raises(DidNotStart):
        server.start()
    assert said in one_line(server.log_tail())
    assert not (server.data_dir / "keys" / "master.key").exists()


def test_no_other_master_is_made_for_data_that_is_there(server: Server, variables: dict[str, str]) -> None:
    server.environment.update(variables)
    server.start()
    s3(server).create_bucket(Bucket="photos")
    assert server.stop() == 0
    (server.data_dir / "keys").rename(server.data_dir.parent / "lost")
    server.log.write_text("")
    with pytest.raises(DidNotStart):
        server.start()
    assert "master.wrapped is missing, and no object" in one_line(server.log_tail())
    assert not list(server.data_dir.glob("keys/master.*"))


def test_it_moves_there_from_the_environment(
    server: Server, transit: TransitServer, variables: dict[str, str]
) -> None:
    given = {"STRANDLINE_MASTER_KEY": "1f" * 32}
    server.environment.update(given)
    server.start()
    s3(server).create_bucket(Bucket="photos")
    s3(server).put_object(Bucket="photos", Key="k", Body=b"hello")
    well(server, "kms", "rotate-master", "--to-transit", **given, **variables)
    server.stop()
    del server.environment["STRANDLINE_MASTER_KEY"]
    server.environment.update(variables)
    server.start()
    well(server, "kms", "rotate-master", **variables)
    assert s3(server).get_object(Bucket="photos", Key="k")["Body"].read() == b"hello"
