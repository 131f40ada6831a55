"""Keys of the KMS at rest: one erasable file each, beside the bucket keys, outside log and snapshots.

    file = MAGIC ‖ nonce (12) ‖ AES-256-GCM(master key, msgpack(KmsKey), MAGIC ‖ name) ‖ crc32c (4)

A flipped bit, and a file put in another's place, are noticed; nothing of a key shows without the master.
"""

import contextlib
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from awscrt.checksums import crc32c
from cryptography.exceptions import InvalidTag

from access.masters import Masters
from disk.durable import sync_path, write_durably
from schemas.errors import BlobCorrupt, KmsNotFound

MAGIC = b"SLkmsk1\n"
Stamp = tuple[int, ...]

_is_id = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch


class Material(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One version of a key's bytes; the newest encrypts, every one decrypts."""

    key: bytes
    created_at: int
    on_demand: bool = False


class KmsGrant(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A right to a key, given to a principal without a policy.

    grantee, retiring  ARNs: who has it, and who may give it back
    issuer             the account that gave it
    """

    grant_id: str
    grantee: str
    operations: tuple[str, ...]
    created_at: int
    name: str = ""
    context_subset: dict[str, str] = {}
    context_equals: dict[str, str] = {}
    retiring: str = ""
    issuer: str = ""


class KmsKey(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A symmetric key (SYMMETRIC_DEFAULT, ENCRYPT_DECRYPT). Times in Unix milliseconds.

    account        its number: whose key it is
    deletion_at    when it goes for good; 0: not scheduled
    rotation_days  between rotations on their own; 0: none
    policy         the key policy as JSON; "": the default one
    """

    key_id: str
    account: str
    created_at: int
    materials: tuple[Material, ...]
    description: str = ""
    enabled: bool = True
    deletion_at: int = 0
    rotation_days: int = 0
    policy: str = ""
    tags: dict[str, str] = {}
    grants: tuple[KmsGrant, ...] = ()
    manager: str = "CUSTOMER"


class KmsKeys:
    """The keys and aliases of one ring. Any number of processes may use it, and each sees at once what
    another changed: what is kept in memory is that of the very file there is."""

    def __init__(self, directory: Path, masters: Masters, now: Callable[[], float] = time.time) -> None:
        self._directory = directory / "kms-keys"
        self._masters = masters
        self.now = now
        self._kept: dict[str, tuple[Stamp, KmsKey]] = {}
        self._aliases: tuple[Stamp, dict[str, str]] = ((), {})

    def get(self, key_id: str) -> KmsKey:
        """Raises KmsNotFound, also for a key whose deletion is due; BlobCorrupt."""
        kept = self._kept.get(key_id)
        stamp = self._stamp(key_id) if _is_id(key_id) else ()  # before it is read: never too new
        if kept is None or kept[0] != stamp:
            kept = stamp, self._load(key_id)
            self._kept[key_id] = kept
        if self._is_due(kept[1]):
            self.remove_due(key_id)
            raise KmsNotFound(f"Key '{key_id}' does not exist")
        return kept[1]

    def _is_due(self, key: KmsKey) -> bool:
        return 0 < key.deletion_at <= self.now() * 1000

    def ids(self) -> list[str]:
        """The ids of all keys, in order."""
        if not self._directory.is_dir():
            return []
        return sorted(path.name for path in self._directory.iterdir() if _is_id(path.name))

    def add(self, key: KmsKey) -> None:
        with self._masters.locked():
            self._store(key)

    def change(self, key_id: str, change: Callable[[KmsKey], KmsKey]) -> KmsKey:
        """Replace a key by what `change` makes of it; it may raise, and then nothing changes."""
        with self._masters.locked():
            changed = change(self._load(key_id))
            self._store(changed)
        return changed

    def remove(self, key_id: str) -> None:
        """Erase a key and its aliases for good. Harmless when repeated."""
        with self._masters.locked():
            self._remove(key_id)

    def remove_due(self, key_id: str) -> bool:
        """Erase a key whose deletion is due; False when it is not, or somebody else has erased it."""
        with self._masters.locked():
            try:
                due = self._is_due(self._load(key_id))
            except KmsNotFound:
                return False
            if due:
                self._remove(key_id)
            return due

    def erase_due(self) -> list[str]:
        """Erase every key whose deletion is due; returns their ids. Nobody has to ask for them."""
        return [key_id for key_id in self.ids() if self.remove_due(key_id)]

    def _remove(self, key_id: str) -> None:
        aliases = self._load_aliases()
        left = {name: target for name, target in aliases.items() if target != key_id}
        if left != aliases:
            self._store_aliases(left)
        self._kept.pop(key_id, None)
        if self._directory.is_dir():
            (self._directory / key_id).unlink(missing_ok=True)
            sync_path(self._directory)

    def aliases(self) -> dict[str, str]:
        """Key ids by the account's number, a colon, and the alias."""
        stamp = self._stamp("aliases")
        if self._aliases[0] != stamp:
            self._aliases = stamp, self._load_aliases()
        return self._aliases[1]

    @contextlib.contextmanager
    def changing_aliases(self) -> Iterator[dict[str, str]]:
        """The aliases to be changed in place; kept when the block ends well."""
        with self._masters.locked():
            aliases = self._load_aliases()
            yield aliases
            self._store_aliases(aliases)

    def rewrap(self) -> int:
        """Bring every file under the newest master, one after the other; returns how many were not.
        Raises BlobCorrupt for one that no master opens."""
        return sum(self._rewrap(name) for name in [*self.ids(), "aliases"])

    def _rewrap(self, name: str) -> bool:
        with self._masters.locked():
            try:
                stored = (self._directory / name).read_bytes()
            except FileNotFoundError:
                return False
            content = self._open(name, stored)
            if self._masters.is_newest(stored[8:20], stored[20:-4], _context(name)):
                return False
            self._write(name, content)
            return True

    def verify(self) -> list[str]:
        """What is wrong with the files, one line each."""
        findings = []
        for name in [*self.ids(), "aliases"]:
            try:
                self._open(name, (self._directory / name).read_bytes())
            except FileNotFoundError:
                continue  # erased just now
            except BlobCorrupt as damage:
                findings.append(damage.message)
        return findings

    # --- files -------------------------------------------------------------------------------------------
    def _stamp(self, name: str) -> Stamp:
        """Tells a file from the one that takes its place; () when there is none."""
        try:
            found = os.stat(os.path.join(self._directory, name))
        except FileNotFoundError:
            return ()
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _load(self, key_id: str) -> KmsKey:
        if not _is_id(key_id):
            raise KmsNotFound(f"Key '{key_id}' does not exist")
        try:
            stored = (self._directory / key_id).read_bytes()
        except FileNotFoundError:
            self._kept.pop(key_id, None)
            raise KmsNotFound(f"Key '{key_id}' does not exist") from None
        return msgspec.msgpack.decode(self._open(key_id, stored), type=KmsKey)

    def _store(self, key: KmsKey) -> None:
        self._write(key.key_id, msgspec.msgpack.encode(key))

    def _load_aliases(self) -> dict[str, str]:
        try:
            stored = (self._directory / "aliases").read_bytes()
        except FileNotFoundError:
            return {}
        return msgspec.msgpack.decode(self._open("aliases", stored), type=dict[str, str])

    def _store_aliases(self, aliases: dict[str, str]) -> None:
        self._write("aliases", msgspec.msgpack.encode(aliases))

    def _write(self, name: str, content: bytes) -> None:
        if not self._directory.is_dir():
            self._directory.mkdir(mode=0o700)
            sync_path(self._directory.parent)
        nonce = secrets.token_bytes(12)
        body = MAGIC + nonce + self._masters.encrypt(nonce, content, _context(name))
        write_durably(self._directory / name, body + crc32c(body).to_bytes(4, "little"))

    def _open(self, name: str, stored: bytes) -> bytes:
        body = stored[:-4]
        path = os.path.join(self._directory, name)
        if not body.startswith(MAGIC) or int.from_bytes(stored[-4:], "little") != crc32c(body):
            raise BlobCorrupt(f"{path}: the file of this KMS key is damaged")
        try:
            return self._masters.decrypt(body[8:20], body[20:], _context(name))
        except InvalidTag:
            raise BlobCorrupt(f"{path}: this KMS key was sealed with another master key") from None


def _context(name: str) -> bytes:
    return MAGIC + name.encode()
