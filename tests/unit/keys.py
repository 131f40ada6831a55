"""Damage for tests of stored keys."""


def flipped(data: bytes, bit: int) -> bytes:
    """The bytes with one bit turned."""
    at, mask = bit // 8, 1 << bit % 8
    return data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]
