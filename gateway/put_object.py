"""PutObject: headers and body of a request become attributes and payload for `ingest`."""

from dataclasses import replace

from gateway.body import payload
from gateway.checksums import checksum_headers
from gateway.conditions import write_condition
from gateway.encryption import protection_of_write
from gateway.object_headers import attributes_of, quoted, write_headers
from gateway.object_lock_headers import require_lock_digest
from gateway.request import Request, Response
from gateway.reserving import reserve_body
from ingest.intake import MAX_PUT_BYTES
from ingest.payload import Payload
from schemas.errors import EntityTooLarge


async def put_object(request: Request) -> Response:
    """PutObject."""
    services = request.services
    bucket = await services.reader.bucket(request.bucket)
    protection = await protection_of_write(request, bucket)
    attributes = attributes_of(request.headers, request.acl, request.lock, protection.encryption)
    condition = write_condition(request.headers)
    require_lock_digest(request, bucket, request.lock)
    await reserve_body(request, bucket)
    body = await payload(request)
    check_size(body)
    if protection.object_key:
        body = replace(body, object_key=protection.object_key)
    result = await services.producer.put_object(
        bucket, request.key, body, attributes, request.origin(), condition, request.owner
    )
    headers = write_headers(bucket, result.version, protection.encryption, request.encryption)
    headers.append(("etag", quoted(result.etag)))
    if result.checksum is not None:
        headers.extend(checksum_headers(result.checksum))
    return Response(200, headers)


def check_size(body: Payload) -> None:
    """Refuse a body by its announced length, before any of it is read. Raises EntityTooLarge."""
    if body.size is not None and body.size > MAX_PUT_BYTES:
        raise EntityTooLarge(
            "Your proposed upload exceeds the maximum allowed size",
            ProposedSize=str(body.size),
            MaxSizeAllowed=str(MAX_PUT_BYTES),
        )


HANDLERS = {"PutObject": put_object}
