"""Signatures that are taken off, repeated, bent to another request, or half forged."""

import hashlib
import hmac
import json
import time
from base64 import b64encode
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest

from tests.attacks.conftest import Target
from tests.attacks.wire import lines, sent, statuses
from tests.iam.test_permissions import User, allow
from tests.s3.chunked import SIGNED, Signer
from tests.s3.raw import REGION, Raw

Parameters = list[tuple[str, str]]


def linked(site: Target, method: str = "get_object", version: str = "s3v4", **what: Any) -> str:
    """Path and query of a presigned URL of the operator's."""
    client = site.client("s3", site.root)
    client.meta.config.signature_version = version
    parts = urlsplit(client.generate_presigned_url(method, Params=what, ExpiresIn=600))
    return f"{parts.path}?{parts.query}"


def split(target: str) -> tuple[str, Parameters]:
    path, _, query = target.partition("?")
    return path, parse_qsl(query, keep_blank_values=True)


# --- stripping -----------------------------------------------------------------------------------------
def test_stripping_the_signature_makes_nobody(raw: Raw, bucket: str) -> None:
    """Each part taken off alone, and all of them: refused, never taken for somebody."""
    signed = raw.sign("GET", f"/{bucket}/key", b"", {})
    for left_out in (["Authorization"], ["Authorization", "X-Amz-Date"], list(signed)):
        headers = {name: value for name, value in signed.items() if name not in left_out}
        assert raw.send("GET", f"/{bucket}/key", headers, signed=False).status == 403
    whole = signed["Authorization"]
    cut = whole.rpartition(", Signature=")[0]
    for text in (
        cut,
        cut + ", Signature=",
        whole.replace("Signature=", "Signature=0"),
        whole[:-1],
        "AWS4-HMAC-SHA256 ",
    ):
        answer = raw.send("GET", f"/{bucket}/key", {**signed, "Authorization": text}, signed=False)
        assert answer.status in (400, 403), text


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_stripping_parameters_of_a_presigned_url(site: Target, raw: Raw, bucket: str, version: str) -> None:
    path, parameters = split(linked(site, version=version, Bucket=bucket, Key="key"))
    assert raw.send("GET", f"{path}?{urlencode(parameters)}", signed=False).status == 200
    for name, _ in parameters:
        left = [one for one in parameters if one[0] != name]
        assert raw.send("GET", f"{path}?{urlencode(left)}", signed=False).status in (400, 403), name
        empty = [(one, "" if one == name else value) for one, value in parameters]
        assert raw.send("GET", f"{path}?{urlencode(empty)}", signed=False).status in (400, 403), name
        hidden = urlencode(parameters).replace(name, name.replace("A", "%41"), 1)
        changed = raw.send("GET", f"{path}?{hidden}", signed=False)
        assert changed.status in (200, 400, 403), name  # the same parameter, or one that signs nothing


def test_a_denial_cannot_be_shed_with_the_signature(
    site: Target, iam: Any, s3: Any, raw: Raw, public: str
) -> None:
    """Who is denied what everybody may read gets as much as anybody without the signature, and no more."""
    one = User(site, iam, allow("s3:*"), allow("s3:*", f"arn:aws:s3:::{public}/*", effect="Deny"))
    with Raw(site.server.endpoint, *one.keys) as mine:
        assert mine.send("GET", f"/{public}/public/page").status == 403
    assert raw.send("GET", f"/{public}/public/page", signed=False).status == 200
    assert raw.send("GET", f"/{public}/key", signed=False).status == 403


# --- replay --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("seconds", [-16 * 60, 16 * 60, -86400, -365 * 86400])
def test_replay_of_an_old_request(raw: Raw, bucket: str, seconds: float) -> None:
    raw.clock_ahead = seconds
    answer = raw.send("GET", f"/{bucket}/key")
    assert (answer.status, answer.code) == (403, "RequestTimeTooSkewed")


def test_replay_with_a_new_date(raw: Raw, bucket: str) -> None:
    """The date is signed, whichever header carries it, and so is the day of the key."""
    raw.clock_ahead = -3600
    old = raw.sign("GET", f"/{bucket}/key", b"", {})
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    fresh = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
    for change in (
        {**old, "X-Amz-Date": now},
        {**old, "Date": fresh},
        {**{name: value for name, value in old.items() if name != "X-Amz-Date"}, "Date": fresh},
    ):
        answer = raw.send("GET", f"/{bucket}/key", change, signed=False)
        assert answer.status == 403, change


