"""ID tokens: what one claims to be, and what it says once its signature holds.

PyJWT checks signature and times, with one key and one algorithm that are told to it; it comes with
strandline[oidc]. Source: OpenID Connect Core 1.0, 3.1.3.7; RFC 8725 (JSON Web Token Best Current Practices).
"""

import importlib.util
import time
from base64 import urlsafe_b64decode
from typing import Any, TypeVar

import msgspec

from access.openid.key_sets import ALGORITHMS, NO_KEY, PublicKey
from schemas.errors import (
    ExpiredIdentityToken,
    IdentityClaimRejected,
    InvalidIdentityToken,
    NotImplementedOperation,
)

LEEWAY = 30  # seconds that clocks may differ by
NOT_A_JWT = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"

Claims = dict[str, Any]
T = TypeVar("T")


class Claimed(msgspec.Struct, frozen=True):
    """What a token says before anything of it is known to be true. key: "" where it names none."""

    issuer: str
    algorithm: str
    key: str = ""


class _Header(msgspec.Struct):
    alg: str
    kid: str = ""
    crit: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Payload(msgspec.Struct):
    iss: str


def read(token: str) -> Claimed:
    """What the token claims. Raises InvalidIdentityToken for what is no JWT, or signed by other means than a
    key pair; NotImplementedOperation where PyJWT is not installed."""
    if importlib.util.find_spec("jwt") is None:
        raise NotImplementedOperation(
            "AssumeRoleWithWebIdentity is not implemented here: it needs the packages of strandline[oidc]."
        )
    parts = token.split(".")
    if len(parts) != 3:
        raise InvalidIdentityToken(NOT_A_JWT)
    header, payload = _part(parts[0], _Header), _part(parts[1], _Payload)
    if header.alg not in ALGORITHMS or header.crit is not msgspec.UNSET:
        raise InvalidIdentityToken(
            f"The ID Token must be signed by one of {', '.join(ALGORITHMS)}, without critical headers"
        )
    return Claimed(payload.iss, header.alg, header.kid)


def verify(token: str, claimed: Claimed, key: PublicKey) -> Claims:
    """What the token says. Raises InvalidIdentityToken, ExpiredIdentityToken, IdentityClaimRejected."""
    import jwt  # an extra: nobody else pays for it

    # PyJWT's JSON takes halves of surrogate pairs, which nothing can write again, and numbers without end.
    _part(token.split(".")[1], dict[str, Any])
    try:
        found: Claims = jwt.decode(
            token,
            jwt.PyJWK(key.jwk(), claimed.algorithm),
            algorithms=[claimed.algorithm],
            leeway=LEEWAY,
            issuer=claimed.issuer,
            options={
                "require": ["iss", "sub", "aud", "exp", "iat"],
                "verify_aud": False,  # the caller's, which knows of azp
                "enforce_minimum_key_length": True,
            },
        )
        return found
    except jwt.ExpiredSignatureError:
        raise ExpiredIdentityToken(
            f"Token expired: current date/time {int(time.time())} must be before the expiration date/time "
            f"{_expiry(token)}"
        ) from None
    except jwt.ImmatureSignatureError:
        raise IdentityClaimRejected("The token is not valid yet: see its nbf and iat") from None
    except jwt.MissingRequiredClaimError as error:
        raise InvalidIdentityToken(f"Missing a required claim: {error.claim}") from None
    except jwt.InvalidSignatureError:
        raise InvalidIdentityToken("The signature of the token does not hold") from None
    except (jwt.InvalidKeyError, jwt.PyJWKError):
        raise InvalidIdentityToken(NO_KEY) from None
    except jwt.PyJWTError:
        raise InvalidIdentityToken(NOT_A_JWT) from None


def _expiry(token: str) -> Any:
    return _part(token.split(".")[1], dict[str, Any])["exp"]


def _part(text: str, kind: type[T]) -> T:
    """A part of a token, base64url without padding. Raises InvalidIdentityToken."""
    try:
        return msgspec.json.decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=kind)
    except (ValueError, RecursionError, msgspec.DecodeError):
        raise InvalidIdentityToken(NOT_A_JWT) from None
