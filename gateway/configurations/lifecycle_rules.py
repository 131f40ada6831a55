"""Lifecycle rules: what AWS allows in them.

Source: Amazon S3 User Guide, "Lifecycle configuration elements", and the API Reference of
PutBucketLifecycleConfiguration.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from gateway.configurations.filters import check_filter
from schemas.configurations.lifecycle import (
    Expiration,
    LifecycleRule,
    NoncurrentVersionExpiration,
    Transition,
)
from schemas.errors import InvalidArgument, InvalidRequest, MalformedXML

RULES_LIMIT = 1000
ID_LIMIT = 255  # characters
NEWER_VERSIONS_LIMIT = 100
INFREQUENT_DAYS = 30  # before an object may move to STANDARD_IA or ONEZONE_IA

_INFREQUENT = frozenset({"STANDARD_IA", "ONEZONE_IA"})


def check_rules(rules: Sequence[LifecycleRule]) -> None:
    """Raises MalformedXML, InvalidArgument, InvalidRequest, InvalidTag."""
    if not 1 <= len(rules) <= RULES_LIMIT:
        raise MalformedXML()
    identifiers = [rule.id for rule in rules if rule.id]
    if len(set(identifiers)) < len(identifiers):
        raise InvalidArgument(
            "Rule ID must be unique. Found same ID for more than one rule", ArgumentName="ID"
        )
    for rule in rules:
        _check_rule(rule)


def _check_rule(rule: LifecycleRule) -> None:
    if rule.id is not None and len(rule.id) > ID_LIMIT:
        raise InvalidArgument(f"ID length should not exceed allowed limit of {ID_LIMIT}", ArgumentName="ID")
    if (rule.prefix is None) == (rule.filter is None):
        raise MalformedXML()
    if not (
        rule.expiration
        or rule.transitions
        or rule.noncurrent_version_transitions
        or rule.noncurrent_version_expiration
        or rule.abort_incomplete_multipart_upload
    ):
        raise InvalidRequest("At least one action needs to be specified in a rule")
    _check_filter(rule)
    if rule.expiration is not None:
        _check_expiration(rule.expiration)
    _check_transitions(rule)
    _check_dates_and_days(rule)
    _check_noncurrent(rule)
    abort = rule.abort_incomplete_multipart_upload
    if abort is not None:
        _positive(abort.days_after_initiation, "DaysAfterInitiation", "AbortIncompleteMultipartUpload")


# --- which objects ---------------------------------------------------------------------------------------
def _check_filter(rule: LifecycleRule) -> None:
    found = rule.filter
    if found is None:
        return
    check_filter(found)
    for sizes in (found, found.all_of):
        if sizes is None:
            continue
        least, most = sizes.object_size_greater_than, sizes.object_size_less_than
        for size, name in ((least, "ObjectSizeGreaterThan"), (most, "ObjectSizeLessThan")):
            if size is not None and size < (name == "ObjectSizeLessThan"):
                raise InvalidRequest(f"'{name}' is not a size that objects can have: {size}")
        if least is not None and most is not None and most <= least:
            raise InvalidRequest(
                "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'."
            )
    if _has_tags(rule) and rule.abort_incomplete_multipart_upload is not None:
        raise InvalidRequest("AbortIncompleteMultipartUpload cannot be specified with Tags.")
    expiration = rule.expiration
    if _has_tags(rule) and expiration is not None and expiration.expired_object_delete_marker is not None:
        raise InvalidRequest("ExpiredObjectDeleteMarker cannot be specified with Tags.")


def _has_tags(rule: LifecycleRule) -> bool:
    found = rule.filter
    return found is not None and (
        found.tag is not None or (found.all_of is not None and bool(found.all_of.tags))
    )


# --- actions ---------------------------------------------------------------------------------------------
def _check_expiration(expiration: Expiration) -> None:
    given = (expiration.date, expiration.days, expiration.expired_object_delete_marker)
    if given.count(None) != 2:
        raise MalformedXML()
    if expiration.days is not None:
        _positive(expiration.days, "Days", "Expiration")
    if expiration.date is not None:
        _check_midnight(expiration.date)


def _check_transitions(rule: LifecycleRule) -> None:
    classes = [one.storage_class for one in rule.transitions]
    if len(set(classes)) < len(classes):
        raise InvalidArgument(
            "'StorageClass' must be different for each 'Transition' action in same 'Rule'",
            ArgumentName="StorageClass",
        )
    for one in rule.transitions:
        if (one.date is None) == (one.days is None):
            raise MalformedXML()
        if one.date is not None:
            _check_midnight(one.date)
        _check_transition_days(one)


def _check_transition_days(one: Transition) -> None:
    if one.days is None:
        return
    if one.days < 0:
        raise InvalidArgument(
            "'Days' for Transition action must be nonnegative",
            ArgumentName="Days",
            ArgumentValue=str(one.days),
        )
    if one.storage_class in _INFREQUENT and one.days < INFREQUENT_DAYS:
        raise InvalidArgument(
            f"'Days' in Transition action must be greater than or equal to {INFREQUENT_DAYS} for "
            f"storageClass '{one.storage_class}'",
            ArgumentName="Days",
            ArgumentValue=str(one.days),
        )


def _check_dates_and_days(rule: LifecycleRule) -> None:
    """Expiration and transitions of a rule count alike, and an object moves before it ends."""
    expiration = rule.expiration
    timed: list[Expiration | Transition] = [*rule.transitions]
    if expiration is not None and expiration.expired_object_delete_marker is None:
        timed.append(expiration)
    if len({one.date is None for one in timed}) > 1:
        raise InvalidRequest(
            "Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule"
        )
    if expiration is not None and expiration.days is not None:
        latest = max((one.days for one in rule.transitions if one.days is not None), default=0)
        if expiration.days <= latest:
            raise InvalidArgument(
                "'Days' in the Expiration action must be greater than 'Days' in the Transition action",
                ArgumentName="Days",
                ArgumentValue=str(expiration.days),
            )


def _check_noncurrent(rule: LifecycleRule) -> None:
    classes = [one.storage_class for one in rule.noncurrent_version_transitions]
    if len(set(classes)) < len(classes):
        raise InvalidArgument(
            "'StorageClass' must be different for each 'NoncurrentVersionTransition' action in same 'Rule'",
            ArgumentName="StorageClass",
        )
    for one in rule.noncurrent_version_transitions:
        if one.noncurrent_days is None:
            raise MalformedXML()
        least = INFREQUENT_DAYS if one.storage_class in _INFREQUENT else 0
        if one.noncurrent_days < least:
            raise InvalidArgument(
                "'NoncurrentDays' in NoncurrentVersionTransition action must be greater than or equal to "
                f"{least} for storageClass '{one.storage_class}'",
                ArgumentName="NoncurrentDays",
                ArgumentValue=str(one.noncurrent_days),
            )
        _check_newer(one.newer_noncurrent_versions, "NoncurrentVersionTransition")
    expiration: NoncurrentVersionExpiration | None = rule.noncurrent_version_expiration
    if expiration is not None:
        _positive(expiration.noncurrent_days, "NoncurrentDays", "NoncurrentVersionExpiration")
        _check_newer(expiration.newer_noncurrent_versions, "NoncurrentVersionExpiration")


def _check_newer(count: int | None, action: str) -> None:
    if count is not None and not 1 <= count <= NEWER_VERSIONS_LIMIT:
        raise InvalidArgument(
            f"'NewerNoncurrentVersions' for {action} action must be between 1 and {NEWER_VERSIONS_LIMIT}",
            ArgumentName="NewerNoncurrentVersions",
            ArgumentValue=str(count),
        )


def _positive(days: int | None, name: str, action: str) -> None:
    if days is None:
        raise MalformedXML()
    if days <= 0:
        raise InvalidArgument(
            f"'{name}' for {action} action must be a positive integer",
            ArgumentName=name,
            ArgumentValue=str(days),
        )


def _check_midnight(text: str) -> None:
    """Raises MalformedXML for what is no date, InvalidArgument for one that is not midnight UTC."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise MalformedXML() from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    moment = moment.astimezone(UTC)
    if (moment.hour, moment.minute, moment.second, moment.microsecond) != (0, 0, 0, 0):
        raise InvalidArgument("'Date' must be at midnight GMT", ArgumentName="Date", ArgumentValue=text)
