"""SSE-C: an object key wrapped under a key that only the client has. The client's key is never kept.

    derived = HKDF-SHA256(the client's key, salt, info CONTEXT), 48 bytes: wrapping key (32), fingerprint (16)
    secret  = salt (16) ‖ fingerprint (16) ‖ nonce (12) ‖ AES-256-GCM(wrapping key, object key) (32 + 16)

The salt is random and for this object alone; salt and fingerprint are associated data. The fingerprint tells
a wrong key from damage, and tells nothing of the key to who does not have it.
"""

import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from schemas.errors import BlobCorrupt, WrongCustomerKey

CUSTOMER_KEY_BYTES = 32
CONTEXT = b"SLckey1\n"
SECRET_BYTES = 16 + 16 + 12 + 32 + 16


def wrap_for_customer(customer_key: bytes, object_key: bytes) -> bytes:
    """The secret that gives the object key to who has the client's key, and to nobody else."""
    salt, nonce = os.urandom(16), os.urandom(12)
    wrapping, fingerprint = _derive(customer_key, salt)
    return salt + fingerprint + nonce + wrapping.encrypt(nonce, object_key, CONTEXT + salt + fingerprint)


def unwrap_for_customer(customer_key: bytes, secret: bytes) -> bytes:
    """The object key. Raises WrongCustomerKey, BlobCorrupt when the secret is not as it was made."""
    if len(secret) != SECRET_BYTES:
        raise BlobCorrupt(f"the wrapped key of an object has {len(secret)} bytes instead of {SECRET_BYTES}")
    salt, fingerprint = secret[:16], secret[16:32]
    wrapping, expected = _derive(customer_key, salt)
    if not hmac.compare_digest(fingerprint, expected):
        raise WrongCustomerKey()
    try:
        return wrapping.decrypt(secret[32:44], secret[44:], CONTEXT + secret[:32])
    except InvalidTag:
        raise BlobCorrupt("the wrapped key of an object does not verify under its customer's key") from None


def _derive(customer_key: bytes, salt: bytes) -> tuple[AESGCM, bytes]:
    derived = HKDF(SHA256(), 48, salt, CONTEXT).derive(customer_key)
    return AESGCM(derived[:32]), derived[32:]
