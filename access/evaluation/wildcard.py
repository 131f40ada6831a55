"""Texts with wildcards: `*` for any characters, `?` for one. Matching takes one pass, whatever the pattern.

A pattern is a list of tokens, since a policy variable may stand for text that has a `*` of its own, which is
then no wildcard.
"""

from collections.abc import Callable, Sequence
from enum import Enum


class Wild(Enum):
    """The two wildcards."""

    ANY = "*"
    ONE = "?"


Token = str | Wild  # a literal text, or a wildcard
Matcher = Callable[[str], bool]

_WILD = {"*": Wild.ANY, "?": Wild.ONE}


def tokens_of(text: str) -> list[Token]:
    """The tokens of a text in which `*` and `?` are wildcards."""
    if "*" not in text and "?" not in text:
        return [text]
    found: list[Token] = []
    begin = 0
    for place, character in enumerate(text):
        if character in _WILD:
            if place > begin:
                found.append(text[begin:place])
            found.append(_WILD[character])
            begin = place + 1
    if begin < len(text):
        found.append(text[begin:])
    return found


def matcher(tokens: Sequence[Token]) -> Matcher:
    """Tells whether a whole text fits the tokens."""
    if Wild.ONE in tokens:
        return _stepwise(tokens)
    pieces = [""]
    for token in tokens:
        if token is Wild.ANY:
            pieces.append("")
        else:
            assert isinstance(token, str)
            pieces[-1] += token
    if len(pieces) == 1:
        return pieces[0].__eq__
    first, last = pieces[0], pieces[-1]
    middle = [piece for piece in pieces[1:-1] if piece]
    if not middle and not last:
        return _anything if not first else _begins(first)
    return _in_order(first, middle, last)


def fits(pattern: str) -> Matcher:
    """The matcher of a text with wildcards."""
    return matcher(tokens_of(pattern))


def _anything(text: str) -> bool:
    return True


def _begins(first: str) -> Matcher:
    return lambda text: text.startswith(first)


def _in_order(first: str, middle: Sequence[str], last: str) -> Matcher:
    """Literals with anything between them: the first place where each fits leaves most room for the rest."""

    def match(text: str) -> bool:
        end = len(text) - len(last)
        place = len(first)
        if place > end or not text.startswith(first) or not text.endswith(last):
            return False
        for piece in middle:
            place = text.find(piece, place, end)
            if place < 0:
                return False
            place += len(piece)
        return True

    return match


def _stepwise(tokens: Sequence[Token]) -> Matcher:
    """All ways through the pattern at once, a bit for each place in it: so many steps as the text is long.

    Bit n is set when the text so far fits the first n places; a bit of `loops` stays set, since a `*`
    stands there.
    """
    loops = count = singles = 0
    literals: dict[str, int] = {}
    for token in tokens:
        if token is Wild.ANY:
            loops |= 1 << count
        elif token is Wild.ONE:
            count += 1
            singles |= 1 << count
        else:
            for character in token:
                count += 1
                literals[character] = literals.get(character, 0) | 1 << count
    steps = {character: places | singles for character, places in literals.items()}
    accepted = 1 << count

    def match(text: str) -> bool:
        reached = 1
        for character in text:
            reached = (reached & loops) | ((reached << 1) & steps.get(character, singles))
            if not reached:
                return False
        return bool(reached & accepted)

    return match
