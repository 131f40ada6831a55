"""Root credentials: given, generated once, kept privately."""

import json
import stat
from pathlib import Path

import pytest

from access.credentials import ACCOUNT_FILE, CREDENTIALS_FILE, load_root
from disk.durable import draft_of
from schemas.errors import ConfigurationError


def test_generated_once_and_then_kept(tmp_path: Path) -> None:
    first = load_root(tmp_path)
    assert first.generated
    assert len(first.credential.access_key) == 20
    assert len(first.credential.secret_key) == 60
    again = load_root(tmp_path)
    assert not again.generated
    assert again.credential == first.credential
    for name in (CREDENTIALS_FILE, ACCOUNT_FILE):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([CREDENTIALS_FILE, ACCOUNT_FILE])


def test_two_folders_share_nothing(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    one, two = (load_root(folder).credential for folder in folders)
    assert one.access_key != two.access_key
    assert one.secret_key != two.secret_key
    assert one.principal.id != two.principal.id


def test_owner_stays_when_credentials_change(tmp_path: Path) -> None:
    generated = load_root(tmp_path)
    given = load_root(tmp_path, "operator", "a better secret".replace(" ", "-"))
    assert not given.generated
    assert given.credential.access_key == given.credential.principal.access_key == "operator"
    assert given.credential.principal.id == generated.credential.principal.id
    assert len(bytes.fromhex(given.credential.principal.id)) == 32
    assert load_root(tmp_path).credential == generated.credential


def test_given_credentials_are_not_written_down(tmp_path: Path) -> None:
    load_root(tmp_path, "operator", "correct-horse-battery")
    assert [p.name for p in tmp_path.iterdir()] == [ACCOUNT_FILE]
    assert "correct-horse-battery" not in (tmp_path / ACCOUNT_FILE).read_text()


@pytest.mark.parametrize(
    ("access_key", "secret_key", "message"),
    [
        ("operator", None, "STRANDLINE_ROOT_SECRET_KEY is missing"),
        (None, "long enough", "STRANDLINE_ROOT_ACCESS_KEY is missing"),
        ("", "", "STRANDLINE_ROOT_ACCESS_KEY is missing"),
        ("ab", "longenough", "access key 'ab' cannot be used"),
        ("with/slash", "longenough", "access key 'with/slash' cannot be used"),
        ("a" * 129, "longenough", "cannot be used"),
        ("operator", "short", "8 to 256"),
        ("operator", "has a space", "8 to 256"),
        ("operator", "ünsupported", "8 to 256"),
    ],
)
def test_credentials_that_cannot_be_used(
    tmp_path: Path, access_key: str | None, secret_key: str | None, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        load_root(tmp_path, access_key, secret_key)
    if secret_key:
        assert secret_key not in str(caught.value)


@pytest.mark.parametrize("name", [CREDENTIALS_FILE, ACCOUNT_FILE])
def test_files_that_others_may_read_are_refused(tmp_path: Path, name: str) -> None:
    load_root(tmp_path)
    (tmp_path / name).chmod(0o640)
    with pytest.raises(ConfigurationError, match=r"mode 0640.*chmod 600"):
        load_root(tmp_path)


@pytest.mark.parametrize("name", [CREDENTIALS_FILE, ACCOUNT_FILE])
@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 2}', '{"version": 1}', "\0\xff", "1"])
def test_damaged_files_are_named(tmp_path: Path, name: str, content: str) -> None:
    load_root(tmp_path)
    (tmp_path / name).write_text(content, encoding="latin-1")
    with pytest.raises(ConfigurationError, match=name):
        load_root(tmp_path)


def test_nothing_is_made_when_only_reading(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        load_root(tmp_path, create=False)
    assert list(tmp_path.iterdir()) == []
    made = load_root(tmp_path)
    assert load_root(tmp_path, create=False).credential == made.credential


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be written"):
        load_root(tmp_path / "missing")


def test_leftover_of_a_crash_does_not_matter(tmp_path: Path) -> None:
    draft_of(tmp_path / CREDENTIALS_FILE).write_text("half")
    assert load_root(tmp_path).generated
    assert len(list(tmp_path.iterdir())) == 2


def test_format_of_the_files(tmp_path: Path) -> None:
    root = load_root(tmp_path, random=lambda count: bytes(range(count)))
    assert json.loads((tmp_path / CREDENTIALS_FILE).read_text()) == {
        "version": 1,
        "access_key": "SLABCDEFGHIJKLMNOPQR",
        "secret_key": bytes(range(30)).hex(),
    }
    assert json.loads((tmp_path / ACCOUNT_FILE).read_text()) == {
        "version": 1,
        "account_id": bytes(range(16)).hex(),
    }
    # Rows and events carry this id for ever: it must never be derived in another way.
    assert root.credential.principal.id == (
        "98a35bf3cff88929f204d4caeef137ea5f55df8ed92a57537bdd8f79f7e6fc31"
    )
