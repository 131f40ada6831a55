"""Bearer tokens for the REST API: made offline by whoever holds a secret key, and valid for a while.

    slt1.<base64url of a JSON object>.<base64url of HMAC-SHA256 over all before the second dot>

The object: "key" (access key), "sub" (the principal's id), "iat" and "exp" (Unix seconds). The HMAC's
key is derived from the access key's secret, so a token dies with its access key.
"""

import hmac
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable

import msgspec

from access.identity import Credential, Identities, Principal
from schemas.errors import ConfigurationError, InvalidToken

PREFIX = "slt1"
DEFAULT_LIFETIME = 3600  # seconds
MAX_LIFETIME = 604_800  # seconds: seven days
_CLOCK_SKEW = 60  # seconds a token may seem to come from the future
_LENGTH_LIMIT = 1024


class Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a token says: see above."""

    key: str
    sub: str
    iat: int
    exp: int


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Claims)


def issue_token(credential: Credential, now: float, lifetime: int = DEFAULT_LIFETIME) -> str:
    """A token that acts as the credential's principal for `lifetime` seconds.

    Raises ConfigurationError when the lifetime is not 1 second to 7 days.
    """
    if not 1 <= lifetime <= MAX_LIFETIME:
        raise ConfigurationError(
            f"A token cannot live for {lifetime} seconds: give 1 to {MAX_LIFETIME} (7 days)."
        )
    begin = int(now)
    claims = Claims(credential.access_key, credential.principal.id, begin, begin + lifetime)
    head = f"{PREFIX}.{_encode(_encoder.encode(claims))}"
    return f"{head}.{_encode(_signature(credential, head))}"


class TokenVerifier:
    """Verifies bearer tokens. `clock` gives Unix seconds."""

    def __init__(self, identities: Identities, clock: Callable[[], float] = time.time) -> None:
        self._identities = identities
        self._clock = clock

    def verify(self, token: str) -> Principal:
        """The principal that the token acts as. Raises InvalidToken."""
        head, _, signature_text = token.rpartition(".")
        prefix, _, claims_text = head.partition(".")
        claims = _claims(claims_text) if prefix == PREFIX and len(token) <= _LENGTH_LIMIT else None
        signature = _decode(signature_text)
        if claims is None or signature is None:
            raise InvalidToken("The provided token is malformed or otherwise invalid.")
        credential = self._identities.credential(claims.key)
        if (
            credential is None
            or not hmac.compare_digest(_signature(credential, head), signature)
            or credential.principal.id != claims.sub
        ):
            raise InvalidToken("The provided token was not signed by a key of this store.")
        self._check_time(claims)
        return credential.principal._replace(access_key="")

    def _check_time(self, claims: Claims) -> None:
        now = self._clock()
        if now >= claims.exp:
            raise InvalidToken("The provided token has expired.")
        if claims.iat > now + _CLOCK_SKEW or claims.exp - claims.iat > MAX_LIFETIME:
            raise InvalidToken("The provided token is not valid yet, or is valid for too long.")


def claims_of(token: str) -> Claims:
    """What a token says that was verified."""
    claims = _claims(token.rpartition(".")[0].partition(".")[2])
    assert claims is not None
    return claims


def _signature(credential: Credential, head: str) -> bytes:
    key = hmac.digest(credential.secret_key.encode(), b"strandline/bearer-token/1", "sha256")
    return hmac.digest(key, head.encode("utf-8", "replace"), "sha256")


def _claims(text: str) -> Claims | None:
    content = _decode(text)
    if content is None:
        return None
    try:
        return _decoder.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _encode(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def _decode(text: str) -> bytes | None:
    """The bytes of unpadded base64url; None unless the text is their one encoding."""
    try:
        content = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (Base64Error, ValueError):
        return None
    return content if _encode(content) == text else None
