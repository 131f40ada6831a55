"""Master keys of a ring: the one in force, and while it is being replaced the next one beside it.

A change of the ring (a key made, altered, the master replaced) happens under an exclusive lock of the folder
and is written under the newest master. Readers need no lock: whoever meets a file that does not verify looks
once more which masters there are. So no process has to be stopped, nor restarted, for a rotation.

    master.next = MAGIC ‖ nonce (12) ‖ AES-256-GCM(the master in force, the next one) (32 + 16) ‖ crc32c (4)
"""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from awscrt.checksums import crc32c
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from access.master_sources import MasterSource
from disk.durable import sync_path, write_durably
from schemas.errors import ConfigurationError

NEXT_FILE = "master.next"
LOCK_FILE = "ring.lock"
NEXT_MAGIC = b"SLmnext\n"


class Masters:
    """The masters of the ring in `directory`; `source` holds the one in force.

    Raises ConfigurationError when the source cannot be used.
    """

    def __init__(self, directory: Path, source: MasterSource) -> None:
        self._directory = directory
        self.source = source
        self.reload()

    def reload(self) -> None:
        """See which masters there are now."""
        current = self.source.load()
        following = self.following(current)
        self._ciphers = [AESGCM(key) for key in (following, current) if key is not None]

    def following(self, current: bytes) -> bytes | None:
        """The master that replaces `current`, if a replacement has begun. A file that `current` does not open
        is left from one that has ended."""
        try:
            stored = (self._directory / NEXT_FILE).read_bytes()
        except FileNotFoundError:
            return None
        body = stored[:-4]
        if int.from_bytes(stored[-4:], "little") != crc32c(body) or not body.startswith(NEXT_MAGIC):
            raise ConfigurationError(f"{self._directory / NEXT_FILE} is damaged: restore it from a backup")
        try:
            return AESGCM(current).decrypt(body[8:20], body[20:], NEXT_MAGIC)
        except InvalidTag:
            return None

    def announce(self, current: bytes, following: bytes) -> None:
        """Begin to replace `current`: from now on everything is written under `following`."""
        nonce = secrets.token_bytes(12)
        body = NEXT_MAGIC + nonce + AESGCM(current).encrypt(nonce, following, NEXT_MAGIC)
        write_durably(self._directory / NEXT_FILE, body + crc32c(body).to_bytes(4, "little"))
        self.reload()

    def announced(self) -> bool:
        """Whether a replacement has begun that has not been ended."""
        return (self._directory / NEXT_FILE).exists()

    def forget_announced(self) -> None:
        """The replacement has ended: the source holds the new master."""
        (self._directory / NEXT_FILE).unlink(missing_ok=True)
        sync_path(self._directory)
        self.reload()

    def encrypt(self, nonce: bytes, data: bytes, context: bytes) -> bytes:
        """Under the newest master; only while the ring is `locked`."""
        return self._ciphers[0].encrypt(nonce, data, context)

    def decrypt(self, nonce: bytes, data: bytes, context: bytes) -> bytes:
        """Under whichever master it was encrypted with. Raises cryptography's InvalidTag."""
        try:
            return self._try(nonce, data, context)
        except InvalidTag:
            self.reload()
            return self._try(nonce, data, context)

    def is_newest(self, nonce: bytes, data: bytes, context: bytes) -> bool:
        """Whether the newest master opens it."""
        try:
            self._ciphers[0].decrypt(nonce, data, context)
        except InvalidTag:
            return False
        return True

    def _try(self, nonce: bytes, data: bytes, context: bytes) -> bytes:
        for cipher in self._ciphers[:-1]:
            with contextlib.suppress(InvalidTag):
                return cipher.decrypt(nonce, data, context)
        return self._ciphers[-1].decrypt(nonce, data, context)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only one that changes the ring, with the masters as they are now."""
        descriptor = os.open(self._directory / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            self.reload()
            yield
        finally:
            os.close(descriptor)
