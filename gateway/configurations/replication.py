"""Replication configuration: kept and given back. Nothing replicates yet, so a destination is not asked
whether it is there."""

import re

import msgspec

from gateway.configurations.destinations import check_bucket_arn
from gateway.configurations.filters import check_filter
from gateway.configurations.resource import delete, get, read_configuration
from gateway.request import Request, Response
from schemas.configurations.replication import REPLICATION, ReplicationConfiguration, ReplicationRule
from schemas.errors import InvalidArgument, InvalidRequest, MalformedXML, NoSuchReplicationConfiguration
from schemas.ids import uuid7

ROOT = "ReplicationConfiguration"
RULES_LIMIT = 1000
ID_LIMIT = 255  # characters
MINUTES = 15  # of replication time control: the one value there is

_ROLE = re.compile(r"arn:[\w-]+:iam::\d{12}:role/\S+")


async def put_bucket_replication(request: Request) -> Response:
    """PutBucketReplication. Rules without an id get one, as in AWS."""
    services = request.services
    bucket = await services.reader.bucket(request.bucket)
    asked = await read_configuration(request, ROOT, ReplicationConfiguration)
    check(asked)
    if bucket.versioning != "enabled":
        raise InvalidRequest(
            "Versioning must be 'Enabled' on the bucket to apply a replication configuration"
        )
    rules = tuple(msgspec.structs.replace(rule, id=rule.id or uuid7().hex()) for rule in asked.rules)
    configuration = ReplicationConfiguration(asked.role, rules)
    await services.producer.configure_bucket(bucket, REPLICATION, configuration, request.origin())
    return Response(200, [])


def check(configuration: ReplicationConfiguration) -> None:
    """Raises MalformedXML, InvalidArgument, InvalidRequest, InvalidTag."""
    rules = configuration.rules
    if not 1 <= len(rules) <= RULES_LIMIT:
        raise MalformedXML()
    if configuration.role and not _ROLE.fullmatch(configuration.role):
        raise InvalidArgument(
            "The role is not an ARN of an IAM role", ArgumentName="Role", ArgumentValue=configuration.role
        )
    identifiers = [rule.id for rule in rules if rule.id]
    if len(set(identifiers)) < len(identifiers):
        raise InvalidRequest("Rule ID must be unique. Found same ID for more than one rule")
    priorities = [rule.priority for rule in rules if rule.priority is not None]
    if len(set(priorities)) < len(priorities):
        raise InvalidRequest("Rule priority must be unique. Found same priority for more than one rule")
    for rule in rules:
        _check_rule(rule)


def _check_rule(rule: ReplicationRule) -> None:
    if rule.id is not None and len(rule.id) > ID_LIMIT:
        raise InvalidArgument(f"ID length should not exceed allowed limit of {ID_LIMIT}", ArgumentName="ID")
    if rule.priority is not None and rule.priority < 0:
        raise InvalidArgument("Priority must be a nonnegative integer", ArgumentName="Priority")
    if rule.filter is not None:
        _check_version_2(rule)
    elif rule.prefix is None or rule.delete_marker_replication is not None:
        raise MalformedXML()
    destination = rule.destination
    check_bucket_arn(destination.bucket)
    if destination.access_control_translation is not None and destination.account is None:
        raise InvalidRequest("Account must be specified when AccessControlTranslation is specified.")
    timed, metrics = destination.replication_time, destination.metrics
    if timed is not None and timed.time.minutes != MINUTES:
        raise InvalidArgument(f"ReplicationTime must have {MINUTES} minutes", ArgumentName="Minutes")
    if timed is not None and timed.status == "Enabled" and (metrics is None or metrics.status != "Enabled"):
        raise InvalidRequest("Metrics must be enabled where ReplicationTime is enabled.")
    threshold = metrics.event_threshold if metrics is not None else None
    if threshold is not None and threshold.minutes != MINUTES:
        raise InvalidArgument(f"EventThreshold must have {MINUTES} minutes", ArgumentName="Minutes")


def _check_version_2(rule: ReplicationRule) -> None:
    """Rules with a filter are of the newer schema, which asks for more."""
    found = rule.filter
    if rule.prefix is not None or found is None:
        raise MalformedXML()
    check_filter(found)
    for name, value in (
        ("Priority", rule.priority),
        ("DeleteMarkerReplication", rule.delete_marker_replication),
    ):
        if value is None:
            raise InvalidRequest(
                f"{name} must be specified for this version of Cross Region Replication configuration "
                "schema. Please refer to S3 Developer Guide for more information."
            )
    tagged = found.tag is not None or (found.all_of is not None and bool(found.all_of.tags))
    markers = rule.delete_marker_replication
    if tagged and markers is not None and markers.status == "Enabled":
        raise InvalidRequest("Delete marker replication is not supported if any Tag filter is specified.")


HANDLERS = {
    "DeleteBucketReplication": delete(REPLICATION),
    "GetBucketReplication": get(REPLICATION, ROOT, NoSuchReplicationConfiguration),
    "PutBucketReplication": put_bucket_replication,
}
