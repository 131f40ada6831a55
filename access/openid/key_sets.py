"""What an issuer publishes: where its keys are, and the keys.

Source: OpenID Connect Discovery 1.0, 4; RFC 7517 (JWK), RFC 7518, 6 (RSA, EC), RFC 8037 (Ed25519).
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from access.openid.fetching import Unusable

KEYS_LIMIT = 100
RSA_CHARACTERS = 1366  # of a modulus in base64url: 8192 bits; longer ones cost too much
EXPONENT_CHARACTERS = 8

# What signatures are taken: only of key pairs, each with the kind of key and the curve that it goes with. A
# public key is thus never taken for a shared secret, nor one algorithm's key for another's.
ALGORITHMS: Mapping[str, tuple[str, str]] = {
    **{f"{kind}{bits}": ("RSA", "") for kind in ("RS", "PS") for bits in (256, 384, 512)},
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}
_PUBLIC = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}

# AWS's words.
NO_KEY = (
    "Couldn't retrieve verification key from your identity provider, please reference "
    "AssumeRoleWithWebIdentity documentation for requirements"
)

T = TypeVar("T")


class PublicKey(msgspec.Struct, frozen=True):
    """A key of an issuer (RFC 7517, 4); "" for what it does not say."""

    kty: str
    kid: str = ""
    use: str = ""
    alg: str = ""
    key_ops: tuple[str, ...] = ()
    crv: str = ""
    n: str = ""
    e: str = ""
    x: str = ""
    y: str = ""

    def fits(self, algorithm: str) -> bool:
        """Whether signatures of that algorithm are made with such a key."""
        return ALGORITHMS.get(algorithm) == (self.kty, self.crv) and self.alg in ("", algorithm)

    def jwk(self) -> dict[str, Any]:
        """As a JWK, with nothing in it but the public key."""
        return {"kty": self.kty, **{name: getattr(self, name) for name in _PUBLIC[self.kty]}}

    @property
    def usable(self) -> bool:
        """Whether it is a public key that signatures may be checked with."""
        for_signatures = self.use in ("", "sig") and (not self.key_ops or "verify" in self.key_ops)
        small = len(self.n) <= RSA_CHARACTERS and len(self.e) <= EXPONENT_CHARACTERS
        return for_signatures and small and (self.kty, self.crv) in ALGORITHMS.values()


class _Discovery(msgspec.Struct):
    issuer: str
    jwks_uri: str


class _KeySet(msgspec.Struct):
    keys: list[msgspec.Raw]


def keys_url(document: bytes, issuer: str) -> str:
    """Where the keys are. Raises Unusable for a document that is not that issuer's."""
    found = _decoded(msgspec.json.Decoder(_Discovery).decode, document)
    if found.issuer.rstrip("/") != issuer.rstrip("/"):
        raise Unusable(f"the document is of the issuer {found.issuer[:300]!r}")
    return found.jwks_uri


def keys_of(document: bytes) -> tuple[PublicKey, ...]:
    """The keys that are of use; those of other kinds are passed over, as RFC 7517, 5 has it. Raises
    Unusable."""
    found = _decoded(msgspec.json.Decoder(_KeySet).decode, document).keys
    if len(found) > KEYS_LIMIT:
        raise Unusable(f"{len(found)} keys; at most {KEYS_LIMIT} are read")
    return tuple(key for raw in found if (key := _key(raw)) is not None and key.usable)


def _key(raw: msgspec.Raw) -> PublicKey | None:
    try:
        return msgspec.json.decode(raw, type=PublicKey)
    except msgspec.ValidationError:
        return None


def _decoded(decode: Callable[[bytes], T], document: bytes) -> T:
    try:
        return decode(document)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Unusable(f"not the JSON that it should be: {error}") from None
