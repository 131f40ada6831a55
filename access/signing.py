"""Keys and times of Signature Version 4: how a secret becomes a signing key, and how a date is read."""

import hashlib
import hmac
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

ALGORITHM = "AWS4-HMAC-SHA256"
MAX_SKEW = 900  # seconds a client's clock may be off
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()

_long_date = re.compile(r"\d{8}T\d{6}Z", re.ASCII).fullmatch
_BLOCK = 64  # bytes of a SHA-256 block
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))


class SigningKey:
    """HMAC-SHA256 under one key (RFC 2104), with the key's two blocks hashed beforehand.

    Copying hash states takes half the time of keying an HMAC anew for every request.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = (key if len(key) <= _BLOCK else hashlib.sha256(key).digest()).ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(block.translate(_INNER))
        self._outer = hashlib.sha256(block.translate(_OUTER))

    def sign(self, message: bytes) -> str:
        """The HMAC in lower-case hexadecimal."""
        inner = self._inner.copy()
        inner.update(message)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest()


def signing_key(secret: str, date: str, region: str, service: str) -> SigningKey:
    """The key of one day (YYYYMMDD), region and service."""
    key = b"AWS4" + secret.encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return SigningKey(key)


@lru_cache(maxsize=4096)  # clients sign many requests in one second
def parse_long_date(text: str) -> int | None:
    """Unix seconds of an ISO 8601 basic date (YYYYMMDDTHHMMSSZ); None when it is not one."""
    if not _long_date(text):
        return None
    try:
        moment = datetime(
            int(text[:4]),
            int(text[4:6]),
            int(text[6:8]),
            int(text[9:11]),
            int(text[11:13]),
            int(text[13:15]),
            tzinfo=UTC,
        )
    except ValueError:
        return None
    return int(moment.timestamp())


def parse_http_date(text: str) -> int | None:
    """Unix seconds of a `Date` header (RFC 9110, or the ISO form that some clients send); else None."""
    if _long_date(text):
        return parse_long_date(text)
    try:
        moment = parsedate_to_datetime(text)
        return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())
    except (ValueError, OverflowError):
        return None


def long_date(seconds: float) -> str:
    """YYYYMMDDTHHMMSSZ of Unix seconds."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%SZ")


def iso_date(seconds: float) -> str:
    """YYYY-MM-DDTHH:MM:SSZ of Unix seconds, as error answers show times."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
