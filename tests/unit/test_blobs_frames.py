"""Frames: every law of the encrypted format, and its bytes as first released."""

import os

import pytest
from awscrt.checksums import crc32c
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from blobs.frames import (
    CRC_BYTES,
    FRAME_OVERHEAD,
    FRAME_SIZE,
    STORED_FRAME,
    crc_matches,
    decrypt_frame,
    encrypt_extent,
    encrypt_into,
    frame_count,
    stored_length,
)

SIZES = [1, 15, 4096, FRAME_SIZE - 1, FRAME_SIZE, FRAME_SIZE + 1, 2 * FRAME_SIZE, 3 * FRAME_SIZE - 5]


def decrypt_all(key: bytes, stored: bytes, length: int) -> bytes:
    cipher, plain = AESGCM(key), []
    for frame in range(frame_count(length)):
        sealed = stored[frame * STORED_FRAME : (frame + 1) * STORED_FRAME]
        assert crc_matches(sealed)
        plain.append(decrypt_frame(cipher, frame, frame + 1 == frame_count(length), sealed[:-CRC_BYTES]))
    return b"".join(plain)


@pytest.mark.parametrize("size", SIZES)
def test_round_trip(size: int) -> None:
    data = os.urandom(size)
    key = os.urandom(32)
    pieces = encrypt_extent(key, data)
    stored = b"".join(pieces)
    assert len(stored) == stored_length(size)
    assert decrypt_all(key, stored, size) == data


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("cut", [1, 2])
def test_streamed_frames_are_the_same_as_those_made_at_once(size: int, cut: int) -> None:
    data, key = os.urandom(size), os.urandom(32)
    out = bytearray(stored_length(size))
    first = min(cut * FRAME_SIZE, (size - 1) // FRAME_SIZE * FRAME_SIZE)
    view = memoryview(data)
    position = encrypt_into(AESGCM(key), view[:first], 0, False, memoryview(out))
    encrypt_into(AESGCM(key), view[first:], first // FRAME_SIZE, True, memoryview(out)[position:])
    assert decrypt_all(key, bytes(out), size) == data


@given(st.binary(min_size=1, max_size=200), st.data())
def test_any_flipped_bit_is_noticed_by_tag_and_crc(data: bytes, draw: st.DataObject) -> None:
    key = os.urandom(32)
    pieces = encrypt_extent(key, data)
    stored = bytearray(b"".join(pieces))
    position = draw.draw(st.integers(0, len(stored) - 1))
    stored[position] ^= 1 << draw.draw(st.integers(0, 7))
    assert not crc_matches(stored)
    if position < len(stored) - CRC_BYTES:
        with pytest.raises(InvalidTag):
            decrypt_frame(AESGCM(key), 0, True, stored[:-CRC_BYTES])


def test_reordered_cut_and_continued_runs_do_not_decrypt() -> None:
    data = os.urandom(2 * FRAME_SIZE)
    key = os.urandom(32)
    pieces = encrypt_extent(key, data)
    cipher = AESGCM(key)
    first, second = pieces[0], pieces[2]
    assert decrypt_frame(cipher, 0, False, first) + decrypt_frame(cipher, 1, True, second) == data
    for frame, last, sealed in [(1, False, first), (0, True, first), (1, False, second), (0, True, second)]:
        with pytest.raises(InvalidTag):
            decrypt_frame(cipher, frame, last, sealed)


@pytest.mark.parametrize("length", [0, 1, FRAME_OVERHEAD])
def test_a_frame_too_short_to_hold_anything_is_damage(length: int) -> None:
    assert not crc_matches(bytes(length))


def test_no_bytes_need_no_frame() -> None:
    assert frame_count(0) == 0
    assert stored_length(0) == 0


def test_golden_frame() -> None:
    """The bytes of the first release, made here from the primitives alone."""
    key, plain = bytes(range(32)), b"strandline"
    stored = bytes.fromhex("7dc8c7bfdb48efd466cd3513e0f8f4fabbb20035c6280194065bca34922e")
    sealed = AESGCM(key).encrypt(bytes(12), plain, b"SLframe1\x01")
    assert stored == sealed + crc32c(sealed).to_bytes(4, "little")
    assert decrypt_frame(AESGCM(key), 0, True, stored[:-CRC_BYTES]) == plain
    out = bytearray(len(stored))
    assert encrypt_into(AESGCM(key), memoryview(plain), 0, True, memoryview(out)) == len(stored)
    assert out == stored
