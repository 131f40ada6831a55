"""Who calls the REST API: a bearer token, or Signature Version 4 as on the S3 port."""

from typing import NamedTuple, Protocol

from starlette.requests import Request

from access.identity import Principal
from access.sigv4 import Verifier
from access.tokens import claims_of
from schemas.errors import AccessDenied, NotImplementedOperation


class TokenVerifier(Protocol):
    """Checks bearer tokens (access.tokens)."""

    def verify(self, token: str) -> Principal:
        """Whose token it is. Raises InvalidToken for one that is malformed, unknown or expired."""


class Unauthenticated(AccessDenied):
    """Nothing in the request says who sent it."""


class Caller(NamedTuple):
    """Who sent the request.

    sha256      of the body that was signed; None: not signed
    access_key  that signed it, or that the token is of
    ends        when the token or the session does that it came with, Unix seconds; None: it has none
    """

    principal: Principal
    sha256: bytes | None
    access_key: str
    ends: int | None


class Authentication:
    """Both ways to say who one is."""

    def __init__(self, signatures: Verifier, tokens: TokenVerifier) -> None:
        self._signatures = signatures
        self._tokens = tokens

    def caller(self, request: Request, headers: dict[str, str]) -> Caller:
        """Who sent the request. Raises Unauthenticated, InvalidToken, or what a wrong signature gets."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            principal = self._tokens.verify(token.strip())
            claims = claims_of(token.strip())
            return Caller(principal, None, claims.key, claims.exp)
        query = request.scope["query_string"].decode("latin-1")
        signed = self._signatures.verify(request.method, request.scope["path"], query, headers)
        if signed.principal is None:
            raise Unauthenticated(
                "the request says not who sent it; send Authorization: Bearer TOKEN (made by `strandline "
                "token`) or sign it with AWS Signature Version 4 for the service s3"
            )
        if signed.streaming:
            raise NotImplementedOperation(
                f"the REST API takes a body as it is: {signed.payload} belongs to the S3 port"
            )
        session = signed.principal.session
        ends = None if session is None else session.expires_at
        return Caller(signed.principal, signed.sha256, signed.principal.access_key, ends)
