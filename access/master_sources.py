"""Where the master key of a ring is kept: in a file beside it, or in the environment of its processes.

Wrapped by a transit endpoint it is in access.transit_master.
"""

import secrets
import stat
from pathlib import Path
from typing import Protocol

from awscrt.checksums import crc32c

from access.master_files import MASTER_FILE, WRAPPED_FILE
from disk.durable import create_durably, write_durably
from schemas.errors import ConfigurationError

MASTER_HEADER = "strandline master key 1"
MASTER_BYTES = 32


class MasterSource(Protocol):
    """Keeps one master key of 32 bytes."""

    def load(self) -> bytes:
        """The master in force. Raises ConfigurationError when there is none, or none that can be used."""

    def new_master(self) -> bytes:
        """One to take its place."""

    def replace(self, master: bytes) -> None:
        """Keep this one from now on, durably. Raises ConfigurationError when only an operator can."""

    def remove_others(self, directory: Path) -> None:
        """Remove what other sources keep in the ring's folder: masters that were in force before."""


class FileMaster:
    """A file for its owner only: a line that names the format, the key in hex, its crc32c in hex."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / MASTER_FILE

    def create(self) -> None:
        """Make the file, whole or not at all; of two processes that start at once, the first one's stays."""
        create_durably(self.path, _text(self.new_master()))

    def load(self) -> bytes:
        try:
            mode = stat.S_IMODE(self.path.stat().st_mode)
        except FileNotFoundError:
            raise ConfigurationError(f"{self.path} is missing: restore it from a backup") from None
        if mode & 0o077:
            raise ConfigurationError(
                f"{self.path} may be read by others (mode {mode:04o}): set its mode to 0600"
            )
        return _parse(self.path)

    def new_master(self) -> bytes:
        return secrets.token_bytes(MASTER_BYTES)

    def replace(self, master: bytes) -> None:
        write_durably(self.path, _text(master))

    def remove_others(self, directory: Path) -> None:
        (directory / WRAPPED_FILE).unlink(missing_ok=True)


class GivenMaster:
    """A key that the settings give (an environment variable): 64 hex digits."""

    def __init__(self, text: str) -> None:
        self._key = parse_master(text)

    def load(self) -> bytes:
        return self._key

    def new_master(self) -> bytes:
        return self._key

    def replace(self, master: bytes) -> None:
        if master != self._key:
            raise ConfigurationError(
                "another replacement of the master key has begun: end it with the key that was given for it"
            )

    def remove_others(self, directory: Path) -> None:
        for name in (MASTER_FILE, WRAPPED_FILE):
            (directory / name).unlink(missing_ok=True)


def parse_master(text: str) -> bytes:
    """The key of 64 hex digits. Raises ConfigurationError, which does not repeat them."""
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != MASTER_BYTES:
        raise ConfigurationError("the master key is not 64 hex digits; `openssl rand -hex 32` makes one")
    return key


def _text(key: bytes) -> bytes:
    return f"{MASTER_HEADER}\n{key.hex()}\n{crc32c(key):08x}\n".encode()


def _parse(path: Path) -> bytes:
    lines = path.read_bytes().split(b"\n")
    try:
        header, key, check = lines[0].decode(), bytes.fromhex(lines[1].decode()), int(lines[2], 16)
    except (ValueError, IndexError):
        raise ConfigurationError(f"{path} is not a master key file: restore it from a backup") from None
    if header != MASTER_HEADER or len(key) != MASTER_BYTES or check != crc32c(key):
        raise ConfigurationError(f"{path} is damaged: restore it from a backup")
    return key
