"""Encrypted frames: how the bytes of an extent are stored. The format is frozen; see docs/design/blobs.md.

An extent is a run of frames, each of FRAME_SIZE bytes of plaintext, the last of 1 to FRAME_SIZE:

    AES-256-GCM ciphertext ‖ tag (16) ‖ crc32c of both (4, little endian)

The data key belongs to this extent alone, so the nonce is the frame's number. The associated data tells the
last frame from the others: a run cut short, continued or reordered does not decrypt. Readers rely on the
tag; the crc lets a scrub find damage without any key.
"""

from struct import Struct

from awscrt.checksums import crc32c
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FRAME_SIZE = 256 * 1024
TAG_BYTES = 16
CRC_BYTES = 4
FRAME_OVERHEAD = TAG_BYTES + CRC_BYTES
STORED_FRAME = FRAME_SIZE + FRAME_OVERHEAD

CONTEXT_MORE = b"SLframe1\x00"
CONTEXT_LAST = b"SLframe1\x01"
FIRST_NONCE = bytes(12)

_crc = Struct("<I")
_pack_crc = _crc.pack
_pack_crc_into = _crc.pack_into

Buffer = bytes | bytearray | memoryview


def frame_count(length: int) -> int:
    """How many frames hold `length` bytes of plaintext; none hold nothing."""
    return -(-length // FRAME_SIZE)


def stored_length(length: int) -> int:
    """How many bytes the frames of `length` bytes take."""
    return length + frame_count(length) * FRAME_OVERHEAD


def nonce_of(frame: int) -> bytes:
    return frame.to_bytes(12, "big")


def encrypt_extent(key: bytes, data: bytes) -> list[bytes]:
    """The pieces that joined are the frames of a small extent (at least one byte) under a fresh data key."""
    cipher = AESGCM(key)
    length = len(data)
    if length <= FRAME_SIZE:
        sealed = cipher.encrypt(FIRST_NONCE, data, CONTEXT_LAST)
        return [sealed, _pack_crc(crc32c(sealed))]
    pieces: list[bytes] = []
    view = memoryview(data)
    for start in range(0, length, FRAME_SIZE):
        context = CONTEXT_MORE if start + FRAME_SIZE < length else CONTEXT_LAST
        sealed = cipher.encrypt(nonce_of(start // FRAME_SIZE), view[start : start + FRAME_SIZE], context)
        pieces += sealed, _pack_crc(crc32c(sealed))
    return pieces


def encrypt_into(cipher: AESGCM, plain: memoryview, first: int, last: bool, out: memoryview) -> int:
    """Write the frames of `plain` into `out`, numbered from `first`; returns how many bytes they take.

    All but the last of an extent must be whole: len(plain) is a multiple of FRAME_SIZE unless `last`."""
    position = 0
    for start in range(0, len(plain), FRAME_SIZE):
        piece = plain[start : start + FRAME_SIZE]
        final = last and start + FRAME_SIZE >= len(plain)
        sealed = out[position : position + len(piece) + TAG_BYTES]
        cipher.encrypt_into(
            nonce_of(first + start // FRAME_SIZE), piece, CONTEXT_LAST if final else CONTEXT_MORE, sealed
        )
        position += len(sealed)
        _pack_crc_into(out, position, crc32c(sealed))
        position += CRC_BYTES
    return position


def decrypt_frame(cipher: AESGCM, frame: int, last: bool, sealed: Buffer) -> bytes:
    """The plaintext of one frame, given its ciphertext and tag (without the crc).

    Raises cryptography's InvalidTag when a bit of it, its number or its being last is not as written."""
    return cipher.decrypt(nonce_of(frame), sealed, CONTEXT_LAST if last else CONTEXT_MORE)


def open_frame(cipher: AESGCM, number: int, length: int, stored: memoryview) -> bytes:
    """The plaintext of stored frame `number` of an extent of `length` bytes.

    Raises cryptography's InvalidTag when it is not what was written; `what_is_wrong` then tells more."""
    last = number + 1 == frame_count(length)
    if len(stored) != stored_frame_length(number, length):
        raise InvalidTag
    return decrypt_frame(cipher, number, last, stored[:-CRC_BYTES])


def open_frame_into(cipher: AESGCM, number: int, length: int, stored: memoryview, plain: bytearray) -> None:
    """The same for a frame of FRAME_SIZE bytes, written into `plain`, which is that long.

    When it raises InvalidTag, `plain` holds bytes that nobody may see."""
    last = (number + 1) * FRAME_SIZE >= length
    if len(stored) != STORED_FRAME or (number + 1) * FRAME_SIZE > length:
        raise InvalidTag
    cipher.decrypt_into(nonce_of(number), stored[:-CRC_BYTES], CONTEXT_LAST if last else CONTEXT_MORE, plain)


def stored_frame_length(number: int, length: int) -> int:
    """How many bytes frame `number` of an extent of `length` bytes takes."""
    return min(FRAME_SIZE, length - number * FRAME_SIZE) + FRAME_OVERHEAD


def what_is_wrong(stored: bytes, expected: int) -> str:
    """Why a stored frame, of `expected` bytes when whole, did not verify."""
    if len(stored) < expected:
        return f"ends after {len(stored)} of {expected} bytes"
    if crc_matches(stored):
        return "does not verify under its data key, although its checksum matches"
    return "does not match its checksum"


def crc_matches(stored: Buffer) -> bool:
    """Whether a stored frame (ciphertext, tag and crc) is undamaged, as far as the crc can tell."""
    if len(stored) <= FRAME_OVERHEAD:
        return False
    view = memoryview(stored)
    return bool(crc32c(view[:-CRC_BYTES]) == _crc.unpack(view[-CRC_BYTES:])[0])
