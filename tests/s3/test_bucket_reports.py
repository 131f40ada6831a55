"""Configurations with ids: analytics, metrics, inventory and intelligent tiering (API Reference)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest

from tests.s3.expecting import every_page, refused

TAG = {"Key": "a", "Value": "1"}
BUCKET = "arn:aws:s3:::reports"


class Kind(NamedTuple):
    """How boto3 calls the operations of a kind, and configurations of it without their id."""

    word: str
    argument: str
    minimal: dict[str, Any]
    full: dict[str, Any]

    def put(self, s3: Any, bucket: str, name: str, configuration: dict[str, Any]) -> Any:
        call: Callable[..., Any] = getattr(s3, f"put_bucket_{self.word}_configuration")
        return call(Bucket=bucket, Id=name, **{self.argument: {"Id": name} | configuration})

    def get(self, s3: Any, bucket: str, name: str) -> dict[str, Any]:
        answer = getattr(s3, f"get_bucket_{self.word}_configuration")(Bucket=bucket, Id=name)
        found = dict(answer[self.argument])
        assert found.pop("Id") == name
        return found

    def delete(self, s3: Any, bucket: str, name: str) -> Any:
        return getattr(s3, f"delete_bucket_{self.word}_configuration")(Bucket=bucket, Id=name)

    def pages(self, s3: Any, bucket: str) -> list[list[str]]:
        """The ids of each page."""
        call = getattr(s3, f"list_bucket_{self.word}_configurations")
        pages = every_page(call, "ContinuationToken", "NextContinuationToken", Bucket=bucket)
        return [[one["Id"] for one in page.get(f"{self.argument}List", [])] for page in pages]


KINDS = [
    Kind(
        "analytics",
        "AnalyticsConfiguration",
        {"StorageClassAnalysis": {}},
        {
            "Filter": {"And": {"Prefix": "a", "Tags": [TAG]}},
            "StorageClassAnalysis": {
                "DataExport": {
                    "OutputSchemaVersion": "V_1",
                    "Destination": {
                        "S3BucketDestination": {
                            "Format": "CSV", "BucketAccountId": "123456789012", "Bucket": BUCKET,
                            "Prefix": "p",
                        }
                    },
                }
            },
        },
    ),
    Kind("metrics", "MetricsConfiguration", {}, {"Filter": {"And": {"Prefix": "a", "Tags": [TAG]}}}),
    Kind(
        "inventory",
        "InventoryConfiguration",
        {
            "Destination": {"S3BucketDestination": {"Bucket": BUCKET, "Format": "CSV"}}, "IsEnabled": False,
            "IncludedObjectVersions": "All", "Schedule": {"Frequency": "Weekly"},
        },
        {
            "Destination": {
                "S3BucketDestination": {
                    "AccountId": "123456789012", "Bucket": BUCKET, "Format": "Parquet", "Prefix": "p",
                    "Encryption": {"SSES3": {}},
                }
            },
            "IsEnabled": True, "Filter": {"Prefix": "a"}, "IncludedObjectVersions": "Current",
            "OptionalFields": ["Size", "ETag"], "Schedule": {"Frequency": "Daily"},
        },
    ),
    Kind(
        "intelligent_tiering",
        "IntelligentTieringConfiguration",
        {"Status": "Disabled", "Tierings": [{"Days": 90, "AccessTier": "ARCHIVE_ACCESS"}]},
        {
            "Filter": {"Tag": TAG}, "Status": "Enabled",
            "Tierings": [
                {"Days": 730, "AccessTier": "ARCHIVE_ACCESS"},
                {"Days": 180, "AccessTier": "DEEP_ARCHIVE_ACCESS"},
            ],
        },
    ),
]  # fmt: skip
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.word))


@each_kind
def test_configurations_come_back(s3: Any, bucket: str, kind: Kind) -> None:
    for configuration in (kind.minimal, kind.full):
        kind.put(s3, bucket, "one", configuration)
        assert kind.get(s3, bucket, "one") == configuration


@each_kind
def test_each_id_has_its_own(s3: Any, bucket: str, kind: Kind) -> None:
    kind.put(s3, bucket, "one", kind.minimal)
    kind.put(s3, bucket, "two", kind.full)
    assert kind.get(s3, bucket, "one") == kind.minimal
    assert kind.pages(s3, bucket) == [["one", "two"]]
    kind.delete(s3, bucket, "one")
    assert kind.pages(s3, bucket) == [["two"]]


@each_kind
def test_what_is_not_there(s3: Any, bucket: str, kind: Kind) -> None:
    assert kind.pages(s3, bucket) == [[]]
    for call in (kind.get, kind.delete):
        with refused("NoSuchConfiguration", 404):
            call(s3, bucket, "missing")
    kind.put(s3, bucket, "one", kind.minimal)
    for call in (kind.get, kind.delete):
        with refused("NoSuchConfiguration", 404):
            call(s3, bucket, "missing")
    with refused("NoSuchBucket", 404):
        kind.get(s3, "no-such-bucket-of-reports", "one")


@each_kind
def test_pages_of_a_hundred(s3: Any, bucket: str, kind: Kind) -> None:
    names = [f"{n:03d}" for n in range(101)]
    # Side by side: a cluster takes half a second for a change of a bucket.
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: kind.put(s3, bucket, name, kind.minimal), reversed(names)))
    assert kind.pages(s3, bucket) == [names[:100], names[100:]]


@each_kind
def test_the_id_of_the_request_is_that_of_the_document(s3: Any, bucket: str, kind: Kind) -> None:
    with refused("InvalidArgument", 400):
        kind.put(s3, bucket, "one", kind.minimal | {"Id": "two"})


@each_kind
@pytest.mark.parametrize("name", ["i" * 65, "with blank", "a/b"])
def test_ids_that_are_not_allowed(s3: Any, bucket: str, kind: Kind, name: str) -> None:
    with refused("InvalidArgument", 400):
        kind.put(s3, bucket, name, kind.minimal)


@each_kind
def test_configurations_go_with_their_bucket(s3: Any, bucket: str, kind: Kind) -> None:
    kind.put(s3, bucket, "one", kind.minimal)
    s3.delete_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket)
    assert kind.pages(s3, bucket) == [[]]


ANALYTICS, METRICS, INVENTORY, TIERING = KINDS


def exported(**changes: str) -> dict[str, Any]:
    bucket = {"Format": "CSV", "Bucket": BUCKET} | changes
    export = {"OutputSchemaVersion": "V_1", "Destination": {"S3BucketDestination": bucket}}
    return {"StorageClassAnalysis": {"DataExport": export}}


def tiers(*found: tuple[int, str]) -> dict[str, Any]:
    return {"Status": "Enabled", "Tierings": [{"Days": days, "AccessTier": tier} for days, tier in found]}


REFUSED: dict[str, tuple[Kind, dict[str, Any], str]] = {
    "no analysis": (ANALYTICS, {}, "MalformedXML"),
    "no arn": (ANALYTICS, exported(Bucket="reports"), "InvalidArgument"),
    "format of analytics": (ANALYTICS, exported(Format="ORC"), "MalformedXML"),
    "two predicates": (
        ANALYTICS, {"StorageClassAnalysis": {}, "Filter": {"Prefix": "a", "Tag": TAG}}, "MalformedXML",
    ),
    "and of one": (METRICS, {"Filter": {"And": {"Tags": [TAG]}}}, "MalformedXML"),
    "empty filter": (METRICS, {"Filter": {}}, "MalformedXML"),
    "tag of the system": (METRICS, {"Filter": {"Tag": {"Key": "aws:a", "Value": ""}}}, "InvalidTag"),
    "frequency": (INVENTORY, INVENTORY.minimal | {"Schedule": {"Frequency": "Hourly"}}, "MalformedXML"),
    "versions": (INVENTORY, INVENTORY.minimal | {"IncludedObjectVersions": "Old"}, "MalformedXML"),
    "field": (INVENTORY, INVENTORY.minimal | {"OptionalFields": ["Colour"]}, "MalformedXML"),
    "field twice": (INVENTORY, INVENTORY.minimal | {"OptionalFields": ["Size", "Size"]}, "MalformedXML"),
    "no tier": (TIERING, tiers(), "MalformedXML"),
    "tier twice": (TIERING, tiers((90, "ARCHIVE_ACCESS"), (91, "ARCHIVE_ACCESS")), "MalformedXML"),
    "archive too early": (TIERING, tiers((89, "ARCHIVE_ACCESS")), "InvalidArgument"),
    "deep archive too early": (TIERING, tiers((179, "DEEP_ARCHIVE_ACCESS")), "InvalidArgument"),
    "too late": (TIERING, tiers((731, "ARCHIVE_ACCESS")), "InvalidArgument"),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "configuration", "code"), REFUSED.values(), ids=REFUSED)
def test_configurations_that_are_not_allowed(
    lax: Any, bucket: str, kind: Kind, configuration: dict[str, Any], code: str
) -> None:
    with refused(code, 400):
        kind.put(lax, bucket, "one", configuration)
