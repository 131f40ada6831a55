"""Continuation tokens: the name after which a listing goes on, in a form that clients leave alone."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from zlib import crc32

from schemas.errors import InvalidArgument

_VERSION = b"1"


def encode_token(name: str) -> str:
    """URL-safe base64 of version ‖ CRC32 (4 bytes, big endian) ‖ UTF-8 of the name."""
    data = name.encode()
    return urlsafe_b64encode(_VERSION + crc32(data).to_bytes(4, "big") + data).decode().rstrip("=")


def decode_token(token: str) -> str:
    """The name inside a token. Raises InvalidArgument for what was not made by `encode_token`."""
    try:
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        name = raw[5:]
        if (
            raw[:1] == _VERSION
            and crc32(name).to_bytes(4, "big") == raw[1:5]
            and encode_token(name.decode()) == token
        ):
            return name.decode()
    except (Base64Error, ValueError):
        pass
    raise InvalidArgument(
        "The continuation token provided is incorrect", ArgumentName="continuation-token", ArgumentValue=token
    )
