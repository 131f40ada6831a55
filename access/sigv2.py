"""AWS Signature Version 2 for S3, in the Authorization header or in the query; called by access.sigv4.

boto3 and version 1 of the AWS CLI presign URLs with it for endpoints of their user's own, unless told
otherwise. Source: Amazon S3 User Guide, "Signing and authenticating REST requests (AWS signature version 2)".

It signs less than version 4: neither the body, nor `host`, nor headers other than x-amz-…, Content-MD5,
Content-Type and Date, nor parameters outside SUBRESOURCES.
"""

import base64
import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple
from urllib.parse import unquote_plus

from access.canonical import canonical_path
from access.identity import Credential, Identities, Principal
from access.scope import find_credential
from access.signing import MAX_SKEW, iso_date, parse_http_date
from schemas.errors import (
    AccessDenied,
    ExpiredRequest,
    InvalidArgument,
    RequestTimeTooSkewed,
    SignatureDoesNotMatch,
    StrandlineError,
)

SCHEME = "AWS "  # how the Authorization header begins

# Parameters that are signed: the guide's, botocore's, and every other one that selects an operation. (If
# those were left out, a signed request could be turned into another operation by adding a parameter.)
_SUBRESOURCES = """
    abac accelerate acl analytics annotation annotations attributes cors defaultObjectAcl delete encryption
    intelligent-tiering inventory legal-hold lifecycle location logging metadataAnnotationTable
    metadataConfiguration metadataInventoryTable metadataJournalTable metadataTable metrics notification
    object-lock ownershipControls partNumber policy policyStatus publicAccessBlock renameObject replication
    requestPayment restore retention select select-type session storageClass tagging torrent uploadId uploads
    versionId versioning versions website
    response-cache-control response-content-disposition response-content-encoding response-content-language
    response-content-type response-expires
"""
SUBRESOURCES = frozenset(_SUBRESOURCES.split())
TOKEN = "x-amz-security-token"
_AUTHENTICATION = frozenset({"AWSAccessKeyId", "Signature", "Expires"})
# What RFC 3986 lets a path have as it is: ! $ & ' ( ) * + , : ; = @
_punctuation = re.compile("%(?:21|24|26|27|28|29|2A|2B|2C|3A|3B|3D|40)").sub


class _Parameter(NamedTuple):
    """A parameter of the query, decoded as the gateway decodes it, and as it was sent."""

    name: str
    value: str | None  # None without "="
    sent: str


