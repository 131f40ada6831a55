"""The pure rules at the edge: routing, names, query strings, headers that ask too much, tokens."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.loaders import Loader
from hypothesis import given
from hypothesis import strategies as st

from gateway.bucket_names import broken_rule, check_bucket_name
from gateway.continuation import decode_token, encode_token
from gateway.encryption_headers import ENCRYPTION_HEADERS
from gateway.handlers import handlers
from gateway.listing_parameters import asked, number_parameter
from gateway.payload_headers import announced_checksum, announced_size, content_length, decoded_length
from gateway.presigned_headers import fold_presigned
from gateway.routing import check_key, parse_query, split_host, split_path
from gateway.unbuilt import ALLOWED_VALUES, EXPECTED_OWNER, HARMLESS, REFUSED, check_unbuilt
from schemas.errors import (
    InvalidArgument,
    InvalidBucketName,
    InvalidRequest,
    InvalidURI,
    KeyTooLong,
    MissingContentLength,
    NotImplementedOperation,
)

TEXT = st.text(st.characters(exclude_categories=("Cs",)))


# --- routing -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", ("", "")), ("/b", ("b", "")), ("/b/", ("b", "")), ("/b/k", ("b", "k")), ("/b//k", ("b", "/k")),
        ("/b/../k", ("b", "../k")), ("/b/k/", ("b", "k/")), ("//k", ("", "k")),
    ],
)  # fmt: skip
def test_path_style(path: str, expected: tuple[str, str]) -> None:
    assert split_path(path) == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("b.s3.test", ("b", "x/y")), ("B.S3.test:9000", ("b", "x/y")), ("a.b.s3.test", ("a.b", "x/y")),
        ("s3.test", ("x", "y")), ("s3.test:80", ("x", "y")), ("evils3.test", ("x", "y")),
        ("localhost:9000", ("x", "y")), ("[::1]:9000", ("x", "y")), ("", ("x", "y")),
    ],
)  # fmt: skip
def test_virtual_host_style(host: str, expected: tuple[str, str]) -> None:
    assert split_host(host, "/x/y", ("s3.test",)) == expected


def test_paths_that_are_none() -> None:
    with pytest.raises(InvalidURI):
        split_path("*")
    with pytest.raises(InvalidURI):
        split_host("b.s3.test", "*", ("s3.test",))


def test_keys_are_measured_in_bytes() -> None:
    check_key("k" * 1024)
    check_key("é" * 512)
    for key in ("k" * 1025, "é" * 513, "\U0001f30a" * 257):
        with pytest.raises(KeyTooLong) as refused:
            check_key(key)
        assert refused.value.details["Size"] == str(len(key.encode()))


@given(st.dictionaries(TEXT.filter(bool), TEXT))
def test_query_strings_read_back(query: dict[str, str]) -> None:
    assert parse_query(urlencode(query)) == query


def test_query_strings_as_clients_write_them() -> None:
    assert parse_query("uploads&prefix=a+b%2Fc&&=x&prefix=second") == {"uploads": "", "prefix": "a b/c"}
    with pytest.raises(InvalidArgument) as refused:
        parse_query("prefix=%ff")
    assert refused.value.details == {"ArgumentName": "prefix", "ArgumentValue": "%ff"}


def test_headers_in_a_presigned_url() -> None:
    query = {"X-Amz-Signature": "s", "X-Amz-Acl": "private", "x-amz-meta-A": "1", "prefix": "p"}
    headers = {"x-amz-meta-a": "signed"}
    fold_presigned(query, headers)
    assert headers == {"x-amz-meta-a": "signed", "x-amz-acl": "private"}


# --- bucket names --------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["abc", "a.b-c", "123", "a" * 63, "1.2.3.4.5", "a.-b", "xn-a"])
def test_bucket_names(name: str) -> None:
    check_bucket_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "", "ab", "a" * 64, "Abc", "a_b", "-ab", "ab-", ".ab", "ab.", "a..b", "192.168.5.4", "xn--abc",
        "sthree-a", "sthree-configurator", "amzn-s3-demo-x", "x-s3alias", "x--ol-s3", "x.mrap", "x--x-s3",
        "x--table-s3", "ábc", "a b", "abc\n", "٣٣٣",
    ],
)  # fmt: skip
def test_bucket_names_against_the_rules(name: str) -> None:
    assert broken_rule(name)
    with pytest.raises(InvalidBucketName) as refused:
        check_bucket_name(name)
    assert refused.value.details["BucketName"] == name


# --- headers that ask for what is not built ------------------------------------------------------------
@pytest.mark.parametrize(
    "headers",
    [
        {"x-amz-write-offset-bytes": "1"}, {"x-amz-mfa": "1 2"},
    ],
)  # fmt: skip
def test_unbuilt_headers_are_refused_by_name(headers: dict[str, str]) -> None:
    with pytest.raises(NotImplementedOperation) as refused:
        check_unbuilt({"host": "h", **headers})
    (name,) = headers
    assert refused.value.details["Header"] == name
    assert headers[name] in refused.value.message


def test_headers_that_ask_for_nothing_new() -> None:
    check_unbuilt({"x-amz-acl": "public-read", "x-amz-bucket-namespace": "global", EXPECTED_OWNER: "x"})


# Headers of built operations that some handler, the body reader or the application looks at.
HANDLED = {
    "cache-control", "content-disposition", "content-encoding", "content-language", "content-length",
    "content-md5", "content-type", "expires", "if-match", "if-modified-since", "if-none-match",
    "if-unmodified-since", "range", "x-amz-checksum-algorithm", "x-amz-checksum-mode", "x-amz-checksum-type",
    "x-amz-copy-source", "x-amz-copy-source-if-match", "x-amz-copy-source-if-modified-since",
    "x-amz-copy-source-if-none-match", "x-amz-copy-source-if-unmodified-since", "x-amz-copy-source-range",
    "x-amz-acl", "x-amz-grant-full-control", "x-amz-grant-read", "x-amz-grant-read-acp", "x-amz-grant-write",
    "x-amz-bucket-object-lock-enabled", "x-amz-bypass-governance-retention", "x-amz-object-lock-legal-hold",
    "x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date",
    "x-amz-grant-write-acp", "x-amz-object-ownership", "x-amz-transition-default-minimum-object-size",
    "x-amz-max-parts", "x-amz-metadata-directive", "x-amz-mp-object-size", "x-amz-object-attributes",
    "x-amz-optional-object-attributes", "x-amz-part-number-marker", "x-amz-sdk-checksum-algorithm",
    "x-amz-source-expected-bucket-owner", "x-amz-storage-class", "x-amz-tagging", "x-amz-tagging-directive",
    "x-amz-website-redirect-location",
}  # fmt: skip


def modelled_headers(model: dict[str, Any]) -> Iterator[str]:
    for name in handlers().keys() & model["operations"].keys():
        shape = model["shapes"].get(model["operations"][name].get("input", {}).get("shape", ""), {})
        for member in shape.get("members", {}).values():
            if member.get("location") == "header":
                yield member["locationName"].lower()


def test_no_header_of_the_model_is_silently_ignored() -> None:
    known = HANDLED | REFUSED | set(ALLOWED_VALUES) | set(HARMLESS) | ENCRYPTION_HEADERS | {EXPECTED_OWNER}
    headers = set(modelled_headers(Loader().load_service_model("s3", "service-2")))
    unknown = {name for name in headers - known if not name.startswith("x-amz-checksum-")}
    assert unknown == set()


# --- bodies --------------------------------------------------------------------------------------------
def test_lengths() -> None:
    assert content_length({}) is None
    assert content_length({"content-length": "12"}) == 12
    for text in ("-1", "1.5", "", "٣", "9" * 40):
        with pytest.raises(InvalidArgument):
            content_length({"content-length": text})
    with pytest.raises(MissingContentLength):
        decoded_length({"content-length": "12"})
    assert announced_size({"content-length": "12", "x-amz-decoded-content-length": "5"}) == 5
    for text in ("-1", "x", "", "٣", "9" * 4400):
        assert announced_size({"content-length": "12", "x-amz-decoded-content-length": text}) == 12


def test_the_checksum_that_a_body_promises() -> None:
    value = "AAAAAA=="
    assert announced_checksum({}).algorithm is None
    assert announced_checksum({"x-amz-checksum-crc32c": value}) == ("CRC32C", value, None)
    trailer = announced_checksum(
        {"x-amz-trailer": "x-amz-checksum-SHA256", "x-amz-sdk-checksum-algorithm": "SHA256"}
    )
    assert trailer == ("SHA256", None, "x-amz-checksum-sha256")


@pytest.mark.parametrize(
    "headers",
    [
        {"x-amz-checksum-crc32": "AAAA"}, {"x-amz-checksum-crc32": "nonsense"},
        {"x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-crc32c": "AAAAAA=="},
        {"x-amz-checksum-crc32": "AAAAAA==", "x-amz-trailer": "x-amz-checksum-crc32"},
        {"x-amz-trailer": "x-amz-meta-a"}, {"x-amz-sdk-checksum-algorithm": "CRC32"},
        {"x-amz-sdk-checksum-algorithm": "SHA1", "x-amz-checksum-crc32": "AAAAAA=="},
    ],
)  # fmt: skip
def test_checksum_headers_that_contradict_each_other(headers: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest):
        announced_checksum(headers)


# --- listings ------------------------------------------------------------------------------------------
@given(TEXT)
def test_tokens_read_back(name: str) -> None:
    token = encode_token(name)
    assert decode_token(token) == name
    assert token.isascii()
    assert not set(token) & set("&<>+/=% ")


@given(st.text())
def test_only_our_tokens_are_taken(text: str) -> None:
    with suppress(InvalidArgument):
        assert encode_token(decode_token(text)) == text


@pytest.mark.parametrize("change", ["", "x", "é", encode_token("abc")[:-1], encode_token("abc") + "A"])
def test_damaged_tokens(change: str) -> None:
    with pytest.raises(InvalidArgument):
        decode_token(change)


def test_counts() -> None:
    assert [number_parameter({"n": text}, "n", 10, 1000) for text in ("", "0", "7", "5000", "-0")] == [
        10,
        0,
        7,
        1000,
        0,
    ]
    assert number_parameter({}, "n", 10, 1000) == 10
    for text in ("x", "-1", "1.0", "2147483648", "٣", "+1", " 1", "9" * 5000):
        with pytest.raises(InvalidArgument) as refused:
            number_parameter({"n": text}, "n", 10, 1000)
        assert refused.value.details == {"ArgumentName": "n", "ArgumentValue": text}


def test_encoding_types() -> None:
    assert asked({"encoding-type": "url", "prefix": "p", "delimiter": "//"}) == ("p", "//", 1000, True)
    with pytest.raises(InvalidArgument):
        asked({"encoding-type": "gzip"})
