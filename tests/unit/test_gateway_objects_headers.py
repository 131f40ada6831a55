"""Attributes in and out of headers: user metadata round trips, framing does not stick, limits hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.checksums import ALGORITHMS, checksum_headers
from gateway.object_headers import (
    attributes_of,
    decode_words,
    encode_word,
    unchanged_headers,
    version_headers,
    write_headers,
)
from schemas.errors import InvalidRedirectLocation, InvalidStorageClass, MetadataTooLarge
from schemas.rows import Attributes, Bucket, Checksum, ObjectVersion

PLAIN = Bucket(b"b" * 16, "bucket", "owner", "us-east-1", 0, 1)
VERSIONED = Bucket(b"b" * 16, "bucket", "owner", "us-east-1", 0, 1, versioning="suspended")

names = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,20}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def version(attributes: Attributes = Attributes(), size: int = 7) -> ObjectVersion:
    return ObjectVersion("key", "null", 1, 1, 784_111_777_400, "owner", size, "etag", attributes)


@given(texts)
def test_any_text_survives_as_an_encoded_word(text: str) -> None:
    sent = encode_word(text)
    assert sent.isascii()
    assert sent.isprintable()
    if "=?" not in text:
        assert decode_words(sent) == text


@given(st.dictionaries(names, texts.filter(lambda text: "=?" not in text), max_size=5))
def test_metadata_round_trip(metadata: dict[str, str]) -> None:
    stored = attributes_of({f"x-amz-meta-{name}": encode_word(value) for name, value in metadata.items()})
    assert stored.metadata == metadata
    answered = dict(version_headers(PLAIN, version(stored), 7))
    assert attributes_of(answered).metadata == metadata


def test_words_in_any_charset_or_none() -> None:
    assert decode_words("=?UTF-8?Q?caf=C3=A9?=") == "café"
    assert decode_words("=?ISO-8859-1?Q?caf=E9?= au lait") == "café au lait"
    for broken in ("=?nonsense?Q?caf=E9?=", "=?UTF-8?B?!?=", "=?UTF-8?Q?=FF?=", "=?", "a=?b"):
        assert decode_words(broken) == broken


@given(st.text(max_size=40))
def test_decoding_any_header_gives_a_text(text: str) -> None:
    decode_words("=?" + text)


def test_system_headers_are_kept_and_others_are_not() -> None:
    headers = {
        "content-type": "text/plain", "cache-control": "no-store", "content-disposition": "inline",
        "content-language": "de", "expires": "whenever", "x-amz-website-redirect-location": "/other",
        "host": "h", "authorization": "a", "content-length": "3",
    }  # fmt: skip
    attributes = attributes_of({**headers, "x-amz-storage-class": "GLACIER_IR"})
    assert attributes.storage_class == "GLACIER_IR"
    for name in ("host", "authorization", "content-length"):
        del headers[name]
    assert attributes.headers == headers
    answered = version_headers(PLAIN, version(attributes), 7)
    assert set(headers.items()) <= set(answered)
    assert ("x-amz-storage-class", "GLACIER_IR") in answered


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("aws-chunked", None), ("aws-chunked,gzip", "gzip"), ("gzip, AWS-chunked", "gzip"), 
     ("aws-chunked,", None), ("gzip,br", "gzip,br"), ("gzip, br", "gzip,br")],
)  # fmt: skip
def test_framing_is_not_an_encoding(sent: str, kept: str | None) -> None:
    assert attributes_of({"content-encoding": sent}).headers.get("content-encoding") == kept


def test_limits() -> None:
    assert attributes_of({"x-amz-meta-a": "v" * 2047}).metadata
    with pytest.raises(MetadataTooLarge) as caught:
        attributes_of({"x-amz-meta-a": "v" * 2048})
    assert caught.value.details == {"Size": "2049", "MaxSizeAllowed": "2048"}
    for name in ("SNOW", "OUTPOSTS", "standard", ""):
        with pytest.raises(InvalidStorageClass):
            attributes_of({"x-amz-storage-class": name})
    with pytest.raises(InvalidRedirectLocation, match="prefix of"):
        attributes_of({"x-amz-website-redirect-location": "javascript:alert(1)"})


def test_headers_of_a_plain_object() -> None:
    assert version_headers(PLAIN, version(), 7) == [
        ("content-length", "7"),
        ("etag", '"etag"'),
        ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("accept-ranges", "bytes"),
        ("x-amz-server-side-encryption", "AES256"),
        ("content-type", "binary/octet-stream"),
    ]


def test_version_ids_only_where_there_were_versions() -> None:
    assert ("x-amz-version-id", "null") in version_headers(VERSIONED, version(), 7)
    assert ("x-amz-version-id", "null") in unchanged_headers(VERSIONED, version())
    assert ("x-amz-version-id", "null") in write_headers(VERSIONED, "null")
    assert "x-amz-version-id" not in dict(version_headers(PLAIN, version(), 7))
    assert "x-amz-version-id" not in dict(write_headers(PLAIN, "null"))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_has_its_header(algorithm: str) -> None:
    assert checksum_headers(Checksum(algorithm, "AAAA", "COMPOSITE")) == [
        (f"x-amz-checksum-{algorithm.lower()}", "AAAA"),
        ("x-amz-checksum-type", "COMPOSITE"),
    ]
