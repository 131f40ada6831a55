"""A master key under a transit endpoint: wrapped, unwrapped, wrapped anew, and every way that fails."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from access.keyring import KeyRing
from access.masters import Masters
from access.rotation import rotate_master
from access.transit import Transit
from access.transit_master import TransitMaster
from schemas.errors import ConfigurationError
from tests.certificates import make_certificates
from tests.transit_server import TOKEN, TransitServer


@pytest.fixture
def server() -> Iterator[TransitServer]:
    with TransitServer() as found:
        yield found


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


def client(server: TransitServer, token: Path, ca: Path | None = None, seconds: float = 5.0) -> Transit:
    return Transit(server.url, "store", token, ca, seconds)


def new_ring(folder: Path, transit: Transit) -> tuple[KeyRing, TransitMaster]:
    folder.mkdir(exist_ok=True)
    source = TransitMaster(folder, transit)
    source.create()
    return KeyRing(folder, source=source), source


def test_it_comes_back_in_any_process_and_is_asked_for_once(
    server: TransitServer, token: Path, tmp_path: Path
) -> None:
    ring, source = new_ring(tmp_path / "keys", client(server, token))
    key_id = ring.new_bucket_key()
    sealed = ring.seal(key_id, b"secret", b"context")
    again = KeyRing(tmp_path / "keys", source=TransitMaster(tmp_path / "keys", client(server, token)))
    assert again.open(key_id, sealed, b"context") == b"secret"
    assert server.calls == ["encrypt", "decrypt", "decrypt"]
    server.fault = "sealed"  # what runs needs it no more
    for _ in range(3):
        again.new_bucket_key()
    master = source.load()
    assert source.path.stat().st_mode & 0o777 == 0o600
    for path in (tmp_path / "keys").rglob("*"):
        assert not path.is_file() or not {master, master.hex().encode()} & {path.read_bytes()}
        assert not path.is_file() or master not in path.read_bytes()


def test_of_two_that_start_at_once_the_first_one_s_stays(
    server: TransitServer, token: Path, tmp_path: Path
) -> None:
    one, other = (TransitMaster(tmp_path, client(server, token)) for _ in range(2))
    one.create()
    other.create()
    assert one.load() == other.load()


def test_its_key_is_rotated_there_and_it_is_wrapped_anew(
    server: TransitServer, token: Path, tmp_path: Path
) -> None:
    ring, source = new_ring(tmp_path / "keys", client(server, token))
    ring.new_bucket_key()
    master = source.load()
    server.rotate("store")
    with ring.masters.locked():
        assert source.rewrap() == "vault:v2"
    server.minimum = 2
    fresh = TransitMaster(tmp_path / "keys", client(server, token))
    assert (fresh.load(), source.load()) == (master, master)
    KeyRing(tmp_path / "keys", source=fresh)


def test_another_master_under_it_while_a_process_runs_on(
    server: TransitServer, token: Path, tmp_path: Path
) -> None:
    ring, source = new_ring(tmp_path / "keys", client(server, token))
    key_id = ring.new_bucket_key()
    before = source.load()
    running = KeyRing(tmp_path / "keys", source=TransitMaster(tmp_path / "keys", client(server, token)))
    assert rotate_master(ring) == (1, True)
    assert source.load() != before
    assert running.open(key_id, running.seal(key_id, b"x", b"c"), b"c") == b"x"
    assert rotate_master(ring)[1]


def test_it_moves_from_the_file_to_the_endpoint_and_back_out(
    server: TransitServer, token: Path, tmp_path: Path
) -> None:
    ring = KeyRing(tmp_path / "keys")
    key_id = ring.new_bucket_key()
    sealed = ring.seal(key_id, b"x", b"c")
    target = TransitMaster(tmp_path / "keys", client(server, token))
    assert rotate_master(ring, target) == (1, False)
    assert KeyRing(tmp_path / "keys").open(key_id, sealed, b"c") == b"x"  # not started anew yet
    moved = KeyRing(tmp_path / "keys", source=TransitMaster(tmp_path / "keys", client(server, token)))
    assert moved.open(key_id, sealed, b"c") == b"x"
    assert rotate_master(moved) == (1, True)
    assert not (tmp_path / "keys" / "master.key").exists()
    assert moved.open(key_id, sealed, b"c") == b"x"


def test_an_endpoint_that_goes_away_in_a_rotation_loses_nothing(
    server: TransitServer, token: Path, tmp_path: Path
) -> None:
    ring, _ = new_ring(tmp_path / "keys", client(server, token))
    key_id = ring.new_bucket_key()
    sealed = ring.seal(key_id, b"x", b"c")
    server.fault = "sealed"
    with pytest.raises(ConfigurationError, match="answers 503: Vault is sealed"):
        rotate_master(ring)
    server.fault = None
    again = KeyRing(tmp_path / "keys", source=TransitMaster(tmp_path / "keys", client(server, token)))
    assert again.open(key_id, sealed, b"c") == b"x"
    assert rotate_master(again)[1]
    assert again.open(key_id, sealed, b"c") == b"x"


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("sealed", "answers 503: Vault is sealed"),
        ("garbage", "its answer has no plaintext"),
        ("huge", "more than 65536 bytes"),
        ("redirect", "answers 307"),
        ("hang", "no answer within 0.5 s"),
    ],
)
def test_what_goes_wrong_is_one_line(
    server: TransitServer, token: Path, tmp_path: Path, fault: str, said: str
) -> None:
    transit = client(server, token, seconds=0.5)
    ciphertext = transit.encrypt(b"k" * 32)
    server.fault = fault
    before = time.monotonic()
    with pytest.raises(ConfigurationError) as caught:
        transit.decrypt(ciphertext)
    assert time.monotonic() - before < 5
    assert said in caught.value.message
    assert f"{server.url} did not decrypt with store" in caught.value.message
    assert "\n" not in caught.value.message
    assert TOKEN not in caught.value.message


def test_a_server_that_is_away(server: TransitServer, token: Path) -> None:
    transit = client(server, token)
    transit.encrypt(b"x")
    server.stop()
    try:
        with pytest.raises(ConfigurationError, match="Connection refused"):
            transit.encrypt(b"x")
    finally:
        server.start()
    assert transit.decrypt(transit.encrypt(b"x")) == b"x"


def test_the_token_is_read_each_time(server: TransitServer, token: Path) -> None:
    transit = client(server, token)
    token.write_text("s.wrong")
    with pytest.raises(ConfigurationError, match=r"answers 403: permission denied \* invalid token"):
        transit.encrypt(b"x")
    token.write_text(TOKEN)
    transit.encrypt(b"x")
    for text in ("", " \n", "two\nlines", "é"):
        token.write_text(text)
        with pytest.raises(ConfigurationError, match="does not hold a token"):
            transit.encrypt(b"x")
    token.unlink()
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        transit.encrypt(b"x")


def test_tls_is_checked(token: Path, tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path / "tls")
    with TransitServer(certificates) as server:
        transit = client(server, token, certificates.ca)
        assert transit.decrypt(transit.encrypt(b"x")) == b"x"
        with pytest.raises(ConfigurationError, match="its certificate is not trusted"):
            client(server, token).encrypt(b"x")
        with pytest.raises(ConfigurationError, match=r"transit_ca .* cannot be used"):
            client(server, token, tmp_path / "none")


@pytest.mark.parametrize(
    "url",
    [
        "http://vault.example:8200/v1/transit",
        "vault",
        "https://u:p@vault/v1",
        "https://v/v1?x=1",
        "ftp://v/",
        "",
    ],
)
def test_secrets_go_over_no_other_urls(url: str, token: Path) -> None:
    with pytest.raises(ConfigurationError, match="transit_url is"):
        Transit(url, "store", token)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "is no wrapped master key"),
        (b"\xff\n\n\n", "is no wrapped master key"),
        (b"strandline wrapped master key 1\nvault:v1:AAAA\n00000000\n", "is damaged"),
    ],
)
def test_a_file_that_is_none(
    server: TransitServer, token: Path, tmp_path: Path, text: bytes, said: str
) -> None:
    source = TransitMaster(tmp_path, client(server, token))
    with pytest.raises(ConfigurationError, match="is missing"):
        source.load()
    source.path.write_bytes(text)
    with pytest.raises(ConfigurationError, match=said):
        source.load()


def test_what_is_no_master_key_is_refused(server: TransitServer, token: Path, tmp_path: Path) -> None:
    source = TransitMaster(tmp_path, client(server, token))
    source.replace(b"short")
    with pytest.raises(ConfigurationError, match="has 5 bytes instead of 32"):
        Masters(tmp_path, source)
