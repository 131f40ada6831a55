"""Where a listing goes on: an opaque text that holds the last name of the page before."""

import base64
import binascii
import json

from schemas.errors import InvalidArgument


def encode_continuation(*place: str) -> str:
    """The token of a place, safe in a URL."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def decode_continuation(token: str, parts: int) -> list[str]:
    """The place of a token made with that many parts. Raises InvalidArgument for anything else."""
    try:
        place = json.loads(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        place = None
    if isinstance(place, list) and len(place) == parts and all(_is_text(part) for part in place):
        return place
    raise InvalidArgument(f"continuation {token!r} was not given out by this listing")


def _is_text(part: object) -> bool:
    """A text that has a UTF-8 form: JSON can smuggle lone surrogates."""
    return isinstance(part, str) and not any("\ud800" <= c <= "\udfff" for c in part)
