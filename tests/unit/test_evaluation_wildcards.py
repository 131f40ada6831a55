"""Wildcards of policies: what they fit, against an obvious matcher, and that no pattern makes them slow."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access.evaluation.wildcard import fits

ROWS = [
    ("", "", True), ("", "a", False), ("a", "", False), ("a", "a", True), ("a", "A", False),
    ("a", "b", False),
    ("*", "", True), ("*", "a/b:c", True), ("?", "", False), ("?", "a", True), ("?", "ab", False),
    ("?", "/", True), ("a*", "a", True), ("a*", "abc", True), ("a*", "ba", False), ("*a", "a", True),
    ("*a", "bca", True), ("*a", "ab", False), ("a*c", "ac", True), ("a*c", "abbc", True),
    ("a*c", "acb", False),
    ("a*a", "a", False), ("a*a", "aa", True), ("*a*", "bab", True), ("*a*", "bb", False), ("**", "", True),
    ("a**b", "ab", True), ("a?c", "abc", True), ("a?c", "ac", False), ("a?*", "a", False),
    ("a?*", "ab", True),
    ("*?", "", False), ("*?", "x", True), ("?*?", "x", False), ("?*?", "xy", True), ("a*b*c", "a1b2c", True),
    ("a*b*c", "a1c2b", False), ("a*bc*c", "abcc", True), ("a*bc*c", "abc", False), ("*ab*ab", "abab", True),
    ("*ab*ab", "ab", False), ("[a]", "a", False), ("[a]", "[a]", True), ("a.c", "abc", False),
    ("a+", "aa", False), (r"a\*", "a\\b", True), ("(a|b)", "a", False), ("^a$", "a", False),
    ("*\n*", "a\nb", True),
    ("?", "\n", True), ("ünï*", "ünïcode", True), ("?", "\U0001f600", True),
    ("photos/*", "photos/../x", True),
    ("photos/*", "photos", False), ("photos", "photos/", False), ("photos*", "photos-secret", True),
    ("a%2Fb", "a/b", False), ("a/b", "a%2Fb", False),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "text", "expected"), ROWS)
def test_pattern(pattern: str, text: str, expected: bool) -> None:
    assert fits(pattern)(text) is expected


def obvious(pattern: str, text: str) -> bool:
    """Row by row: which beginnings of the text fit each beginning of the pattern."""
    row = [True] + [False] * len(text)
    for sign in pattern:
        after = [sign == "*" and row[0]]
        for place, character in enumerate(text):
            if sign == "*":
                after.append(after[-1] or row[place + 1])
            else:
                after.append(row[place] and sign in ("?", character))
        row = after
    return row[-1]


@given(st.text("ab*?", max_size=9), st.text("ab", max_size=9))
def test_against_the_obvious(pattern: str, text: str) -> None:
    assert fits(pattern)(text) is obvious(pattern, text)


@pytest.mark.parametrize(
    "pattern",
    ["*a" * 5000, "a*" * 5000 + "b", "?*" * 5000, "*?a" * 3000, "*" * 10_000 + "b", "*a?" * 3000 + "b"],
)
def test_no_pattern_is_slow(pattern: str) -> None:
    """The longest key, a pattern as long as a policy may be: milliseconds, where backtracking takes ages."""
    match = fits(pattern)
    began = time.process_time()
    match("a" * 1100)
    assert time.process_time() - began < 0.5