def test_replay_of_an_expired_link(site: Target, raw: Raw, bucket: str) -> None:
    """Neither a later date nor a longer life, beside the signed ones or in their place."""
    client = site.client("s3", site.root)
    url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "key"}, ExpiresIn=1)
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}"
    limit = time.monotonic() + 30
    while raw.send("GET", target, signed=False).status == 200:
        assert time.monotonic() < limit
    longer = target.replace("X-Amz-Expires=1&", "X-Amz-Expires=600&")
    assert longer != target
    for change in (
        target, longer, f"{target}&X-Amz-Expires=600", target.replace("?", "?X-Amz-Expires=600&"),
        f"{target}&x-amz-expires=600", f"{target}&Expires=99999999999",
    ):  # fmt: skip
        assert raw.send("GET", change, signed=False).status == 403, change


# --- another request with the same signature -----------------------------------------------------------
def test_a_signature_is_of_one_method_path_host_and_query(raw: Raw, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="other", Body=b"other")
    signed = raw.sign("GET", f"/{bucket}/key", b"", {})
    for method, target, change in (
        ("DELETE", f"/{bucket}/key", {}), ("PUT", f"/{bucket}/key", {}), ("HEAD", f"/{bucket}/key", {}),
        ("get", f"/{bucket}/key", {}),
        ("GET", f"/{bucket}/other", {}), ("GET", f"/{bucket}/key?acl", {}),
        ("GET", f"/{bucket}/key?versionId=null", {}),
        ("GET", f"/{bucket}//key", {}), ("GET", f"/{bucket}/./key", {}), ("GET", f"/{bucket}/x/../key", {}),
        ("GET", f"/{bucket}/key%00", {}), ("GET", f"/{bucket}/key?", {"x-amz-meta-a": "1"}),
        ("GET", f"/{bucket}/key", {"Host": "other.example.com"}),
        ("GET", f"/{bucket}/key", {"x-amz-security-token": "x"}),
        ("DELETE", f"/{bucket}/key", {"X-HTTP-Method-Override": "GET"}),
    ):  # fmt: skip
        headers = {**signed, **change}
        assert raw.send(method, target, headers, signed=False).status in (400, 403, 405), (
            method,
            target,
            change,
        )
    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"secret"
    # What does not make another request is let through: the method alone counts.
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        answer = raw.send("GET", f"/{bucket}/key", {**signed, name: "DELETE"}, signed=False)
        assert (answer.status, answer.body) == (200, b"secret")
    assert raw.send("GET", f"/{bucket}/key").status == 200


@pytest.mark.parametrize(
    "more",
    ["versionId=null", "acl", "response-content-type=text/html", "uploads", "x-id=DeleteObject", "delete",
     "tagging", "X-Amz-Acl=public-read", "x-amz-meta-a=1", "partNumber=1", "X-Amz-Credential=a",
     "X-Amz-SignedHeaders=", "%58-Amz-Expires=604800"],
)  # fmt: skip
@pytest.mark.parametrize("first", [False, True])
def test_a_presigned_url_with_more_parameters(
    site: Target, raw: Raw, bucket: str, more: str, first: bool
) -> None:
    target = linked(site, Bucket=bucket, Key="key")
    path, _, query = target.partition("?")
    answer = raw.send("GET", f"{path}?{more}&{query}" if first else f"{target}&{more}", signed=False)
    assert answer.status in (400, 403), (answer.status, answer.body)


def test_a_presigned_url_with_more_headers(site: Target, raw: Raw, s3: Any, bucket: str) -> None:
    target = linked(site, "put_object", Bucket=bucket, Key="new")
    for name in (
        "x-amz-acl", "X-AMZ-ACL", "x-amz-grant-read", "x-amz-copy-source", "x-amz-meta-a", "x-amz-tagging",
        "x-amz-storage-class", "x-amz-website-redirect-location", "x-amz-object-lock-mode",
        "x-amz-server-side-encryption", "x-amz-bypass-governance-retention", "x-amz-security-token",
        "x-amz-nobody-knows",
    ):  # fmt: skip
        answer = raw.send("PUT", target, {name: f"/{bucket}/key"}, b"body", signed=False)
        assert answer.status in (400, 403), name
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix="new")


