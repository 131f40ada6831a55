"""Object Lock of a bucket: once it is on, it stays; only the default retention of new versions changes."""

from gateway.configurations.resource import get, read_configuration
from gateway.request import Request, Response
from schemas.configurations.object_lock import OBJECT_LOCK, ObjectLockConfiguration
from schemas.errors import (
    InvalidArgument,
    InvalidBucketState,
    MalformedXML,
    ObjectLockConfigurationNotFound,
)

ROOT = "ObjectLockConfiguration"
YEARS_LIMIT = 100
DAYS_LIMIT = 36_500


async def put_object_lock_configuration(request: Request) -> Response:
    """PutObjectLockConfiguration: in force for every version made once it is answered."""
    services = request.services
    bucket = await services.reader.bucket(request.bucket)
    configuration = await read_configuration(request, ROOT, ObjectLockConfiguration, digest=True)
    check(configuration)
    if bucket.versioning != "enabled":
        raise InvalidBucketState(
            "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration"
        )
    await services.producer.lock_bucket(bucket, configuration, request.origin())
    return Response(200, [])


def check(configuration: ObjectLockConfiguration) -> None:
    """Raises MalformedXML, InvalidArgument."""
    if configuration.rule is None:
        return
    default = configuration.rule.default_retention
    if (default.days is None) == (default.years is None):
        raise MalformedXML()
    period = default.days if default.days is not None else default.years or 0
    if period <= 0:
        raise InvalidArgument("Default retention period must be a positive integer value.")
    if period > (DAYS_LIMIT if default.days is not None else YEARS_LIMIT):
        raise InvalidArgument("Default retention period too large")


HANDLERS = {
    "GetObjectLockConfiguration": get(OBJECT_LOCK, ROOT, ObjectLockConfigurationNotFound),
    "PutObjectLockConfiguration": put_object_lock_configuration,
}
