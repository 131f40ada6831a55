"""The ACL of a bucket, by AWS's rules. What it grants, `gateway.authorization` says."""

from access.acl import owner_only
from gateway.acl_request import acl_of_request
from gateway.acl_xml import write_acl
from gateway.configurations.ownership_controls import object_ownership
from gateway.configurations.resource import xml_answer
from gateway.request import Request, Response
from schemas.configurations.acl import ACL, BucketAcl
from schemas.configurations.ownership_controls import OWNERSHIP_CONTROLS
from schemas.configurations.public_access_block import PUBLIC_ACCESS_BLOCK


async def put_bucket_acl(request: Request) -> Response:
    """PutBucketAcl."""
    services = request.services
    bucket = await services.reader.bucket(request.bucket)
    acl = await acl_of_request(request, bucket, bucket.owner_id, of_bucket=True)
    await services.producer.configure_bucket(
        bucket, ACL, BucketAcl(acl), request.origin(),
        checked=(OWNERSHIP_CONTROLS.name, PUBLIC_ACCESS_BLOCK.name),
    )  # fmt: skip
    return Response(200, [])


async def get_bucket_acl(request: Request) -> Response:
    """GetBucketAcl: the owner alone where ACLs are disabled."""
    reader = request.services.reader
    bucket = await reader.bucket(request.bucket)
    acl = owner_only(bucket.owner_id)
    if await object_ownership(reader, bucket) != "BucketOwnerEnforced":
        found = await reader.configuration(bucket, ACL)
        acl = acl if found is None else found.grants
    return xml_answer("AccessControlPolicy", write_acl(bucket.owner_id, acl, request.principal))


HANDLERS = {"GetBucketAcl": get_bucket_acl, "PutBucketAcl": put_bucket_acl}