def test_two_of_one_header(site: Target, raw: Raw, s3: Any, bucket: str) -> None:
    """Of a header that comes twice no signature covers only one, and no two signatures are tried."""
    signed = raw.sign("PUT", f"/{bucket}/new", b"", {"x-amz-meta-a": "1", "x-amz-acl": "private"})
    signed["Content-Length"] = "0"
    good = lines("PUT", f"/{bucket}/new", signed)
    for name, value in (
        ("Host", raw.host), ("Host", "other"), ("x-amz-acl", "public-read"),
        ("X-Amz-Date", "20200101T000000Z"),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"), ("Authorization", signed["Authorization"]),
        ("Authorization", "AWS4-HMAC-SHA256 Credential=a"), ("Authorization", "Bearer x"),
    ):  # fmt: skip
        head, _, rest = good.partition(b"\r\n")
        extra = f"{name}: {value}\r\n".encode()
        for text in (head + b"\r\n" + extra + rest, good[:-2] + extra + b"\r\n"):
            assert statuses(sent(site.server.port, text))[0] in (400, 403), (name, value)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix="new")


@pytest.mark.parametrize("name", ["x_amz_acl", "x-amz-acl_", "x.amz.acl", "amz-acl", "x-amzn-acl", "acl"])
def test_names_that_look_like_one(raw: Raw, s3: Any, bucket: str, name: str) -> None:
    """A gateway that took "_" for "-" would let a header in that nobody signed."""
    s3.put_bucket_ownership_controls(
        Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    )
    s3.delete_public_access_block(Bucket=bucket)
    signed = raw.sign("PUT", f"/{bucket}/new", b"", {})
    answer = raw.send("PUT", f"/{bucket}/new", {**signed, name: "public-read"}, signed=False)
    assert answer.status in (200, 403)
    assert raw.send("GET", f"/{bucket}/new", signed=False).status == 403


def test_headers_that_are_not_signed_but_named(raw: Raw, bucket: str) -> None:
    """SignedHeaders that leave out the host, name what is not there, or are empty."""
    signed = raw.sign("GET", f"/{bucket}/key", b"", {})
    for names in ("x-amz-content-sha256;x-amz-date", "host", "", ";", "host;;x-amz-date", "HOST;X-AMZ-DATE"):
        text = signed["Authorization"].replace("host;x-amz-content-sha256;x-amz-date", names)
        assert text != signed["Authorization"]
        answer = raw.send("GET", f"/{bucket}/key", {**signed, "Authorization": text}, signed=False)
        assert answer.status in (400, 403), names


def test_a_signature_of_another_service_or_day(site: Target, raw: Raw, bucket: str) -> None:
    """A key for IAM, STS or the KMS of the same secret does not open S3, nor one of yesterday."""
    signed = raw.sign("GET", f"/{bucket}/key", b"", {})
    day = time.strftime("%Y%m%d", time.gmtime())
    for old, new in (
        ("/s3/", "/iam/"),
        ("/s3/", "/sts/"),
        ("/s3/", "/kms/"),
        (day, "20200101"),
        ("/us-east-1/", "//"),
    ):
        text = signed["Authorization"].replace(old, new)
        answer = raw.send("GET", f"/{bucket}/key", {**signed, "Authorization": text}, signed=False)
        assert answer.status in (400, 403), new


def test_a_body_of_another_digest(raw: Raw, s3: Any, bucket: str) -> None:
    signed = raw.sign("PUT", f"/{bucket}/new", b"mine", {})
    answer = raw.send("PUT", f"/{bucket}/new", signed, b"evil", signed=False)
    assert (answer.status, answer.code) == (400, "XAmzContentSHA256Mismatch")
    for form in ("UNSIGNED-PAYLOAD", SIGNED, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "", "unsigned-payload"):
        change = {**signed, "x-amz-content-sha256": form}
        assert raw.send("PUT", f"/{bucket}/new", change, b"evil", signed=False).status in (400, 403), form
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix="new")


# --- chunks --------------------------------------------------------------------------------------------
def test_chunks_swapped_left_out_or_of_another_request(site: Target, raw: Raw, s3: Any, bucket: str) -> None:
    pieces = [bytes([letter]) * 8192 for letter in b"abc"]
    size = str(sum(map(len, pieces)))
    frames: dict[str, list[bytes]] = {}
    heads = {}
    for key in ("one", "two"):
        named = {"x-amz-content-sha256": SIGNED, "x-amz-decoded-content-length": size}
        head = raw.sign("PUT", f"/{bucket}/{key}", b"", named)
        date = head["X-Amz-Date"]
        signer = Signer(raw.signing_key(date[:8]), f"{date}\n{date[:8]}/{REGION}/s3/aws4_request")
        previous, made = head["Authorization"].rpartition("=")[2], []
        for piece in [*pieces, b""]:
            previous = signer.chunk(previous, piece)
            made.append(b"%x;chunk-signature=%b\r\n%b\r\n" % (len(piece), previous.encode(), piece))
        frames[key], heads[key] = made, head
    a, b, c, end = frames["one"]
    for body in (
        [b, a, c, end],
        [a, a, c, end],
        [a, c, end],
        [*frames["two"]],
        [a, frames["two"][1], c, end],
        [a, b, end],
    ):
        answer = raw.send("PUT", f"/{bucket}/one", heads["one"], b"".join(body), signed=False)
        assert answer.status in (400, 403), answer
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix="one")
    assert raw.send("PUT", f"/{bucket}/one", heads["one"], a + b + c + end, signed=False).status == 200


