"""Access logging: kept, given back, and in force: `gateway.access_record`, `processors.access_logger`."""

from gateway.body import whole
from gateway.configurations.resource import BODY_LIMIT, get
from gateway.request import Request, Response
from gateway.xml import Element, parse
from gateway.xml_structs import read_struct
from query.reader import Reader
from schemas.configurations.logging import LOGGING, BucketLoggingStatus, LoggingEnabled
from schemas.errors import (
    InvalidTargetBucketForLogging,
    MalformedXML,
    NoSuchBucket,
    NotImplementedOperation,
)
from schemas.rows import Bucket

ROOT = "BucketLoggingStatus"


async def put_bucket_logging(request: Request) -> Response:
    """PutBucketLogging; an empty document ends it."""
    services = request.services
    bucket = await services.reader.bucket(request.bucket)
    root = parse(await whole(request, BODY_LIMIT), ROOT)
    _refuse_grants(root)
    status = read_struct(root, BucketLoggingStatus)
    if status.logging_enabled is not None:
        await _check(services.reader, bucket, status.logging_enabled)
    kept = None if status.logging_enabled is None else status
    await services.producer.configure_bucket(bucket, LOGGING, kept, request.origin())
    return Response(200, [])


def _refuse_grants(root: Element) -> None:
    enabled = root.one("LoggingEnabled")
    grants = None if enabled is None else enabled.one("TargetGrants")
    if enabled is None or grants is None:
        return
    if grants.children:
        raise NotImplementedOperation(
            "TargetGrants is not implemented: logs belong to the target bucket's owner."
        )
    enabled.children.remove(grants)


async def _check(reader: Reader, bucket: Bucket, enabled: LoggingEnabled) -> None:
    """Raises InvalidTargetBucketForLogging, MalformedXML."""
    try:
        target = await reader.bucket(enabled.target_bucket)
    except NoSuchBucket:
        raise InvalidTargetBucketForLogging(
            "The target bucket for logging does not exist", TargetBucket=enabled.target_bucket
        ) from None
    if target.owner_id != bucket.owner_id or target.region != bucket.region:
        raise InvalidTargetBucketForLogging(
            "The owner and the region of the bucket to be logged and of the target bucket must be the same.",
            TargetBucket=target.name,
        )
    form = enabled.target_object_key_format
    if form is not None and (form.simple_prefix is None) == (form.partitioned_prefix is None):
        raise MalformedXML()


HANDLERS = {
    "GetBucketLogging": get(LOGGING, ROOT, BucketLoggingStatus()),
    "PutBucketLogging": put_bucket_logging,
}
