"""How each kind of condition compares one value of a request with one value of a policy.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators".
"""

import re
from base64 import b64decode
from binascii import Error as NoBase64
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from ipaddress import ip_address, ip_network
from operator import eq, ge, gt, le, lt
from typing import TypeVar

from access.evaluation.wildcard import Matcher, Token, Wild, matcher

_is_number = re.compile(r"[+-]?\d{1,30}(\.\d{1,30})?", re.ASCII).fullmatch
ARN_FIELDS = 6
_TRUTHS = {"true": True, "false": False}

T = TypeVar("T")


def _never(text: str) -> bool:
    return False


# --- texts ---------------------------------------------------------------------------------------------
def ignoring_case(tokens: Sequence[Token]) -> Matcher:
    """Equal but for case."""
    wanted = "".join(token for token in tokens if isinstance(token, str)).casefold()
    return lambda text: text.casefold() == wanted


def arn(tokens: Sequence[Token]) -> Matcher:
    """Six fields between colons, each with wildcards of its own: a `*` does not reach over a colon, except in
    the last field."""
    fields: list[list[Token]] = [[]]
    for token in tokens:
        if isinstance(token, Wild):
            fields[-1].append(token)
            continue
        while len(fields) < ARN_FIELDS and ":" in token:
            head, _, token = token.partition(":")
            if head:
                fields[-1].append(head)
            fields.append([])
        if token:
            fields[-1].append(token)
    if len(fields) < ARN_FIELDS:
        # Not an ARN: it means what it says, and "*" is every ARN.
        return matcher(tokens) if list(tokens) == [Wild.ANY] else _never
    matchers = [matcher(field) for field in fields]

    def match(text: str) -> bool:
        parts = text.split(":", ARN_FIELDS - 1)
        return len(parts) == ARN_FIELDS and all(
            fits(part) for fits, part in zip(matchers, parts, strict=True)
        )

    return match


# --- numbers, dates, and the rest ----------------------------------------------------------------------
def _ordered(read: Callable[[str], T | None], relation: Callable[[T, T], bool]) -> Callable[[str], Matcher]:
    """A comparison of what `read` makes of both sides; what it cannot read compares with nothing."""

    def make(value: str) -> Matcher:
        wanted = read(value)
        if wanted is None:
            return _never

        def match(text: str) -> bool:
            found = read(text)
            return found is not None and relation(found, wanted)

        return match

    return make


def number(text: str) -> Decimal | None:
    """A number of the policy language."""
    return Decimal(text) if _is_number(text.strip()) else None


def date(text: str) -> float | None:
    """Unix seconds of a date as ISO 8601 writes it (UTC unless it says otherwise), or given as seconds."""
    text = text.strip()
    if len(text) != 4 and _is_number(text):
        return float(text)
    if len(text) in (4, 7):
        text += "-01-01"[: 10 - len(text)]
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def truth(text: str) -> bool | None:
    """True or false."""
    return _TRUTHS[text] if text in _TRUTHS else _TRUTHS.get(text.strip().lower())


def binary(text: str) -> bytes | None:
    """Bytes written in base64."""
    try:
        return b64decode(text, validate=True)
    except (NoBase64, ValueError):
        return None


@lru_cache(4096)
def address(text: str) -> tuple[int, int] | None:
    """(version, number) of an address; an IPv4 one that came over IPv6 is an IPv4 one."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    found = getattr(found, "ipv4_mapped", None) or found
    return found.version, int(found)


def within(value: str) -> Matcher:
    """An address in a range, as CIDR writes it."""
    try:
        network = ip_network(value.strip(), strict=False)
    except ValueError:
        return _never
    version, first, mask = network.version, int(network.network_address), int(network.netmask)

    def match(text: str) -> bool:
        found = address(text)
        return found is not None and found[0] == version and found[1] & mask == first

    return match


ORDERED: dict[str, Callable[[str], Matcher]] = {
    "bool": _ordered(truth, eq),
    "binaryequals": _ordered(binary, eq),
    "ipaddress": within,
    "numericequals": _ordered(number, eq),
    "numericlessthan": _ordered(number, lt),
    "numericlessthanequals": _ordered(number, le),
    "numericgreaterthan": _ordered(number, gt),
    "numericgreaterthanequals": _ordered(number, ge),
    "dateequals": _ordered(date, eq),
    "datelessthan": _ordered(date, lt),
    "datelessthanequals": _ordered(date, le),
    "dategreaterthan": _ordered(date, gt),
    "dategreaterthanequals": _ordered(date, ge),
}
