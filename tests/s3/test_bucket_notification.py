"""Notifications: the configuration (User Guide, "Amazon S3 Event Notifications")."""

from typing import Any

import pytest

from tests.s3.expecting import refused

QUEUE = "arn:aws:sqs:us-east-1:123456789012:queue"
TOPIC = "arn:aws:sns:us-east-1:123456789012:topic"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"


def queue(*events: str, prefix: str = "", suffix: str = "", **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"QueueArn": QUEUE, "Events": list(events)}
    rules = [
        {"Name": name, "Value": value} for name, value in (("prefix", prefix), ("suffix", suffix)) if value
    ]
    if rules:
        found["Filter"] = {"Key": {"FilterRules": rules}}
    return found | more


def filtered(*names: str) -> dict[str, Any]:
    return {"Key": {"FilterRules": [{"Name": name, "Value": "x"} for name in names]}}


def put(s3: Any, bucket: str, **configuration: Any) -> Any:
    return s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration=configuration, SkipDestinationValidation=True
    )


def get(s3: Any, bucket: str) -> dict[str, Any]:
    answer = s3.get_bucket_notification_configuration(Bucket=bucket)
    del answer["ResponseMetadata"]
    return dict(answer)


def test_a_new_bucket_tells_nobody(s3: Any, bucket: str) -> None:
    assert get(s3, bucket) == {}


def test_a_configuration_comes_back(s3: Any, bucket: str) -> None:
    everything = {
        "TopicConfigurations": [{"Id": "t", "TopicArn": TOPIC, "Events": ["s3:ObjectRemoved:*"]}],
        "QueueConfigurations": [queue("s3:ObjectCreated:Put", prefix="in/", suffix=".csv", Id="q")],
        "LambdaFunctionConfigurations": [
            {"Id": "f", "LambdaFunctionArn": FUNCTION, "Events": ["s3:ObjectTagging:Put", "s3:ObjectAcl:Put"]}
        ],
        "EventBridgeConfiguration": {},
    }
    put(s3, bucket, **everything)
    assert get(s3, bucket) == everything
    put(s3, bucket)
    assert get(s3, bucket) == {}


def test_event_bridge_alone(s3: Any, bucket: str) -> None:
    put(s3, bucket, EventBridgeConfiguration={})
    assert get(s3, bucket) == {"EventBridgeConfiguration": {}}


def test_ids_are_made_where_none_is_given(s3: Any, bucket: str) -> None:
    events = ("s3:ObjectCreated:Put", "s3:ObjectRemoved:Delete")
    put(s3, bucket, QueueConfigurations=[queue(event) for event in events])
    identifiers = [one["Id"] for one in get(s3, bucket)["QueueConfigurations"]]
    assert len(set(identifiers)) == 2
    assert all(identifiers)


@pytest.mark.parametrize(
    "queues",
    [
        [queue("s3:ObjectCreated:Fly")],
        [queue("ObjectCreated:Put")],
        [queue("s3:ObjectCreated:Put", QueueArn="queue")],
        [queue("s3:ObjectCreated:Put", Filter=filtered("middle"))],
        [queue("s3:ObjectCreated:Put", Filter=filtered("prefix", "prefix"))],
        [queue("s3:ObjectCreated:Put", prefix="x" * 1025)],
        [queue("s3:ObjectCreated:Put", Id="i" * 256)],
        [queue("s3:ObjectCreated:Put", Id="i"), queue("s3:ObjectRemoved:*", Id="i")],
        [queue("s3:ObjectCreated:Put"), queue("s3:ObjectCreated:Put")],
        [queue("s3:ObjectCreated:*"), queue("s3:ObjectCreated:Put", prefix="a")],
        [queue("s3:ObjectCreated:Put", prefix="a"), queue("s3:ObjectCreated:Put", prefix="a/b")],
        [queue("s3:ObjectCreated:Put", prefix="a"), queue("s3:ObjectCreated:Put", suffix=".csv")],
    ],
    ids=[
        "unknown event", "no event's name", "arn", "filter", "filter twice", "long filter", "long id",
        "id twice", "overlap", "overlap of a wildcard", "overlap of prefixes", "overlap of both",
    ],
)  # fmt: skip
def test_configurations_against_the_rules(lax: Any, bucket: str, queues: list[dict[str, Any]]) -> None:
    with refused("InvalidArgument", 400):
        put(lax, bucket, QueueConfigurations=queues)


def test_no_events(lax: Any, bucket: str) -> None:
    with refused("MalformedXML", 400):
        put(lax, bucket, QueueConfigurations=[queue()])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"prefix": "a/"}, {"prefix": "b/"}),
        ({"suffix": ".csv"}, {"suffix": ".json"}),
        ({"prefix": "a", "suffix": ".csv"}, {"prefix": "a", "suffix": ".json"}),
    ],
    ids=str,
)
def test_filters_that_do_not_overlap(
    s3: Any, bucket: str, one: dict[str, str], other: dict[str, str]
) -> None:
    event = "s3:ObjectCreated:*"
    put(s3, bucket, QueueConfigurations=[queue(event, **one), queue(event, **other)])
    assert len(get(s3, bucket)["QueueConfigurations"]) == 2
