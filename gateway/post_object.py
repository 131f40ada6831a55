"""PostObject: an upload from an HTML form, allowed by a signed policy in it.

Source: Amazon S3 API reference, "POST Object".
"""

import re
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from access.post_form import required
from access.post_policy import PostPolicy, parse_policy
from gateway.acl_request import acl_of_write
from gateway.acl_xml import ACL_HEADERS
from gateway.authorization.authorizer import ask_about_form
from gateway.body import WHOLE_LIMIT, arriving
from gateway.checksums import algorithm_asked, checksum_headers
from gateway.encryption import note_encryption, protection_of_write
from gateway.form_data import Form, boundary_of
from gateway.limiting import limit_bucket, limit_caller
from gateway.object_headers import (
    META_PREFIX,
    SYSTEM_HEADERS,
    Headers,
    attributes_of,
    quoted,
    write_headers,
)
from gateway.object_lock_headers import LOCK_HEADERS, lock_of_write
from gateway.payload_headers import announced_checksum, content_length
from gateway.request import Request, Response, base_url
from gateway.reserving import reserve
from gateway.routing import check_key
from gateway.tags import parse_tagging
from gateway.unbuilt import check_unbuilt
from gateway.xml import DECLARATION, escape
from ingest.payload import Payload
from schemas.errors import (
    EntityTooLarge,
    EntityTooSmall,
    InvalidArgument,
    MissingContentLength,
)
from schemas.rows import Attributes

FILENAME = "${filename}"

# Fields that sign the form and say nothing of the object.
_SIGNATURE = frozenset({"x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"})
_is_token = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+").fullmatch


async def post_object(request: Request) -> Response:
    """PostObject."""
    services = request.services
    length = content_length(request.headers)
    if length is None:
        raise MissingContentLength()
    form = Form(arriving(request, length), boundary_of(request.headers.get("content-type", "")))
    await form.read_fields()
    fields = {name: value.replace(FILENAME, form.filename) for name, value in form.fields.items()}
    _authenticate(request, fields)
    request.key = _key(fields)
    policy = parse_policy(fields["policy"]) if "policy" in fields else None
    if policy is not None:
        policy.check({**fields, "bucket": request.bucket}, time.time())
    bucket = await services.reader.bucket(request.bucket)
    headers = object_headers(fields)
    await limit_caller(request, request.principal.access_key)
    await _authorize(request, fields, headers)
    await limit_bucket(request, bucket)
    check_unbuilt(headers)
    note_encryption(request, headers)
    protection = await protection_of_write(request, bucket)
    attributes = msgspec.structs.replace(
        await _attributes(request, fields, headers), encryption=protection.encryption
    )
    await reserve(request, bucket, length)
    payload = replace(await _payload(form, headers, policy, length), object_key=protection.object_key)
    result = await services.producer.put_object(
        bucket, request.key, payload, attributes, request.origin(), owner=request.owner
    )
    answer = [
        *write_headers(bucket, result.version, protection.encryption, request.encryption),
        ("etag", quoted(result.etag)),
    ]
    if result.checksum is not None:
        answer.extend(checksum_headers(result.checksum))
    return _answer(request, fields, quoted(result.etag), answer)


def _authenticate(request: Request, fields: Mapping[str, str]) -> None:
    """Who uploads: the signer of the policy, unless the request itself is signed; else nobody in particular.
    Raises what FormVerifier raises."""
    if request.forms is None:
        return
    principal = request.forms.verify(fields)
    if principal is not None:
        request.principal = principal


async def _authorize(request: Request, fields: Mapping[str, str], headers: dict[str, str]) -> None:
    """Whether the uploader may, as with a PUT with those headers. Raises AccessDenied."""
    tags = (
        {"x-amz-tagging": urlencode(parse_tagging(fields["tagging"].encode()))} if "tagging" in fields else {}
    )
    asking = replace(request, headers={**request.headers, **headers, **tags})
    await ask_about_form(asking)
    request.owner = asking.owner


def _key(fields: Mapping[str, str]) -> str:
    """The object's key. Raises InvalidArgument, KeyTooLong."""
    key = required(fields, "key")
    if not key:
        raise InvalidArgument(
            "User key must have a length greater than 0.", ArgumentName="key", ArgumentValue=""
        )
    check_key(key)
    return key


