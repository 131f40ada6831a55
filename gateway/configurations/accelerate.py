"""Transfer acceleration: kept and given back. There is no edge network that would make it true."""

from gateway.configurations.resource import get, read_configuration
from gateway.request import Request, Response
from schemas.configurations.accelerate import ACCELERATE, AccelerateConfiguration
from schemas.errors import InvalidRequest, MalformedXML

ROOT = "AccelerateConfiguration"


async def put_bucket_accelerate_configuration(request: Request) -> Response:
    """PutBucketAccelerateConfiguration."""
    services = request.services
    bucket = await services.reader.bucket(request.bucket)
    configuration = await read_configuration(request, ROOT, AccelerateConfiguration)
    if configuration.status is None:
        raise MalformedXML()
    if "." in bucket.name:
        raise InvalidRequest(
            "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names"
        )
    await services.producer.configure_bucket(bucket, ACCELERATE, configuration, request.origin())
    return Response(200, [])


HANDLERS = {
    "GetBucketAccelerateConfiguration": get(ACCELERATE, ROOT, AccelerateConfiguration()),
    "PutBucketAccelerateConfiguration": put_bucket_accelerate_configuration,
}
