"""Signatures inside a signed aws-chunked body: each covers a chunk's SHA-256 and the signature before it.

So chunks can be neither changed, reordered, left out nor taken from another request: the first one
continues from the signature of the request itself (the seed).
"""

import hashlib
from collections.abc import Mapping
from hmac import compare_digest

from access.signing import EMPTY_SHA256, SigningKey
from access.sigv4 import Signed
from schemas.errors import SignatureDoesNotMatch


class SignatureChain:
    """The signatures of one body's chunks, checked in order. Each raises SignatureDoesNotMatch.

    seed  the request's verified signature, with its key
    """

    def __init__(self, seed: Signed) -> None:
        if seed.key is None:
            raise ValueError("an anonymous request has no signature to continue from")
        self._key: SigningKey = seed.key
        self._scope = f"{seed.timestamp}\n{seed.scope}"
        self._previous = seed.signature
        self._claimed = ""
        self._hash = hashlib.sha256()

    def begin(self, claimed: str) -> None:
        """A chunk begins that claims this signature."""
        self._claimed = claimed
        self._hash = hashlib.sha256()

    def update(self, piece: memoryview) -> None:
        """Bytes of the chunk."""
        self._hash.update(piece)

    def end(self) -> None:
        """The chunk has ended."""
        digest = self._hash.hexdigest()
        self._check("AWS4-HMAC-SHA256-PAYLOAD", f"{self._previous}\n{EMPTY_SHA256}\n{digest}", self._claimed)

    def check_trailers(self, trailers: Mapping[str, str], claimed: str | None) -> None:
        """The trailers, in the order they came, and the signature that came with them (None: missing)."""
        lines = "".join([f"{name}:{value}\n" for name, value in trailers.items()])
        digest = hashlib.sha256(lines.encode()).hexdigest()
        self._check("AWS4-HMAC-SHA256-TRAILER", f"{self._previous}\n{digest}", claimed or "")

    def _check(self, algorithm: str, rest: str, claimed: str) -> None:
        to_sign = f"{algorithm}\n{self._scope}\n{rest}"
        if not compare_digest(self._key.sign(to_sign.encode()), claimed):
            raise SignatureDoesNotMatch(
                "The chunk signature we calculated does not match the signature you provided. "
                "Check your key and signing method.",
                StringToSign=to_sign,
                SignatureProvided=claimed,
                StringToSignBytes=to_sign.encode().hex(" "),
            )
        self._previous = claimed
