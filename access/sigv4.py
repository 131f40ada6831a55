"""Who sent this request: verifies AWS Signature Version 4 in the Authorization header or in the query.

First in the gateway's flow. Requests signed with version 2 go on to access.sigv2. The errors and their
wording are AWS's.
"""

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from hmac import compare_digest

import msgspec

from access.authorization import parse_authorization
from access.canonical import canonical_headers, canonical_path, canonical_query
from access.claim import Claim
from access.forwarded import forwarded_hosts, is_forwarded
from access.identity import Identities, Principal
from access.post_form import FormVerifier
from access.presigned import Presigned, check_validity, parse_presigned
from access.scope import SERVICE, Grant, Grants, parse_scope, scope_problem
from access.signing import (
    ALGORITHM,
    MAX_SKEW,
    SigningKey,
    iso_date,
    long_date,
    parse_http_date,
    parse_long_date,
)
from access.sigv2 import SCHEME, Version2
from schemas.errors import (
    AccessDenied,
    InvalidArgument,
    InvalidRequest,
    MissingAuthentication,
    RequestTimeTooSkewed,
    SignatureDoesNotMatch,
)
from schemas.recent import Recent

UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
STREAMING_SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
STREAMING_SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
STREAMING_UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

_PAYLOAD_FORMS = frozenset(
    (UNSIGNED_PAYLOAD, STREAMING_SIGNED, STREAMING_SIGNED_TRAILER, STREAMING_UNSIGNED_TRAILER)
)
_is_sha256 = re.compile(r"[0-9a-fA-F]{64}").fullmatch
_has_query_authentication = re.compile(r"(?:^|&)X-Amz-(?:Algorithm|Credential|Signature)=").search
_has_version_2 = re.compile(r"(?:^|&)AWSAccessKeyId=").search
_NAMES_LIMIT = 1024  # lists of signed headers kept
_LINKS_LIMIT = 16 * 1024  # presigned requests kept


class Signed(msgspec.Struct, frozen=True, gc=False):
    """What verification found.

    principal  who signed; None for an anonymous request
    payload    the body's digest: 64 hex digits, UNSIGNED-PAYLOAD or one of the STREAMING-… forms
    key, scope, timestamp, signature
               what chunk signatures continue from (the signature is the seed); key is None when anonymous
    query      of a presigned request: the query without what belongs to the signature; else None
    host       the host that was signed, where a proxy had put another in its place; else ""
    """

    principal: Principal | None
    payload: str
    key: SigningKey | None = None
    scope: str = ""
    timestamp: str = ""
    signature: str = ""
    query: str | None = None
    host: str = ""

    @property
    def sha256(self) -> bytes | None:
        """The announced SHA-256 of the body; None unless `payload` is a digest."""
        return None if self.payload in _PAYLOAD_FORMS else bytes.fromhex(self.payload)

    @property
    def streaming(self) -> bool:
        """The body comes in aws-chunked framing (access.chunked)."""
        return self.payload.startswith("STREAMING-")


