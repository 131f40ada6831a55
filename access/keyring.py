"""Keys at rest: a master key file, and bucket keys wrapped by it, one erasable file each.

The ring lives outside log, index and snapshots. Removing the file of a bucket key shreds everything that it
wrapped, even what the log still holds; nothing here keeps a second copy.
"""

import contextlib
import re
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from awscrt.checksums import crc32c
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from access.kms_keys import KmsKeys
from access.master_sources import FileMaster, MasterSource
from access.masters import Masters
from disk.durable import sync_path, write_durably
from schemas.errors import BlobCorrupt, ConfigurationError, KeyMissing
from schemas.ids import uuid7
from schemas.randomness import RandomTokens

BUCKET_KEY_MAGIC = b"SLbkey1\n"
BUCKET_KEY_BYTES = 8 + 12 + 32 + 16 + 4  # magic, nonce, ciphertext, tag, crc32c
DATA_KEY_CONTEXT = b"SLdkey1\n"
RECHECK_SECONDS = 30.0

_KEY_ID = re.compile(r"[0-9a-f]{32}")


class KeyRing:
    """The keys of one data folder. Opening it for the first time makes the master key.

    Raises ConfigurationError when the master key cannot be used: wider permissions than its owner's, a
    damaged file, or no file although bucket keys wrapped by one exist.
    Any number of processes may open the same ring; a key erased in one is forgotten by the others within
    RECHECK_SECONDS.
    """

    def __init__(
        self,
        directory: Path | str,
        *,
        source: MasterSource | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.directory = Path(directory)
        self._bucket_keys = self.directory / "bucket-keys"
        self._now = now
        self._ciphers: dict[str, tuple[AESGCM, float]] = {}
        self._nonces = RandomTokens(12)
        self._bucket_keys.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.masters = Masters(self.directory, source or self._file())
        self._refuse_other_master()
        self.kms_keys = KmsKeys(self.directory, self.masters)

    def new_bucket_key(self) -> str:
        """Make a bucket key, durably; returns its id (32 hex digits)."""
        key_id = uuid7().hex()
        with self.masters.locked():
            self._make(key_id)
        return key_id

    def ensure(self, key_id: str) -> None:
        """Make the key of that id, which is nobody's bucket's, unless it is there."""
        with self.masters.locked():
            if not self._path(key_id).exists():
                self._make(key_id)

    def seal(self, key_id: str, content: bytes, context: bytes) -> bytes:
        """The content encrypted under that key and bound to the context, which must not be that of data keys:
        nonce (12) ‖ ciphertext ‖ tag (16). Raises KeyMissing."""
        nonce = self._nonces()
        return nonce + self._cipher(key_id).encrypt(nonce, content, context)

    def open(self, key_id: str, sealed: bytes, context: bytes) -> bytes | None:
        """What was sealed; None when it does not verify. Raises KeyMissing."""
        try:
            return self._cipher(key_id).decrypt(sealed[:12], sealed[12:], context)
        except (InvalidTag, ValueError):
            return None

    def _make(self, key_id: str) -> None:
        key = secrets.token_bytes(32)
        self._store(key_id, key)
        self._ciphers[key_id] = AESGCM(key), self._now() + RECHECK_SECONDS

    def _store(self, key_id: str, key: bytes) -> None:
        nonce = secrets.token_bytes(12)
        body = BUCKET_KEY_MAGIC + nonce + self.masters.encrypt(nonce, key, key_id.encode())
        write_durably(self._bucket_keys / key_id, body + crc32c(body).to_bytes(4, "little"))

    def rewrap(self) -> int:
        """Bring every key under the newest master, one after the other; returns how many were not.
        Raises BlobCorrupt for one that no master opens, with the rest left for another time."""
        count = 0
        for path in sorted(self._bucket_keys.iterdir()):
            if _KEY_ID.fullmatch(path.name):
                with self.masters.locked(), contextlib.suppress(KeyMissing):
                    count += self._rewrap(path)
        return count + self.kms_keys.rewrap()

    def _rewrap(self, path: Path) -> bool:
        key = self._load(path.name)
        body = path.read_bytes()[:-4]
        if self.masters.is_newest(body[8:20], body[20:], path.name.encode()):
            return False
        self._store(path.name, key)
        return True

    def erase(self, key_id: str) -> None:
        """Remove a bucket key for good: what it wrapped can never be read again. Harmless when repeated."""
        with self.masters.locked():  # or a key just being wrapped anew would come back
            self._ciphers.pop(key_id, None)
            self._path(key_id).unlink(missing_ok=True)
            sync_path(self._bucket_keys)

    def wrap(self, key_id: str, data_key: bytes) -> bytes:
        """The data key encrypted under that bucket key: nonce (12) ‖ ciphertext (32) ‖ tag (16).

        Raises KeyMissing without the bucket key."""
        nonce = self._nonces()
        return nonce + self._cipher(key_id).encrypt(nonce, data_key, DATA_KEY_CONTEXT)

    def unwrap(self, key_id: str, wrapped: bytes) -> bytes:
        """The data key. Raises KeyMissing without the bucket key, BlobCorrupt when it does not verify."""
        try:
            return self._cipher(key_id).decrypt(wrapped[:12], wrapped[12:], DATA_KEY_CONTEXT)
        except (InvalidTag, ValueError):
            raise BlobCorrupt(f"a data key does not verify under bucket key {key_id}") from None

    def verify(self) -> list[str]:
        """What is wrong with the ring's files, one line each; empty when all is well."""
        findings = []
        for path in sorted(self._bucket_keys.iterdir()):
            if path.name.endswith(".new"):
                continue  # left by a crash before its rename; never named by anything
            try:
                self._load(path.name)
            except (BlobCorrupt, KeyMissing) as damage:
                findings.append(damage.message)
        return findings + self.kms_keys.verify()

    def _cipher(self, key_id: str) -> AESGCM:
        entry = self._ciphers.get(key_id)
        if entry is not None and entry[1] > self._now():
            return entry[0]
        if entry is not None and self._path(key_id).exists():
            cipher = entry[0]
        else:
            self._ciphers.pop(key_id, None)
            cipher = AESGCM(self._load(key_id))
        self._ciphers[key_id] = cipher, self._now() + RECHECK_SECONDS
        return cipher

    def _path(self, key_id: str) -> Path:
        if not _KEY_ID.fullmatch(key_id):
            raise KeyMissing(f"{key_id!r} is not the id of a bucket key")
        return self._bucket_keys / key_id

    def _load(self, key_id: str) -> bytes:
        path = self._path(key_id)
        try:
            stored = path.read_bytes()
        except FileNotFoundError:
            raise KeyMissing(f"bucket key {key_id} is not in the key ring") from None
        if not _is_whole(stored):
            raise BlobCorrupt(f"{path}: the file of this bucket key is damaged")
        body = stored[:-4]
        try:
            return self.masters.decrypt(body[8:20], body[20:], key_id.encode())
        except InvalidTag:
            raise BlobCorrupt(f"{path}: this bucket key was wrapped by another master key") from None

    def _refuse_other_master(self) -> None:
        """A wrong master must end the start: else new keys would be wrapped by it, old ones lost."""
        for path in self._bucket_keys.iterdir():
            if not _KEY_ID.fullmatch(path.name) or not _is_whole(path.read_bytes()):
                continue
            body = path.read_bytes()[:-4]
            try:
                self.masters.decrypt(body[8:20], body[20:], path.name.encode())
            except InvalidTag:
                raise ConfigurationError(
                    f"the master key is not the one that the keys in {self.directory} are wrapped with: put "
                    "that one back"
                ) from None
            return

    def _file(self) -> FileMaster:
        """The file of the master key. It is made when the ring is new; never for keys that another wraps."""
        file = FileMaster(self.directory)
        if not file.path.exists():
            if any(self._bucket_keys.iterdir()) and not file.path.exists():
                raise ConfigurationError(
                    f"{file.path} is missing, although bucket keys wrapped by it exist: restore it, or give "
                    "the master key in STRANDLINE_MASTER_KEY"
                )
            file.create()
        return file


def _is_whole(stored: bytes) -> bool:
    """Whether it is the file of a bucket key, with no bit turned."""
    return (
        len(stored) == BUCKET_KEY_BYTES
        and stored.startswith(BUCKET_KEY_MAGIC)
        and crc32c(stored[:-4]) == int.from_bytes(stored[-4:], "little")
    )
