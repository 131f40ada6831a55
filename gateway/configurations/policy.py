"""Bucket policies: validated, kept and given back. What they allow, `gateway.authorization` says."""

import json

from access.policy_document import POLICY_LIMIT, read_bucket_policy
from access.public_policy import is_public
from gateway.body import whole
from gateway.configurations.public_access_block import public_access_block
from gateway.configurations.resource import delete, xml_answer
from gateway.request import Request, Response, Services
from schemas.configurations.policy import POLICY, BucketPolicy
from schemas.configurations.public_access_block import PUBLIC_ACCESS_BLOCK
from schemas.errors import AccessDenied, MalformedPolicy, NoSuchBucketPolicy
from schemas.events import Origin
from schemas.rows import Bucket

BODY_LIMIT = 2 * POLICY_LIMIT  # bytes; a text over POLICY_LIMIT gets an answer that says so


async def put_bucket_policy(request: Request) -> Response:
    """PutBucketPolicy. Raises MalformedPolicy; AccessDenied for a public policy where those are blocked."""
    bucket = await request.services.reader.bucket(request.bucket)
    await set_policy(request.services, bucket, await whole(request, BODY_LIMIT), request.origin())
    return Response(204, [])


async def set_policy(services: Services, bucket: Bucket, body: bytes, origin: Origin) -> None:
    """Make a document the policy of the bucket. Raises as put_bucket_policy does."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise MalformedPolicy() from None
    public = is_public(read_bucket_policy(text, bucket.name))
    if public and (await public_access_block(services, bucket)).block_public_policy:
        raise AccessDenied(
            "Access Denied: public policies are prevented by the BlockPublicPolicy setting in S3 Block "
            "Public Access."
        )
    await services.producer.configure_bucket(
        bucket, POLICY, BucketPolicy(text), origin, checked=(PUBLIC_ACCESS_BLOCK.name,)
    )


async def get_bucket_policy(request: Request) -> Response:
    """GetBucketPolicy: the text as it was set."""
    text = await _text(request)
    return Response(200, [("content-type", "application/json")], text.encode())


async def get_bucket_policy_status(request: Request) -> Response:
    """GetBucketPolicyStatus: whether the policy lets the public in."""
    public = is_public(json.loads(await _text(request)))
    return xml_answer("PolicyStatus", f"<IsPublic>{'true' if public else 'false'}</IsPublic>")


async def _text(request: Request) -> str:
    reader = request.services.reader
    bucket = await reader.bucket(request.bucket)
    found = await reader.configuration(bucket, POLICY)
    if found is None:
        raise NoSuchBucketPolicy(BucketName=bucket.name)
    return found.text


HANDLERS = {
    "DeleteBucketPolicy": delete(POLICY),
    "GetBucketPolicy": get_bucket_policy,
    "GetBucketPolicyStatus": get_bucket_policy_status,
    "PutBucketPolicy": put_bucket_policy,
}
