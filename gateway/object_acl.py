"""The ACL of an object or of one version of it. What it grants, `gateway.authorization` says."""

from access.acl import owner_only
from gateway.acl_request import acl_of_request
from gateway.acl_xml import write_acl
from gateway.configurations.ownership_controls import object_ownership
from gateway.get_object import find_named, version_parameter
from gateway.object_headers import XML_TYPE, Headers
from gateway.request import Request, Response
from gateway.xml import document
from schemas.rows import Bucket


async def get_object_acl(request: Request) -> Response:
    """GetObjectAcl: the bucket's owner alone where ACLs are disabled."""
    reader = request.services.reader
    bucket = await reader.bucket(request.bucket)
    version = await find_named(request, bucket)
    owner, acl = bucket.owner_id, owner_only(bucket.owner_id)
    if await object_ownership(reader, bucket) != "BucketOwnerEnforced":
        owner = version.owner_id
        acl = owner_only(owner) if version.attributes.acl is None else version.attributes.acl
    content = write_acl(owner, acl, request.principal)
    headers = [XML_TYPE, *_version_header(bucket, version.version)]
    return Response(200, headers, document("AccessControlPolicy", content))


async def put_object_acl(request: Request) -> Response:
    """PutObjectAcl."""
    services = request.services
    bucket = await services.reader.bucket(request.bucket)
    named = version_parameter(request.query)
    version = await services.reader.find(bucket, request.key, named)
    acl = await acl_of_request(request, bucket, version.owner_id, of_bucket=False)
    made = await services.producer.set_acl(bucket, request.key, acl, request.origin(), named)
    return Response(200, _version_header(bucket, made))


def _version_header(bucket: Bucket, version: str) -> Headers:
    return [] if bucket.versioning == "unversioned" else [("x-amz-version-id", version)]


HANDLERS = {"GetObjectAcl": get_object_acl, "PutObjectAcl": put_object_acl}
