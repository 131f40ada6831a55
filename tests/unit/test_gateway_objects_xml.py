"""XML bodies of DeleteObjects and CompleteMultipartUpload: read as written, refused when off the schema."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.checksums import ALGORITHMS, announced, type_asked
from gateway.delete_objects import Wanted, parse_delete
from gateway.multipart import parse_complete
from gateway.xml import NAMESPACE, escape
from ingest.results import CompletedPart
from schemas.errors import InvalidArgument, InvalidRequest, MalformedXML

# Characters that XML 1.0 can carry and a parser does not change.
texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=30
)
versions = st.none() | st.just("null") | st.from_regex(r"[0-9a-f]{32}", fullmatch=True)
etags = st.none() | st.just("*") | st.from_regex(r"[0-9a-f]{32}", fullmatch=True)


def delete(*objects: str, quiet: str = "") -> bytes:
    return f'<Delete xmlns="{NAMESPACE}">{"".join(objects)}{quiet}</Delete>'.encode()


def complete(*parts: str) -> bytes:
    return f"<CompleteMultipartUpload>{''.join(parts)}</CompleteMultipartUpload>".encode()


def optional(name: str, value: str | None) -> str:
    return "" if value is None else f"<{name}>{escape(value)}</{name}>"


@given(
    st.lists(st.builds(Wanted, texts, versions, etags, st.just("")), min_size=1, max_size=5), st.booleans()
)
def test_a_delete_document_reads_back(wanted: list[Wanted], quiet: bool) -> None:
    objects = [
        f"<Object><Key>{escape(one.key)}</Key>{optional('VersionId', one.version)}"
        f"{optional('ETag', one.etag)}</Object>"
        for one in wanted
    ]
    body = delete(*objects, quiet=f"<Quiet>{str(quiet).lower()}</Quiet>")
    assert parse_delete(body) == (wanted, quiet)


def test_a_thousand_keys_and_no_more() -> None:
    one = "<Object><Key>k</Key></Object>"
    assert len(parse_delete(delete(one * 1000))[0]) == 1000
    for body in (delete(one * 1001), delete()):
        with pytest.raises(MalformedXML):
            parse_delete(body)


@pytest.mark.parametrize(
    "body",
    [
        b"not xml",
        b"<Delete><Object><Key>a</Key></Object>",
        b"<Other><Object><Key>a</Key></Object></Other>",
        delete("<Object/>"),
        delete("<Object><Key></Key></Object>"),
        delete("<Object><Key>a</Key><Key>b</Key></Object>"),
        delete("<Object><Key><b/></Key></Object>"),
        delete("<Object><Key>a</Key><Kee>b</Kee></Object>"),
        delete("<Thing/>"),
        delete("<Object><Key>a</Key></Object>", quiet="<Quiet>perhaps</Quiet>"),
    ],
)
def test_a_delete_document_off_the_schema(body: bytes) -> None:
    with pytest.raises(MalformedXML):
        parse_delete(body)


def test_conditions_that_only_directory_buckets_have_are_seen() -> None:
    body = delete("<Object><Key>a</Key><Size>3</Size></Object>")
    assert parse_delete(body)[0][0].unbuilt == "Size"


@given(st.lists(st.tuples(st.integers(1, 10_000), st.sampled_from(ALGORITHMS)), min_size=1, max_size=5))
def test_a_complete_document_reads_back(parts: list[tuple[int, str]]) -> None:
    body = complete(
        *(
            f'<Part><ETag>"e{number}"</ETag><Checksum{name}>AAAA</Checksum{name}><PartNumber>{number}</PartNumber></Part>'
            for number, name in parts
        )
    )
    assert parse_complete(body) == [CompletedPart(n, f"e{n}", name, "AAAA") for n, name in parts]


def test_a_complete_document_off_the_schema() -> None:
    part = "<Part><PartNumber>1</PartNumber><ETag>e</ETag></Part>"
    assert parse_complete(complete(part)) == [CompletedPart(1, "e")]
    for body in (
        complete(),
        complete("<Part><ETag>e</ETag></Part>"),
        complete("<Part><PartNumber>1</PartNumber></Part>"),
        complete("<Part><PartNumber>one</PartNumber><ETag>e</ETag></Part>"),
        complete("<Part><PartNumber>99999999999</PartNumber><ETag>e</ETag></Part>"),
        complete("<Thing/>"),
        complete(part * 10_001),
    ):
        with pytest.raises(MalformedXML):
            parse_complete(body)
    with pytest.raises(InvalidArgument, match="PartNumber must be >= 1"):
        parse_complete(complete("<Part><PartNumber>0</PartNumber><ETag>e</ETag></Part>"))
    with pytest.raises(InvalidArgument, match="multiple checksums"):
        parse_complete(
            complete(
                "<Part><PartNumber>1</PartNumber><ETag>e</ETag><ChecksumMD5>a</ChecksumMD5>"
                "<ChecksumSHA1>a</ChecksumSHA1></Part>"
            )
        )


def test_checksums_in_headers() -> None:
    assert announced({"x-amz-checksum-type": "COMPOSITE", "x-amz-checksum-algorithm": "CRC32"}) is None
    assert announced({"x-amz-checksum-crc32": "AAAA-2"}) == ("CRC32", "AAAA-2")
    with pytest.raises(InvalidRequest, match="Multiple checksum Types"):
        announced({"x-amz-checksum-crc32": "AAAA", "x-amz-checksum-sha1": "AAAA"})
    assert type_asked({"x-amz-checksum-type": "full_object"}) == "FULL_OBJECT"
    with pytest.raises(InvalidRequest):
        type_asked({"x-amz-checksum-type": "HALF"})
