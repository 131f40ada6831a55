"""Verification of Signature Version 4, against botocore's own signer and AWS's published example."""

import datetime
from urllib.parse import quote, unquote, urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from access.identity import Credential, Principal
from access.presigned import parse_presigned
from access.session_tokens import not_a_token
from access.sigv4 import UNSIGNED_PAYLOAD, Signed, Verifier
from schemas import errors

ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
NOW = 1_369_353_600  # 2013-05-24T00:00:00Z, the time of AWS's examples
ROOT = Principal("0" * 64, "root", ACCESS_KEY)


class OneIdentity:
    def __init__(self, secret: str = SECRET_KEY) -> None:
        self.secret = secret

    def credential(self, access_key: str) -> Credential | None:
        return Credential(ACCESS_KEY, self.secret, ROOT) if access_key == ACCESS_KEY else None

    def session(self, access_key: str, token: str) -> Credential | None:
        raise not_a_token(token)


@pytest.fixture(autouse=True)
def _botocore_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime.datetime.fromtimestamp(NOW, datetime.UTC)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda remove_tzinfo=True: moment)


def verifier(now: float = NOW, **options: object) -> Verifier:
    return Verifier(OneIdentity(), clock=lambda: now, **options)  # type: ignore[arg-type]


def sign(
    method: str,
    url: str,
    headers: dict[str, str] | None = None,
    data: bytes = b"",
    access_key: str = ACCESS_KEY,
    token: str | None = None,
    region: str = "us-east-1",
    service: str = "s3",
) -> tuple[str, str, str, dict[str, str]]:
    request = AWSRequest(method=method, url=url, headers=headers or {}, data=data)
    credentials = Credentials(access_key, SECRET_KEY, token)
    botocore.auth.S3SigV4Auth(credentials, service, region).add_auth(request)
    return received(request)


def presign(
    method: str,
    url: str,
    expires: int = 3600,
    headers: dict[str, str] | None = None,
    token: str | None = None,
) -> tuple[str, str, str, dict[str, str]]:
    request = AWSRequest(method=method, url=url, headers=headers or {})
    credentials = Credentials(ACCESS_KEY, SECRET_KEY, token)
    botocore.auth.S3SigV4QueryAuth(credentials, "s3", "us-east-1", expires=expires).add_auth(request)
    return received(request)


def received(request: AWSRequest) -> tuple[str, str, str, dict[str, str]]:
    """The request as the HTTP server hands it over."""
    parts = urlsplit(request.url)
    headers = {name.lower(): value.strip() for name, value in request.headers.items()}
    headers.setdefault("host", parts.netloc)
    return request.method, unquote(parts.path), parts.query, headers


URL = "http://127.0.0.1:9000/bucket/key"


def test_header_signature_of_botocore() -> None:
    signed = verifier().verify(
        *sign("PUT", URL, {"x-amz-meta-a": "b", "content-type": "text/plain"}, b"body")
    )
    assert signed.principal == ROOT
    assert signed.sha256 is not None
    assert signed.scope == "20130524/us-east-1/s3/aws4_request"
    assert signed.timestamp == "20130524T000000Z"
    assert not signed.streaming


def test_presigned_url_of_botocore() -> None:
    signed = verifier().verify(*presign("GET", URL + "?response-content-type=a%2Fb&versionId=null"))
    assert signed.principal == ROOT
    assert signed.payload == UNSIGNED_PAYLOAD
    assert signed.sha256 is None


