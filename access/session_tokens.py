"""Session tokens: temporary credentials that carry all that is known of them, sealed under the key ring.

    base64url of: 0x01 ‖ nonce (12) ‖ ciphertext of SessionClaims in msgpack ‖ tag (16)

Nothing is stored anywhere: every gateway that has the key ring can read every token. A client can neither
read nor make one.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from typing import Literal

import msgspec

from access.keyring import KeyRing
from access.secrets import KEY_ID
from schemas.errors import InvalidToken, PackedPolicyTooLarge

FORMAT = b"\x01"
CONTEXT = b"SLsession1\n"
TOKEN_LIMIT = 4096  # characters: it has to fit among the headers of every request


class SessionClaims(msgspec.Struct, frozen=True, array_like=True):
    """What a token says. Times in Unix seconds.

    kind       whose it is: of an account's root, of a user, of a role
    unique_id  of the user or role; the account's number for its root
    name       the session's, of a role
    keys       condition keys of a web identity
    parent     the access key that asked for it: a session of an account or a user ends with that key
    """

    access_key: str
    secret_key: str
    account: str
    kind: Literal["account", "user", "role"]
    unique_id: str
    issued_at: int
    expires_at: int
    name: str = ""
    parent: str = ""
    policies: tuple[str, ...] = ()
    policy_arns: tuple[str, ...] = ()
    tags: dict[str, str] = {}
    transitive: tuple[str, ...] = ()
    source_identity: str = ""
    provider: str = ""
    keys: dict[str, tuple[str, ...]] = {}


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(SessionClaims)


class SessionTokens:
    """Makes tokens, and opens those that were made with the same key ring."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def seal(self, claims: SessionClaims) -> str:
        """The token. Raises PackedPolicyTooLarge."""
        token = urlsafe_b64encode(FORMAT + self._keys.seal(KEY_ID, _encoder.encode(claims), CONTEXT)).decode()
        if len(token) > TOKEN_LIMIT:
            raise PackedPolicyTooLarge(
                f"Session policies and tags make a token of {len(token)} characters; at most {TOKEN_LIMIT} "
                "fit into a request."
            )
        return token

    def open(self, token: str) -> SessionClaims:
        """What it says, expired or not. Raises InvalidToken."""
        sealed = _decoded(token)
        content = None
        if sealed is not None and sealed[:1] == FORMAT:
            content = self._keys.open(KEY_ID, sealed[1:], CONTEXT)
        if content is None:
            raise not_a_token(token)
        return _decoder.decode(content)


def not_a_token(token: str) -> InvalidToken:
    """The error for a token that is none of ours, or another access key's."""
    return InvalidToken("The provided token is malformed or otherwise invalid.", **{"Token-0": token})


def _decoded(token: str) -> bytes | None:
    """The bytes of base64url; None unless the text is their one encoding."""
    if len(token) > TOKEN_LIMIT or not token.isascii():
        return None
    try:
        content = urlsafe_b64decode(token)
    except (Base64Error, ValueError):
        return None
    return content if urlsafe_b64encode(content) == token.encode() else None
