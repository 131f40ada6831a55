"""PostObject: uploads from HTML forms."""

import base64
import hashlib
import os
import re
import zlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.s3.conftest import Store
from tests.s3.expecting import body, headers, refused
from tests.s3.forms import encode, encoded, policy_of, post, sign_version_2, sign_version_4, upload
from tests.s3.raw import Answer, Raw

MIB = 1024**2
ANY_KEY = ["starts-with", "$key", ""]


def message(answer: Answer) -> str:
    """The message of an error."""
    found = re.search(rb"<Message>(.*?)</Message>", answer.body)
    return found[1].decode().replace("&quot;", '"') if found else ""


# --- upload --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [0, 1, 4096, 3 * MIB])
@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_a_form_made_by_boto3(store: Store, raw: Raw, s3: Any, bucket: str, size: int, version: str) -> None:
    data = os.urandom(size)
    client = store.client(signature_version=version)
    made = client.generate_presigned_post(bucket, "a/key", ExpiresIn=60)
    answer = post(raw, bucket, made["fields"].items(), data)
    assert (answer.status, answer.body) == (204, b"")
    got = s3.get_object(Bucket=bucket, Key="a/key")
    assert body(got) == data
    assert got["ETag"] == answer.headers["etag"] == f'"{hashlib.md5(data).hexdigest()}"'
    assert answer.headers["location"] == f"{store.endpoint}/{bucket}/a/key"
    assert "x-amz-version-id" not in answer.headers


def test_in_a_versioned_bucket(raw: Raw, s3: Any, versioned: str) -> None:
    answer = upload(raw, versioned, key="key")
    assert answer.headers["x-amz-version-id"] == s3.head_object(Bucket=versioned, Key="key")["VersionId"]


def test_headers_of_the_object(raw: Raw, s3: Any, bucket: str) -> None:
    answer = upload(
        raw, bucket, key="key", Content_Type="text/plain", Cache_Control="no-store",
        Content_Disposition="attachment", Content_Encoding="gzip", Expires="Thu, 01 Jan 2037 00:00:00 GMT",
        x_amz_meta_colour="blue", x_amz_storage_class="STANDARD_IA", x_amz_website_redirect_location="/other",
    )  # fmt: skip
    assert answer.status == 204, answer.body
    head = s3.head_object(Bucket=bucket, Key="key")
    assert (head["ContentType"], head["CacheControl"]) == ("text/plain", "no-store")
    assert (head["ContentDisposition"], head["ContentEncoding"]) == ("attachment", "gzip")
    assert head["ExpiresString"] == "Thu, 01 Jan 2037 00:00:00 GMT"
    assert head["Metadata"] == {"colour": "blue"}
    assert (head["StorageClass"], head["WebsiteRedirectLocation"]) == ("STANDARD_IA", "/other")


def test_without_a_content_type_it_is_binary(raw: Raw, s3: Any, bucket: str) -> None:
    assert upload(raw, bucket, key="key").status == 204
    assert s3.head_object(Bucket=bucket, Key="key")["ContentType"] == "binary/octet-stream"


def test_metadata_beyond_ascii(raw: Raw, s3: Any, bucket: str) -> None:
    assert upload(raw, bucket, key="größe/🐋", x_amz_meta_place="Zürich").status == 204
    sent = headers(s3.head_object(Bucket=bucket, Key="größe/🐋"))
    assert sent["x-amz-meta-place"] == f"=?UTF-8?B?{base64.b64encode('Zürich'.encode()).decode()}?="


def test_no_field_can_add_a_header(raw: Raw, s3: Any, bucket: str) -> None:
    for fields in (
        {"Content_Type": "text/html\r\nSet-Cookie: a=b"},
        {"Content_Disposition": "größe"},
        {"x_amz_meta_a\tb": "1"},
    ):
        answer = upload(raw, bucket, key="key", **fields)
        assert (answer.status, answer.code) == (400, "InvalidArgument")
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="key")


