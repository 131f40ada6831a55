"""Secrets of access keys as the log holds them: sealed under a key of the ring that only this is for."""

import hashlib

from access.keyring import KeyRing
from schemas.errors import KeyMissing

KEY_ID = hashlib.blake2b(b"strandline/access-keys/1", digest_size=16).hexdigest()
CONTEXT = b"SLsecret1\n"


class Secrets:
    """Seals secrets of access keys, and opens them. The key is made by the ring's keeper (`prepare`)."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def prepare(self) -> None:
        """Make the key when it is not there. For one process at a time: the one that holds the data folder,
        or the lock of a cluster's keys."""
        self._keys.ensure(KEY_ID)

    def seal(self, access_key: str, secret: str) -> bytes:
        """nonce (12) ‖ ciphertext ‖ tag (16), bound to the access key."""
        return self._keys.seal(KEY_ID, secret.encode(), CONTEXT + access_key.encode())

    def open(self, access_key: str, sealed: bytes) -> str:
        """The secret. Raises KeyMissing, also for what was not sealed with this ring."""
        content = self._keys.open(KEY_ID, sealed, CONTEXT + access_key.encode())
        if content is None:
            raise KeyMissing(f"the secret of access key {access_key} was sealed with another key ring")
        return content.decode()
