"""The policy of a browser's upload form: what its signer allows to be sent, and until when.

Source: Amazon S3 API reference, "POST policy".
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from schemas.errors import AccessDenied, InvalidPolicyDocument

# Fields that no condition has to name.
_EXEMPT = frozenset({"awsaccesskeyid", "file", "policy", "signature", "x-amz-signature"})
_IGNORED = "x-ignore-"

_date = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.\d+)?Z", re.ASCII).fullmatch
# A dollar sign may be escaped, which JSON does not know.
_escaped_dollar = re.compile(r"(\\\\)|\\\$").sub


class Condition(NamedTuple):
    """`field` (lower case) must be equal to `value`, or (`starts`) begin with it; `source` as it was sent."""

    field: str
    value: str
    starts: bool
    source: Any

    def holds(self, actual: str) -> bool:
        """Of a list of content types each must begin as demanded."""
        if not self.starts:
            return actual == self.value
        if self.field == "content-type":
            return all(one.strip().startswith(self.value) for one in actual.split(","))
        return actual.startswith(self.value)


class PostPolicy(NamedTuple):
    """A policy. `expires` in Unix seconds; `sizes` the smallest and the largest file in bytes, if limited."""

    expires: float
    conditions: tuple[Condition, ...]
    sizes: tuple[int, int] | None

    def check(self, fields: Mapping[str, str], now: float) -> None:
        """Raises AccessDenied unless the form (lower-case names, the bucket among them) is allowed at
        that time."""
        if now > self.expires:
            raise AccessDenied("Invalid according to Policy: Policy expired.")
        for condition in self.conditions:
            if not condition.holds(fields.get(condition.field, "")):
                source = json.dumps(condition.source, ensure_ascii=False)
                raise AccessDenied(f"Invalid according to Policy: Policy Condition failed: {source}")
        named = _EXEMPT | {condition.field for condition in self.conditions}
        extra = sorted(name for name in fields if name not in named and not name.startswith(_IGNORED))
        if extra:
            raise AccessDenied(f"Invalid according to Policy: Extra input fields: {', '.join(extra)}")


def parse_policy(text: str) -> PostPolicy:
    """The policy of a form: JSON in base64. Raises InvalidPolicyDocument."""
    try:
        decoded = base64.b64decode("".join(text.split()), validate=True).decode()
        document = json.loads(_escaped_dollar(lambda match: match[1] or "$", decoded))
    except (binascii.Error, ValueError, RecursionError):
        raise _invalid("Invalid JSON.") from None
    if not isinstance(document, dict):
        raise _invalid("Invalid JSON.")
    for name in ("expiration", "conditions"):
        if name not in document:
            raise _invalid(f"Policy missing {name}.")
    conditions = document["conditions"]
    if not isinstance(conditions, list):
        raise _invalid("Invalid conditions: must be a List.")
    found: list[Condition] = []
    sizes = None
    for source in conditions:
        if isinstance(source, list) and len(source) == 3 and _operator(source) == "content-length-range":
            sizes = _narrowed(sizes, _sizes(source))
        else:
            found.append(_condition(source))
    return PostPolicy(_expiration(document["expiration"]), tuple(found), sizes)


def _expiration(value: Any) -> float:
    match = _date(value) if isinstance(value, str) else None
    if match is None:
        raise _invalid(f"Invalid 'expiration' value: '{value}'")
    try:
        return datetime.fromisoformat(match[1]).replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise _invalid(f"Invalid 'expiration' value: '{value}'") from None


def _condition(source: Any) -> Condition:
    if isinstance(source, dict):
        if len(source) != 1:
            raise _invalid(
                "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."
            )
        ((name, value),) = source.items()
        if not isinstance(value, str):
            raise _invalid("Invalid Simple-Condition: value must be a string.")
        return Condition(name.lower(), value, False, ["eq", f"${name}", value])
    if not isinstance(source, list) or len(source) != 3 or not all(isinstance(one, str) for one in source):
        raise _invalid("Invalid Condition: must be an object, or a list of operation, field and value.")
    operator = _operator(source)
    if operator not in ("eq", "starts-with"):
        raise _invalid(f"Invalid Condition: unknown operation '{source[0]}'.")
    if not source[1].startswith("$"):
        raise _invalid(f"Invalid Condition: the field '{source[1]}' must begin with '$'.")
    return Condition(source[1][1:].lower(), source[2], operator == "starts-with", source)


def _operator(source: list[Any]) -> str:
    return source[0].lower() if isinstance(source[0], str) else ""


def _sizes(source: list[Any]) -> tuple[int, int]:
    smallest, largest = (_size(one) for one in source[1:])
    if smallest > largest:
        raise _invalid("Invalid content-length-range: the minimum is above the maximum.")
    return smallest, largest


def _size(value: Any) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:
        return int(value)
    if type(value) is int and value >= 0:
        return value
    raise _invalid(f"Invalid content-length-range: '{value}' is not a number of bytes.")


def _narrowed(known: tuple[int, int] | None, sizes: tuple[int, int]) -> tuple[int, int]:
    """Every condition must hold, so of several ranges what they have in common."""
    return sizes if known is None else (max(known[0], sizes[0]), min(known[1], sizes[1]))


def _invalid(why: str) -> InvalidPolicyDocument:
    return InvalidPolicyDocument(f"Invalid Policy: {why}")