def test_tags(raw: Raw, s3: Any, bucket: str) -> None:
    document = "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>"
    assert upload(raw, bucket, key="key", tagging=document).status == 204
    assert s3.get_object_tagging(Bucket=bucket, Key="key")["TagSet"] == [{"Key": "a", "Value": "1"}]
    assert upload(raw, bucket, key="key", tagging="a=1").code == "MalformedXML"


def test_an_acl(raw: Raw, bucket: str) -> None:
    assert upload(raw, bucket, key="key", acl="bucket-owner-full-control").status == 204
    answer = upload(raw, bucket, key="key", acl="public-read")
    assert (answer.status, answer.code) == (400, "AccessControlListNotSupported")


def test_an_acl_where_buckets_have_them(raw: Raw, s3: Any, bucket: str) -> None:
    rules = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=rules)
    s3.delete_public_access_block(Bucket=bucket)
    assert upload(raw, bucket, key="key", acl="public-read").status == 204
    grants = s3.get_object_acl(Bucket=bucket, Key="key")["Grants"]
    assert [grant["Permission"] for grant in grants if grant["Grantee"]["Type"] == "Group"] == ["READ"]
    assert upload(raw, bucket, key="key", acl="everybody").code == "InvalidArgument"


def test_a_checksum(raw: Raw, s3: Any, bucket: str) -> None:
    right = base64.b64encode(zlib.crc32(b"data").to_bytes(4, "big")).decode()
    assert upload(raw, bucket, key="key", x_amz_checksum_crc32=right).status == 204
    assert s3.head_object(Bucket=bucket, Key="key", ChecksumMode="ENABLED")["ChecksumCRC32"] == right
    wrong = upload(raw, bucket, file=b"other", key="wrong", x_amz_checksum_crc32=right)
    assert (wrong.status, wrong.code) == (400, "BadDigest")
    unknown = upload(raw, bucket, key="wrong", x_amz_checksum_sha3=right)
    assert (unknown.status, unknown.code) == (400, "InvalidRequest")
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="wrong")


def test_field_names_in_any_case(raw: Raw, s3: Any, bucket: str) -> None:
    signed = sign_version_2(raw, policy_of({"bUcKeT": bucket}, ["StArTs-WiTh", "$KeY", "f"]))
    fields = [("kEy", "foo"), *((name.swapcase(), value) for name, value in signed.items())]
    assert post(raw, bucket, fields).status == 204
    assert body(s3.get_object(Bucket=bucket, Key="foo")) == b"data"


# --- ${filename} ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("filename", ["photo.jpg", "C:\\me\\photo.jpg", "/home/me/photo.jpg"])
def test_the_name_of_the_file_in_the_key(raw: Raw, s3: Any, bucket: str, filename: str) -> None:
    answer = upload(raw, bucket, key="user/${filename}", filename=filename)
    assert answer.headers["location"].endswith("/user/photo.jpg")
    assert body(s3.get_object(Bucket=bucket, Key="user/photo.jpg")) == b"data"


def test_the_name_of_the_file_in_any_field(raw: Raw, s3: Any, bucket: str) -> None:
    upload(raw, bucket, key="key", x_amz_meta_from="my ${filename}")
    assert s3.head_object(Bucket=bucket, Key="key")["Metadata"] == {"from": "my photo.jpg"}


def test_the_policy_judges_the_key_with_the_name(raw: Raw, bucket: str) -> None:
    signed = sign_version_4(raw, policy_of({"bucket": bucket}, ["starts-with", "$key", "photo"]))
    assert post(raw, bucket, [("key", "${filename}"), *signed.items()]).status == 204
    assert (
        post(raw, bucket, [("key", "${filename}"), *signed.items()], filename="other").code == "AccessDenied"
    )


def test_a_key_is_not_empty(raw: Raw, bucket: str) -> None:
    answer = upload(raw, bucket, key="${filename}", filename="")
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert upload(raw, bucket, key="k" * 1025).code == "KeyTooLongError"