# --- version 2 -----------------------------------------------------------------------------------------
def version_2(raw: Raw, method: str, date: str, amz: str, resource: str) -> str:
    text = f"{method}\n\n\n{date}\n{amz}{resource}"
    return b64encode(hmac.digest(raw.secret_key.encode(), text.encode(), "sha1")).decode()


def test_a_link_of_version_2_is_no_header(raw: Raw, bucket: str) -> None:
    """The moment when a link ends stands where a header has its date."""
    ends = str(int(time.time()) + 600)
    signature = version_2(raw, "GET", ends, "", f"/{bucket}/key")
    good = urlencode({"AWSAccessKeyId": raw.access_key, "Expires": ends, "Signature": signature})
    assert raw.send("GET", f"/{bucket}/key?{good}", signed=False).status == 200
    headers = {"Date": ends, "Authorization": f"AWS {raw.access_key}:{signature}"}
    assert raw.send("GET", f"/{bucket}/key", headers, signed=False).status == 403


def test_two_parameters_of_version_2_are_not_one(site: Target, raw: Raw, s3: Any, bucket: str) -> None:
    """Version 2 signs values decoded, so that "a&versionId=…" as one value reads like two parameters."""
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    old = s3.put_object(Bucket=bucket, Key="k", Body=b"for the link")["VersionId"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"not for it")
    ends = str(int(time.time()) + 600)
    resource = f"/{bucket}/k?response-content-type=text/plain&versionId={old}"
    claim = urlencode(
        {
            "AWSAccessKeyId": raw.access_key,
            "Expires": ends,
            "Signature": version_2(raw, "GET", ends, "", resource),
        }
    )
    right = f"response-content-type=text/plain&versionId={old}"
    assert raw.send("GET", f"/{bucket}/k?{right}&{claim}", signed=False).body == b"for the link"
    bent = f"response-content-type={quote(f'text/plain&versionId={old}', safe='')}"
    answer = raw.send("GET", f"/{bucket}/k?{bent}&{claim}", signed=False)
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    assert b"not for it" not in answer.body


def test_two_headers_of_version_2_are_not_one(raw: Raw, s3: Any, bucket: str) -> None:
    """Parameters x-amz-… count as headers, one a line: a line feed in a value must not make two of one."""
    ends = str(int(time.time()) + 600)
    amz = "x-amz-meta-a:1\nx-amz-server-side-encryption:AES256\n"
    claim = urlencode(
        {"AWSAccessKeyId": raw.access_key, "Expires": ends,
         "Signature": version_2(raw, "PUT", ends, amz, f"/{bucket}/new")}
    )  # fmt: skip
    bent = "x-amz-meta-a=" + quote("1\nx-amz-server-side-encryption:AES256", safe="")
    assert raw.send("PUT", f"/{bucket}/new?{bent}&{claim}", body=b"x", signed=False).status in (400, 403)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix="new")


# --- keys and tokens -----------------------------------------------------------------------------------
def test_a_key_that_is_switched_off_ends_its_links(site: Target, iam: Any, raw: Raw, bucket: str) -> None:
    one = User(site, iam, allow("s3:*"))
    url = one.s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "key"}, ExpiresIn=600)
    target = url.partition(raw.host)[2]
    assert [raw.send("GET", target, signed=False).status for _ in range(2)] == [200, 200]
    iam.put_user_policy(UserName=one.name, PolicyName="own", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [allow("s3:ListAllMyBuckets")]}
    ))  # fmt: skip
    assert raw.send("GET", target, signed=False).status == 403  # the signer's rights at the moment of use
    iam.delete_access_key(UserName=one.name, AccessKeyId=one.keys[0])
    answer = raw.send("GET", target, signed=False)
    assert (answer.status, answer.code) == (403, "InvalidAccessKeyId")


def test_an_empty_or_known_secret(site: Target, bucket: str) -> None:
    """Signing with "", with the access key, or with the digest of nothing."""
    key = site.root[0]
    for secret in ("", key, hashlib.sha256(b"").hexdigest(), "\0"):
        with Raw(site.server.endpoint, key, secret) as forger:
            answer = forger.send("GET", f"/{bucket}/key")
        assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
