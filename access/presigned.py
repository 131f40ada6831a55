"""Presigned URLs: Signature Version 4 in the query, valid from its date for X-Amz-Expires seconds."""

import re
from urllib.parse import unquote

import msgspec

from access.canonical import join_query, query_pairs, split_pairs
from access.claim import Claim
from access.signing import ALGORITHM, MAX_SKEW, iso_date, parse_long_date
from schemas.errors import AccessDenied, AuthorizationQueryParametersError, ExpiredRequest

REQUIRED = frozenset(
    {
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-Signature",
        "X-Amz-SignedHeaders",
    }
)
TOKEN = "X-Amz-Security-Token"
_OF_SIGNATURE = REQUIRED | {TOKEN}
MAX_EXPIRES = 604_800  # seconds: seven days


class Presigned(msgspec.Struct, frozen=True, gc=False):
    """A presigned request's claim.

    query    the canonical query that was signed (without the signature)
    begin    Unix seconds of X-Amz-Date
    expires  seconds of validity from there
    token    a session token, if any
    payload  X-Amz-Content-Sha256 as a parameter, if any
    rest     the query without what belongs to the signature
    """

    claim: Claim
    query: str
    begin: int
    expires: int
    token: str | None
    payload: str | None
    rest: str


# What SDKs make of a plain request, parameters in their order, everything canonical already.
_usual = re.compile(
    r"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=([A-Za-z0-9_.~-]+)%2F([0-9]{8})%2F([a-z0-9-]+)"
    r"%2Fs3%2Faws4_request&X-Amz-Date=([0-9TZ]+)&X-Amz-Expires=([0-9]+)&X-Amz-SignedHeaders=host"
    r"&X-Amz-Signature=([0-9a-f]{64})"
).fullmatch
_SIGNATURE_LENGTH = len("&X-Amz-Signature=") + 64


def parse_presigned(raw_query: str) -> Presigned:
    """Read the X-Amz-… parameters. Raises AuthorizationQueryParametersError."""
    usual = _usual(raw_query)
    if usual is None:
        return _parse(raw_query)
    key, day, region, timestamp, expires, signature = usual.groups()
    begin = parse_long_date(timestamp)
    if begin is None:
        return _parse(raw_query)
    claim = Claim(f"{key}/{day}/{region}/s3/aws4_request", "host", signature, timestamp, True)
    query = raw_query[:-_SIGNATURE_LENGTH]
    return Presigned(claim, query, begin, _parse_expires(expires), None, None, "")


def _parse(raw_query: str) -> Presigned:
    """The same for parameters in any order and form."""
    pairs = query_pairs(raw_query)
    parameters = split_pairs(pairs)
    try:
        algorithm = parameters["X-Amz-Algorithm"]
        credential = _decode(parameters["X-Amz-Credential"])
        timestamp = parameters["X-Amz-Date"]
        expires = parameters["X-Amz-Expires"]
        signed_headers = _decode(parameters["X-Amz-SignedHeaders"])
        signature = parameters["X-Amz-Signature"]
    except KeyError:
        raise AuthorizationQueryParametersError(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
            "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
        ) from None
    if algorithm != ALGORITHM:
        raise AuthorizationQueryParametersError(f'X-Amz-Algorithm only supports "{ALGORITHM}"')
    begin = parse_long_date(timestamp)
    if begin is None:
        raise AuthorizationQueryParametersError(
            "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""
        )
    token = _decode(parameters[TOKEN]) if TOKEN in parameters else None
    payload = parameters.get("X-Amz-Content-Sha256") or parameters.get("X-Amz-Content-SHA256")
    claim = Claim(credential, signed_headers, signature, timestamp, True)
    query = join_query([pair for pair in pairs if not pair.startswith("X-Amz-Signature\x01")])
    rest = "" if len(pairs) == len(REQUIRED) else _rest(pairs)
    return Presigned(claim, query, begin, _parse_expires(expires), token, payload, rest)


def _rest(pairs: list[str]) -> str:
    return join_query([pair for pair in pairs if pair.partition("\x01")[0] not in _OF_SIGNATURE])


def check_validity(presigned: Presigned, now: float) -> None:
    """Raises ExpiredRequest after the end, AccessDenied more than 15 minutes before the begin."""
    end = presigned.begin + presigned.expires
    if now > end:
        raise ExpiredRequest(
            "Request has expired",
            **{"X-Amz-Expires": str(presigned.expires)},
            Expires=iso_date(end),
            ServerTime=iso_date(now),
        )
    if presigned.begin > now + MAX_SKEW:
        raise AccessDenied("Request is not yet valid", ServerTime=iso_date(now))


def _parse_expires(text: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        raise AuthorizationQueryParametersError("X-Amz-Expires should be a number")
    if text != digits:
        raise AuthorizationQueryParametersError("X-Amz-Expires must be non-negative")
    if len(text) > 9 or int(text) > MAX_EXPIRES:
        raise AuthorizationQueryParametersError(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be "
            f"less than {MAX_EXPIRES} seconds"
        )
    if int(text) == 0:
        raise AuthorizationQueryParametersError("X-Amz-Expires must be at least 1 second")
    return int(text)


def _decode(value: str) -> str:
    """Decode a canonical value; the two escapes that every URL has need no general decoder."""
    if "%" not in value:
        return value
    value = value.replace("%2F", "/").replace("%3B", ";")
    return unquote(value) if "%" in value else value
