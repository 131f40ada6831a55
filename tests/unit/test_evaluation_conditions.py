"""Condition operators, a row for each rule of the IAM User Guide's page on them."""

from collections.abc import Sequence

import pytest

from schemas.errors import MalformedPolicy
from tests.unit.evaluating import asked, policy, statement

Given = str | Sequence[str] | None

# (operator, the policy's values, the request's values, whether the condition holds)
ROWS: list[tuple[str, Given, Given, bool]] = [
    # texts
    ("StringEquals", "a", "a", True), ("StringEquals", "a", "A", False), ("StringEquals", "a", "b", False),
    ("StringEquals", ["a", "b"], "b", True), ("StringEquals", "a", None, False),
    ("StringEquals", "*", "a", False), ("StringEquals", "*", "*", True), ("StringEquals", "a?", "ab", False),
    ("StringNotEquals", "a", "a", False), ("StringNotEquals", "a", "b", True),
    ("StringNotEquals", ["a", "b"], "b", False), ("StringNotEquals", ["a", "b"], "c", True),
    ("StringNotEquals", "a", None, True), ("StringEqualsIgnoreCase", "aB", "Ab", True),
    ("StringEqualsIgnoreCase", "a", "b", False), ("StringEqualsIgnoreCase", "a", None, False),
    ("StringNotEqualsIgnoreCase", "a", "A", False), ("StringNotEqualsIgnoreCase", "a", "b", True),
    ("StringNotEqualsIgnoreCase", "a", None, True), ("StringLike", "a*", "abc", True),
    ("StringLike", "a*", "Abc", False), ("StringLike", "a?c", "abc", True), ("StringLike", "*", "", True),
    ("StringLike", "*", None, False), ("StringLike", ["x*", "y*"], "yes", True),
    ("StringNotLike", "a*", "abc", False), ("StringNotLike", "a*", "b", True),
    ("StringNotLike", ["a*", "b*"], "b", False), ("StringNotLike", "a*", None, True),
    ("stringequals", "a", "a", True), ("STRINGLIKE", "a*", "ab", True),
    # numbers
    ("NumericEquals", "1", "1", True), ("NumericEquals", "1", "1.0", True),
    ("NumericEquals", "1", "2", False),
    ("NumericEquals", "1", None, False), ("NumericEquals", "1", "one", False),
    ("NumericEquals", "x", "x", False), ("NumericNotEquals", "1", "2", True),
    ("NumericNotEquals", "1", "1", False), ("NumericNotEquals", "1", None, True),
    ("NumericLessThan", "10", "9", True), ("NumericLessThan", "10", "10", False),
    ("NumericLessThan", "10", None, False), ("NumericLessThan", "10", "-3", True),
    ("NumericLessThanEquals", "10", "10", True), ("NumericLessThanEquals", "10", "11", False),
    ("NumericGreaterThan", "10", "11", True), ("NumericGreaterThan", "10", "10", False),
    ("NumericGreaterThan", "10", "9", False), ("NumericGreaterThanEquals", "10", "10", True),
    ("NumericGreaterThanEquals", "10", "9.9", False), ("NumericLessThan", "0.5", "0.25", True),
    ("NumericEquals", "1e3", "1000", False), ("NumericLessThan", "1", "9" * 5000, False),
    ("NumericLessThan", ["1", "100"], "50", True),
    # dates
    ("DateEquals", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z", True),
    ("DateEquals", "2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00", True),
    ("DateEquals", "1704067200", "2024-01-01T00:00:00Z", True),
    ("DateEquals", "2024-01-01", "2024-01-01T00:00:00Z", True), ("DateEquals", "2024", "2024-01-01", True),
    ("DateEquals", "2024-01", "2024-01-01", True), ("DateEquals", "2024-01-01", None, False),
    ("DateNotEquals", "2024-01-01", "2024-01-02", True), ("DateNotEquals", "2024-01-01", None, True),
    ("DateNotEquals", "2024-01-01", "2024-01-01", False),
    ("DateLessThan", "2024-01-02", "2024-01-01", True), ("DateLessThan", "2024-01-01", "2024-01-01", False),
    ("DateLessThanEquals", "2024-01-01", "2024-01-01", True),
    ("DateLessThanEquals", "2024-01-01", "2024-01-01T00:00:01Z", False),
    ("DateGreaterThan", "2024-01-01", "2024-01-02", True),
    ("DateGreaterThan", "2024-01-01", "2024-01-01", False),
    ("DateGreaterThanEquals", "2024-01-01", "2024-01-01", True),
    ("DateGreaterThanEquals", "2024-01-02", "2024-01-01", False),
    ("DateLessThan", "2024-01-02", None, False), ("DateLessThan", "never", "2024-01-01", False),
    ("DateGreaterThan", "1704067200", "1704067201", True),
    ("DateLessThan", "2024-13-01", "2020-01-01", False),
    # truth, bytes
    ("Bool", "true", "true", True), ("Bool", "true", "false", False), ("Bool", "false", "false", True),
    ("Bool", "True", "true", True), ("Bool", "true", None, False), ("Bool", "false", None, False),
    ("Bool", "yes", "yes", False), ("BinaryEquals", "QmluYXJ5", "QmluYXJ5", True),
    ("BinaryEquals", "QmluYXJ5", "QmluYXJ6", False), ("BinaryEquals", "QmluYXJ5", None, False),
    ("BinaryEquals", "!", "!", False),
    # addresses
    ("IpAddress", "203.0.113.0/24", "203.0.113.7", True),
    ("IpAddress", "203.0.113.0/24", "203.0.114.7", False),
    ("IpAddress", "203.0.113.7", "203.0.113.7", True), ("IpAddress", "203.0.113.7", "203.0.113.8", False),
    ("IpAddress", ["10.0.0.0/8", "203.0.113.0/24"], "203.0.113.7", True),
    ("IpAddress", "10.0.0.0/8", None, False), ("IpAddress", "10.0.0.0/8", "localhost", False),
    ("IpAddress", "2001:db8::/32", "2001:db8::1", True), ("IpAddress", "2001:db8::/32", "2001:db9::1", False),
    ("IpAddress", "10.0.0.0/8", "::ffff:10.1.2.3", True), ("IpAddress", "10.0.0.0/8", "2001:db8::1", False),
    ("IpAddress", "0.0.0.0/0", "1.2.3.4", True), ("IpAddress", "10.0.0.0/99", "10.0.0.1", False),
    ("IpAddress", "10.0.0.5/8", "10.9.9.9", True),
    ("NotIpAddress", "203.0.113.0/24", "203.0.113.7", False),
    ("NotIpAddress", "203.0.113.0/24", "198.51.100.1", True), ("NotIpAddress", "203.0.113.0/24", None, True),
    ("NotIpAddress", ["10.0.0.0/8", "203.0.113.0/24"], "203.0.113.7", False),
    # ARNs
    ("ArnEquals", "arn:aws:sns:us-east-1:1:t", "arn:aws:sns:us-east-1:1:t", True),
    ("ArnEquals", "arn:aws:sns:*:1:t", "arn:aws:sns:eu-west-1:1:t", True),
    ("ArnLike", "arn:aws:sns:*:1:t*", "arn:aws:sns:us-east-1:1:topic:sub", True),
    ("ArnLike", "arn:aws:s*:t", "arn:aws:sns:us-east-1:1:t", False), ("ArnLike", "*", "arn:aws:s3:::b", True),
    ("ArnLike", "arn:aws:s3:::b/*", "arn:aws:s3:::b/k/l", True),
    ("ArnLike", "arn:*", "arn:aws:s3:::b", False),
    ("ArnLike", "arn:aws:iam::?:user/a", "arn:aws:iam::1:user/a", True),
    ("ArnLike", "arn:aws:iam::*:user/a", "arn:aws:iam::1:user/b", False),
    ("ArnLike", "arn:aws:s3:::b", None, False), ("ArnLike", "arn:aws:s3:::b", "b", False),
    ("ArnNotEquals", "arn:aws:s3:::b", "arn:aws:s3:::c", True),
    ("ArnNotEquals", "arn:aws:s3:::b", "arn:aws:s3:::b", False),
    ("ArnNotEquals", "arn:aws:s3:::b", None, True),
    ("ArnNotLike", "arn:aws:s3:::b*", "arn:aws:s3:::bc", False),
    ("ArnNotLike", "arn:aws:s3:::b*", "arn:aws:s3:::c", True), ("ArnNotLike", "arn:aws:s3:::b", None, True),
    # whether there is a value at all
    ("Null", "true", None, True), ("Null", "true", "a", False), ("Null", "false", "a", True),
    ("Null", "false", None, False), ("Null", "true", [], True), ("Null", "false", "", True),
    # …IfExists
    ("StringEqualsIfExists", "a", None, True), ("StringEqualsIfExists", "a", "a", True),
    ("StringEqualsIfExists", "a", "b", False), ("StringLikeIfExists", "a*", None, True),
    ("StringLikeIfExists", "a*", "b", False), ("StringNotEqualsIfExists", "a", None, True),
    ("StringNotEqualsIfExists", "a", "a", False), ("NumericLessThanIfExists", "5", None, True),
    ("NumericLessThanIfExists", "5", "6", False), ("DateGreaterThanIfExists", "2024-01-01", None, True),
    ("BoolIfExists", "true", None, True), ("BoolIfExists", "true", "false", False),
    ("IpAddressIfExists", "10.0.0.0/8", None, True), ("IpAddressIfExists", "10.0.0.0/8", "11.0.0.1", False),
    ("NotIpAddressIfExists", "10.0.0.0/8", "10.0.0.1", False),
    ("ArnLikeIfExists", "arn:aws:s3:::b", None, True),
    ("ArnLikeIfExists", "arn:aws:s3:::b", "arn:aws:s3:::c", False),
    ("BinaryEqualsIfExists", "QQ==", None, True),
    ("StringEqualsIgnoreCaseIfExists", "a", None, True),
    # several values in the request
    ("ForAllValues:StringEquals", ["a", "b"], ["a"], True),
    ("ForAllValues:StringEquals", ["a", "b"], ["a", "b"], True),
    ("ForAllValues:StringEquals", ["a", "b"], ["a", "c"], False),
    ("ForAllValues:StringEquals", ["a", "b"], None, True), ("ForAllValues:StringEquals", ["a"], [], True),
    ("ForAnyValue:StringEquals", ["a", "b"], ["a", "c"], True),
    ("ForAnyValue:StringEquals", ["a", "b"], ["c", "d"], False),
    ("ForAnyValue:StringEquals", ["a"], None, False), ("ForAnyValue:StringEquals", ["a"], [], False),
    ("ForAllValues:StringNotEquals", ["a", "b"], ["c", "d"], True),
    ("ForAllValues:StringNotEquals", ["a", "b"], ["c", "a"], False),
    ("ForAllValues:StringNotEquals", ["a"], None, True),
    ("ForAnyValue:StringNotEquals", ["a", "b"], ["a", "c"], True),
    ("ForAnyValue:StringNotEquals", ["a", "b"], ["a", "b"], False),
    ("ForAnyValue:StringNotEquals", ["a"], None, False),
    ("ForAllValues:StringLike", ["a*"], ["ab", "ac"], True),
    ("ForAllValues:StringLike", ["a*"], ["ab", "b"], False),
    ("ForAnyValue:StringLike", ["a*"], ["b", "ab"], True), ("ForAnyValue:StringLike", ["a*"], ["b"], False),
    ("ForAnyValue:StringNotLike", ["a*"], ["ab", "b"], True),
    ("ForAllValues:StringNotLike", ["a*"], ["ab", "b"], False),
    ("ForAnyValue:StringEqualsIgnoreCase", ["A"], ["a"], True),
    ("ForAllValues:NumericLessThan", ["10"], ["1", "2"], True),
    ("ForAllValues:NumericLessThan", ["10"], ["1", "20"], False),
    ("ForAnyValue:ArnLike", ["arn:aws:s3:::b*"], ["arn:aws:s3:::bc"], True),
    ("ForAnyValue:IpAddress", ["10.0.0.0/8"], ["10.0.0.1"], True),
    ("ForAllValues:Bool", "true", ["true"], True),
    ("ForAnyValue:StringEqualsIfExists", ["a"], None, True),
    ("ForAllValues:StringEqualsIfExists", ["a"], None, True),
    ("forallvalues:stringequals", ["a"], ["a"], True),
    ("StringEquals", ["a"], ["a", "b"], True), ("StringNotEquals", ["a"], ["a", "b"], False),
    # variables (the user is ann, of account 111111111111; aws:nothing has no value)
    ("StringEquals", "${aws:username}", "ann", True), ("StringEquals", "${aws:username}", "bob", False),
    ("StringEquals", "home/${aws:username}/", "home/ann/", True),
    ("StringLike", "home/${aws:username}/*", "home/ann/x", True),
    ("StringLike", "home/${aws:username}/*", "home/bob/x", False),
    ("StringLike", "${aws:username}*", "anna", True), ("StringEquals", "${aws:UserName}", "ann", True),
    ("StringEquals", "${aws:nothing}", "", False),
    ("StringEquals", "${aws:nothing}", "${aws:nothing}", False),
    ("StringEquals", "${aws:nothing, 'team'}", "team", True),
    ("StringEquals", "${aws:username, 'team'}", "ann", True),
    ("StringEquals", "${aws:nothing, 'team'}", "x", False),
    ("StringLike", "${*}", "*", True), ("StringLike", "${*}", "a", False), ("StringLike", "${?}", "?", True),
    ("StringLike", "${?}", "a", False), ("StringEquals", "${$}", "$", True),
    ("StringLike", "a${*}*", "a*b", True),
    ("StringLike", "a${*}*", "ab", False), ("StringLike", "${test:star}", "abc", False),
    ("StringLike", "${test:star}", "*", True), ("StringEquals", "${unclosed", "${unclosed", True),
    ("StringNotEquals", "${aws:username}", "bob", True), ("StringNotEquals", "${aws:username}", "ann", False),
    ("StringNotEquals", "${aws:nothing}", "x", True), ("StringEquals", "${test:many}", "x", False),
    ("ArnLike", "arn:aws:iam::111111111111:user/${aws:username}", "arn:aws:iam::111111111111:user/ann", True),
    ("ArnLike", "arn:aws:iam::111111111111:user/${test:star}", "arn:aws:iam::111111111111:user/ann", False),
    ("NumericEquals", "${test:one}", "1", False),
]  # fmt: skip

ALWAYS = {"aws:username": "ann", "test:star": "*", "test:many": ["x", "y"], "test:one": "1"}


@pytest.mark.parametrize(("operator", "wanted", "found", "holds"), ROWS)
def test_operator(operator: str, wanted: Given, found: Given, holds: bool) -> None:
    values = wanted if isinstance(wanted, str) else list(wanted or ())
    one = policy(statement(Condition={operator: {"aws:RequestedRegion": values}}))
    context = dict(ALWAYS) if found is None else {**ALWAYS, "aws:requestedregion": found}
    assert asked("ann", context=context, identity=[one]).allowed is holds


def test_there_are_enough_rows() -> None:
    assert len(ROWS) >= 200


def test_all_operators_and_all_keys_must_hold() -> None:
    both = policy(statement(Condition={"StringEquals": {"a:a": "1", "a:b": "2"}, "Bool": {"a:c": True}}))
    right: dict[str, str] = {"a:a": "1", "a:b": "2", "a:c": "true"}
    assert asked(context=right, identity=[both]).allowed
    for key in right:
        assert not asked(context={**right, key: "9"}, identity=[both]).allowed


def test_names_of_keys_do_not_differ_in_case_but_tags_of_objects_do() -> None:
    one = policy(statement(Condition={"StringEquals": {"AWS:SourceVPC": "v", "aws:PrincipalTag/Team": "t"}}))
    assert asked(context={"aws:sourcevpc": "v", "aws:principaltag/TEAM": "t"}, identity=[one]).allowed
    tag = policy(statement(Condition={"StringEquals": {"s3:ExistingObjectTag/Team": "t"}}))
    assert asked(context={"S3:existingobjecttag/Team": "t"}, identity=[tag]).allowed
    assert not asked(context={"s3:ExistingObjectTag/team": "t"}, identity=[tag]).allowed


def test_variables_mean_nothing_in_older_documents() -> None:
    rule = statement(Condition={"StringEquals": {"a:b": "${aws:username}"}})
    older = policy(rule, version="2008-10-17")
    assert not asked(context={**ALWAYS, "a:b": "ann"}, identity=[older]).allowed
    assert asked(context={**ALWAYS, "a:b": "${aws:username}"}, identity=[older]).allowed


@pytest.mark.parametrize(
    "name", ["StringEqual", "ForSome:Bool", "NullIfExists", "ForAllValues:Null", "Not", ""]
)
def test_an_operator_that_is_none(name: str) -> None:
    with pytest.raises(MalformedPolicy):
        policy(statement(Condition={name: {"a:b": "c"}}))