# --- success -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("asked", "status"), [("200", 200), ("201", 201), ("204", 204), ("404", 204), ("", 204)]
)
def test_the_status_of_success(raw: Raw, bucket: str, asked: str, status: int) -> None:
    answer = upload(raw, bucket, key="key", success_action_status=asked)
    assert answer.status == status
    assert bool(answer.body) == (status == 201)


def test_the_document_of_201(store: Store, raw: Raw, bucket: str) -> None:
    answer = upload(raw, bucket, key="a & b", success_action_status="201")
    assert answer.headers["content-type"] == "application/xml"
    location = f"{store.endpoint}/{bucket}/a%20%26%20b"
    assert answer.headers["location"] == location
    etag = hashlib.md5(b"data").hexdigest()
    assert answer.body.endswith(
        f"<PostResponse><Location>{location}</Location><Bucket>{bucket}</Bucket><Key>a &amp; b</Key>"
        f"<ETag>&quot;{etag}&quot;</ETag></PostResponse>".encode()
    )


@pytest.mark.parametrize("field", ["success_action_redirect", "redirect"])
def test_a_redirect(raw: Raw, s3: Any, bucket: str, field: str) -> None:
    target = "https://example.com/done?a=b#c"
    answer = upload(raw, bucket, key="a b", success_action_status="201", **{field: target})
    assert (answer.status, answer.body) == (303, b"")
    url = urlsplit(answer.headers["location"])
    assert (url.netloc, url.path, url.fragment) == ("example.com", "/done", "c")
    etag = s3.head_object(Bucket=bucket, Key="a b")["ETag"]
    assert parse_qs(url.query) == {"a": ["b"], "bucket": [bucket], "key": ["a b"], "etag": [etag]}


@pytest.mark.parametrize(
    "target", ["", "done.html", "javascript:alert(1)", "https://[", "https://e.com/\r\nSet-Cookie: a=b"]
)
def test_a_redirect_that_is_no_url_is_passed_over(raw: Raw, bucket: str, target: str) -> None:
    answer = upload(raw, bucket, key="key", success_action_redirect=target)
    assert answer.status == 204
    assert "set-cookie" not in answer.headers


# --- the policy ----------------------------------------------------------------------------------------
def denied(raw: Raw, bucket: str, fields: dict[str, str], *conditions: Any, seconds: float = 600) -> str:
    """The message of a form that its policy does not allow."""
    for sign in (sign_version_4, sign_version_2):
        signed = sign(raw, policy_of(*conditions, seconds=seconds))
        answer = post(raw, bucket, [*fields.items(), *signed.items()])
        assert (answer.status, answer.code) == (403, "AccessDenied")
    return message(answer)


def test_a_condition_that_does_not_hold(raw: Raw, s3: Any, bucket: str) -> None:
    told = denied(raw, bucket, {"key": "key"}, {"bucket": bucket}, ["eq", "$key", "other"])
    assert told == 'Invalid according to Policy: Policy Condition failed: ["eq", "$key", "other"]'
    told = denied(raw, bucket, {"key": "key"}, {"bucket": bucket}, ["starts-with", "$key", "user/"])
    assert told == 'Invalid according to Policy: Policy Condition failed: ["starts-with", "$key", "user/"]'
    denied(raw, bucket, {"key": "key"}, {"bucket": "other"}, ANY_KEY)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_field_that_the_policy_demands(raw: Raw, bucket: str) -> None:
    denied(raw, bucket, {"key": "key"}, {"bucket": bucket}, ANY_KEY, {"acl": "private"})


def test_a_field_that_the_policy_does_not_name(raw: Raw, bucket: str) -> None:
    told = denied(raw, bucket, {"key": "key", "x-amz-meta-a": "1"}, {"bucket": bucket}, ANY_KEY)
    assert told == "Invalid according to Policy: Extra input fields: x-amz-meta-a"
    assert "bucket" in denied(raw, bucket, {"key": "key"}, ANY_KEY)


def test_fields_to_be_ignored_need_no_condition(raw: Raw, bucket: str) -> None:
    signed = sign_version_4(raw, policy_of({"bucket": bucket}, ANY_KEY))
    assert post(raw, bucket, [("key", "key"), ("x-ignore-button", "Send"), *signed.items()]).status == 204


