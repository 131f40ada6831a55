"""The policy of an upload form: what is one, and what it allows."""

import base64
import json
from typing import Any

import pytest

from access.post_policy import PostPolicy, parse_policy
from schemas.errors import AccessDenied, InvalidPolicyDocument

DATE = "2030-01-01T00:00:00.000Z"
SECONDS = 1_893_456_000


def encoded(document: Any) -> str:
    text = document if isinstance(document, str) else json.dumps(document)
    return base64.b64encode(text.encode()).decode()


def policy(*conditions: Any) -> PostPolicy:
    return parse_policy(encoded({"expiration": DATE, "conditions": list(conditions)}))


def test_what_is_read() -> None:
    found = policy(
        {"Bucket": "b"}, ["EQ", "$Key", "k"], ["starts-with", "$acl", ""], ["content-length-range", 1, "9"]
    )
    assert found.expires == SECONDS
    assert [condition[:3] for condition in found.conditions] == [
        ("bucket", "b", False), ("key", "k", False), ("acl", "", True),
    ]  # fmt: skip
    assert found.sizes == (1, 9)
    assert policy(["content-length-range", 1, 9], ["content-length-range", 3, 20]).sizes == (3, 9)


def test_a_dollar_sign_may_be_escaped() -> None:
    conditions = '[["eq", "$key", "\\$5"], ["eq", "$acl", "a\\\\$"]]'
    text = f'{{"expiration": "{DATE}", "conditions": {conditions}}}'
    assert [condition.value for condition in parse_policy(encoded(text)).conditions] == ["$5", "a\\$"]


@pytest.mark.parametrize(
    ("condition", "value", "holds"),
    [
        ({"key": "a"}, "a", True),
        ({"key": "a"}, "ab", False),
        ({"key": "a"}, "A", False),
        (["eq", "$key", "a"], "a", True),
        (["starts-with", "$key", "a/"], "a/b", True),
        (["starts-with", "$key", "a/"], "b/a/", False),
        (["starts-with", "$key", ""], "anything", True),
        (["starts-with", "$Content-Type", "image/"], "image/png, image/gif", True),
        (["starts-with", "$Content-Type", "image/"], "image/png,text/html", False),
        (["eq", "$Content-Type", "image/png,image/gif"], "image/png,image/gif", True),
    ],
)
def test_conditions(condition: Any, value: str, holds: bool) -> None:
    (found,) = policy(condition).conditions
    assert found.holds(value) == holds


def test_every_field_needs_a_condition() -> None:
    found = policy({"bucket": "b"}, ["starts-with", "$key", ""])
    fields = {"bucket": "b", "key": "k"}
    found.check(fields, 0)
    found.check(
        {**fields, "x-ignore-me": "1", "policy": "p", "signature": "s", "awsaccesskeyid": "a",
         "x-amz-signature": "s"},
        0,
    )  # fmt: skip
    with pytest.raises(AccessDenied, match="Extra input fields: acl"):
        found.check({**fields, "acl": "private"}, 0)
    with pytest.raises(AccessDenied, match="Extra input fields: bucket"):
        policy(["starts-with", "$key", ""]).check(fields, 0)


def test_a_field_that_is_missing_is_empty() -> None:
    policy({"bucket": "b"}, ["starts-with", "$acl", ""]).check({"bucket": "b"}, 0)
    with pytest.raises(AccessDenied, match='Policy Condition failed: \\["eq", "\\$acl", "private"\\]'):
        policy({"bucket": "b"}, {"acl": "private"}).check({"bucket": "b"}, 0)


def test_the_end() -> None:
    found = policy({"bucket": "b"})
    found.check({"bucket": "b"}, SECONDS)
    with pytest.raises(AccessDenied, match="Policy expired"):
        found.check({"bucket": "b"}, SECONDS + 1)


@pytest.mark.parametrize(
    "document",
    [
        "nonsense", "[]", "{}", "null", {"expiration": DATE}, {"conditions": []},
        {"expiration": "tomorrow", "conditions": []}, {"expiration": "2030-01-01", "conditions": []},
        {"expiration": "2030-13-01T00:00:00Z", "conditions": []}, {"expiration": 5, "conditions": []},
        {"expiration": DATE, "conditions": {}}, "[" * 100_000,
    ],
)  # fmt: skip
def test_documents_that_are_none(document: Any) -> None:
    with pytest.raises(InvalidPolicyDocument):
        parse_policy(encoded(document))


@pytest.mark.parametrize("text", ["", "%%%", "é", "bm9uc2Vuc2"])
def test_what_is_not_base64_of_json(text: str) -> None:
    with pytest.raises(InvalidPolicyDocument):
        parse_policy(text)


@pytest.mark.parametrize(
    "condition",
    [
        {}, {"a": "1", "b": "2"}, {"a": 1}, {"a": ["b"]}, [], "key", 5, None, ["eq", "$key"],
        ["eq", "key", "a"], ["ends-with", "$key", "a"], ["eq", "$key", 1], [1, "$key", "a"],
        ["content-length-range", -1, 5],
        ["content-length-range", 5, 1], ["content-length-range", "a", 5], ["content-length-range", 1.5, 5],
        ["content-length-range", True, 5], ["content-length-range", 5],
    ],
)  # fmt: skip
def test_conditions_that_are_none(condition: Any) -> None:
    with pytest.raises(InvalidPolicyDocument):
        policy(condition)
