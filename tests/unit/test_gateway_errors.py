"""The error table covers the vocabulary, and answers say what they should and hide what they should."""

import inspect
from xml.etree import ElementTree

import pytest

from gateway.errors import INTERNAL, SLOW_DOWN, TABLE, S3Error, s3_error
from gateway.xml_errors import error_document, error_headers
from schemas import errors
from schemas.errors import InvalidArgument, SelectRefused, StrandlineError

DOMAIN = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, StrandlineError) and kind is not SelectRefused
]


@pytest.mark.parametrize("kind", DOMAIN, ids=lambda kind: str(kind.__name__))
def test_every_domain_error_has_a_place_of_its_own(kind: type[StrandlineError]) -> None:
    shape = TABLE[kind]
    assert s3_error(kind()) is shape
    assert shape.message
    assert shape.code.removeprefix("KMS.").isalnum()
    assert 300 <= shape.status < 600


def test_the_table_names_nothing_else() -> None:
    assert set(TABLE) == set(DOMAIN)


def test_errors_of_queries_bring_their_code() -> None:
    assert s3_error(SelectRefused("CastFailed", "no number")) == S3Error("CastFailed", 400, "no number")
    assert s3_error(SelectRefused("Busy", "later")).status == 503


def test_errors_that_are_not_ours() -> None:
    assert s3_error(ZeroDivisionError()) is INTERNAL
    assert s3_error(TimeoutError()) is SLOW_DOWN


def test_a_subclass_looks_like_its_base() -> None:
    class Odd(InvalidArgument):
        pass

    assert s3_error(Odd()).code == "InvalidArgument"


def parsed(document: bytes) -> dict[str, str | None]:
    return {element.tag: element.text for element in ElementTree.fromstring(document)}


def test_the_document() -> None:
    shape = TABLE[InvalidArgument]
    details = {"ArgumentName": "max-keys", "ArgumentValue": "<&>", "version_id": "v"}
    document = error_document(shape, "no & never", details, "/b/ü", "id", "host")
    assert parsed(document) == {
        "Code": "InvalidArgument", "Message": "no & never", "ArgumentName": "max-keys",
        "ArgumentValue": "<&>", "Resource": "/b/ü", "RequestId": "id", "HostId": "host",
    }  # fmt: skip


def test_details_of_internal_errors_stay_inside() -> None:
    document = error_document(INTERNAL, INTERNAL.message, {"File": "/var/lib"}, "/", "id", "host")
    assert "File" not in parsed(document)


def test_headers_tell_of_delete_markers_and_sizes() -> None:
    details = {"delete_marker": "true", "version_id": "v", "last_modified": "0"}
    assert dict(error_headers(details, 405)) == {
        "x-amz-delete-marker": "true", "x-amz-version-id": "v", "allow": "DELETE",
        "last-modified": "Thu, 01 Jan 1970 00:00:00 GMT",
    }  # fmt: skip
    assert error_headers({"ActualObjectSize": "7"}, 416) == [("content-range", "bytes */7")]
