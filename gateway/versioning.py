"""The versioning state of a bucket: read and changed."""

from gateway.body import whole
from gateway.bucket import CONFIGURATION_LIMIT
from gateway.object_headers import XML_TYPE
from gateway.request import Request, Response
from gateway.xml import document, parse
from schemas.errors import MalformedXML, NotImplementedOperation

STATUS = {"enabled": "Enabled", "suspended": "Suspended"}


async def get_bucket_versioning(request: Request) -> Response:
    """GetBucketVersioning: empty for a bucket that never had it."""
    bucket = await request.services.reader.bucket(request.bucket)
    status = STATUS.get(bucket.versioning)
    content = f"<Status>{status}</Status>" if status else ""
    return Response(200, [XML_TYPE], document("VersioningConfiguration", content))


async def put_bucket_versioning(request: Request) -> Response:
    """PutBucketVersioning: in force for every write once this is answered."""
    bucket = await request.services.reader.bucket(request.bucket)
    root = parse(await whole(request, CONFIGURATION_LIMIT), "VersioningConfiguration")
    root.only("Status", "MfaDelete")
    if root.value("MfaDelete") not in (None, "Disabled"):
        raise NotImplementedOperation("MfaDelete is not implemented: it can only be Disabled.")
    status = root.value("Status")
    if status == "Enabled":
        await request.services.producer.set_versioning(bucket, "enabled", request.origin())
    elif status == "Suspended":
        await request.services.producer.set_versioning(bucket, "suspended", request.origin())
    else:
        raise MalformedXML()
    return Response(200, [])


HANDLERS = {
    "GetBucketVersioning": get_bucket_versioning,
    "PutBucketVersioning": put_bucket_versioning,
}
