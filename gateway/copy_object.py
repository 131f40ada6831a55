"""CopyObject: a new version with another object's bytes, by reference where the same keys protect both."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from gateway.checksums import algorithm_asked, type_element, value_element
from gateway.conditions import write_condition
from gateway.copy_source import CopySource, check_copy_size, find_source
from gateway.dates import iso_date
from gateway.encryption import protection_of_write, same_protection
from gateway.encryption_headers import CUSTOMER, METHOD
from gateway.object_headers import XML_TYPE, attributes_of, quoted, storage_class_of, write_headers
from gateway.request import Request, Response
from gateway.reserving import reserve
from gateway.tags import tags_of
from gateway.xml import document, escape
from ingest.results import PutResult
from schemas.errors import InvalidArgument, InvalidRequest
from schemas.rows import Attributes, ObjectVersion

REDIRECT = "x-amz-website-redirect-location"

# Any of these makes a copy onto itself a change.
_CHANGES = ("x-amz-storage-class", REDIRECT, METHOD, f"{CUSTOMER}-algorithm")


async def copy_object(request: Request) -> Response:
    """CopyObject."""
    services = request.services
    headers = request.headers
    replace = _replaces(headers, "metadata")
    replace_tags = _replaces(headers, "tagging")
    algorithm = algorithm_asked(headers)
    condition = write_condition(headers)
    bucket = await services.reader.bucket(request.bucket)
    source_bucket, found, source = await find_source(request)
    if not replace:
        _check_changes(request, source)
    check_copy_size(found.size)
    await reserve(request, bucket, found.size)
    protection = await protection_of_write(request, bucket)
    attributes = msgspec.structs.replace(
        attributes_of(headers) if replace else _kept(found, headers),
        tags=tags_of(headers) if replace_tags else found.attributes.tags,
        acl=request.acl,
        lock=request.lock,
        encryption=protection.encryption,
    )
    result = await services.producer.copy_object(
        bucket, request.key, found, attributes, request.origin(), algorithm, condition,
        protection.object_key, owner=request.owner,
        by_reference=same_protection(
            found.attributes.encryption, request.source_encryption, protection.encryption, request.encryption
        ),
    )  # fmt: skip
    answer = [XML_TYPE, *write_headers(bucket, result.version, protection.encryption, request.encryption)]
    if source_bucket.versioning != "unversioned":
        answer.append(("x-amz-copy-source-version-id", found.version))
    return Response(200, answer, _result(result))


def _replaces(headers: Mapping[str, str], what: Literal["metadata", "tagging"]) -> bool:
    """Whether the request brings the new object's metadata or tags itself, instead of having the source's
    copied. Raises InvalidArgument for an unknown directive."""
    header = f"x-amz-{what}-directive"
    directive = headers.get(header, "COPY")
    if directive not in ("COPY", "REPLACE"):
        raise InvalidArgument(f"Unknown {what} directive.", ArgumentName=header, ArgumentValue=directive)
    return directive == "REPLACE"


def _check_changes(request: Request, source: CopySource) -> None:
    """Refuse a copy of an object onto itself that would change nothing; bringing back an older version
    of it is a change."""
    same = (source.bucket, source.key, source.version) == (request.bucket, request.key, None)
    if same and not any(name in request.headers for name in _CHANGES):
        raise InvalidRequest(
            "This copy request is illegal because it is trying to copy an object to itself without "
            "changing the object's metadata, storage class, website redirect location or encryption "
            "attributes."
        )


def _kept(found: ObjectVersion, headers: Mapping[str, str]) -> Attributes:
    """The source's attributes; the storage class and the website redirect are never copied."""
    asked = attributes_of({name: headers[name] for name in (REDIRECT,) if name in headers})
    system = {name: value for name, value in found.attributes.headers.items() if name != REDIRECT}
    return Attributes({**system, **asked.headers}, found.attributes.metadata, storage_class_of(headers))


def _result(result: PutResult) -> bytes:
    return document(
        "CopyObjectResult",
        f"<ETag>{escape(quoted(result.etag))}</ETag>"
        f"<LastModified>{iso_date(result.created_at)}</LastModified>"
        f"{type_element(result.checksum)}{value_element(result.checksum)}",
    )


HANDLERS = {"CopyObject": copy_object}