class Version2:
    """Verifies requests; arguments as of access.sigv4.Verifier."""

    __slots__ = ("_clock", "_domains", "_identities")

    def __init__(self, identities: Identities, clock: Callable[[], float], domains: tuple[str, ...]) -> None:
        self._identities = identities
        self._clock = clock
        self._domains = domains

    def verify_header(
        self, method: str, path: str, raw_query: str, headers: Mapping[str, str], authorization: str
    ) -> Principal:
        """Who signed `Authorization: AWS access-key:signature`.

        Raises InvalidArgument, InvalidAccessKeyId, AccessDenied, RequestTimeTooSkewed, InvalidToken,
        SignatureDoesNotMatch or InvalidURI.
        """
        access_key, _, signature = authorization[len(SCHEME) :].strip().rpartition(":")
        if not access_key or not signature:
            raise InvalidArgument(
                "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature",
                ArgumentName="Authorization",
                ArgumentValue=authorization,
            )
        date = headers.get("x-amz-date", headers.get("date", ""))
        self._check_clock(date)
        credential = find_credential(self._identities, access_key, headers.get(TOKEN))
        # With x-amz-date among the headers of its own, the line of the date stays empty.
        line = "" if "x-amz-date" in headers else date
        self._check(credential, signature, line, method, path, _parameters(raw_query), headers)
        return credential.principal

    def verify_query(
        self, method: str, path: str, raw_query: str, headers: Mapping[str, str]
    ) -> tuple[Principal, str]:
        """Who signed the URL, and its query without what belongs to the signature.

        Raises AccessDenied, ExpiredRequest, InvalidAccessKeyId, InvalidToken, SignatureDoesNotMatch or
        InvalidURI.
        """
        parameters = _parameters(raw_query)
        given = {p.name: p.value or "" for p in reversed(parameters) if p.name in _AUTHENTICATION}
        if len(given) != len(_AUTHENTICATION) or not all(given.values()):
            raise AccessDenied(
                "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters"
            )
        expires = given["Expires"]
        self._check_expiry(expires)
        token = next((p.value for p in parameters if p.name.lower() == TOKEN), headers.get(TOKEN))
        credential = find_credential(self._identities, given["AWSAccessKeyId"], token)
        # A "+" of base64 that was not percent-encoded has become a space.
        signature = given["Signature"].replace(" ", "+")
        self._check(credential, signature, expires, method, path, parameters, headers)
        rest = "&".join(
            [p.sent for p in parameters if p.name not in _AUTHENTICATION and p.name.lower() != TOKEN]
        )
        return credential.principal, rest

    def _check_clock(self, date: str) -> None:
        seconds = parse_http_date(date)
        if seconds is None:
            raise AccessDenied("AWS authentication requires a valid Date or x-amz-date header")
        now = self._clock()
        if abs(now - seconds) > MAX_SKEW:
            raise RequestTimeTooSkewed(
                "The difference between the request time and the current time is too large.",
                RequestTime=date,
                ServerTime=iso_date(now),
                MaxAllowedSkewMilliseconds=str(MAX_SKEW * 1000),
            )

    def _check_expiry(self, expires: str) -> None:
        if not (expires.isascii() and expires.isdigit()) or len(expires) > 11:
            raise AccessDenied(f"Invalid date (should be seconds since epoch): {expires}")
        now = self._clock()
        if now > int(expires):
            raise ExpiredRequest(
                "Request has expired", Expires=iso_date(int(expires)), ServerTime=iso_date(now)
            )

    def _check(
        self,
        credential: Credential,
        signature: str,
        date: str,
        method: str,
        path: str,
        parameters: list[_Parameter],
        headers: Mapping[str, str],
    ) -> None:
        """Compare the signature with our own, in each form that clients give to the same resource."""
        amz = _amz_headers(headers, parameters)
        for parameter in parameters:
            _refuse_ambiguous(parameter)
        md5, kind = headers.get("content-md5", "").strip(), headers.get("content-type", "").strip()
        lines = "".join([f"{name}:{amz[name]}\n" for name in sorted(amz)])
        begin = f"{method}\n{md5}\n{kind}\n{date}\n{lines}"
        secret, given = credential.secret_key.encode(), signature.encode("utf-8", "surrogatepass")
        resources = self._resources(path, parameters, headers.get("host", ""))
        for resource in resources:
            digest = hmac.digest(secret, _bytes(begin + resource), "sha1")
            if hmac.compare_digest(base64.b64encode(digest), given):
                return
        raise _mismatch(credential, begin + resources[0], signature)

    def _resources(self, path: str, parameters: Iterable[_Parameter], host: str) -> list[str]:
        """The canonical resource. What was sent is not known to the byte: the path comes decoded, so
        punctuation may have been percent-encoded or not; and some signers end a bucket in "/" that has
        none, or leave "=" off before an empty value. All of these forms name the same resource."""
        whole = self._bucket_of(host) + path
        paths = [canonical_path(whole)]
        paths.append(_punctuation(lambda match: chr(int(match[0][1:], 16)), paths[0]))
        if whole.count("/") == 1 and len(whole) > 1:
            paths += [f"{encoded}/" for encoded in paths]
        chosen = sorted([p for p in parameters if p.name in SUBRESOURCES], key=lambda p: p.name)
        as_sent = "&".join([p.name if p.value is None else f"{p.name}={p.value}" for p in chosen])
        bare = "&".join([f"{p.name}={p.value}" if p.value else p.name for p in chosen])
        return list(dict.fromkeys(f"{p}?{q}" if q else p for p in paths for q in (as_sent, bare)))

    def _bucket_of(self, host: str) -> str:
        """ "/bucket" where the host is `bucket.domain` of one of our domains, else ""."""
        name = host.lower()
        if name.rpartition(":")[2].isdigit():
            name = name.rpartition(":")[0]
        for domain in self._domains:
            if name.endswith("." + domain):
                return "/" + name[: -len(domain) - 1]
        return ""


def _parameters(raw_query: str) -> list[_Parameter]:
    parameters = []
    for item in raw_query.split("&"):
        name, equals, value = item.partition("=")
        if name:
            parameters.append(_Parameter(unquote_plus(name), unquote_plus(value) if equals else None, item))
    return parameters


def _amz_headers(headers: Mapping[str, str], parameters: Iterable[_Parameter]) -> dict[str, str]:
    """The x-amz-… headers, and those parameters that count as such (botocore's presigned URLs)."""
    found = {name: value.strip() for name, value in headers.items() if name.startswith("x-amz-")}
    for parameter in parameters:
        name = parameter.name.lower()
        if name.startswith("x-amz-"):
            found.setdefault(name, (parameter.value or "").strip())
    return found


def _refuse_ambiguous(parameter: _Parameter) -> None:
    """Names and values are signed decoded, one after the other: a value that goes on like another parameter,
    or a header that goes on in another line, would have the signature of both. Raises InvalidArgument."""
    name, value = parameter.name, parameter.value or ""
    if name.lower().startswith("x-amz-"):
        ambiguous = ":" in name or "\n" in name or "\n" in value
    else:
        ambiguous = name in SUBRESOURCES and any(
            part.partition("=")[0] in SUBRESOURCES for part in value.split("&")[1:]
        )
    if ambiguous:
        raise InvalidArgument(
            "In a request signed with version 2 this parameter reads like two. Sign it with version 4.",
            ArgumentName=name,
            ArgumentValue=value,
        )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _mismatch(credential: Credential, to_sign: str, signature: str) -> StrandlineError:
    return SignatureDoesNotMatch(
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method.",
        AWSAccessKeyId=credential.access_key,
        StringToSign=to_sign,
        SignatureProvided=signature,
        StringToSignBytes=_bytes(to_sign).hex(" "),
    )
