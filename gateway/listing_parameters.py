"""What a listing asks for: the parameters that all four listings share, checked with AWS's errors."""

from collections.abc import Mapping
from typing import NamedTuple

from schemas.errors import InvalidArgument

PAGE_LIMIT = 1000
_INTEGER_LIMIT = 2**31 - 1


class Asked(NamedTuple):
    """Prefix, delimiter, entries per page, and whether names are to be percent-encoded."""

    prefix: str
    delimiter: str
    limit: int
    url: bool


def asked(query: Mapping[str, str], limit_name: str = "max-keys") -> Asked:
    """The shared parameters. Raises InvalidArgument."""
    encoding = query.get("encoding-type")
    if encoding is not None and encoding != "url":
        raise InvalidArgument(
            "Invalid Encoding Method specified in Request",
            ArgumentName="encoding-type",
            ArgumentValue=encoding,
        )
    limit = number_parameter(query, limit_name, PAGE_LIMIT, PAGE_LIMIT)
    return Asked(query.get("prefix", ""), query.get("delimiter", ""), limit, encoding is not None)


def number_parameter(query: Mapping[str, str], name: str, default: int, maximum: int) -> int:
    """A count of entries: `default` when absent or empty, at most `maximum`.

    Raises InvalidArgument when it is not an integer from 0 to 2147483647.
    """
    text = query.get(name)
    if not text:
        return default
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 10 or int(digits) > _INTEGER_LIMIT:
        raise InvalidArgument(
            f"Provided {name} not an integer or within integer range", ArgumentName=name, ArgumentValue=text
        )
    if text[0] == "-" and int(digits):
        raise InvalidArgument(
            f"Argument {name} must be an integer between 0 and {_INTEGER_LIMIT}",
            ArgumentName=name,
            ArgumentValue=text,
        )
    return min(int(digits), maximum)
