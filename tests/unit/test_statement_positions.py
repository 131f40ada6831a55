"""Where statements stand in the text of a policy: the text between two places is the statement."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from access.statement_positions import Position, positions

text = st.text(st.sampled_from('a{}[],:"\\\n é'), max_size=6)
statement = st.dictionaries(text, text | st.lists(text, max_size=2), max_size=3)


def between(document: str, begin: Position, end: Position) -> str:
    lines = document.split("\n")
    first = sum(len(line) + 1 for line in lines[: begin.line - 1]) + begin.column - 1
    last = sum(len(line) + 1 for line in lines[: end.line - 1]) + end.column - 1
    return document[first:last]


@given(
    statements=st.lists(statement, max_size=3) | statement,
    before=st.dictionaries(text.filter(lambda name: name != "Statement"), text, max_size=2),
    indent=st.sampled_from([None, 0, 3]),
)
def test_each_is_found(statements: Any, before: dict[str, str], indent: int | None) -> None:
    document = " \n" + json.dumps({**before, "Statement": statements, "Id": "}"}, indent=indent)
    found = [json.loads(between(document, *place)) for place in positions(document)]
    assert found == (statements if isinstance(statements, list) else [statements])
