"""Checksums and digests of bodies: computed while bytes pass, compared with what the client announced.

Algorithms are named as botocore's model names them. Values travel as base64 of the big-endian digest.
CRCs come from awscrt (AWS's own native code); they and hashlib release the interpreter lock, so that
`update` may run in a worker thread.
"""

import hashlib
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Iterable
from functools import partial
from typing import Literal, NamedTuple, Protocol

from awscrt.checksums import (
    XXHash,
    combine_crc32,
    combine_crc32c,
    combine_crc64nvme,
    crc32,
    crc32c,
    crc64nvme,
)

from schemas.errors import InvalidDigest, InvalidRequest

DEFAULT_ALGORITHM = "CRC64NVME"  # what S3 keeps when the client names none
ChecksumType = Literal["FULL_OBJECT", "COMPOSITE"]
Buffer = bytes | bytearray | memoryview


class RunningHash(Protocol):
    """A checksum being computed."""

    def update(self, data: Buffer, /) -> None: ...

    def digest(self) -> bytes:
        """The digest, big endian. Nothing may be added afterwards."""


class _RunningCrc:
    __slots__ = ("_crc", "_function", "_size")

    def __init__(self, function: Callable[[Buffer, int], int], size: int) -> None:
        self._crc = 0
        self._function = function
        self._size = size

    def update(self, data: Buffer, /) -> None:
        self._crc = self._function(data, self._crc)

    def digest(self) -> bytes:
        return self._crc.to_bytes(self._size, "big")


def _bytes(data: Buffer) -> bytes:
    """awscrt's xxHash takes nothing else; a view has to be copied."""
    return data if isinstance(data, bytes) else bytes(data)


class _RunningXXHash:
    __slots__ = ("_hash",)

    def __init__(self, new: Callable[[], XXHash]) -> None:
        self._hash = new()

    def update(self, data: Buffer, /) -> None:
        self._hash.update(_bytes(data))

    def digest(self) -> bytes:
        return bytes(self._hash.finalize())


class Algorithm(NamedTuple):
    """One checksum algorithm.

    size     bytes of its digest
    new      begins a running hash
    once     the digest of bytes at hand
    combine  (crc of A, crc of B, bytes of B) → crc of A ‖ B; None where the mathematics do not allow it
    types    how a multipart object may carry it, the default first
    """

    name: str
    size: int
    new: Callable[[], RunningHash]
    once: Callable[[Buffer], bytes]
    combine: Callable[[int, int, int], int] | None
    types: tuple[ChecksumType, ...]

    @property
    def header(self) -> str:
        """The request and response header (or trailer) that carries it."""
        return f"x-amz-checksum-{self.name.lower()}"


def _crc(
    name: str,
    size: int,
    function: Callable[..., int],
    combine: Callable[[int, int, int], int],
    types: tuple[ChecksumType, ...],
) -> Algorithm:
    return Algorithm(
        name,
        size,
        partial(_RunningCrc, function, size),
        lambda data: function(data).to_bytes(size, "big"),
        combine,
        types,
    )


def _hashlib(name: str, size: int, function: Callable[..., "hashlib._Hash"]) -> Algorithm:
    # These digests serve integrity, not secrecy: MD5 and SHA1 must work in FIPS mode too.
    new = partial(function, usedforsecurity=False)
    return Algorithm(name, size, new, lambda data: new(data).digest(), None, ("COMPOSITE",))


def _xxhash(name: str, size: int, new: Callable[[], XXHash], once: Callable[[bytes], bytes]) -> Algorithm:
    return Algorithm(
        name, size, partial(_RunningXXHash, new), lambda data: once(_bytes(data)), None, ("COMPOSITE",)
    )


# S3's user guide, "Checking object integrity": only CRCs have a full-object form in multipart uploads,
# because only they can be put together from the checksums of parts; CRC64NVME has no other form.
ALGORITHMS: dict[str, Algorithm] = {
    algorithm.name: algorithm
    for algorithm in (
        _crc("CRC32", 4, crc32, combine_crc32, ("COMPOSITE", "FULL_OBJECT")),
        _crc("CRC32C", 4, crc32c, combine_crc32c, ("COMPOSITE", "FULL_OBJECT")),
        _crc("CRC64NVME", 8, crc64nvme, combine_crc64nvme, ("FULL_OBJECT",)),
        _hashlib("SHA1", 20, hashlib.sha1),
        _hashlib("SHA256", 32, hashlib.sha256),
        _hashlib("SHA512", 64, hashlib.sha512),
        _hashlib("MD5", 16, hashlib.md5),
        _xxhash("XXHASH64", 8, XXHash.new_xxhash64, XXHash.compute_xxhash64),
        _xxhash("XXHASH3", 8, XXHash.new_xxhash3_64, XXHash.compute_xxhash3_64),
        _xxhash("XXHASH128", 16, XXHash.new_xxhash3_128, XXHash.compute_xxhash3_128),
    )
}
HEADERS: dict[str, str] = {algorithm.header: name for name, algorithm in ALGORITHMS.items()}


