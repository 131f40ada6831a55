"""Policy variables: `${aws:username}`, with a default `${aws:username, 'x'}`, and `${*}`, `${?}`, `${$}`.

What a variable stands for is text: a `*` in a user's name is no wildcard.

Source: IAM User Guide, "IAM policy elements: variables and tags".
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from access.evaluation.wildcard import Matcher, Token, tokens_of

# Values of a condition key in the request; None where it has none. Keys as `condition_key` writes them.
Context = Callable[[str], Sequence[str] | None]
MakeMatcher = Callable[[Sequence[Token]], Matcher]

_KEPT = 64  # matchers kept of one template: requests of the same user come again
# Tag keys of S3 differ in case; everything else in a key does not.
_CASE_COUNTS = ("s3:existingobjecttag", "s3:requestobjecttag", "s3:buckettag")
_CHARACTERS = frozenset("*?$")


class Variable(NamedTuple):
    """A condition key to be looked up, and what to take where the request has none. name: as written."""

    key: str
    default: str | None
    name: str


def condition_key(name: str) -> str:
    """A condition key as it is looked up: without regard to case, apart from tags of S3."""
    head, slash, tag = name.partition("/")
    head = head.lower()
    return head + slash + (tag if head in _CASE_COUNTS else tag.lower())


class Template:
    """A text with variables. `matching` gives its matcher for one request, None when a variable has no value
    there."""

    __slots__ = ("_kept", "_make", "_parts")

    def __init__(self, parts: Sequence[Token | Variable], make: MakeMatcher) -> None:
        self._parts = parts
        self._make = make
        self._kept: dict[tuple[str, ...], Matcher] = {}

    @property
    def names(self) -> set[str]:
        """The condition keys that are looked up for it, as they are written."""
        return {part.name for part in self._parts if isinstance(part, Variable)}

    @property
    def needed(self) -> set[str]:
        """The condition keys, as they are written, without which it stands for nothing."""
        return {part.name for part in self._parts if isinstance(part, Variable) and part.default is None}

    def matching(self, context: Context) -> Matcher | None:
        values: list[str] = []
        for part in self._parts:
            if isinstance(part, Variable):
                found = context(part.key)
                # A key with several values cannot be a variable.
                value = found[0] if found and len(found) == 1 else part.default
                if value is None:
                    return None
                values.append(value)
        kept = self._kept.get(tuple(values))
        if kept is None:
            kept = self._make(self._filled(values))
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            self._kept[tuple(values)] = kept
        return kept

    def _filled(self, values: Sequence[str]) -> list[Token]:
        following = iter(values)
        return [next(following) if isinstance(part, Variable) else part for part in self._parts]


def parse(text: str, wild: bool, variables: bool) -> list[Token | Variable]:
    """The parts of a text: literals, wildcards (`wild`), variables (in documents of 2012-10-17 only)."""
    if not variables or "${" not in text:
        return list(tokens_of(text)) if wild else [text]
    parts: list[Token | Variable] = []
    rest = text
    while True:
        before, opened, after = rest.partition("${")
        name, closed, following = after.partition("}")
        if not opened or not closed:
            parts += tokens_of(rest) if wild else [rest]
            return [part for part in parts if part != ""] or [""]
        parts += tokens_of(before) if wild else [before]
        parts.append(name if name in _CHARACTERS else _variable(name))
        rest = following


def _variable(text: str) -> Variable:
    name, comma, default = text.partition(",")
    default = default.strip()
    quoted = comma and len(default) >= 2 and default[0] == default[-1] == "'"
    name = name.strip()
    return Variable(condition_key(name), default[1:-1] if quoted else None, name)


def compiled(text: str, make: MakeMatcher, wild: bool, variables: bool) -> Matcher | Template:
    """The matcher of a text of a policy, or its template where it has variables."""
    parts = parse(text, wild, variables)
    plain = [part for part in parts if not isinstance(part, Variable)]
    return make(plain) if len(plain) == len(parts) else Template(parts, make)
