"""Documents of configurations as XML: what is written is read again, and what does not fit is refused."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.xml import document, parse
from gateway.xml_structs import read_struct, write_struct
from schemas.configurations.cors import CorsConfiguration, CorsRule
from schemas.configurations.documents import decode_document, encode_document
from schemas.configurations.encryption import EncryptionConfiguration
from schemas.configurations.filters import And, Filter
from schemas.configurations.notification import EventBridgeConfiguration, NotificationConfiguration
from schemas.configurations.replication import Minutes
from schemas.configurations.tagging import Tag
from schemas.errors import MalformedXML

# What XML 1.0 can hold, and comes back from a parser as it was.
TEXTS = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), max_size=20
)
TAGS = st.builds(Tag, TEXTS, TEXTS)
FILTERS = st.builds(
    Filter,
    prefix=st.none() | TEXTS,
    tag=st.none() | TAGS,
    all_of=st.none() | st.builds(And, st.none() | TEXTS, st.lists(TAGS, max_size=3).map(tuple)),
)
NAMES = st.lists(TEXTS, min_size=1, max_size=3).map(tuple)
CORS = st.builds(
    CorsConfiguration,
    st.lists(
        st.builds(
            CorsRule,
            identifier=st.none() | TEXTS,
            allowed_headers=st.just(()) | NAMES,
            allowed_methods=NAMES,
            allowed_origins=NAMES,
            expose_headers=st.just(()) | NAMES,
            max_age_seconds=st.none() | st.integers(0, 2**31),
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
)


@given(FILTERS | CORS)
def test_what_is_written_is_read_again(struct: msgspec.Struct) -> None:
    read: Any = read_struct(parse(document("Root", write_struct(struct)), "Root"), type(struct))
    assert read == struct


@given(FILTERS | CORS)
def test_what_is_stored_is_read_again(struct: msgspec.Struct) -> None:
    assert decode_document(encode_document(struct), type(struct)) == struct


def test_elements_come_in_any_order_and_are_written_in_theirs() -> None:
    body = b"<R><And><Tag><Value>1</Value><Key>a</Key></Tag><Prefix>p</Prefix></And></R>"
    found = read_struct(parse(body, "R"), Filter)
    assert found == Filter(all_of=And("p", (Tag("a", "1"),)))
    assert write_struct(found) == ("<And><Prefix>p</Prefix><Tag><Key>a</Key><Value>1</Value></Tag></And>")


def test_an_element_without_fields_says_that_it_is_there() -> None:
    found = read_struct(parse(b"<R><EventBridgeConfiguration/></R>", "R"), NotificationConfiguration)
    assert found.event_bridge == EventBridgeConfiguration()
    assert write_struct(found) == "<EventBridgeConfiguration></EventBridgeConfiguration>"
    assert read_struct(parse(b"<R/>", "R"), NotificationConfiguration).event_bridge is None


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("<Other/>", Filter),
        ("<Prefix>a</Prefix><Prefix>b</Prefix>", Filter),
        ("<Prefix><Key/></Prefix>", Filter),
        ("<Tag><Key>a</Key></Tag>", Filter),
        ("<Minutes>x</Minutes>", Minutes),
        ("<Minutes>1.5</Minutes>", Minutes),
        ("<Minutes>٣</Minutes>", Minutes),
        ("<Minutes>12345678901</Minutes>", Minutes),
        ("<Minutes/>", Minutes),
        ("<Rule><BucketKeyEnabled>yes</BucketKeyEnabled></Rule>", EncryptionConfiguration),
        (
            "<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>rot13</SSEAlgorithm>"
            "</ApplyServerSideEncryptionByDefault></Rule>",
            EncryptionConfiguration,
        ),
    ],
)
def test_what_does_not_fit(content: str, kind: type[msgspec.Struct]) -> None:
    with pytest.raises(MalformedXML):
        read_struct(parse(f"<R>{content}</R>".encode(), "R"), kind)