def test_presigned_example_of_aws() -> None:
    query = (
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3"
        "%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )
    headers = {"host": "examplebucket.s3.amazonaws.com"}
    assert verifier().verify("GET", "/test.txt", query, headers).principal == ROOT


@pytest.mark.parametrize(
    ("method", "path", "query", "extra", "signature"),
    [
        ("GET", "/test.txt", "", {"range": "bytes=0-9"},
         "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
        ("GET", "/", "lifecycle", {},
         "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        ("GET", "/", "max-keys=2&prefix=J", {},
         "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    ],
)  # fmt: skip
def test_header_examples_of_aws(
    method: str, path: str, query: str, extra: dict[str, str], signature: str
) -> None:
    headers = {
        "host": "examplebucket.s3.amazonaws.com",
        "x-amz-content-sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "x-amz-date": "20130524T000000Z",
        **extra,
    }
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20130524/us-east-1/s3/aws4_request,"
        f"SignedHeaders={';'.join(sorted(headers))},Signature={signature}"
    )
    assert verifier().verify(method, path, query, headers).principal == ROOT


def test_unsigned_request_is_anonymous() -> None:
    signed = verifier().verify("GET", "/bucket", "prefix=X-Amz-Signature", {"host": "h"})
    assert signed == Signed(None, UNSIGNED_PAYLOAD)


NAMES = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20)


@given(
    NAMES,
    st.lists(st.tuples(NAMES, NAMES), max_size=5),
    st.text(st.characters(min_codepoint=32, max_codepoint=126)),
)
def test_any_key_query_and_header(key: str, query: list[tuple[str, str]], value: str) -> None:
    encoded = "&".join(f"{quote(n, safe='-_.~')}={quote(v, safe='-_.~')}" for n, v in query if n)
    # As an SDK builds it: path encoded once, query encoded, canonical order made by the signer.
    url = "http://h:9000/b/" + quote(key, safe="/~") + ("?" + encoded if encoded else "")
    if encoded and "X-Amz-" in encoded:
        return
    request = sign("PUT", url, {"x-amz-meta-v": value})
    assert request[1] == "/b/" + key
    assert verifier().verify(*request).principal == ROOT
    assert verifier().verify(*presign("GET", url)).principal == ROOT


def test_query_order_and_encoding_do_not_matter() -> None:
    method, path, query, headers = sign("GET", URL + "?a-b=2&a=%41%20&list-type=2&uploads=")
    # The signer saw %41 as it is written; the canonical form is "A".
    with pytest.raises(errors.SignatureDoesNotMatch):
        verifier().verify(method, path, query, headers)
    method, path, _, headers = sign("GET", URL + "?a-b=2&a=A%20&list-type=2&uploads=")
    for same in (
        "a=%41+&uploads&list-type=2&a-b=2",
        "list-type=2&a-b=%32&a=A%20&uploads=",
        "&a=A &a-b=2&&uploads&list-type=2",
    ):
        assert verifier().verify(method, path, same, headers).principal == ROOT


def test_header_values_are_trimmed_and_collapsed() -> None:
    request = sign("PUT", URL, {"x-amz-meta-a": "  a   b \t c: d  "})
    request[3]["x-amz-meta-a"] = " a b     c: d"
    assert verifier().verify(*request).principal == ROOT


@pytest.mark.parametrize("part", ["method", "path", "query", "host", "x-amz-meta-a", "x-amz-date", "payload"])
def test_any_change_is_refused(part: str) -> None:
    method, path, query, headers = sign("PUT", URL + "?partNumber=1", {"x-amz-meta-a": "b"}, b"body")
    if part == "method":
        method = "POST"
    elif part == "path":
        path += "/"
    elif part == "query":
        query = "partNumber=2"
    elif part == "payload":
        headers["x-amz-content-sha256"] = UNSIGNED_PAYLOAD
    elif part == "x-amz-date":
        headers[part] = "20130524T000001Z"
    else:
        headers[part] += "x"
    with pytest.raises(errors.SignatureDoesNotMatch) as caught:
        verifier().verify(method, path, query, headers)
    details = caught.value.details
    assert bytes.fromhex(details["StringToSignBytes"]).decode() == details["StringToSign"]
    assert details["CanonicalRequest"].startswith(method + "\n")
    assert details["AWSAccessKeyId"] == ACCESS_KEY


@given(st.integers(0, 63), st.sampled_from("0123456789abcdef"))
def test_any_other_signature_is_refused(position: int, digit: str) -> None:
    for method, path, query, headers in (sign("GET", URL), presign("GET", URL)):
        place = headers.get("authorization", query)
        before = place[len(place) - 64 + position]
        changed = place[: len(place) - 64 + position] + digit + place[len(place) - 63 + position :]
        if before == digit:
            continue
        if "authorization" in headers:
            headers["authorization"] = changed
        else:
            query = changed
        with pytest.raises(errors.SignatureDoesNotMatch):
            verifier().verify(method, path, query, headers)


def test_amz_headers_must_be_signed() -> None:
    for request in (sign("PUT", URL), presign("PUT", URL)):
        request[3]["x-amz-acl"] = "public-read"
        with pytest.raises(
            errors.AccessDenied, match="headers present in the request which were not signed"
        ) as caught:
            verifier().verify(*request)
        assert caught.value.details == {"HeadersNotSigned": "x-amz-acl"}


def test_host_must_be_signed() -> None:
    method, path, query, headers = presign("GET", URL)
    with pytest.raises(errors.AccessDenied, match="not signed"):
        verifier().verify(method, path, query.replace("SignedHeaders=host", "SignedHeaders=range"), headers)


def test_unknown_access_key() -> None:
    with pytest.raises(errors.InvalidAccessKeyId) as caught:
        verifier().verify(*sign("GET", URL, access_key="NOBODY"))
    assert caught.value.details == {"AWSAccessKeyId": "NOBODY"}


@pytest.mark.parametrize("offset", [-901, 901])
def test_clock_skew(offset: int) -> None:
    request = sign("GET", URL)
    with pytest.raises(errors.RequestTimeTooSkewed) as caught:
        verifier(NOW + offset).verify(*request)
    assert caught.value.details["MaxAllowedSkewMilliseconds"] == "900000"
    assert verifier(NOW + (899 if offset > 0 else -899)).verify(*request).principal == ROOT


def test_date_header_instead_of_amz_date() -> None:
    request = sign("GET", URL, {"Date": "whatever; the signer sets it"})
    assert "x-amz-date" not in request[3]
    assert verifier().verify(*request).principal == ROOT
    request[3]["date"] = "yesterday"
    with pytest.raises(errors.AccessDenied, match="valid Date or x-amz-date"):
        verifier().verify(*request)


def test_presigned_url_expires() -> None:
    request = presign("GET", URL, expires=60)
    assert verifier(NOW + 60).verify(*request).principal == ROOT
    with pytest.raises(errors.ExpiredRequest, match="Request has expired") as caught:
        verifier(NOW + 61).verify(*request)
    assert caught.value.details == {
        "X-Amz-Expires": "60", "Expires": "2013-05-24T00:01:00Z", "ServerTime": "2013-05-24T00:01:01Z",
    }  # fmt: skip
    with pytest.raises(errors.AccessDenied, match="not yet valid"):
        verifier(NOW - 901).verify(*request)


@pytest.mark.parametrize("expires", ["0", "-1", "604801", "abc", "9" * 400, "1.5", ""])
def test_presigned_expiry_must_be_up_to_a_week(expires: str) -> None:
    method, path, query, headers = presign("GET", URL, expires=60)
    with pytest.raises(errors.AuthorizationQueryParametersError, match="X-Amz-Expires"):
        verifier().verify(method, path, query.replace("Expires=60", f"Expires={expires}"), headers)
    assert verifier().verify(*presign("GET", URL, expires=604800)).principal == ROOT


@pytest.mark.parametrize("name", ["Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"])
def test_presigned_parameters_must_all_be_there_and_readable(name: str) -> None:
    method, path, query, headers = presign("GET", URL)
    parameters = [p for p in query.split("&") if not p.startswith(f"X-Amz-{name}=")]
    with pytest.raises(errors.AuthorizationQueryParametersError, match="requires the X-Amz-Algorithm"):
        verifier().verify(method, path, "&".join(parameters), headers)
    for junk in ("", "x", "%FF%00", "%"):
        changed = "&".join([*parameters, f"X-Amz-{name}={junk}"])
        with pytest.raises(errors.AccessDenied):
            verifier().verify(method, path, changed, headers)


def test_session_tokens_are_unknown() -> None:
    for request in (sign("GET", URL, token="t"), presign("GET", URL, token="t")):
        with pytest.raises(errors.InvalidToken):
            verifier().verify(*request)


def test_region_matters_only_when_strict() -> None:
    request = sign("GET", URL, region="eu-west-9")
    assert verifier().verify(*request).principal == ROOT
    with pytest.raises(
        errors.AuthorizationHeaderMalformed, match="'eu-west-9' is wrong; expecting 'us-east-1'"
    ) as caught:
        verifier(region="us-east-1", strict=True).verify(*request)
    assert caught.value.details == {"Region": "us-east-1"}


def test_service_must_be_s3() -> None:
    with pytest.raises(errors.AuthorizationHeaderMalformed, match='incorrect service "sts"'):
        verifier().verify(*sign("GET", URL, service="sts"))


@pytest.mark.parametrize(
    ("authorization", "error"),
    [
        ("AWS4-ECDSA-P256-SHA256 Credential=a, SignedHeaders=b, Signature=c", errors.InvalidRequest),
        ("Basic abc", errors.InvalidArgument),
        ("", errors.InvalidArgument),
        ("AWS4-HMAC-SHA256", errors.InvalidArgument),
        ("AWS4-HMAC-SHA256 Credential=a/b", errors.AuthorizationHeaderMalformed),
        ("AWS4-HMAC-SHA256 Credential=, SignedHeaders=host, Signature=ab",
         errors.AuthorizationHeaderMalformed),
        ("AWS4-HMAC-SHA256 Credential=a/20130524/r/s3/aws5_request, SignedHeaders=host, Signature=ab",
         errors.AuthorizationHeaderMalformed),
        ("AWS4-HMAC-SHA256 Credential=a/20130523/r/s3/aws4_request, SignedHeaders=host, Signature=é",
         errors.AuthorizationHeaderMalformed),
        (f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20130523/r/s3/aws4_request,SignedHeaders=x,Signature=a",
         errors.AuthorizationHeaderMalformed),
    ],
)  # fmt: skip
def test_malformed_authorization(authorization: str, error: type[Exception]) -> None:
    headers = {"host": "h", "x-amz-date": "20130524T000000Z", "x-amz-content-sha256": UNSIGNED_PAYLOAD}
    with pytest.raises(error):
        verifier().verify("GET", "/", "", {**headers, "authorization": authorization})


@given(st.text(max_size=80))
def test_no_authorization_text_breaks_the_parser(text: str) -> None:
    headers = {"host": "h", "x-amz-date": "20130524T000000Z", "x-amz-content-sha256": UNSIGNED_PAYLOAD}
    for authorization in (text, "AWS4-HMAC-SHA256 " + text, "AWS4-HMAC-SHA256 Credential=" + text):
        with pytest.raises(errors.StrandlineError):
            verifier().verify("GET", "/", "", {**headers, "authorization": authorization})


def test_components_in_any_order_and_spacing() -> None:
    request = sign("GET", URL)
    mechanism, _, rest = request[3]["authorization"].partition(" ")
    request[3]["authorization"] = f"{mechanism}  " + " ,  ".join(reversed(rest.split(", ")))
    assert verifier().verify(*request).principal == ROOT


def test_only_one_mechanism() -> None:
    method, path, _, headers = sign("GET", URL)
    with pytest.raises(errors.InvalidArgument, match="Only one auth mechanism"):
        verifier().verify(method, path, presign("GET", URL)[2], headers)


def test_payload_form_is_required_and_known() -> None:
    request = sign("GET", URL)
    del request[3]["x-amz-content-sha256"]
    with pytest.raises(errors.InvalidRequest, match="x-amz-content-sha256"):
        verifier().verify(*request)
    request[3]["x-amz-content-sha256"] = "STREAMING-SOMETHING"
    with pytest.raises(errors.InvalidArgument):
        verifier().verify(*request)


def test_a_changed_secret_ends_what_was_remembered() -> None:
    identities = OneIdentity()
    checker = Verifier(identities, clock=lambda: NOW)
    assert checker.verify(*sign("GET", URL)).principal == ROOT
    identities.secret = "another secret"
    with pytest.raises(errors.SignatureDoesNotMatch):
        checker.verify(*sign("GET", URL))


def test_path_that_is_not_unicode() -> None:
    method, _, query, headers = sign("GET", URL)
    with pytest.raises(errors.InvalidURI):
        verifier().verify(method, "/b/\udc80", query, headers)


@given(
    st.text(max_size=60),
    st.dictionaries(
        st.sampled_from(
            ["host", "x-amz-date", "date", "x-amz-content-sha256", "x-amz-security-token", "x-a"]
        ),
        st.text(max_size=20),
    ),
    st.text(max_size=20),
)
def test_no_request_breaks_the_verifier(query: str, headers: dict[str, str], path: str) -> None:
    usual = presign("GET", URL)[2]
    signed = sign("GET", URL)[3]["authorization"]
    for raw_query, more in (
        (query, {}),
        (f"{usual}&{query}", {}),
        (f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={query}", {}),
        (usual.replace("us-east-1", query), {}),
        (query, {"authorization": signed}),
    ):
        try:
            found = verifier().verify("GET", path, raw_query, {**headers, **more})
        except errors.StrandlineError:
            continue
        assert found.principal is None


def test_the_usual_presigned_query_is_read_like_any_other() -> None:
    """The short cut for what SDKs make, against the parser for parameters in any form."""
    query = (
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID-x_1%2F20261122%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20261122T164358Z&X-Amz-Expires=600&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=" + "0a" * 32
    )
    quick = parse_presigned(query)
    *others, signature = query.split("&")
    slow = parse_presigned("&".join([signature, *others]))
    assert quick == slow
    assert quick.rest == ""
    assert quick.claim.credential == "AKID-x_1/20261122/us-east-1/s3/aws4_request"
