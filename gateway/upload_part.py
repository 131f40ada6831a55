"""UploadPart and UploadPartCopy: one part of a multipart upload, from a body or from another object."""

from dataclasses import replace

from gateway.body import payload
from gateway.checksums import CHECKSUM_HEADERS, value_element
from gateway.copy_source import check_copy_size, find_source, parse_copy_source
from gateway.dates import iso_date
from gateway.encryption import part_key
from gateway.encryption_headers import encryption_headers
from gateway.get_object import part_number
from gateway.object_headers import XML_TYPE, quoted
from gateway.object_lock_headers import require_lock_digest
from gateway.put_object import check_size
from gateway.ranges import ByteRange, parse_copy_range
from gateway.request import Request, Response
from gateway.reserving import reserve, reserve_body
from gateway.xml import document, escape
from schemas.rows import Bucket, Upload


async def upload_part(request: Request) -> Response:
    """UploadPart."""
    number = part_number(request.query["partNumber"])
    bucket, upload = await find_upload(request)
    require_lock_digest(request, bucket, upload.attributes.lock)
    object_key = part_key(request, upload)
    await reserve_body(request, bucket, versions=0)
    body = await payload(request)
    check_size(body)
    if object_key:
        body = replace(body, object_key=object_key)
    result = await request.services.producer.put_part(bucket, upload, number, body, request.origin())
    encryption = encryption_headers(upload.attributes.encryption, request.encryption)
    headers = [("etag", quoted(result.etag)), *encryption]
    if result.checksum is not None:
        headers.append((CHECKSUM_HEADERS[result.checksum.algorithm], result.checksum.value))
    return Response(200, headers)


async def upload_part_copy(request: Request) -> Response:
    """UploadPartCopy: a whole object, or a range of it, becomes a part."""
    number = part_number(request.query["partNumber"])
    parse_copy_source(request.headers["x-amz-copy-source"])  # refused before anything is looked up
    bucket, upload = await find_upload(request)
    object_key = part_key(request, upload)
    source_bucket, found, _ = await find_source(request)
    wanted = request.headers.get("x-amz-copy-source-range")
    piece = ByteRange(0, found.size) if wanted is None else parse_copy_range(wanted, found.size)
    check_copy_size(piece.length)
    await reserve(request, bucket, piece.length, versions=0)
    result = await request.services.producer.copy_part(
        bucket, upload, number, found, piece.start, piece.length, request.origin(), object_key
    )
    headers = [XML_TYPE, *encryption_headers(upload.attributes.encryption, request.encryption)]
    if source_bucket.versioning != "unversioned":
        headers.append(("x-amz-copy-source-version-id", found.version))
    body = document(
        "CopyPartResult",
        f"<ETag>{escape(quoted(result.etag))}</ETag>"
        f"<LastModified>{iso_date(result.modified_at)}</LastModified>{value_element(result.checksum)}",
    )
    return Response(200, headers, body)


async def find_upload(request: Request) -> tuple[Bucket, Upload]:
    """The bucket and the upload that the request names. Raises NoSuchBucket, NoSuchUpload."""
    reader = request.services.reader
    bucket = await reader.bucket(request.bucket)
    return bucket, await reader.upload(bucket, request.key, request.query["uploadId"])


HANDLERS = {"UploadPart": upload_part, "UploadPartCopy": upload_part_copy}
