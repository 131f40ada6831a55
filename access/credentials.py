"""Root credentials: given by the operator, or made at first start and kept beside the data.

Two files in the data folder, both JSON and of mode 0600:

    root-credentials.json   {"version": 1, "access_key": …, "secret_key": …}   only when generated
    account.json            {"version": 1, "account_id": 32 hex digits}

The owner id that rows and events carry comes from the account id, not from the secret: changing the
credentials keeps the buckets.
"""

import hashlib
import json
import os
import re
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from access.identity import Credential, Principal
from disk.durable import write_durably
from schemas.errors import ConfigurationError

CREDENTIALS_FILE = "root-credentials.json"
ACCOUNT_FILE = "account.json"
VERSION = 1
MIN_SECRET = 8  # characters

_valid_access_key = re.compile(r"[A-Za-z0-9_\-]{3,128}").fullmatch
_valid_secret = re.compile(r"[!-~]{8,256}").fullmatch
_valid_account = re.compile(r"[0-9a-f]{32}").fullmatch
_ACCESS_KEY_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

RandomBytes = Callable[[int], bytes]


class Root(NamedTuple):
    """The root identity; `generated` when its credentials were made just now and should be shown once."""

    credential: Credential
    generated: bool


def load_root(
    directory: Path,
    access_key: str | None = None,
    secret_key: str | None = None,
    create: bool = True,
    random: RandomBytes = secrets.token_bytes,
) -> Root:
    """The root identity of a data folder, with the credentials given or else those kept there.

    With `create`, what is missing is made (the folder must exist); without, it is an error.
    Raises ConfigurationError for credentials or files that cannot be used.
    """
    generated = False
    if access_key is not None or secret_key is not None:
        keys = check_credentials(access_key, secret_key)
    else:
        kept = _read(directory / CREDENTIALS_FILE)
        generated = kept is None
        if kept is None:
            kept = {"access_key": _new_access_key(random), "secret_key": random(30).hex()}
            _write(directory / CREDENTIALS_FILE, kept, create)
        keys = _kept_credentials(directory / CREDENTIALS_FILE, kept)
    account_id = _account(directory, create, random)
    number = account_number(account_id)
    principal = Principal(
        _owner_id(account_id), "root", keys[0], "account", number, f"arn:aws:iam::{number}:root", number
    )
    credential = Credential(*keys, principal)
    return Root(credential, generated)


def kept_credentials(directory: Path) -> tuple[str, str]:
    """The pair that was generated and kept in that folder. Raises ConfigurationError when there is none."""
    path = directory / CREDENTIALS_FILE
    kept = _read(path)
    if kept is None:
        raise ConfigurationError(
            f"there are no credentials in {path}: either no server has been started on this folder, or it "
            "gets its own from STRANDLINE_ROOT_ACCESS_KEY and STRANDLINE_ROOT_SECRET_KEY; set both here too."
        )
    return _kept_credentials(path, kept)


def check_credentials(access_key: object, secret_key: object) -> tuple[str, str]:
    """The pair, if it may be used. Raises ConfigurationError; the secret is never repeated in it."""
    if not access_key or not secret_key:
        missing = "STRANDLINE_ROOT_SECRET_KEY" if access_key else "STRANDLINE_ROOT_ACCESS_KEY"
        raise ConfigurationError(f"{missing} is missing: set both root credentials, or neither.")
    if not isinstance(access_key, str) or not _valid_access_key(access_key):
        raise ConfigurationError(
            f"The root access key {access_key!r} cannot be used: it must be 3 to 128 characters of "
            "A-Z, a-z, 0-9, _ and -."
        )
    if not isinstance(secret_key, str) or not _valid_secret(secret_key):
        raise ConfigurationError(
            f"The root secret key cannot be used: it must be {MIN_SECRET} to 256 visible ASCII characters."
        )
    return access_key, secret_key


def _kept_credentials(path: Path, kept: dict[str, str]) -> tuple[str, str]:
    if not kept.get("access_key") or not kept.get("secret_key"):
        raise ConfigurationError(f"{path} has no access_key or no secret_key.")
    try:
        return check_credentials(kept["access_key"], kept["secret_key"])
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error.message}") from None


def _account(directory: Path, create: bool, random: RandomBytes) -> str:
    kept = _read(directory / ACCOUNT_FILE)
    if kept is None:
        kept = {"account_id": random(16).hex()}
        _write(directory / ACCOUNT_FILE, kept, create)
    account = kept.get("account_id", "")
    if not _valid_account(account):
        raise ConfigurationError(f"{directory / ACCOUNT_FILE} has no valid account_id (32 hex digits).")
    return account


def _owner_id(account: str) -> str:
    """64 hex digits, like AWS's canonical user ids."""
    return hashlib.sha256(b"strandline/owner/1/" + account.encode()).hexdigest()


def account_number(account_id: str) -> str:
    """The 12 digits by which ARNs name the account."""
    digest = hashlib.sha256(b"strandline/account/1/" + account_id.encode()).digest()
    return f"{int.from_bytes(digest[:8], 'big') % 10**12:012d}"


def _new_access_key(random: RandomBytes) -> str:
    return "SL" + "".join(_ACCESS_KEY_ALPHABET[byte & 31] for byte in random(18))


def _read(path: Path) -> dict[str, str] | None:
    """The file's fields; None when there is no such file."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read(65536)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    if mode & 0o077:
        raise ConfigurationError(
            f"{path} may be read by others (mode {mode:04o}): run `chmod 600 {path}`, and change the "
            "credentials if anybody may have seen them."
        )
    try:
        fields = json.loads(content)
    except ValueError as error:
        raise ConfigurationError(f"{path} is not JSON: {error}.") from error
    if not isinstance(fields, dict) or fields.get("version") != VERSION:
        raise ConfigurationError(f"{path} is not of version {VERSION}, the only one that is understood.")
    return {name: value for name, value in fields.items() if isinstance(value, str)}


def _write(path: Path, fields: dict[str, str], create: bool) -> None:
    """Write a private file: whole and on disk, or not at all."""
    if not create:
        raise ConfigurationError(f"{path} does not exist: has the server been started on this folder?")
    content = json.dumps({"version": VERSION, **fields}, indent=2).encode() + b"\n"
    try:
        write_durably(path, content)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}.") from error
