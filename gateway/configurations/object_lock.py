"""Object Lock of a bucket: once it is on, it stays; only the default retention of new versions changes."""

from gateway.configurations.resource import read_configuration, xml_answer
from gateway.request import Request, Response
from gateway.xml_structs import write_struct
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


async def get_object_lock_configuration(request: Request) -> Response:
    """GetObjectLockConfiguration; a bucket that was created with Object Lock has no document of it."""
    reader = request.services.reader
    bucket = await reader.bucket(request.bucket)
    if bucket.lock is None:
        raise ObjectLockConfigurationNotFound(BucketName=bucket.name)
    found = await reader.configuration(bucket, OBJECT_LOCK) or ObjectLockConfiguration("Enabled")
    return xml_answer(ROOT, write_struct(found))


HANDLERS = {
    "GetObjectLockConfiguration": get_object_lock_configuration,
    "PutObjectLockConfiguration": put_object_lock_configuration,
}
