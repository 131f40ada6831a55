"""The canonical form of a request, as AWS Signature Version 4 defines it for S3.

Source: AWS General Reference, "Create a signed AWS API request". S3's exceptions: the path is encoded
once and never normalised ("//" and ".." stay). Most clients send what is canonical already, so each
function first recognises that and then changes nothing.
"""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import unquote_to_bytes

from schemas.errors import InvalidURI

# Characters that stay as they are (RFC 3986 "unreserved"); everything else is %XX of its UTF-8.
_PLAIN = r"[A-Za-z0-9\-._~]*+"
# A percent-encoding in upper case of a byte that needs one.
_ENCODED = r"%(?:[01][0-9A-F]|2[0-9A-CF]|3[A-F]|40|5[B-E]|60|7[B-DF]|[89A-F][0-9A-F])"
_TOKEN = f"{_PLAIN}(?:{_ENCODED}{_PLAIN})*+"
_canonical_query = re.compile(f"{_TOKEN}={_TOKEN}(?:&{_TOKEN}={_TOKEN})*+").fullmatch
_canonical_path = re.compile(r"[A-Za-z0-9\-._~/]+").fullmatch

_encode_path_bytes = re.compile(rb"[^A-Za-z0-9\-._~/]").sub
_encode_query_bytes = re.compile(rb"[^A-Za-z0-9\-._~]").sub
_spaces = re.compile(r"[ \t]+")

# Sorts below every character of an encoded name or value: with it in place of "=", whole pairs sort by
# name first and by value second.
_LOWEST = "\x01"


def _escape(match: re.Match[bytes]) -> bytes:
    return b"%%%02X" % match[0][0]


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidURI("Couldn't parse the specified URI: it is not valid UTF-8.") from None


def canonical_path(path: str) -> str:
    """The canonical form of a percent-decoded path. Raises InvalidURI for text that has no UTF-8."""
    if _canonical_path(path):
        return path
    return _encode_path_bytes(_escape, _utf8(path)).decode() or "/"


def query_pairs(raw_query: str) -> list[str]:
    """The sorted canonical parameters of a raw query string, each as name ‖ "\\x01" ‖ value.

    Parameters are decoded ("+" is a space, as in forms) and encoded anew; empty ones are dropped; one
    without "=" has an empty value.
    """
    if not raw_query:
        return []
    if not _canonical_query(raw_query):
        raw_query = "&".join([_encode_parameter(p) for p in raw_query.split("&") if p])
    pairs = raw_query.replace("=", _LOWEST).split("&")
    pairs.sort()
    return pairs if pairs[0] else pairs[1:]


def join_query(pairs: Sequence[str]) -> str:
    """The canonical query string of pairs made by `query_pairs`."""
    return "&".join(pairs).replace(_LOWEST, "=")


def split_pairs(pairs: Sequence[str]) -> dict[str, str]:
    """Still-encoded names and values of pairs made by `query_pairs`; of a repeated name the last value."""
    return dict([pair.split(_LOWEST) for pair in pairs])


def canonical_query(raw_query: str) -> str:
    """The canonical form of a raw query string."""
    return join_query(query_pairs(raw_query)) if raw_query else ""


def _encode_parameter(parameter: str) -> str:
    name, _, value = parameter.partition("=")
    return f"{_encode_again(name)}={_encode_again(value)}"


def _encode_again(text: str) -> str:
    decoded = unquote_to_bytes(_utf8(text.replace("+", " ")))
    return _encode_query_bytes(_escape, decoded).decode()


def canonical_headers(headers: Mapping[str, str], names: Sequence[str]) -> str:
    """One line "name:value\\n" per name, values trimmed and inner spaces collapsed.

    A name that the request does not have gets an empty value: the signature then decides.
    """
    lines = "".join([f"{name}:{headers.get(name, '')}\n" for name in names])
    # ": " may also stand inside a value; the slow way is right for those too.
    if "  " in lines or "\t" in lines or ": " in lines or " \n" in lines:
        return "".join([f"{name}:{_trim(headers.get(name, ''))}\n" for name in names])
    return lines


def _trim(value: str) -> str:
    return _spaces.sub(" ", value.strip(" \t"))
