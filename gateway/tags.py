"""Tags as S3 takes them: in the header x-amz-tagging or in an XML document, and by which rules.

Source: Amazon S3 User Guide, "Categorizing your objects using tags".
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from urllib.parse import unquote_plus

from gateway.xml import Element, document, escape, parse
from schemas.errors import InvalidArgument, InvalidTag, MalformedXML, TooManyTags

HEADER = "x-amz-tagging"
OBJECT_TAGS = 10
KEY_LENGTH = 128  # UTF-16 code units, as S3 counts
VALUE_LENGTH = 256

_PUNCTUATION = frozenset("+-=._:/@")
_KINDS = frozenset("LZN")  # Unicode general categories: letters, separators (spaces), numbers
_bad_escape = re.compile("%(?![0-9A-Fa-f]{2})").search


def tags_of(headers: Mapping[str, str]) -> dict[str, str]:
    """The tags that a write gives its object in x-amz-tagging: a URL-encoded query string.

    A key may come without a value, and empty items (`a=1&&b`) mean nothing. Raises InvalidArgument for what
    is not one, InvalidTag, TooManyTags.
    """
    text = headers.get(HEADER)
    if not text:
        return {}
    pairs = [item.partition("=")[::2] for item in text.split("&") if item]
    try:
        tags = [(_decode(key), _decode(value)) for key, value in pairs]
    except ValueError:
        raise _unreadable(text) from None
    if len({key for key, _ in tags}) < len(tags):
        raise _unreadable(text)
    return checked(tags)


def _decode(text: str) -> str:
    """Raises ValueError for a bad escape or what is not UTF-8."""
    if _bad_escape(text):
        raise ValueError(text)
    return unquote_plus(text, errors="strict")


def _unreadable(text: str) -> InvalidArgument:
    return InvalidArgument(
        f"The header '{HEADER}' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag "
        "name duplicates.",
        ArgumentName=HEADER,
        ArgumentValue=text,
    )


def parse_tagging(body: bytes, limit: int = OBJECT_TAGS) -> dict[str, str]:
    """The tags of a `Tagging` document. Raises MalformedXML, InvalidTag, TooManyTags."""
    root = parse(body, "Tagging")
    root.only("TagSet")
    tag_set = root.one("TagSet")
    if tag_set is None:
        raise MalformedXML()
    tag_set.only("Tag")
    return checked([_tag(child) for child in tag_set.children], limit)


def _tag(element: Element) -> tuple[str, str]:
    element.only("Key", "Value")
    key, value = element.value("Key"), element.value("Value")
    if key is None or value is None:
        raise MalformedXML()
    return key, value


def checked(
    tags: Iterable[tuple[str, str]], limit: int = OBJECT_TAGS, counted: str = "Object tags"
) -> dict[str, str]:
    """Those tags, if each is allowed, no key comes twice and there are at most `limit`; `counted` is how the
    message calls them.

    Raises InvalidTag, TooManyTags.
    """
    found: dict[str, str] = {}
    for key, value in tags:
        if key in found:
            raise InvalidTag("Cannot provide multiple Tags with the same key", TagKey=key)
        if not key or not _allowed(key, KEY_LENGTH):
            raise InvalidTag("The TagKey you have provided is invalid", TagKey=key)
        if not _allowed(value, VALUE_LENGTH):
            raise InvalidTag("The TagValue you have provided is invalid", TagKey=key, TagValue=value)
        if key.lower().startswith("aws:"):
            raise InvalidTag("System tags cannot be added/updated by requester", TagKey=key)
        found[key] = value
    if len(found) > limit:
        raise TooManyTags(f"{counted} cannot be greater than {limit}")
    return found


def _allowed(text: str, length: int) -> bool:
    if text.isascii() and text.isalnum():
        return len(text) <= length
    if len(text) + sum(char > "\uffff" for char in text) > length:
        return False
    return has_tag_characters(text)


def has_tag_characters(text: str) -> bool:
    """Whether it holds only what names and values of tags may: letters, numbers, spaces and +-=._:/@"""
    return all(char in _PUNCTUATION or unicodedata.category(char)[0] in _KINDS for char in text)


def tagging_document(tags: Mapping[str, str]) -> bytes:
    """The answer that lists tags."""
    rows = "".join(
        f"<Tag><Key>{escape(key)}</Key><Value>{escape(value)}</Value></Tag>" for key, value in tags.items()
    )
    return document("Tagging", f"<TagSet>{rows}</TagSet>")
