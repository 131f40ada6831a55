"""Tags: which are allowed, and how they are read from header and document."""

from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.tags import checked, parse_tagging, tagging_document, tags_of
from schemas.errors import InvalidArgument, InvalidTag, MalformedXML, TooManyTags

allowed = st.text(st.characters(categories=["L", "N", "Zs"]) | st.sampled_from("+-=._:/@"), max_size=60)
keys = allowed.filter(lambda text: bool(text) and not text.lower().startswith("aws:"))
tag_sets = st.dictionaries(keys, allowed, max_size=10)


@given(tag_sets)
def test_a_header_reads_back(tags: dict[str, str]) -> None:
    assert tags_of({"x-amz-tagging": urlencode(tags)}) == tags
    assert tags_of({"x-amz-tagging": urlencode(tags, quote_via=quote)}) == tags


@given(tag_sets)
def test_a_document_reads_back(tags: dict[str, str]) -> None:
    assert list(parse_tagging(tagging_document(tags)).items()) == list(tags.items())


@pytest.mark.parametrize("text", ["k" * 128, "\U00010400" * 64])
def test_the_longest_key(text: str) -> None:
    assert checked([(text, "")]) == {text: ""}


@pytest.mark.parametrize("text", ["k" * 129, "\U00010400" * 65, "", "a!", "a\tb", "a,b", "❤", "é!", "aws:a"])
def test_keys_that_are_refused(text: str) -> None:
    with pytest.raises(InvalidTag):
        checked([(text, "")])


@pytest.mark.parametrize("text", ["v" * 257, "\U00010400" * 129, "a!", "\n", "a\0"])
def test_values_that_are_refused(text: str) -> None:
    with pytest.raises(InvalidTag):
        checked([("k", text)])


def test_more_than_a_bucket_may_have() -> None:
    many = [(f"k{number}", "") for number in range(51)]
    assert len(checked(many[:50], 50)) == 50
    with pytest.raises(TooManyTags):
        checked(many, 50)


@pytest.mark.parametrize("text", ["a=%zz", "a=%ff", "a=1&a=2", "%"])
def test_headers_that_cannot_be_read(text: str) -> None:
    with pytest.raises(InvalidArgument):
        tags_of({"x-amz-tagging": text})


@pytest.mark.parametrize(
    "body",
    [
        "<Tagging/>",
        "<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>",
        "<Tagging><TagSet><Tag><Value>a</Value></Tag></TagSet></Tagging>",
        "<Tagging><TagSet><Key>a</Key></TagSet></Tagging>",
        "<Tagging><TagSet/><TagSet/></Tagging>",
        "<Tags><TagSet/></Tags>",
    ],
)
def test_documents_that_are_none(body: str) -> None:
    with pytest.raises(MalformedXML):
        parse_tagging(body.encode())
