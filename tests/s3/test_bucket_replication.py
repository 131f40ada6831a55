"""Replication configuration (User Guide, "Replication configuration file elements"; API Reference)."""

from typing import Any

import pytest

from tests.s3.expecting import refused

ROLE = "arn:aws:iam::123456789012:role/replicator"
TAG = {"Key": "a", "Value": "1"}
TARGET = {"Bucket": "arn:aws:s3:::another-bucket"}


def rule(**changes: Any) -> dict[str, Any]:
    found = {
        "ID": "one", "Priority": 1, "Status": "Enabled", "Filter": {"Prefix": "docs/"},
        "Destination": TARGET, "DeleteMarkerReplication": {"Status": "Disabled"},
    }  # fmt: skip
    return {name: value for name, value in (found | changes).items() if value is not None}


def put(s3: Any, bucket: str, *rules: dict[str, Any], role: str = ROLE) -> Any:
    return s3.put_bucket_replication(
        Bucket=bucket, ReplicationConfiguration={"Role": role, "Rules": list(rules)}
    )


def get(s3: Any, bucket: str) -> Any:
    return s3.get_bucket_replication(Bucket=bucket)["ReplicationConfiguration"]


TIMED = {
    "ReplicationTime": {"Status": "Enabled", "Time": {"Minutes": 15}},
    "Metrics": {"Status": "Enabled", "EventThreshold": {"Minutes": 15}},
}
SHAPES: dict[str, dict[str, Any]] = {
    "prefix": {},
    "every object": {"Filter": {}},
    "tag": {"Filter": {"Tag": TAG}},
    "and": {"Filter": {"And": {"Prefix": "a", "Tags": [TAG]}}},
    "markers": {"DeleteMarkerReplication": {"Status": "Enabled"}},
    "old style": {"Filter": None, "Priority": None, "DeleteMarkerReplication": None, "Prefix": "docs/"},
    "existing objects": {"ExistingObjectReplication": {"Status": "Enabled"}},
    "criteria": {
        "SourceSelectionCriteria": {
            "SseKmsEncryptedObjects": {"Status": "Enabled"}, "ReplicaModifications": {"Status": "Enabled"},
        },
        "Destination": TARGET | {"EncryptionConfiguration": {"ReplicaKmsKeyID": "arn:aws:kms:x"}},
    },
    "another account": {
        "Destination": TARGET
        | {
            "Account": "123456789012", "StorageClass": "GLACIER",
            "AccessControlTranslation": {"Owner": "Destination"},
        }
    },
    "time": {"Destination": TARGET | TIMED},
}  # fmt: skip


@pytest.mark.parametrize("changes", SHAPES.values(), ids=SHAPES)
def test_a_configuration_comes_back(s3: Any, versioned: str, changes: dict[str, Any]) -> None:
    put(s3, versioned, rule(**changes))
    assert get(s3, versioned) == {"Role": ROLE, "Rules": [rule(**changes)]}


def test_a_bucket_without_one(s3: Any, bucket: str) -> None:
    with refused("ReplicationConfigurationNotFoundError", 404):
        get(s3, bucket)


def test_delete(s3: Any, versioned: str) -> None:
    put(s3, versioned, rule())
    for _ in range(2):
        answer = s3.delete_bucket_replication(Bucket=versioned)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
        with refused("ReplicationConfigurationNotFoundError", 404):
            get(s3, versioned)


def test_versioning_must_be_enabled(s3: Any, bucket: str) -> None:
    for status in ("", "Suspended"):
        if status:
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
        with refused("InvalidRequest", 400):
            put(s3, bucket, rule())


def test_versioning_stays_enabled_while_there_is_one(s3: Any, versioned: str) -> None:
    suspended = {"Status": "Suspended"}
    put(s3, versioned, rule())
    with refused("InvalidBucketState", 409):
        s3.put_bucket_versioning(Bucket=versioned, VersioningConfiguration=suspended)
    s3.delete_bucket_replication(Bucket=versioned)
    s3.put_bucket_versioning(Bucket=versioned, VersioningConfiguration=suspended)


def test_ids_are_made_where_none_is_given(s3: Any, versioned: str) -> None:
    put(s3, versioned, rule(ID=None), rule(ID=None, Priority=2))
    assert len({one["ID"] for one in get(s3, versioned)["Rules"]}) == 2


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "long id": ({"ID": "i" * 256}, "InvalidArgument"),
    "negative priority": ({"Priority": -1}, "InvalidArgument"),
    "no priority": ({"Priority": None}, "InvalidRequest"),
    "nothing about markers": ({"DeleteMarkerReplication": None}, "InvalidRequest"),
    "markers by tag": (
        {"Filter": {"Tag": TAG}, "DeleteMarkerReplication": {"Status": "Enabled"}}, "InvalidRequest",
    ),
    "filter and prefix": ({"Prefix": "a"}, "MalformedXML"),
    "neither": ({"Filter": None, "DeleteMarkerReplication": None}, "MalformedXML"),
    "two predicates": ({"Filter": {"Prefix": "a", "Tag": TAG}}, "MalformedXML"),
    "name of the bucket": ({"Destination": {"Bucket": "another-bucket"}}, "InvalidArgument"),
    "no destination": ({"Destination": None}, "MalformedXML"),
    "translation without account": (
        {"Destination": TARGET | {"AccessControlTranslation": {"Owner": "Destination"}}}, "InvalidRequest",
    ),
    "time without metrics": (
        {"Destination": TARGET | {"ReplicationTime": TIMED["ReplicationTime"]}}, "InvalidRequest",
    ),
    "another time": (
        {"Destination": TARGET | TIMED | {"ReplicationTime": {"Status": "Enabled", "Time": {"Minutes": 5}}}},
        "InvalidArgument",
    ),
    "unknown class": ({"Destination": TARGET | {"StorageClass": "ICE"}}, "MalformedXML"),
    "unknown status": ({"Status": "On"}, "MalformedXML"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "code"), REFUSED.values(), ids=REFUSED)
def test_rules_that_are_not_allowed(lax: Any, versioned: str, changes: dict[str, Any], code: str) -> None:
    with refused(code, 400):
        put(lax, versioned, rule(**changes))


def test_ids_and_priorities_are_unique(s3: Any, versioned: str) -> None:
    with refused("InvalidRequest", 400):
        put(s3, versioned, rule(), rule(Priority=2))
    with refused("InvalidRequest", 400):
        put(s3, versioned, rule(), rule(ID="two"))


def test_the_role_is_an_arn(s3: Any, versioned: str) -> None:
    with refused("InvalidArgument", 400):
        put(s3, versioned, rule(), role="replicator")


def test_no_rules(s3: Any, versioned: str) -> None:
    with refused("MalformedXML", 400):
        put(s3, versioned)


def test_nothing_is_replicated_yet(s3: Any, versioned: str) -> None:
    """The configuration is kept, and nothing acts on it: so no object is said to wait for it."""
    put(s3, versioned, rule(Filter={}))
    s3.put_object(Bucket=versioned, Key="k", Body=b"x")
    assert "ReplicationStatus" not in s3.head_object(Bucket=versioned, Key="k")