def algorithm_named(name: str) -> Algorithm:
    """The algorithm of that name, in any case. Raises InvalidRequest."""
    algorithm = ALGORITHMS.get(name) or ALGORITHMS.get(name.upper())
    if algorithm is None:
        raise InvalidRequest(
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
            f"[{', '.join(ALGORITHMS)}]",
            ChecksumAlgorithm=name,
        )
    return algorithm


class Hasher:
    """A running checksum of one algorithm."""

    __slots__ = ("_running", "update")

    def __init__(self, running: RunningHash) -> None:
        self._running = running
        self.update = running.update

    @classmethod
    def new(cls, algorithm: str) -> "Hasher":
        """Raises InvalidRequest for an unknown algorithm."""
        return cls(algorithm_named(algorithm).new())

    def digest_base64(self) -> str:
        """The checksum of everything so far; the last thing to call."""
        return encode(self._running.digest())


def encode(digest: bytes) -> str:
    """Base64 as S3 writes checksums."""
    return b2a_base64(digest, newline=False).decode()


def compute(algorithm: str, data: Buffer) -> str:
    """The checksum of bytes at hand, in base64."""
    return b2a_base64(ALGORITHMS[algorithm].once(data), newline=False).decode()


def decode_expected(algorithm: str, text: str, trailing: bool = False) -> bytes:
    """The digest that a client announced in base64. Raises InvalidRequest when it cannot be one."""
    kind = algorithm_named(algorithm)
    digest = _decode_base64(text)
    if digest is None or len(digest) != kind.size:
        place = "trailing header" if trailing else "header"
        raise InvalidRequest(f"Value for {kind.header} {place} is invalid.")
    return digest


def parse_content_md5(text: str) -> bytes:
    """The 16 bytes of a Content-MD5 header. Raises InvalidDigest."""
    digest = _decode_base64(text.strip())
    if digest is None or len(digest) != 16:
        raise InvalidDigest("The Content-MD5 you specified was invalid.", **{"Content-MD5": text})
    return digest


def _decode_base64(text: str) -> bytes | None:
    try:
        return a2b_base64(text, strict_mode=True)
    except (Base64Error, ValueError):
        return None


# --- multipart -----------------------------------------------------------------------------------------
def checksum_type(algorithm: str, wanted: str | None) -> ChecksumType:
    """The type of checksum of a multipart upload: the one wanted, or the algorithm's default.

    Raises InvalidRequest for a type that the algorithm does not have.
    """
    kind = algorithm_named(algorithm)
    if wanted is None:
        return kind.types[0]
    for known in kind.types:
        if wanted == known:
            return known
    if wanted in ("FULL_OBJECT", "COMPOSITE"):
        raise InvalidRequest(
            f"The {wanted} checksum type cannot be used with the {kind.name.lower()} checksum algorithm."
        )
    raise InvalidRequest(f"Value for x-amz-checksum-type header is invalid: {wanted!r}.")


def composite(algorithm: str, parts: Iterable[str]) -> str:
    """The checksum of the parts' checksums (base64, in part order), as "…-N" for N parts."""
    digests = [decode_expected(algorithm, part) for part in parts]
    return f"{compute(algorithm, b''.join(digests))}-{len(digests)}"


def full_object(algorithm: str, parts: Iterable[tuple[str, int]]) -> str:
    """The checksum of the whole object from its parts' (base64, size in bytes), in part order.

    Raises InvalidRequest for an algorithm that cannot be put together.
    """
    kind = algorithm_named(algorithm)
    if kind.combine is None:
        raise InvalidRequest(
            f"The FULL_OBJECT checksum type cannot be used with the {kind.name.lower()} checksum algorithm."
        )
    total = 0
    for text, size in parts:
        part = int.from_bytes(decode_expected(algorithm, text), "big")
        total = kind.combine(total, part, size)
    return encode(total.to_bytes(kind.size, "big"))


def multipart_etag(etags: Iterable[str]) -> str:
    """The ETag of a multipart object: MD5 of the parts' MD5s, "-", number of parts. All without quotes."""
    digests = [bytes.fromhex(etag) for etag in etags]
    return f"{hashlib.md5(b''.join(digests), usedforsecurity=False).hexdigest()}-{len(digests)}"
