"""CRC32C in native code, typed: crc32c(data, seed) continues from the seed (0: a fresh one)."""

from collections.abc import Callable

from awscrt import checksums

crc32c: Callable[..., int] = checksums.crc32c
