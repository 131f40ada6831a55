"""A master key that a transit endpoint wraps: nothing on this machine's disks opens it without the endpoint.

    master.wrapped = MASTER_HEADER, the ciphertext of the endpoint, its crc32c in hex: a line each

It is unwrapped when a process starts and when the file has changed; in between no endpoint is needed.
"""

import secrets
from pathlib import Path

from awscrt.checksums import crc32c

from access.master_files import MASTER_FILE, WRAPPED_FILE
from access.master_sources import MASTER_BYTES
from access.transit import Transit
from disk.durable import create_durably, write_durably
from schemas.errors import ConfigurationError

HEADER = "strandline wrapped master key 1"


class TransitMaster:
    """The master of the ring in `directory`. See access.master_sources.MasterSource.

    Everything raises ConfigurationError also where the endpoint does not do its part."""

    def __init__(self, directory: Path, transit: Transit) -> None:
        self.path = directory / WRAPPED_FILE
        self._transit = transit
        self._known: tuple[str, bytes] = ("", b"")

    def create(self) -> None:
        """Make one for a new ring; of two processes that start at once, the first one's stays."""
        create_durably(self.path, _text(self._transit.encrypt(self.new_master())))

    def load(self) -> bytes:
        ciphertext = self._ciphertext()
        if self._known[0] != ciphertext:
            self._known = ciphertext, self._checked(self._transit.decrypt(ciphertext))
        return self._known[1]

    def new_master(self) -> bytes:
        return secrets.token_bytes(MASTER_BYTES)

    def replace(self, master: bytes) -> None:
        write_durably(self.path, _text(self._transit.encrypt(master)))

    def rewrap(self) -> str:
        """Have the same master wrapped under the newest version of the endpoint's key; returns how the
        ciphertext begins, which names that version. Only while the ring is locked."""
        master = self.load()
        ciphertext = self._transit.rewrap(self._ciphertext())
        if self._checked(self._transit.decrypt(ciphertext)) != master:
            raise ConfigurationError("the transit endpoint wrapped something else: the file stays as it was")
        write_durably(self.path, _text(ciphertext))
        return ":".join(ciphertext.split(":")[:2])

    def remove_others(self, directory: Path) -> None:
        (directory / MASTER_FILE).unlink(missing_ok=True)

    def _ciphertext(self) -> str:
        try:
            lines = self.path.read_text("ascii").split("\n")
            header, ciphertext, check = lines[0], lines[1], int(lines[2], 16)
        except FileNotFoundError:
            raise ConfigurationError(
                f"{self.path} is missing: restore it from a backup, or bring the master key under the "
                "transit endpoint by `strandline kms rotate-master --to-transit`"
            ) from None
        except (ValueError, IndexError):
            raise ConfigurationError(
                f"{self.path} is no wrapped master key: restore it from a backup"
            ) from None
        if header != HEADER or check != crc32c(ciphertext.encode()):
            raise ConfigurationError(f"{self.path} is damaged: restore it from a backup")
        return ciphertext

    def _checked(self, master: bytes) -> bytes:
        if len(master) != MASTER_BYTES:
            raise ConfigurationError(
                f"{self.path} holds no master key: what the transit endpoint decrypts has "
                f"{len(master)} bytes instead of {MASTER_BYTES}"
            )
        return master


def _text(ciphertext: str) -> bytes:
    return f"{HEADER}\n{ciphertext}\n{crc32c(ciphertext.encode()):08x}\n".encode("ascii")