class Verifier:
    """Verifies requests.

    identities  whose access keys are good
    region      this server's region; other regions in a scope are refused only when `strict`, because a
                client with any region configured should reach a server on a laptop
    clock       Unix seconds
    domains     lower case; whose subdomains name buckets (version 2 signs the bucket, not the host)
    service     for which requests are signed

    `forms` verifies what is signed in a form instead.
    """

    def __init__(
        self,
        identities: Identities,
        region: str = "us-east-1",
        clock: Callable[[], float] = time.time,
        strict: bool = False,
        domains: tuple[str, ...] = (),
        service: str = SERVICE,
    ) -> None:
        self.forms = FormVerifier(self._grant, identities)
        self._version_2 = Version2(identities, clock, domains)
        self._grants = Grants(identities)
        self._region = region if strict else None
        self._clock = clock
        self._service = service
        self._names: dict[str, tuple[tuple[str, ...], frozenset[str]]] = {}
        self._links: Recent[tuple[str, str, str, str | None], tuple[Presigned, Grant, Signed]] = Recent(
            _LINKS_LIMIT
        )

    def verify(self, method: str, path: str, raw_query: str, headers: Mapping[str, str]) -> Signed:
        """Who sent the request, or a Signed without principal when it is not signed at all.

        path     percent-decoded
        headers  lower-case names, repeated headers joined with ","

        Raises SignatureDoesNotMatch, InvalidAccessKeyId, RequestTimeTooSkewed, ExpiredRequest,
        AuthorizationHeaderMalformed, AuthorizationQueryParametersError, InvalidToken, ExpiredToken,
        AccessDenied (x-amz-… headers that are not signed), InvalidRequest, InvalidArgument or InvalidURI.
        """
        try:
            return self._verify(method, path, raw_query, headers)
        except SignatureDoesNotMatch:
            if is_forwarded(headers):
                for host in forwarded_hosts(headers):
                    with suppress(SignatureDoesNotMatch):
                        signed = self._verify(method, path, raw_query, {**headers, "host": host})
                        return msgspec.structs.replace(signed, host=host)
            raise

    def verify_whole(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Principal:
        """Who sent a request whose body is signed with it, as services other than S3 have it; there is no
        query. Raises MissingAuthentication and what `verify` raises."""
        authorization = headers.get("authorization")
        if authorization is None or authorization.startswith(SCHEME):
            raise MissingAuthentication()
        digest = hashlib.sha256(body).hexdigest()
        principal = self._verify_header(method, path, "", headers, authorization, digest).principal
        assert principal is not None
        return principal

    def _verify(self, method: str, path: str, raw_query: str, headers: Mapping[str, str]) -> Signed:
        authorization = headers.get("authorization")
        if authorization is not None:
            if authorization.startswith(SCHEME):
                return self._verify_version_2(method, path, raw_query, headers, authorization)
            return self._verify_header(method, path, raw_query, headers, authorization)
        if raw_query:
            if _has_query_authentication(raw_query):
                return self._verify_query(method, path, raw_query, headers)
            if _has_version_2(raw_query):
                return self._verify_version_2(method, path, raw_query, headers, None)
        return Signed(None, _payload(headers.get("x-amz-content-sha256", UNSIGNED_PAYLOAD)))

    def _verify_header(
        self, method: str, path: str, raw_query: str, headers: Mapping[str, str], authorization: str,
        digest: str | None = None,
    ) -> Signed:  # fmt: skip
        if raw_query and _has_query_authentication(raw_query):
            raise _two_mechanisms(authorization)
        credential, signed_headers, signature = parse_authorization(authorization)
        timestamp, seconds = _request_time(headers)
        claim = Claim(credential, signed_headers, signature, timestamp, False)
        token = headers.get("x-amz-security-token", "")
        grant = self._grant(claim, token)
        now = self._clock()
        if abs(now - seconds) > MAX_SKEW:
            raise RequestTimeTooSkewed(
                "The difference between the request time and the current time is too large.",
                RequestTime=timestamp,
                ServerTime=iso_date(now),
                MaxAllowedSkewMilliseconds=str(MAX_SKEW * 1000),
            )
        payload = digest or headers.get("x-amz-content-sha256")
        if payload is None:
            raise InvalidRequest("Missing required header for this request: x-amz-content-sha256")
        query = canonical_query(raw_query)
        return self._check(claim, grant, token, method, path, query, headers, _payload(payload), None)

    def _verify_query(self, method: str, path: str, raw_query: str, headers: Mapping[str, str]) -> Signed:
        """A presigned URL is made to be used many times (a browser fetches a video in hundreds of ranges).
        Its signature is a function of method, path, query and host, so one that was found right stays
        right; its expiry and its access key are checked at every use."""
        link = (method, path, raw_query, headers.get("host"))
        known = self._links.get(link)
        if known is not None and "x-amz-" not in "\n".join(headers):
            presigned, grant, signed = known
            if self._grants.find(presigned.claim.credential, presigned.token or "") is grant:
                check_validity(presigned, self._clock())
                return signed
        presigned = parse_presigned(raw_query)
        claim = presigned.claim
        token = presigned.token or headers.get("x-amz-security-token", "")
        grant = self._grant(claim, token)
        check_validity(presigned, self._clock())
        payload = headers.get("x-amz-content-sha256") or presigned.payload or UNSIGNED_PAYLOAD
        form = _payload(payload)
        signed = self._check(
            claim, grant, token, method, path, presigned.query, headers, form, presigned.rest
        )
        if method != "PUT" and claim.signed_headers == "host" and "x-amz-content-sha256" not in headers:
            self._links.put(link, (presigned, grant, signed))
        return signed

    def _verify_version_2(
        self, method: str, path: str, raw_query: str, headers: Mapping[str, str], authorization: str | None
    ) -> Signed:
        payload = _payload(headers.get("x-amz-content-sha256", UNSIGNED_PAYLOAD))
        if authorization is None:
            principal, rest = self._version_2.verify_query(method, path, raw_query, headers)
            return Signed(principal, payload, query=rest)
        if _has_query_authentication(raw_query) or _has_version_2(raw_query):
            raise _two_mechanisms(authorization)
        principal = self._version_2.verify_header(method, path, raw_query, headers, authorization)
        return Signed(principal, payload)

    def _grant(self, claim: Claim, token: str) -> Grant:
        grant = self._grants.find(claim.credential, token)
        if grant is None:
            scope = parse_scope(claim.credential)
            if scope is None:
                raise claim.malformed(scope_problem(claim.credential, self._service))
            if scope.service != self._service:
                raise claim.malformed(
                    f'incorrect service "{scope.service}". This endpoint belongs to "{self._service}".'
                )
            if self._region is not None and scope.region != self._region:
                raise claim.malformed(
                    f"the region '{scope.region}' is wrong; expecting '{self._region}'", Region=self._region
                )
            grant = self._grants.make(scope, token)
        if claim.timestamp[:8] != grant.date:
            raise claim.other_day(grant.date)
        return grant

    def _check(
        self,
        claim: Claim,
        grant: Grant,
        token: str,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        payload: str,
        rest: str | None,
    ) -> Signed:
        """Compare the signature with our own; the last step of both forms."""
        signed = claim.signed_headers
        names, name_set = self._names.get(signed) or _split_names(signed)
        unsigned = headers.keys() - name_set
        if "host" not in name_set or (unsigned and any([name[:6] == "x-amz-" for name in unsigned])):
            raise _headers_not_signed(headers, name_set)
        lines = canonical_headers(headers, names)
        request = f"{method}\n{canonical_path(path)}\n{query}\n{lines}\n{signed}\n{payload}"
        digest = hashlib.sha256(request.encode("utf-8", "surrogatepass")).hexdigest()
        to_sign = f"{ALGORITHM}\n{claim.timestamp}\n{grant.scope}\n{digest}"
        if not compare_digest(grant.key.sign(to_sign.encode()), claim.signature):
            raise _mismatch(claim, grant, to_sign, request)
        self._grants.keep(claim.credential, token, grant)
        self._remember(signed, names, name_set)
        return Signed(
            grant.credential.principal,
            payload,
            grant.key,
            grant.scope,
            claim.timestamp,
            claim.signature,
            rest,
        )

    def _remember(self, signed: str, names: tuple[str, ...], name_set: frozenset[str]) -> None:
        if signed not in self._names:
            if len(self._names) >= _NAMES_LIMIT:
                del self._names[next(iter(self._names))]
            self._names[signed] = (names, name_set)


def _split_names(signed_headers: str) -> tuple[tuple[str, ...], frozenset[str]]:
    names = tuple(signed_headers.split(";"))
    return names, frozenset(names)


def _request_time(headers: Mapping[str, str]) -> tuple[str, int]:
    """The time as signed and as Unix seconds, from x-amz-date or else Date."""
    timestamp = headers.get("x-amz-date")
    if timestamp is not None:
        seconds = parse_long_date(timestamp)
        if seconds is not None:
            return timestamp, seconds
    elif "date" in headers:
        seconds = parse_http_date(headers["date"])
        if seconds is not None:
            return long_date(seconds), seconds
    raise AccessDenied("AWS authentication requires a valid Date or x-amz-date header")


def _payload(value: str) -> str:
    if value in _PAYLOAD_FORMS or _is_sha256(value):
        return value
    raise InvalidArgument(
        f"x-amz-content-sha256 must be {UNSIGNED_PAYLOAD}, {STREAMING_UNSIGNED_TRAILER}, {STREAMING_SIGNED}, "
        f"{STREAMING_SIGNED_TRAILER} or a valid sha256 value.",
        ArgumentName="x-amz-content-sha256",
        ArgumentValue=value,
    )


def _two_mechanisms(authorization: str) -> InvalidArgument:
    return InvalidArgument(
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query "
        "string parameter or the Authorization header should be specified",
        ArgumentName="Authorization",
        ArgumentValue=authorization,
    )


def _headers_not_signed(headers: Mapping[str, str], signed: frozenset[str]) -> AccessDenied:
    missing = sorted(n for n in headers if n not in signed and (n == "host" or n.startswith("x-amz-")))
    return AccessDenied(
        "There were headers present in the request which were not signed",
        HeadersNotSigned=", ".join(missing or ["host"]),
    )


def _mismatch(claim: Claim, grant: Grant, to_sign: str, request: str) -> SignatureDoesNotMatch:
    return SignatureDoesNotMatch(
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method.",
        AWSAccessKeyId=grant.credential.access_key,
        StringToSign=to_sign,
        SignatureProvided=claim.signature,
        StringToSignBytes=to_sign.encode().hex(" "),
        CanonicalRequest=request,
        CanonicalRequestBytes=request.encode("utf-8", "surrogatepass").hex(" "),
    )
