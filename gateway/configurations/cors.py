"""CORS: the configuration of a bucket, and what it lets browsers do.

A preflight request (OPTIONS) is not signed: the browser sends it before the request that is. A bucket without
a CORS configuration costs its other requests nothing.
"""

import re
from collections.abc import Iterable

from gateway.configurations.resource import delete, get, put
from gateway.request import Request, Response
from schemas.configurations.cors import CORS, CorsConfiguration, CorsRule
from schemas.errors import (
    AccessForbidden,
    BadRequest,
    InvalidRequest,
    MalformedXML,
    NoSuchBucket,
    NoSuchCORSConfiguration,
)

METHODS = ("GET", "PUT", "HEAD", "POST", "DELETE")
RULES_LIMIT = 100
ID_LIMIT = 255  # characters

_is_header = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch  # a token (RFC 9110 §5.6.2)
_VARY = ("vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")

Headers = list[tuple[str, str]]


def check(configuration: CorsConfiguration) -> None:
    """Raises MalformedXML, InvalidRequest."""
    if not 1 <= len(configuration.rules) <= RULES_LIMIT:
        raise MalformedXML()
    for rule in configuration.rules:
        _check_rule(rule)


def _check_rule(rule: CorsRule) -> None:
    if not rule.allowed_methods or not rule.allowed_origins:
        raise MalformedXML()
    if rule.identifier is not None and len(rule.identifier) > ID_LIMIT:
        raise InvalidRequest(f"ID length should not exceed allowed limit of {ID_LIMIT}")
    for method in rule.allowed_methods:
        if method not in METHODS:
            raise InvalidRequest(
                f"Found unsupported HTTP method in CORS config. Unsupported method is {method}"
            )
    for name, patterns in (("AllowedOrigin", rule.allowed_origins), ("AllowedHeader", rule.allowed_headers)):
        for pattern in patterns:
            if pattern.count("*") > 1:
                raise InvalidRequest(f'{name} "{pattern}" can not have more than one wildcard.')
    for header in (*rule.allowed_headers, *rule.expose_headers):
        if not _is_header(header):
            raise InvalidRequest(f'AllowedHeader "{header}" contains invalid character.')
    for header in rule.expose_headers:
        if "*" in header:
            raise InvalidRequest(
                f'ExposeHeader "{header}" contains wildcard. We currently do not support wildcard for '
                "ExposeHeader."
            )


# --- what it lets browsers do ----------------------------------------------------------------------------
async def preflight(request: Request) -> Response:
    """OPTIONS: whether a browser may send the request that it asks about.

    Raises BadRequest, AccessForbidden.
    """
    headers = request.headers
    origin = headers.get("origin")
    method = headers.get("access-control-request-method")
    if not origin:
        raise BadRequest("Insufficient information. Origin request header needed.")
    if method not in METHODS:
        raise BadRequest(f"Invalid Access-Control-Request-Method: {method or 'null'}")
    kind = "OBJECT" if request.key else "BUCKET"
    configuration = await _configuration(request)
    if configuration is None:
        raise AccessForbidden(
            "CORSResponse: CORS is not enabled for this bucket.", Method=method, ResourceType=kind
        )
    asked = _asked(request)
    for name in asked:
        if not _is_header(name):
            raise BadRequest(f'Access-Control-Request-Headers "{name}" contains invalid character.')
    rule = find_rule(configuration, origin, method, asked)
    if rule is None:
        raise AccessForbidden(Method=method, ResourceType=kind)
    return Response(200, rule_headers(rule, origin, asked))


async def cors_headers(request: Request) -> Headers:
    """What an answer, good or bad, tells the browser whose page of another origin sent the request."""
    configuration = await _configuration(request) if request.bucket else None
    if configuration is None:
        return []
    headers = request.headers
    origin, asked = headers["origin"], _asked(request)
    # What a preflight has counts in any request, as in S3.
    method = headers.get("access-control-request-method", request.method)
    if not all(_is_header(name) for name in asked):
        return []
    rule = find_rule(configuration, origin, method, asked)
    return [] if rule is None else rule_headers(rule, origin, asked)


def _asked(request: Request) -> list[str]:
    """The headers that Access-Control-Request-Headers names, in lower case."""
    text = request.headers.get("access-control-request-headers", "")
    return [name for item in text.split(",") if (name := item.strip().lower())]


async def _configuration(request: Request) -> CorsConfiguration | None:
    reader = request.services.reader
    try:
        bucket = await reader.bucket(request.bucket)
    except NoSuchBucket:
        return None
    return await reader.configuration(bucket, CORS)


def find_rule(
    configuration: CorsConfiguration, origin: str, method: str, asked: Iterable[str]
) -> CorsRule | None:
    """The first rule that allows the origin, the method and every header asked for (lower case)."""
    for rule in configuration.rules:
        if (
            method in rule.allowed_methods
            and any(_fits(pattern, origin) for pattern in rule.allowed_origins)
            and all(any(_fits(one.lower(), name) for one in rule.allowed_headers) for name in asked)
        ):
            return rule
    return None


def _fits(pattern: str, text: str) -> bool:
    before, star, after = pattern.partition("*")
    if not star:
        return pattern == text
    return len(text) >= len(pattern) - 1 and text.startswith(before) and text.endswith(after)


def rule_headers(rule: CorsRule, origin: str, asked: Iterable[str]) -> Headers:
    """The headers by which a browser learns what the rule allows."""
    everybody = "*" in rule.allowed_origins
    headers = [
        ("access-control-allow-origin", "*" if everybody else origin),
        ("access-control-allow-methods", ", ".join(rule.allowed_methods)),
    ]
    if allowed := ", ".join(asked):
        headers.append(("access-control-allow-headers", allowed))
    if rule.expose_headers:
        headers.append(("access-control-expose-headers", ", ".join(rule.expose_headers)))
    if rule.max_age_seconds is not None:
        headers.append(("access-control-max-age", str(rule.max_age_seconds)))
    if not everybody:
        headers.append(("access-control-allow-credentials", "true"))
    headers.append(_VARY)
    return headers


HANDLERS = {
    "DeleteBucketCors": delete(CORS),
    "GetBucketCors": get(CORS, "CORSConfiguration", NoSuchCORSConfiguration),
    "PutBucketCors": put(CORS, "CORSConfiguration", check, digest=True),
    "PreflightBucket": preflight,
    "PreflightObject": preflight,
}