def test_an_expired_policy(raw: Raw, bucket: str) -> None:
    told = denied(raw, bucket, {"key": "key"}, {"bucket": bucket}, ANY_KEY, seconds=-60)
    assert told == "Invalid according to Policy: Policy expired."


@pytest.mark.parametrize("size", [5, 2 * MIB])
def test_a_file_that_is_too_large(raw: Raw, s3: Any, bucket: str, size: int) -> None:
    limits = ["content-length-range", 1, size - 1]
    assert upload(raw, bucket, limits, file=b"a" * (size - 1), key="key").status == 204
    answer = upload(raw, bucket, limits, file=b"a" * size, key="large")
    assert (answer.status, answer.code) == (400, "EntityTooLarge")
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="large")


@pytest.mark.parametrize("size", [4, 2 * MIB])
def test_a_file_that_is_too_small(raw: Raw, s3: Any, bucket: str, size: int) -> None:
    answer = upload(raw, bucket, ["content-length-range", size + 1, 5 * MIB], file=b"a" * size, key="key")
    assert (answer.status, answer.code) == (400, "EntityTooSmall")
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="key")


@pytest.mark.parametrize(
    "policy",
    [
        "nonsense",
        encoded([]),
        encoded({"conditions": []}),
        encoded({"expiration": "2037-01-01T00:00:00Z"}),
        encoded({"expiration": "tomorrow", "conditions": []}),
        encoded({"expiration": "2037-01-01T00:00:00Z", "conditions": [{}]}),
        encoded({"expiration": "2037-01-01T00:00:00Z", "conditions": [["ends-with", "$key", "a"]]}),
        encoded({"expiration": "2037-01-01T00:00:00Z", "conditions": [["content-length-range", -1, 0]]}),
    ],
)
def test_policies_that_are_none(raw: Raw, bucket: str, policy: str) -> None:
    answer = post(raw, bucket, [("key", "key"), *sign_version_2(raw, policy).items()])
    assert (answer.status, answer.code) == (400, "InvalidPolicyDocument")


# --- the signature -------------------------------------------------------------------------------------
def test_a_wrong_signature(raw: Raw, s3: Any, bucket: str) -> None:
    policy = policy_of({"bucket": bucket}, ANY_KEY)
    for signed, name in (
        (sign_version_4(raw, policy), "x-amz-signature"),
        (sign_version_2(raw, policy), "signature"),
    ):
        for changed in ({name: signed[name][::-1]}, {"policy": encoded(policy_of(ANY_KEY))}, {name: "é"}):
            answer = post(raw, bucket, [("key", "key"), *{**signed, **changed}.items()])
            assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_an_unknown_access_key(raw: Raw, bucket: str) -> None:
    with Raw(raw.endpoint, "AKNOBODY", raw.secret_key) as stranger:
        for sign in (sign_version_4, sign_version_2):
            signed = sign(stranger, policy_of({"bucket": bucket}, ANY_KEY))
            answer = post(raw, bucket, [("key", "key"), *signed.items()])
            assert (answer.status, answer.code) == (403, "InvalidAccessKeyId")


def test_fields_of_the_signature_that_are_missing(raw: Raw, bucket: str) -> None:
    policy = policy_of({"bucket": bucket}, ANY_KEY)
    for signed in (sign_version_4(raw, policy), sign_version_2(raw, policy)):
        for left_out in signed:
            fields = [("key", "key"), *((name, value) for name, value in signed.items() if name != left_out)]
            answer = post(raw, bucket, fields)
            assert (answer.status, answer.code) == (400, "InvalidArgument"), left_out
            assert message(answer).startswith("Bucket POST must contain a field named '")


