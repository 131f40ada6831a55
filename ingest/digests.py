"""All digests of one body: computed together while its bytes pass, then held against what was announced."""

import asyncio
import hashlib
from hmac import compare_digest
from typing import NamedTuple

from blobs.sealing import Slices
from ingest.checksums import (
    ALGORITHMS,
    DEFAULT_ALGORITHM,
    algorithm_named,
    decode_expected,
    encode,
)
from ingest.md5 import SideBySide
from ingest.payload import Payload
from schemas.errors import BadDigest, ContentSHA256Mismatch, IncompleteBody
from schemas.rows import Checksum

GIL_PIECE = 2047  # bytes; hashlib releases the interpreter lock from 2048 on
SMALL_BODY = 16 * 1024


class Digested(NamedTuple):
    """What is kept of a verified body: its ETag (hexadecimal MD5, no quotes), its checksum, its bytes."""

    etag: str
    checksum: Checksum
    size: int


class Digests:
    """The running digests of one body: MD5 for the ETag, the kept checksum, and SHA-256 if announced.

    They are computed in threads, a slice at a time, while the next slice arrives. `close` must be called.
    """

    __slots__ = ("_algorithm", "_checksum", "_hashing", "_md5", "_sha256", "_slices", "size", "update")

    def __init__(self, payload: Payload, hashing: SideBySide) -> None:
        """Raises InvalidRequest for an unknown checksum algorithm."""
        self._algorithm = algorithm_named(payload.checksum_algorithm or DEFAULT_ALGORITHM)
        self._checksum = self._algorithm.new()
        self._sha256 = None if payload.sha256 is None else hashlib.sha256()
        self._hashing = hashing
        self._md5 = hashing.open()
        self._slices = Slices(self._begin)
        self.update = self._slices.write
        self.size = 0

    async def finish(self) -> None:
        """Every byte has been taken."""
        await self._slices.finish()

    def close(self) -> None:
        """The body has ended, in whatever way."""
        self._hashing.close()

    def _begin(self, chunks: list[bytes], last: bool) -> "asyncio.Future[None]":
        if chunks:
            return self._hashing.update(self._md5, chunks, self._update_others)
        nothing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        nothing.set_result(None)  # a body of whole slices: it need not wait for others once more
        return nothing

    def _update_others(self, chunks: list[bytes]) -> None:
        for chunk in chunks:
            self.size += len(chunk)
            self._checksum.update(chunk)
            if self._sha256 is not None:
                self._sha256.update(chunk)

    def verify(self, payload: Payload) -> Digested:
        """Compare with everything the client announced, after `finish`.

        Raises IncompleteBody, BadDigest, ContentSHA256Mismatch, or InvalidRequest for an announced
        checksum that cannot be one.
        """
        md5 = self._md5.digest()
        checksum = self._checksum.digest()
        sha256 = None if self._sha256 is None else self._sha256.digest()
        return _verified(payload, self.size, md5, self._algorithm.name, checksum, sha256)


def digest_whole(payload: Payload, body: bytes) -> Digested:
    """The same for a body at hand, without running hashes. Raises as `Digests.verify` does."""
    algorithm = ALGORITHMS.get(payload.checksum_algorithm or DEFAULT_ALGORITHM)
    if algorithm is None:
        algorithm = algorithm_named(payload.checksum_algorithm or DEFAULT_ALGORITHM)
    md5 = _md5(body)
    sha256 = None if payload.sha256 is None else hashlib.sha256(body).digest()
    return _verified(payload, len(body), md5, algorithm.name, algorithm.once(body), sha256)


def _md5(body: bytes) -> bytes:
    """MD5 of a body. A small one is fed in pieces below hashlib's HASHLIB_GIL_MINSIZE: letting go of the
    interpreter and waiting to get it back takes longer than the hashing itself."""
    if len(body) > SMALL_BODY:
        return hashlib.md5(body, usedforsecurity=False).digest()
    running = hashlib.md5(usedforsecurity=False)
    for start in range(0, len(body), GIL_PIECE):
        running.update(body[start : start + GIL_PIECE])
    return running.digest()


def _verified(
    payload: Payload, size: int, md5: bytes, algorithm: str, checksum: bytes, sha256: bytes | None
) -> Digested:
    if payload.size is not None and size != payload.size:
        raise IncompleteBody(
            "You did not provide the number of bytes specified by the Content-Length HTTP header",
            NumberBytesExpected=str(payload.size),
            NumberBytesProvided=str(size),
        )
    if payload.md5 is not None and not compare_digest(md5, payload.md5):
        raise BadDigest(
            "The Content-MD5 you specified did not match what we received.",
            ExpectedDigest=encode(payload.md5),
            CalculatedDigest=encode(md5),
        )
    if payload.sha256 is not None and sha256 != payload.sha256:
        assert sha256 is not None
        raise ContentSHA256Mismatch(
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
            ClientComputedContentSHA256=payload.sha256.hex(),
            S3ComputedContentSHA256=sha256.hex(),
        )
    value = encode(checksum)
    _verify_checksum(payload, algorithm, value)
    return Digested(md5.hex(), Checksum(algorithm, value), size)


def _verify_checksum(payload: Payload, algorithm: str, calculated: str) -> None:
    if payload.checksum is not None and payload.checksum != calculated:
        raise _wrong_checksum(algorithm, payload.checksum, calculated, False)
    if payload.trailing_checksum is not None:
        text = payload.trailing_checksum()
        if text is not None and text != calculated:
            raise _wrong_checksum(algorithm, text, calculated, True)


def _wrong_checksum(algorithm: str, text: str, calculated: str, trailing: bool) -> BadDigest:
    """The error for a checksum that differs; raises InvalidRequest itself when the text cannot be one."""
    decode_expected(algorithm, text, trailing)
    return BadDigest(
        f"The {algorithm} you specified did not match the calculated checksum.",
        ExpectedDigest=text,
        CalculatedDigest=calculated,
    )
