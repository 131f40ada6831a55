"""Public access block. A new bucket has all four switches on, as in AWS."""

from gateway.configurations.resource import put, xml_answer
from gateway.request import Request, Response, Services
from gateway.xml_structs import write_struct
from schemas.configurations.public_access_block import (
    NOTHING_BLOCKED,
    PUBLIC_ACCESS_BLOCK,
    PublicAccessBlockConfiguration,
    strictest,
)
from schemas.errors import MalformedXML, NoSuchPublicAccessBlock
from schemas.rows import Bucket

ROOT = "PublicAccessBlockConfiguration"


def check(configuration: PublicAccessBlockConfiguration) -> None:
    """Raises MalformedXML when no switch is named."""
    if configuration == NOTHING_BLOCKED:
        raise MalformedXML()


async def public_access_block(services: Services, bucket: Bucket) -> PublicAccessBlockConfiguration:
    """What is blocked in the bucket, by its own block or its account's."""
    return (await services.rules(bucket)).block


async def get_public_access_block(request: Request) -> Response:
    """GetPublicAccessBlock: all four switches of the bucket's own block."""
    reader = request.services.reader
    found = (await reader.rules(await reader.bucket(request.bucket))).block
    if found == NOTHING_BLOCKED:
        raise NoSuchPublicAccessBlock(BucketName=request.bucket)
    return xml_answer(ROOT, write_struct(strictest(found, NOTHING_BLOCKED)))


async def delete_public_access_block(request: Request) -> Response:
    """DeletePublicAccessBlock: nothing is blocked from now on."""
    services = request.services
    bucket = await services.reader.bucket(request.bucket)
    await services.producer.configure_bucket(bucket, PUBLIC_ACCESS_BLOCK, NOTHING_BLOCKED, request.origin())
    return Response(204, [])


HANDLERS = {
    "DeletePublicAccessBlock": delete_public_access_block,
    "GetPublicAccessBlock": get_public_access_block,
    "PutPublicAccessBlock": put(PUBLIC_ACCESS_BLOCK, ROOT, check),
}
