"""Multipart uploads: create, complete, abort. Parts come in through `upload_part`."""

from collections.abc import Mapping
from urllib.parse import quote

from gateway.body import whole
from gateway.checksums import (
    CHECKSUM_TYPE,
    algorithm_asked,
    announced,
    announced_in,
    type_asked,
    type_element,
    value_element,
)
from gateway.conditions import single_etag, write_condition
from gateway.encryption import check_upload_key, protection_of_write
from gateway.encryption_headers import encryption_headers
from gateway.object_headers import XML_TYPE, attributes_of, quoted, write_headers
from gateway.request import Request, Response, base_url
from gateway.reserving import reserve
from gateway.xml import Element, document, escape, parse
from ingest.results import CompletedPart, PutResult
from schemas.errors import AccessDenied, InvalidArgument, InvalidRequest, MalformedXML

PARTS_LIMIT = 10_000
BODY_LIMIT = 8 * 1024**2  # bytes: 10,000 parts, each with an ETag and the longest checksum


async def create_multipart_upload(request: Request) -> Response:
    """CreateMultipartUpload. Whoever is allowed to must still have signed: source: Amazon S3 User Guide,
    "Uploading and copying objects using multipart upload"."""
    if request.principal.kind == "anonymous":
        raise AccessDenied("Anonymous users cannot initiate multipart uploads.  Please authenticate.")
    services = request.services
    bucket = await services.reader.bucket(request.bucket)
    protection = await protection_of_write(request, bucket)
    attributes = attributes_of(request.headers, request.acl, request.lock, protection.encryption)
    algorithm = algorithm_asked(request.headers)
    kind = type_asked(request.headers)
    upload = await services.producer.create_upload(
        bucket, request.key, attributes, request.origin(), algorithm, kind, request.owner
    )
    headers = [XML_TYPE, *encryption_headers(protection.encryption, request.encryption)]
    if upload.checksum_algorithm is not None:
        headers.append(("x-amz-checksum-algorithm", upload.checksum_algorithm))
        headers.append((CHECKSUM_TYPE, upload.checksum_type))
    body = document(
        "InitiateMultipartUploadResult",
        f"<Bucket>{escape(request.bucket)}</Bucket><Key>{escape(request.key)}</Key>"
        f"<UploadId>{escape(upload.upload_id)}</UploadId>",
    )
    return Response(200, headers, body)


async def complete_multipart_upload(request: Request) -> Response:
    """CompleteMultipartUpload: the parts named become one object."""
    services = request.services
    headers = request.headers
    bucket = await services.reader.bucket(request.bucket)
    condition = write_condition(headers)
    size = _object_size(headers)
    checksum = announced(headers)
    kind = type_asked(headers)
    upload_id = request.query["uploadId"]
    await check_upload_key(request, bucket)
    parts = parse_complete(await whole(request, BODY_LIMIT, checksum_of_body=False))
    await reserve(request, bucket, 0)
    result = await services.producer.complete_upload(
        bucket, request.key, upload_id, parts, request.origin(), condition, size, checksum, kind
    )
    answer = write_headers(bucket, result.version, result.encryption, request.encryption)
    return Response(200, [XML_TYPE, *answer], _completed(request, result))


async def abort_multipart_upload(request: Request) -> Response:
    """AbortMultipartUpload: 204; the parts are freed."""
    services = request.services
    bucket = await services.reader.bucket(request.bucket)
    await services.producer.abort_upload(bucket, request.key, request.query["uploadId"], request.origin())
    return Response(204, [])


def _object_size(headers: Mapping[str, str]) -> int | None:
    """`x-amz-mp-object-size` in bytes. Raises InvalidRequest."""
    text = headers.get("x-amz-mp-object-size")
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) <= 18:
        return int(text)
    if text.startswith("-") and text[1:].isdigit():
        raise InvalidRequest(f"Value for x-amz-mp-object-size header is less than zero: '{text}'")
    raise InvalidRequest("Value for x-amz-mp-object-size header is invalid.")


def parse_complete(body: bytes) -> list[CompletedPart]:
    """The parts of a `CompleteMultipartUpload` document, in the order given.

    Raises MalformedXML, also for no parts, no document or too many parts, and InvalidArgument.
    """
    if not body:  # What SDKs send for a call without parts: an empty list, and not a missing document.
        raise MalformedXML()
    root = parse(body, "CompleteMultipartUpload")
    root.only("Part")
    if not 1 <= len(root.children) <= PARTS_LIMIT:
        raise MalformedXML()
    return [_part(child) for child in root.children]


def _part(element: Element) -> CompletedPart:
    number, etag = element.value("PartNumber"), element.value("ETag")
    if number is None or etag is None:
        raise MalformedXML()
    digits = number.strip()
    if not digits.removeprefix("-").isdigit() or not digits.isascii() or len(digits) > 10:
        raise MalformedXML()
    if int(digits) < 1:
        raise InvalidArgument("PartNumber must be >= 1", ArgumentName="PartNumber", ArgumentValue=digits)
    algorithm, value = announced_in(element) or (None, None)
    return CompletedPart(int(digits), single_etag(etag), algorithm, value)


def _completed(request: Request, result: PutResult) -> bytes:
    return document(
        "CompleteMultipartUploadResult",
        f"<Location>{escape(location(request))}</Location>"
        f"<Bucket>{escape(request.bucket)}</Bucket><Key>{escape(request.key)}</Key>"
        f"<ETag>{escape(quoted(result.etag))}</ETag>"
        f"{value_element(result.checksum)}{type_element(result.checksum)}",
    )


def location(request: Request) -> str:
    """The object's URL, as the client addressed it."""
    return f"{base_url(request)}{quote(request.path, safe='/~')}"


HANDLERS = {
    "AbortMultipartUpload": abort_multipart_upload,
    "CompleteMultipartUpload": complete_multipart_upload,
    "CreateMultipartUpload": create_multipart_upload,
}