def test_another_algorithm_date_or_scope(raw: Raw, bucket: str) -> None:
    signed = sign_version_4(raw, policy_of({"bucket": bucket}, ANY_KEY))
    for changed, code in (
        ({"x-amz-algorithm": "AWS4-HMAC-SHA1"}, "InvalidArgument"),
        ({"x-amz-date": "yesterday"}, "InvalidArgument"),
        ({"x-amz-credential": "nonsense"}, "AuthorizationQueryParametersError"),
        ({"x-amz-security-token": "token"}, "InvalidToken"),
    ):
        answer = post(raw, bucket, [("key", "key"), *{**signed, **changed}.items()])
        assert (answer.status, answer.code) == (400, code)


def test_nobody_may_not(raw: Raw, s3: Any, bucket: str) -> None:
    answer = post(raw, bucket, [("key", "key")])
    assert (answer.status, answer.code) == (403, "AccessDenied")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_request_that_is_signed_itself(raw: Raw, s3: Any, bucket: str) -> None:
    named, form = encode([("key", "key")], b"data")
    assert raw.send("POST", f"/{bucket}", named, form).status == 204
    assert body(s3.get_object(Bucket=bucket, Key="key")) == b"data"


# --- the form ------------------------------------------------------------------------------------------
def test_a_key_is_required(raw: Raw, bucket: str) -> None:
    signed = sign_version_4(raw, policy_of({"bucket": bucket}))
    answer = post(raw, bucket, signed.items())
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert "field named 'key'" in message(answer)


def test_a_file_is_required(raw: Raw, bucket: str) -> None:
    signed = sign_version_4(raw, policy_of({"bucket": bucket}, ANY_KEY))
    answer = post(raw, bucket, [("key", "key"), *signed.items()], None)
    assert (answer.status, answer.code) == (400, "IncorrectNumberOfFilesInPostRequest")


def test_the_file_comes_last(raw: Raw, s3: Any, bucket: str) -> None:
    signed = sign_version_4(raw, policy_of({"bucket": bucket}, ANY_KEY))
    after = [("x-amz-meta-a", "1"), ("submit", "Send")]
    assert post(raw, bucket, [("key", "key"), *signed.items()], after=after).status == 204
    head = s3.head_object(Bucket=bucket, Key="key")
    assert (head["Metadata"], head["ContentLength"]) == ({}, 4)
    answer = post(raw, bucket, signed.items(), after=[("key", "key")])
    assert answer.code == "InvalidArgument"


def test_fields_of_more_than_20_kb(raw: Raw, bucket: str) -> None:
    answer = upload(raw, bucket, key="key", tagging="a" * 20 * 1024)
    assert (answer.status, answer.code) == (400, "MaxPostPreDataLengthExceededError")


def test_another_encoding(raw: Raw, bucket: str) -> None:
    named = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = raw.send("POST", f"/{bucket}", named, b"key=a&file=b", signed=False)
    assert (answer.status, answer.code) == (400, "RequestIsNotMultiPartContent")


def test_a_form_that_breaks_off(raw: Raw, s3: Any, bucket: str) -> None:
    signed = sign_version_4(raw, policy_of({"bucket": bucket}, ANY_KEY))
    for size in (10, 2 * MIB):
        named, form = encode([("key", "key"), *signed.items()], b"a" * size)
        answer = raw.send("POST", f"/{bucket}", named, form[:-50], signed=False)
        assert (answer.status, answer.code) == (400, "MalformedPOSTRequest")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_length_is_required(raw: Raw, bucket: str) -> None:
    named, _ = encode([("key", "key")], b"data")
    answer = raw.send(
        "POST", f"/{bucket}", {**named, "Transfer-Encoding": "chunked"}, b"0\r\n\r\n", signed=False
    )
    assert (answer.status, answer.code) == (411, "MissingContentLength")


def test_a_bucket_that_is_not_there(raw: Raw) -> None:
    assert upload(raw, "no-such-bucket-at-all", key="key").code == "NoSuchBucket"


def test_only_a_bucket_takes_forms(raw: Raw, bucket: str) -> None:
    named, form = encode([("key", "key")], b"data")
    for target in ("/", f"/{bucket}/key"):
        answer = raw.send("POST", target, named, form, signed=False)
        assert (answer.status, answer.code) == (405, "MethodNotAllowed")
