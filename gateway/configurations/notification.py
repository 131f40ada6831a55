"""Notification configuration: kept and given back. Nothing sends the notifications yet, so destinations are
not asked whether they are there."""

import re
from itertools import combinations
from typing import TypeVar

import msgspec

from gateway.configurations.resource import get, read_configuration
from gateway.request import Request, Response
from schemas.configurations.notification import (
    NOTIFICATION,
    CloudFunctionConfiguration,
    Destination,
    NotificationConfiguration,
    QueueConfiguration,
    TopicConfiguration,
)
from schemas.errors import InvalidArgument, MalformedXML
from schemas.ids import uuid7

ROOT = "NotificationConfiguration"
ID_LIMIT = 255  # characters
VALUE_LIMIT = 1024

EVENTS = frozenset({
    "s3:IntelligentTiering", "s3:LifecycleExpiration:*", "s3:LifecycleExpiration:Delete",
    "s3:LifecycleExpiration:DeleteMarkerCreated", "s3:LifecycleTransition", "s3:ObjectAcl:Put",
    "s3:ObjectCreated:*", "s3:ObjectCreated:CompleteMultipartUpload", "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:Post", "s3:ObjectCreated:Put", "s3:ObjectRemoved:*", "s3:ObjectRemoved:Delete",
    "s3:ObjectRemoved:DeleteMarkerCreated", "s3:ObjectRestore:*", "s3:ObjectRestore:Completed",
    "s3:ObjectRestore:Delete", "s3:ObjectRestore:Post", "s3:ObjectTagging:*", "s3:ObjectTagging:Delete",
    "s3:ObjectTagging:Put", "s3:ReducedRedundancyLostObject", "s3:Replication:*",
    "s3:Replication:OperationFailedReplication", "s3:Replication:OperationMissedThreshold",
    "s3:Replication:OperationNotTracked", "s3:Replication:OperationReplicatedAfterThreshold",
})  # fmt: skip

D = TypeVar("D", TopicConfiguration, QueueConfiguration, CloudFunctionConfiguration)

_ARN = re.compile(r"arn:[\w-]+:[\w-]+:[\w-]*:[\w-]*:\S+")


async def put_bucket_notification_configuration(request: Request) -> Response:
    """PutBucketNotificationConfiguration; an empty document ends it."""
    services = request.services
    bucket = await services.reader.bucket(request.bucket)
    asked = await read_configuration(request, ROOT, NotificationConfiguration)
    check(asked)
    kept = None if asked == NotificationConfiguration() else _named(asked)
    await services.producer.configure_bucket(bucket, NOTIFICATION, kept, request.origin())
    return Response(200, [])


def check(configuration: NotificationConfiguration) -> None:
    """Raises InvalidArgument, MalformedXML."""
    destinations = configuration.destinations
    for one in destinations:
        _check_destination(one)
    identifiers = [one.id for one in destinations if one.id is not None]
    if len(set(identifiers)) < len(identifiers):
        raise InvalidArgument(
            "Same ID used for multiple configurations. IDs must be unique", ArgumentName="Id"
        )
    for one, other in combinations(destinations, 2):
        if _overlap(one, other):
            raise InvalidArgument(
                "Configurations overlap. Configurations on the same bucket cannot share a common event type.",
                ArgumentName="EventTypes",
            )


def _check_destination(one: Destination) -> None:
    if not one.events:
        raise MalformedXML()
    if one.id is not None and len(one.id) > ID_LIMIT:
        raise InvalidArgument(f"Id must be at most {ID_LIMIT} characters", ArgumentName="Id")
    if not _ARN.fullmatch(one.destination):
        raise InvalidArgument(
            "The ARN could not be parsed", ArgumentName="ARN", ArgumentValue=one.destination
        )
    for event in one.events:
        if event not in EVENTS:
            raise InvalidArgument(
                f"The event '{event}' is not supported for notifications",
                ArgumentName="Event",
                ArgumentValue=event,
            )
    rules = one.filter.s3_key.rules if one.filter is not None and one.filter.s3_key is not None else ()
    names = [rule.name.lower() for rule in rules]
    for rule, name in zip(rules, names, strict=True):
        if name not in ("prefix", "suffix"):
            raise InvalidArgument(
                "filter rule name must be either prefix or suffix",
                ArgumentName="FilterRule.Name",
                ArgumentValue=rule.name,
            )
        if names.count(name) > 1:
            raise InvalidArgument(
                f"Cannot specify more than one {name} rule in a filter.",
                ArgumentName="FilterRule.Name",
                ArgumentValue=rule.name,
            )
        if len(rule.value.encode()) > VALUE_LIMIT:
            raise InvalidArgument(
                f"Size of filter rule value cannot exceed {VALUE_LIMIT} bytes in UTF-8 representation",
                ArgumentName="FilterRule.Value",
            )


def _overlap(one: Destination, other: Destination) -> bool:
    """Whether some event of some key would go to both."""
    shared = any(_same_event(a, b) for a in one.events for b in other.events)
    (prefix, suffix), (other_prefix, other_suffix) = _ends(one), _ends(other)
    prefixes = prefix.startswith(other_prefix) or other_prefix.startswith(prefix)
    suffixes = suffix.endswith(other_suffix) or other_suffix.endswith(suffix)
    return shared and prefixes and suffixes


def _same_event(one: str, other: str) -> bool:
    return (
        one == other
        or (one[-1] == "*" and other.startswith(one[:-1]))
        or (other[-1] == "*" and one.startswith(other[:-1]))
    )


def _ends(one: Destination) -> tuple[str, str]:
    """Prefix and suffix that the keys must have."""
    rules = one.filter.s3_key.rules if one.filter is not None and one.filter.s3_key is not None else ()
    values = {rule.name.lower(): rule.value for rule in rules}
    return values.get("prefix", ""), values.get("suffix", "")


def _named(asked: NotificationConfiguration) -> NotificationConfiguration:
    """Every destination with an id: AWS makes one where none is given."""
    return msgspec.structs.replace(
        asked,
        topics=tuple(_with_id(one) for one in asked.topics),
        queues=tuple(_with_id(one) for one in asked.queues),
        functions=tuple(_with_id(one) for one in asked.functions),
    )


def _with_id(one: D) -> D:
    return msgspec.structs.replace(one, id=one.id or uuid7().hex())


HANDLERS = {
    "GetBucketNotificationConfiguration": get(NOTIFICATION, ROOT, NotificationConfiguration()),
    "PutBucketNotificationConfiguration": put_bucket_notification_configuration,
}
