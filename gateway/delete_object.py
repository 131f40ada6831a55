"""DeleteObject: a key, or one version of it for good."""

from gateway.conditions import delete_condition
from gateway.get_object import version_parameter
from gateway.object_headers import DELETE_MARKER, Headers
from gateway.object_lock_headers import bypasses
from gateway.request import Request, Response


async def delete_object(request: Request) -> Response:
    """DeleteObject: 204 also for what is not there."""
    services = request.services
    bucket = await services.reader.bucket(request.bucket)
    version = version_parameter(request.query)
    condition = delete_condition(request.headers)
    result = await services.producer.delete_object(
        bucket, request.key, request.origin(), version, condition, bypasses(request.headers)
    )
    headers: Headers = []
    if result.delete_marker:
        headers.append(DELETE_MARKER)
    if version is not None:
        headers.append(("x-amz-version-id", version))
    elif result.version and bucket.versioning != "unversioned":
        headers.append(("x-amz-version-id", result.version))
    return Response(204, headers)


HANDLERS = {"DeleteObject": delete_object}
