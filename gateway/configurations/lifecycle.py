"""Lifecycle configuration: kept and given back. Nothing acts on it yet."""

from typing import get_args

import msgspec

from gateway.configurations.lifecycle_rules import check_rules
from gateway.configurations.resource import delete, read_configuration
from gateway.object_headers import XML_TYPE
from gateway.request import Request, Response
from gateway.xml import document
from gateway.xml_structs import write_struct
from schemas.configurations.lifecycle import (
    LIFECYCLE,
    LifecycleConfiguration,
    LifecycleRules,
    MinimumSize,
)
from schemas.errors import InvalidRequest, NoSuchLifecycleConfiguration
from schemas.ids import uuid7

ROOT = "LifecycleConfiguration"
MINIMUM_SIZE = "x-amz-transition-default-minimum-object-size"

_MINIMUM_SIZES: dict[str, MinimumSize] = {name: name for name in get_args(MinimumSize)}


async def put_bucket_lifecycle_configuration(request: Request) -> Response:
    """PutBucketLifecycleConfiguration. Rules without an id get one, as in AWS."""
    services = request.services
    bucket = await services.reader.bucket(request.bucket)
    named = request.headers.get(MINIMUM_SIZE, "all_storage_classes_128K")
    minimum = _MINIMUM_SIZES.get(named)
    if minimum is None:
        raise InvalidRequest(f"Invalid {MINIMUM_SIZE}: {named}")
    lifecycle = await read_configuration(request, ROOT, LifecycleRules, digest=True)
    check_rules(lifecycle.rules)
    rules = tuple(msgspec.structs.replace(rule, id=rule.id or uuid7().hex()) for rule in lifecycle.rules)
    configuration = LifecycleConfiguration(LifecycleRules(rules), minimum)
    await services.producer.configure_bucket(bucket, LIFECYCLE, configuration, request.origin())
    return Response(200, [(MINIMUM_SIZE, minimum)])


async def get_bucket_lifecycle_configuration(request: Request) -> Response:
    """GetBucketLifecycleConfiguration."""
    reader = request.services.reader
    bucket = await reader.bucket(request.bucket)
    found = await reader.configuration(bucket, LIFECYCLE)
    if found is None:
        raise NoSuchLifecycleConfiguration(BucketName=bucket.name)
    headers = [XML_TYPE, (MINIMUM_SIZE, found.minimum_size)]
    return Response(200, headers, document(ROOT, write_struct(found.lifecycle)))


HANDLERS = {
    "DeleteBucketLifecycle": delete(LIFECYCLE),
    "GetBucketLifecycleConfiguration": get_bucket_lifecycle_configuration,
    "PutBucketLifecycleConfiguration": put_bucket_lifecycle_configuration,
}
