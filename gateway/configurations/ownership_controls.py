"""Ownership controls. A new bucket has BucketOwnerEnforced, as in AWS: its ACLs are disabled."""

from access.acl import owner_only
from gateway.configurations.resource import read_configuration, xml_answer
from gateway.request import Request, Response
from gateway.xml_structs import write_struct
from query.reader import Reader
from schemas.configurations.acl import ACL
from schemas.configurations.ownership_controls import (
    ENFORCED,
    OWNERSHIP_CONTROLS,
    ObjectOwnership,
    OwnershipControls,
)
from schemas.errors import InvalidBucketAclWithObjectOwnership, MalformedXML, OwnershipControlsNotFound
from schemas.rows import Bucket

ROOT = "OwnershipControls"


async def object_ownership(reader: Reader, bucket: Bucket) -> ObjectOwnership:
    """The bucket's ownership setting."""
    return (await reader.rules(bucket)).ownership


async def put_bucket_ownership_controls(request: Request) -> Response:
    """PutBucketOwnershipControls. ACLs cannot be disabled while the bucket's grants something to others.

    Raises MalformedXML, InvalidBucketAclWithObjectOwnership.
    """
    services = request.services
    bucket = await services.reader.bucket(request.bucket)
    controls = await read_configuration(request, ROOT, OwnershipControls)
    if len(controls.rules) != 1:
        raise MalformedXML()
    if controls == ENFORCED:
        acl = await services.reader.configuration(bucket, ACL)
        if acl is not None and acl.grants != owner_only(bucket.owner_id):
            raise InvalidBucketAclWithObjectOwnership()
    await services.producer.configure_bucket(
        bucket, OWNERSHIP_CONTROLS, controls, request.origin(), checked=(ACL.name,)
    )
    return Response(200, [])


async def get_bucket_ownership_controls(request: Request) -> Response:
    """GetBucketOwnershipControls."""
    reader = request.services.reader
    bucket = await reader.bucket(request.bucket)
    found = await reader.configuration(bucket, OWNERSHIP_CONTROLS) or ENFORCED
    if not found.rules:
        raise OwnershipControlsNotFound(BucketName=bucket.name)
    return xml_answer(ROOT, write_struct(found))


async def delete_bucket_ownership_controls(request: Request) -> Response:
    """DeleteBucketOwnershipControls: the setting is ObjectWriter from now on."""
    services = request.services
    bucket = await services.reader.bucket(request.bucket)
    nothing = OwnershipControls()
    await services.producer.configure_bucket(bucket, OWNERSHIP_CONTROLS, nothing, request.origin())
    return Response(204, [])


HANDLERS = {
    "DeleteBucketOwnershipControls": delete_bucket_ownership_controls,
    "GetBucketOwnershipControls": get_bucket_ownership_controls,
    "PutBucketOwnershipControls": put_bucket_ownership_controls,
}
