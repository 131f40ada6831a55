"""The words of a query."""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from schemas.errors import SelectRefused

Kind = Literal["word", "quoted", "string", "number", "symbol", "end"]

_TOKEN = re.compile(
    r"""\s+|--[^\n]*
    |(?P<word>[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*)
    |(?P<quoted>"(?:[^"]|"")*")
    |(?P<string>'(?:[^']|'')*')
    |(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<symbol><>|!=|<=|>=|\|\||[-+*/%=<>(),.;\[\]])""",
    re.VERBOSE,
)


class Token(NamedTuple):
    """A word of the query; `place` counts characters from 1. Names and strings are without their quotes."""

    kind: Kind
    text: str
    place: int

    @property
    def upper(self) -> str:
        """What it is as a keyword; "" for what cannot be one."""
        return self.text.upper() if self.kind == "word" else ""


def tokens(text: str) -> Iterator[Token]:
    """The words, and at last one of kind "end". Raises SelectRefused."""
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            what = f"the invalid character {text[position]!r} at position {position + 1}"
            raise SelectRefused("LexerInvalidChar", f"The SQL expression has {what}.")
        kind = found.lastgroup
        if kind is not None:
            yield Token(kind, _value(kind, found[0]), position + 1)  # type: ignore[arg-type]
        position = found.end()
    yield Token("end", "", position + 1)


def _value(kind: str, text: str) -> str:
    if kind == "quoted":
        return text[1:-1].replace('""', '"')
    if kind == "string":
        return text[1:-1].replace("''", "'")
    return text
