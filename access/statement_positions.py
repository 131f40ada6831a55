"""Where each statement stands in the text of a policy document, for those who want to show it there."""

from bisect import bisect_left
from json import JSONDecoder
from typing import NamedTuple

_WHITE = " \t\r\n"
_decode = JSONDecoder().raw_decode


class Position(NamedTuple):
    """A place in a text, line and column counted from 1."""

    line: int
    column: int


def positions(text: str) -> list[tuple[Position, Position]]:
    """Of every statement of a document that has been validated, where its brace opens, and just after it
    closes."""
    lines = [-1, *(place for place, character in enumerate(text) if character == "\n")]
    return [(_position(lines, begin), _position(lines, end)) for begin, end in _spans(text)]


def _spans(text: str) -> list[tuple[int, int]]:
    begin = _member(text, "Statement")
    if text[begin] == "{":
        return [(begin, _decode(text, begin)[1])]
    spans: list[tuple[int, int]] = []
    begin = _skip(text, begin + 1)
    while text[begin] != "]":
        end: int = _decode(text, begin)[1]
        spans.append((begin, end))
        begin = _skip(text, end, ",")
    return spans


def _member(text: str, name: str) -> int:
    """Where the value of a member of the document begins. Raises IndexError where there is none."""
    place = _skip(text, _skip(text, 0) + 1)
    while True:
        key, place = _decode(text, place)
        place = _skip(text, place, ":")
        if key == name:
            return place
        place = _skip(text, _decode(text, place)[1], ",")


def _skip(text: str, place: int, more: str = "") -> int:
    while text[place] in _WHITE or text[place] in more:
        place += 1
    return place


def _position(lines: list[int], place: int) -> Position:
    """lines: where the line before each ends."""
    line = bisect_left(lines, place)
    return Position(line, place - lines[line - 1])
