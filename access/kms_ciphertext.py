"""What the KMS encrypts: ciphertexts that name their key, and hold only under the same encryption context.

    ciphertext = HEADER (6) ‖ key id (16) ‖ number of the material (4) ‖ nonce (12) ‖ AES-256-GCM

Associated data: everything before the nonce, then the context's pairs in the order of their names, each
text after its length in UTF-8 bytes (4). All integers big endian.
"""

import os
import uuid
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from access.kms_keys import KmsKey
from schemas.errors import KmsInvalidCiphertext

HEADER = b"SLkms1"
FIXED_BYTES = 6 + 16 + 4


def encrypt(key: KmsKey, plaintext: bytes, context: Mapping[str, str]) -> bytes:
    """The ciphertext under the key's newest material."""
    number = len(key.materials) - 1
    fixed = HEADER + uuid.UUID(key.key_id).bytes + number.to_bytes(4, "big")
    nonce = os.urandom(12)
    sealed = AESGCM(key.materials[number].key).encrypt(nonce, plaintext, fixed + canonical(context))
    return fixed + nonce + sealed


def key_id_of(ciphertext: bytes) -> str:
    """The id of the key that it was encrypted with. Raises KmsInvalidCiphertext."""
    if not ciphertext.startswith(HEADER) or len(ciphertext) < FIXED_BYTES + 12 + 16:
        raise KmsInvalidCiphertext()
    return str(uuid.UUID(bytes=ciphertext[6:22]))


def decrypt(key: KmsKey, ciphertext: bytes, context: Mapping[str, str]) -> bytes:
    """The plaintext. Raises KmsInvalidCiphertext for another context, or a bit that is not as it was."""
    fixed, nonce = ciphertext[:FIXED_BYTES], ciphertext[FIXED_BYTES : FIXED_BYTES + 12]
    number = int.from_bytes(fixed[22:26], "big")
    if number >= len(key.materials):
        raise KmsInvalidCiphertext()
    try:
        return AESGCM(key.materials[number].key).decrypt(
            nonce, ciphertext[FIXED_BYTES + 12 :], fixed + canonical(context)
        )
    except InvalidTag:
        raise KmsInvalidCiphertext() from None


def canonical(context: Mapping[str, str]) -> bytes:
    """The one encoding of an encryption context."""
    texts = [text.encode() for pair in sorted(context.items()) for text in pair]
    return b"".join(len(text).to_bytes(4, "big") + text for text in texts)
