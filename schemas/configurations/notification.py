"""Notifications: which events of a bucket are to be told to whom."""

from msgspec import field

from schemas.configurations.element import S3Element
from schemas.configurations.kinds import Kind


class FilterRule(S3Element, frozen=True):
    name: str
    value: str


class S3KeyFilter(S3Element, frozen=True):
    rules: tuple[FilterRule, ...] = field(default=(), name="FilterRule")


class NotificationFilter(S3Element, frozen=True):
    s3_key: S3KeyFilter | None = field(default=None, name="S3Key")


class TopicConfiguration(S3Element, frozen=True, kw_only=True):
    id: str | None = None
    destination: str = field(name="Topic")
    events: tuple[str, ...] = field(default=(), name="Event")
    filter: NotificationFilter | None = None


class QueueConfiguration(S3Element, frozen=True, kw_only=True):
    id: str | None = None
    destination: str = field(name="Queue")
    events: tuple[str, ...] = field(default=(), name="Event")
    filter: NotificationFilter | None = None


class CloudFunctionConfiguration(S3Element, frozen=True, kw_only=True):
    id: str | None = None
    destination: str = field(name="CloudFunction")
    events: tuple[str, ...] = field(default=(), name="Event")
    filter: NotificationFilter | None = None


class EventBridgeConfiguration(S3Element, frozen=True):
    """Its presence asks for every event."""


Destination = TopicConfiguration | QueueConfiguration | CloudFunctionConfiguration


class NotificationConfiguration(S3Element, frozen=True):
    topics: tuple[TopicConfiguration, ...] = field(default=(), name="TopicConfiguration")
    queues: tuple[QueueConfiguration, ...] = field(default=(), name="QueueConfiguration")
    functions: tuple[CloudFunctionConfiguration, ...] = field(default=(), name="CloudFunctionConfiguration")
    event_bridge: EventBridgeConfiguration | None = field(default=None, name="EventBridgeConfiguration")

    @property
    def destinations(self) -> tuple[Destination, ...]:
        return (*self.topics, *self.queues, *self.functions)


NOTIFICATION = Kind("notification", NotificationConfiguration)
