"""Ranges: what is asked is what Python's slices give, or 416, or ignored as S3 ignores it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ranges import ByteRange, parse_copy_range, parse_range
from schemas.errors import InvalidArgument, InvalidRange

sizes = st.integers(0, 200)
positions = st.integers(0, 250)


def cut(data: bytes, piece: ByteRange) -> bytes:
    return data[piece.start : piece.start + piece.length]


@given(sizes, positions, positions)
def test_first_to_last_is_a_slice(size: int, first: int, last: int) -> None:
    data = bytes(range(size))
    header = f"bytes={first}-{last}"
    if last < first:
        assert parse_range(header, size) is None
    elif first >= size:
        with pytest.raises(InvalidRange) as caught:
            parse_range(header, size)
        assert caught.value.details == {"RangeRequested": header, "ActualObjectSize": str(size)}
    else:
        piece = parse_range(header, size)
        assert piece is not None
        assert cut(data, piece) == data[first : last + 1]


@given(sizes, positions)
def test_open_end_is_a_slice(size: int, first: int) -> None:
    data = bytes(range(size))
    if first >= size:
        with pytest.raises(InvalidRange):
            parse_range(f"bytes={first}-", size)
    else:
        piece = parse_range(f"bytes={first}-", size)
        assert piece is not None
        assert cut(data, piece) == data[first:]


@given(sizes, positions)
def test_suffix_is_a_slice_from_the_end(size: int, length: int) -> None:
    data = bytes(range(size))
    if length == 0:
        with pytest.raises(InvalidRange):
            parse_range("bytes=-0", size)
    elif size == 0:
        assert parse_range(f"bytes=-{length}", 0) is None
    else:
        piece = parse_range(f"bytes=-{length}", size)
        assert piece is not None
        assert cut(data, piece) == data[-length:]


@pytest.mark.parametrize(
    "header",
    ["", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=1-2,4-5", "items=0-1", "bytes=5-2", "bytes=٣-٤",
     "bytes=+1-2", "bytes= 0-1", "bytes=0 - 1", "bytes=--1", "0-1", "bytes=0-1\n"],
)  # fmt: skip
def test_what_is_not_one_range_is_ignored(header: str) -> None:
    assert parse_range(header, 10) is None


@given(st.text(max_size=30), sizes)
def test_any_text_is_a_range_inside_or_ignored_or_416(text: str, size: int) -> None:
    for header in (text, f"bytes={text}"):
        try:
            piece = parse_range(header, size)
        except InvalidRange:
            continue
        if piece is not None:
            assert piece.length > 0
            assert piece.start + piece.length <= size


def test_numbers_of_any_length_are_read() -> None:
    assert parse_range(f"bytes=2-{'9' * 7000}", 10) == (2, 8)
    assert parse_range(f"bytes=-{'9' * 7000}", 10) == (0, 10)
    assert parse_range(f"bytes={'0' * 7000}1-2", 10) == (1, 2)
    with pytest.raises(InvalidRange):
        parse_range(f"bytes={'9' * 7000}-", 10)


@given(sizes, positions, positions)
def test_copy_range_is_strict(size: int, first: int, last: int) -> None:
    header = f"bytes={first}-{last}"
    if first <= last < size:
        assert parse_copy_range(header, size) == (first, last - first + 1)
    else:
        why = f"not valid for source object of size: {size}" if first <= last else "bytes=first-last"
        with pytest.raises(InvalidArgument, match=why):
            parse_copy_range(header, size)


@pytest.mark.parametrize("header", ["bytes=1-", "bytes=-5", "1-2", "bytes=1-2,3-4", "", "bytes=a-2"])
def test_copy_range_of_another_form_is_refused(header: str) -> None:
    with pytest.raises(InvalidArgument, match="must be of the form bytes=first-last"):
        parse_copy_range(header, 10)
