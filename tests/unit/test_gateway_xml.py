"""XML of answers and bodies: nothing breaks out, nothing unsafe comes in."""

from urllib.parse import unquote_plus
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.xml import DEPTH_LIMIT, document, encode_all, escape, parse, url_encode
from schemas.errors import MalformedXML

ANY_TEXT = st.text(st.characters(exclude_categories=("Cs",)))
# What XML 1.0 can hold.
XML_TEXT = st.text(
    st.characters(
        exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff", include_characters="\t\n\r"
    )
)


@given(XML_TEXT)
def test_escaped_text_reads_back(text: str) -> None:
    assert (ElementTree.fromstring(f"<a>{escape(text)}</a>").text or "") == text


@given(ANY_TEXT)
def test_escaped_text_never_ends_its_element(text: str) -> None:
    assert not set(escape(text)) & set('<>"\x00\x01\x1f\x7f\ufffe\uffff')


def test_control_characters_are_references_as_in_s3() -> None:
    assert escape("a\x01\r&'") == "a&#x1;&#xD;&amp;'"


@given(ANY_TEXT)
def test_url_encoding_reads_back(text: str) -> None:
    encoded = url_encode(text)
    assert unquote_plus(encoded) == text
    assert escape(encoded) == encoded


@given(st.lists(ANY_TEXT), st.booleans())
def test_a_page_of_names_is_encoded_like_each_of_them(texts: list[str], url: bool) -> None:
    assert encode_all(texts, url) == [url_encode(text) if url else escape(text) for text in texts]


def test_a_body_with_or_without_a_namespace() -> None:
    for opening in ("<A>", '<A xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'):
        root = parse(f"{opening}<B>x&amp;y</B><C/></A>".encode(), "A")
        assert (root.value("B"), root.value("C"), root.value("D")) == ("x&y", "", None)
    assert parse(document("A", "<B>1</B>"), "A").value("B") == "1"


BOMB = b'<!DOCTYPE A [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;">]><A>&b;&b;&b;</A>'


@pytest.mark.parametrize(
    "body",
    [
        b"nonsense", b"<A>", b"<A></B>", b"<B/>", b"<A/><A/>", b"<A>&unknown;</A>", b"<A>\x01</A>",
        b"<!DOCTYPE A><A/>", BOMB, BOMB.decode().encode("utf-16"),
        b'<!DOCTYPE A SYSTEM "file:///etc/passwd"><A/>',
        b'<!DOCTYPE A [<!ENTITY x SYSTEM "file:///etc/passwd">]><A>&x;</A>',
        b"<A>" * (DEPTH_LIMIT + 1) + b"</A>" * (DEPTH_LIMIT + 1),
        b'<?xml version="1.0" encoding="nonsense"?><A/>', b"<A>\xff</A>",
    ],
)  # fmt: skip
def test_bodies_that_are_refused(body: bytes) -> None:
    with pytest.raises(MalformedXML):
        parse(body, "A")


def test_the_reader_is_strict() -> None:
    root = parse(b"<A><B>1</B><B>2</B><C><D/></C></A>", "A")
    for ask in (lambda: root.one("B"), lambda: root.value("C"), lambda: root.only("B")):
        with pytest.raises(MalformedXML):
            ask()
    root.only("B", "C")