def object_headers(fields: Mapping[str, str]) -> dict[str, str]:
    """What the fields say of the object, as the headers of a PUT would.

    Raises InvalidArgument for what no header can carry: unlike a header's, a field's text may be anything.
    """
    headers: dict[str, str] = {}
    for name, value in fields.items():
        if name == "acl":
            name = "x-amz-acl"
        elif name in _SIGNATURE or not (name in SYSTEM_HEADERS or name.startswith("x-amz-")):
            continue
        # Metadata with other characters is encoded when it is sent (object_headers.encode_word).
        fits = name.startswith(META_PREFIX) or (value.isascii() and value.isprintable())
        if not (fits and _is_token(name)):
            raise InvalidArgument(
                f"The field {name} or its value is not printable ASCII.",
                ArgumentName=name,
                ArgumentValue=value,
            )
        headers[name] = value
    return headers


async def _attributes(request: Request, fields: Mapping[str, str], headers: dict[str, str]) -> Attributes:
    acl = lock = None
    if not ACL_HEADERS.isdisjoint(headers):
        acl = await acl_of_write(replace(request, headers=headers))
    if not LOCK_HEADERS.isdisjoint(headers):
        lock = await lock_of_write(replace(request, headers=headers))
    attributes = attributes_of(headers, acl, lock)
    if "tagging" in fields:
        tags = parse_tagging(fields["tagging"].encode())
        attributes = msgspec.structs.replace(attributes, tags=tags)
    return attributes


async def _payload(form: Form, headers: Mapping[str, str], policy: PostPolicy | None, length: int) -> Payload:
    """The file. A small one is read at once, so that it can be packed with others."""
    announced = announced_checksum(headers)
    algorithm = announced.algorithm or algorithm_asked(headers)
    chunks = form.file()
    if policy is not None and policy.sizes is not None:
        chunks = _measured(chunks, *policy.sizes)
    body = b"".join([chunk async for chunk in chunks]) if length <= WHOLE_LIMIT else chunks
    return Payload(body, None, checksum_algorithm=algorithm, checksum=announced.value)


async def _measured(chunks: AsyncIterator[bytes], smallest: int, largest: int) -> AsyncIterator[bytes]:
    """The same bytes. Raises EntityTooLarge as soon as they are too many, EntityTooSmall at their end."""
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > largest:
            raise EntityTooLarge(
                "Your proposed upload exceeds the maximum allowed size",
                ProposedSize=str(size),
                MaxSizeAllowed=str(largest),
            )
        yield chunk
    if size < smallest:
        raise EntityTooSmall(
            "Your proposed upload is smaller than the minimum allowed size",
            ProposedSize=str(size),
            MinSizeAllowed=str(smallest),
        )


# --- out -----------------------------------------------------------------------------------------------
def _answer(request: Request, fields: Mapping[str, str], etag: str, headers: Headers) -> Response:
    """What the form asks for: a redirect, or a status of 200, 201 (with a document) or 204."""
    target = _redirect(request, fields, etag)
    if target is not None:
        return Response(303, [*headers, ("location", target)])
    location = object_url(request)
    headers.append(("location", location))
    status = fields.get("success_action_status")
    if status != "201":
        return Response(200 if status == "200" else 204, headers)
    body = (
        f"{DECLARATION}<PostResponse><Location>{escape(location)}</Location>"
        f"<Bucket>{escape(request.bucket)}</Bucket><Key>{escape(request.key)}</Key>"
        f"<ETag>{escape(etag)}</ETag></PostResponse>"
    )
    return Response(201, [*headers, ("content-type", "application/xml")], body.encode())


def _redirect(request: Request, fields: Mapping[str, str], etag: str) -> str | None:
    """Where the browser goes next; None without such a field, or when it holds no URL."""
    target = fields.get("success_action_redirect", fields.get("redirect", ""))
    if not target.isascii() or not target.isprintable() or " " in target:
        return None
    try:
        parts = urlsplit(target)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return None
    told = urlencode({"bucket": request.bucket, "key": request.key, "etag": etag}, quote_via=quote)
    return parts._replace(query=f"{parts.query}&{told}" if parts.query else told).geturl()


def object_url(request: Request) -> str:
    """The new object's URL, as the client addressed its bucket."""
    bucket = quote(request.path.rstrip("/"), safe="/~")
    key = quote(request.key, safe="/~")
    return f"{base_url(request)}{bucket}/{key}"


HANDLERS = {"PostObject": post_object}
