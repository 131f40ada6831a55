"""Conditions: S3's tables of combined preconditions, entity-tag lists, dates, and those of writes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.conditions import (
    check_copy_source,
    check_read,
    delete_condition,
    judge,
    matches,
    same_state,
    write_condition,
)
from gateway.dates import http_date, iso_date, parse_http_date
from schemas.errors import NotImplementedOperation, PreconditionFailed
from schemas.events import Condition

ETAG = "9b2cf535f27731c974343645a3985328"
MADE = 784_111_777_400  # Sun, 06 Nov 1994 08:49:37.4 GMT
AT = http_date(MADE)
BEFORE = http_date(MADE - 1000)
AFTER = http_date(MADE + 1000)


def verdict(**headers: str) -> str:
    return judge({name.replace("_", "-"): value for name, value in headers.items()}, ETAG, MADE)[0]


def test_single_conditions() -> None:
    assert verdict() == ""
    assert verdict(if_match=f'"{ETAG}"') == ""
    assert verdict(if_match='"other"') == "failed"
    assert verdict(if_none_match=f'"{ETAG}"') == "not-modified"
    assert verdict(if_none_match='"other"') == ""
    assert verdict(if_modified_since=BEFORE) == ""
    assert verdict(if_modified_since=AT) == "not-modified"
    assert verdict(if_unmodified_since=AT) == ""
    assert verdict(if_unmodified_since=BEFORE) == "failed"


def test_entity_tags_go_before_dates() -> None:
    assert verdict(if_match=ETAG, if_unmodified_since=BEFORE) == ""
    assert verdict(if_match="other", if_unmodified_since=AFTER) == "failed"
    assert verdict(if_none_match=ETAG, if_modified_since=BEFORE) == "not-modified"
    assert verdict(if_none_match="other", if_modified_since=AFTER) == ""


def test_match_goes_before_none_match() -> None:
    assert verdict(if_match="other", if_none_match=ETAG) == "failed"
    assert verdict(if_match=ETAG, if_none_match=ETAG) == "not-modified"
    assert verdict(if_unmodified_since=BEFORE, if_none_match=ETAG) == "failed"


def test_a_date_that_is_none_is_ignored() -> None:
    assert verdict(if_modified_since="yesterday") == ""
    assert verdict(if_unmodified_since="Sun, 99 Nov 1994 08:49:37 GMT") == ""


def test_lists_weak_tags_and_stars() -> None:
    assert matches(f'"a", "{ETAG}"', ETAG, weakly=False)
    assert matches("*", ETAG, weakly=False)
    assert matches(ETAG, ETAG, weakly=False)
    assert not matches(f'W/"{ETAG}"', ETAG, weakly=False)
    assert matches(f'W/"{ETAG}"', ETAG, weakly=True)
    assert not matches("", ETAG, weakly=True)


def test_a_failed_read_names_the_condition() -> None:
    with pytest.raises(PreconditionFailed) as caught:
        check_read({"if-unmodified-since": BEFORE}, ETAG, MADE)
    assert caught.value.details == {"Condition": "If-Unmodified-Since"}
    assert not check_read({"if-none-match": "*"}, ETAG, MADE)


def test_a_copy_has_no_304() -> None:
    check_copy_source({"if-match": "other"}, ETAG, MADE)
    check_copy_source({"x-amz-copy-source-if-match": ETAG}, ETAG, MADE)
    for name, value in (
        ("none-match", ETAG),
        ("modified-since", AT),
        ("match", "x"),
        ("unmodified-since", BEFORE),
    ):
        with pytest.raises(PreconditionFailed):
            check_copy_source({f"x-amz-copy-source-if-{name}": value}, ETAG, MADE)


def test_if_range() -> None:
    assert same_state(f'"{ETAG}"', ETAG, MADE)
    assert same_state(AT, ETAG, MADE)
    assert not same_state(AFTER, ETAG, MADE)
    assert not same_state(f'W/"{ETAG}"', ETAG, MADE)


def test_conditions_of_writes() -> None:
    assert write_condition({}) is None
    assert write_condition({"if-none-match": "*"}) == Condition(if_none_match="*")
    assert write_condition({"if-match": f'"{ETAG}"'}) == Condition(if_match=ETAG)
    for headers in (
        {"if-none-match": ETAG},
        {"if-match": "*"},
        {"if-match": ETAG, "if-none-match": "*"},
    ):
        with pytest.raises(NotImplementedOperation):
            write_condition(headers)


def test_conditions_of_deletes() -> None:
    assert delete_condition({}) is None
    assert delete_condition({"if-match": "*"}) == Condition(if_match="*")
    assert delete_condition({"if-match": f'"{ETAG}"'}) == Condition(if_match=ETAG)
    with pytest.raises(NotImplementedOperation):
        delete_condition({"if-none-match": "*"})


@given(st.integers(0, 4_102_444_800_000))
def test_an_http_date_reads_back_to_its_second(milliseconds: int) -> None:
    assert parse_http_date(http_date(milliseconds)) == milliseconds // 1000


def test_every_form_of_date() -> None:
    for text in (
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ):
        assert parse_http_date(text) == 784_111_777
    assert http_date(784_111_777_999) == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert iso_date(784_111_777_999) == "1994-11-06T08:49:37.000Z"


@given(st.text(max_size=40))
def test_any_text_is_a_date_or_none(text: str) -> None:
    assert parse_http_date(text) is None
