"""XML documents of configurations to msgspec structs and back, by the structs' own fields.

A field's encoded name is its element; a tuple is an element that repeats; a field that is a struct is an
element with children. Elements may come in any order, as AWS allows, and are written in that of the fields.
"""

from collections.abc import Callable
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

import msgspec

from gateway.xml import Element, escape
from schemas.errors import MalformedXML

T = TypeVar("T", bound=msgspec.Struct)

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_INTEGER_DIGITS = 10


class _Field(NamedTuple):
    attribute: str
    element: str
    repeats: bool
    required: bool
    read: Callable[[Element], Any]


def read_struct(element: Element, kind: type[T]) -> T:
    """The struct that an element holds. Raises MalformedXML for what does not fit it."""
    fields = _fields(kind)
    element.only(*(field.element for field in fields))
    values: dict[str, Any] = {}
    for field in fields:
        found = [field.read(child) for child in element.children if child.name == field.element]
        if field.repeats:
            if found:
                values[field.attribute] = tuple(found)
        elif len(found) == 1:
            values[field.attribute] = found[0]
        elif found:
            raise MalformedXML()
        if field.required and not found:
            raise MalformedXML()
    return kind(**values)


def write_struct(struct: msgspec.Struct) -> str:
    """The elements of a struct's fields; one that is None is left out."""
    written: list[str] = []
    for field in _fields(type(struct)):
        value = getattr(struct, field.attribute)
        for one in value if field.repeats else (value,):
            if one is not None:
                written.append(f"<{field.element}>{_content(one)}</{field.element}>")
    return "".join(written)


def _content(value: Any) -> str:
    if isinstance(value, msgspec.Struct):
        return write_struct(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return escape(str(value))


@cache
def _fields(kind: type[msgspec.Struct]) -> tuple[_Field, ...]:
    return tuple(
        _field(one.name, one.encode_name, one.type, one.required) for one in msgspec.structs.fields(kind)
    )


def _field(attribute: str, element: str, kind: Any, required: bool) -> _Field:
    if get_origin(kind) in (Union, UnionType):
        (kind,) = (one for one in get_args(kind) if one is not NoneType)
    repeats = get_origin(kind) is tuple
    return _Field(attribute, element, repeats, required, _reader(get_args(kind)[0] if repeats else kind))


def _reader(kind: Any) -> Callable[[Element], Any]:
    if get_origin(kind) is Literal:
        allowed = get_args(kind)
        return lambda element: _choice(element, allowed)
    if issubclass(kind, msgspec.Struct):
        return lambda element: read_struct(element, kind)
    return {str: _text, int: _integer, bool: _boolean}[kind]


def _text(element: Element) -> str:
    if element.children:
        raise MalformedXML()
    return element.text


def _choice(element: Element, allowed: tuple[str, ...]) -> str:
    text = _text(element).strip()
    if text not in allowed:
        raise MalformedXML()
    return text


def _integer(element: Element) -> int:
    text = _text(element).strip()
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > _INTEGER_DIGITS:
        raise MalformedXML()
    return int(text)


def _boolean(element: Element) -> bool:
    text = _text(element).strip().lower()
    if text not in _BOOLEANS:
        raise MalformedXML()
    return _BOOLEANS[text]
