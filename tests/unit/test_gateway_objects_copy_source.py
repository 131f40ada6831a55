"""x-amz-copy-source: every name that can be encoded reads back; what names no object is refused."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.copy_source import check_copy_size, parse_copy_source
from schemas.errors import InvalidArgument, InvalidRequest

buckets = st.from_regex(r"[a-z0-9][a-z0-9.-]{2,20}", fullmatch=True)
keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)
versions = st.none() | st.just("null") | st.from_regex(r"[0-9a-f]{32}", fullmatch=True)


@given(buckets, keys, versions, st.booleans(), st.sampled_from(["/~", "", "/~*'()!"]))
def test_round_trip(bucket: str, key: str, version: str | None, slash: bool, safe: str) -> None:
    header = ("/" if slash else "") + quote(f"{bucket}/{key}", safe=safe)
    if version is not None:
        header += f"?versionId={version}"
    assert parse_copy_source(header) == (bucket, key, version)


def test_a_plus_is_a_space() -> None:
    assert parse_copy_source("bucket/a+b%2Bc%20d").key == "a b+c d"


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("bucket", "must mention the source bucket and key"),
        ("bucket/", "must mention the source bucket and key"),
        ("/", "must mention the source bucket and key"),
        ("", "must mention the source bucket and key"),
        ("//key", "must mention the source bucket and key"),
        ("bucket/%zz", "Invalid copy source encoding"),
        ("bucket/%ff", "Invalid copy source encoding"),
        ("arn:aws:s3:eu-west-1:1:accesspoint/key", "Invalid copy source bucket name"),
        ("b%00cket/key", "Invalid copy source bucket name"),
        ("bucket/" + "k" * 1025, "Invalid copy source object key"),
        ("bucket/key?versionId=", "Version id cannot be the empty string"),
    ],
)
def test_refused(header: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        parse_copy_source(header)


@given(st.text(max_size=60))
def test_any_text_names_an_object_or_is_refused(text: str) -> None:
    try:
        source = parse_copy_source(text)
    except InvalidArgument:
        return
    assert source.bucket
    assert source.key


def test_five_gibibytes_and_no_more() -> None:
    check_copy_size(5 * 1024**3)
    with pytest.raises(
        InvalidRequest, match="larger than the maximum allowable size for a copy source: 5368709120"
    ):
        check_copy_size(5 * 1024**3 + 1)
