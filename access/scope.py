"""Credential scopes: which key signs, for which day, region and service; and their signing keys, cached."""

from typing import NamedTuple

import msgspec

from access.identity import Credential, Identities
from access.signing import SigningKey, signing_key
from schemas.errors import InvalidAccessKeyId

SERVICE = "s3"
TERMINATOR = "aws4_request"
_CACHE_LIMIT = 1024  # scopes kept; a client uses one a day and region


class Scope(NamedTuple):
    """A credential as a request names it: access key/YYYYMMDD/region/service/aws4_request."""

    access_key: str
    date: str
    region: str
    service: str

    @property
    def text(self) -> str:
        """The scope as it is signed (without the access key)."""
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def parse_scope(text: str) -> Scope | None:
    """The scope of a Credential component; None when it is malformed. An access key may contain "/"."""
    fields = text.rsplit("/", 4)
    if len(fields) != 5 or not all(fields):
        return None
    access_key, date, region, service, terminator = fields
    if terminator != TERMINATOR or len(date) != 8 or not (date.isascii() and date.isdigit()):
        return None
    return Scope(access_key, date, region, service)


def scope_problem(text: str, expected: str = SERVICE) -> str:
    """What is wrong with a Credential component that `parse_scope` cannot read, in AWS's words."""
    fields = text.rsplit("/", 4)
    if len(fields) != 5 or not all(fields):
        return 'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
    _, date, _, service, terminator = fields
    if terminator != TERMINATOR:
        return f'incorrect terminal "{terminator}". This endpoint uses "{TERMINATOR}".'
    if service != expected:
        return f'incorrect service "{service}". This endpoint belongs to "{expected}".'
    return f'incorrect date format "{date}". This date in the credential must be in the format "yyyyMMdd".'


class Grant(msgspec.Struct, frozen=True, gc=False):
    """A scope whose access key is known, and the key that signs under it."""

    credential: Credential
    date: str
    scope: str
    key: SigningKey


class Grants:
    """Looks up credentials and remembers signing keys.

    Only grants whose signature has been verified are kept (`keep`), so that guesses push nothing out; a
    kept grant is used only while the access key still has the same secret.
    """

    def __init__(self, identities: Identities) -> None:
        self._identities = identities
        self._kept: dict[str, Grant] = {}

    def find(self, text: str, token: str = "") -> Grant | None:
        """The grant kept under that Credential component and session token, if it still holds. Raises
        ExpiredToken."""
        name = f"{text}\n{token}" if token else text
        grant = self._kept.get(name)
        if grant is None:
            return None
        known = grant.credential
        access_key = known.access_key
        identities = self._identities
        now = identities.session(access_key, token) if token else identities.credential(access_key)
        if now is known or now == known:
            return grant
        del self._kept[name]
        return None

    def make(self, scope: Scope, token: str = "") -> Grant:
        """The grant of a scope. Raises InvalidAccessKeyId, InvalidToken, ExpiredToken."""
        credential = find_credential(self._identities, scope.access_key, token)
        key = signing_key(credential.secret_key, scope.date, scope.region, scope.service)
        return Grant(credential, scope.date, scope.text, key)

    def keep(self, text: str, token: str, grant: Grant) -> None:
        """Remember a grant that proved right; the oldest makes room."""
        name = f"{text}\n{token}" if token else text
        if name in self._kept:
            return
        if len(self._kept) >= _CACHE_LIMIT:
            del self._kept[next(iter(self._kept))]
        self._kept[name] = grant


def find_credential(identities: Identities, access_key: str, token: str | None) -> Credential:
    """The credential of an access key, with the session token that came with it if any.

    Raises InvalidAccessKeyId, InvalidToken, ExpiredToken."""
    credential = identities.session(access_key, token) if token else identities.credential(access_key)
    if credential is None:
        raise InvalidAccessKeyId(
            "The AWS Access Key Id you provided does not exist in our records.", AWSAccessKeyId=access_key
        )
    return credential
