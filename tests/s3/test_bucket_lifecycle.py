"""Lifecycle configuration (User Guide, "Lifecycle configuration elements"; API Reference)."""

import datetime
from typing import Any

import pytest

from tests.s3.expecting import headers, refused
from tests.s3.raw import Raw, content_md5

MIDNIGHT = datetime.datetime(2040, 1, 1, tzinfo=datetime.UTC)
MINIMUM_SIZE = "x-amz-transition-default-minimum-object-size"


def rule(**changes: Any) -> dict[str, Any]:
    found = {"ID": "one", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 400}}
    return {name: value for name, value in (found | changes).items() if value is not None}


def put(s3: Any, bucket: str, *rules: dict[str, Any], **more: str) -> Any:
    return s3.put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": list(rules)}, **more
    )


def get(s3: Any, bucket: str) -> Any:
    return s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]


TAG = {"Key": "a", "Value": "1"}
SHAPES: dict[str, dict[str, Any]] = {
    "days": {},
    "disabled": {"Status": "Disabled"},
    "old style": {"Filter": None, "Prefix": "logs/"},
    "every object": {"Filter": {}},
    "tag": {"Filter": {"Tag": TAG}},
    "larger": {"Filter": {"ObjectSizeGreaterThan": 0}},
    "smaller": {"Filter": {"ObjectSizeLessThan": 1}},
    "and": {
        "Filter": {
            "And": {
                "Prefix": "a", "Tags": [TAG, {"Key": "b", "Value": ""}], "ObjectSizeGreaterThan": 500,
                "ObjectSizeLessThan": 64000,
            }
        }
    },
    "two tags": {"Filter": {"And": {"Tags": [TAG, {"Key": "b", "Value": ""}]}}},
    "date": {"Expiration": {"Date": MIDNIGHT}},
    "markers": {"Expiration": {"ExpiredObjectDeleteMarker": True}},
    "transitions": {
        "Transitions": [
            {"Days": 30, "StorageClass": "STANDARD_IA"}, {"Days": 90, "StorageClass": "GLACIER"},
            {"Days": 0, "StorageClass": "INTELLIGENT_TIERING"},
        ]
    },
    "transition by date": {
        "Expiration": None, "Transitions": [{"Date": MIDNIGHT, "StorageClass": "DEEP_ARCHIVE"}],
    },
    "noncurrent": {
        "Expiration": None,
        "NoncurrentVersionTransitions": [
            {"NoncurrentDays": 30, "StorageClass": "ONEZONE_IA", "NewerNoncurrentVersions": 1}
        ],
        "NoncurrentVersionExpiration": {"NoncurrentDays": 60, "NewerNoncurrentVersions": 100},
    },
    "uploads": {"Expiration": None, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
}  # fmt: skip


@pytest.mark.parametrize("changes", SHAPES.values(), ids=SHAPES)
def test_a_configuration_comes_back(s3: Any, bucket: str, changes: dict[str, Any]) -> None:
    put(s3, bucket, rule(**changes))
    assert get(s3, bucket) == [rule(**changes)]


def test_a_bucket_without_one(s3: Any, bucket: str) -> None:
    with refused("NoSuchLifecycleConfiguration", 404):
        get(s3, bucket)


def test_put_replaces_and_delete_removes_all_rules(s3: Any, bucket: str) -> None:
    put(s3, bucket, rule(), rule(ID="two"))
    put(s3, bucket, rule(ID="three"))
    assert [one["ID"] for one in get(s3, bucket)] == ["three"]
    for _ in range(2):
        answer = s3.delete_bucket_lifecycle(Bucket=bucket)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
        with refused("NoSuchLifecycleConfiguration", 404):
            get(s3, bucket)


def test_ids_are_made_where_none_is_given(s3: Any, bucket: str) -> None:
    put(s3, bucket, rule(ID=None), rule(ID=None))
    identifiers = {one["ID"] for one in get(s3, bucket)}
    assert len(identifiers) == 2


def test_a_thousand_rules_and_not_one_more(s3: Any, bucket: str) -> None:
    rules = [rule(ID=f"{n:0255d}", Filter={"Prefix": f"logs/{n}/"}) for n in range(1001)]
    put(s3, bucket, *rules[:1000])
    assert get(s3, bucket) == rules[:1000]
    with refused("MalformedXML", 400):
        put(s3, bucket, *rules)


def test_the_size_that_transitions_ask_for(s3: Any, bucket: str) -> None:
    """Since September 2024: 128 KB unless another default is chosen."""
    assert headers(put(s3, bucket, rule()))[MINIMUM_SIZE] == "all_storage_classes_128K"
    answer = put(s3, bucket, rule(), TransitionDefaultMinimumObjectSize="varies_by_storage_class")
    assert headers(answer)[MINIMUM_SIZE] == "varies_by_storage_class"
    answer = s3.get_bucket_lifecycle_configuration(Bucket=bucket)
    assert answer["TransitionDefaultMinimumObjectSize"] == "varies_by_storage_class"
    with refused("InvalidRequest", 400):
        put(s3, bucket, rule(), TransitionDefaultMinimumObjectSize="1K")


INFREQUENT = [{"Days": 29, "StorageClass": "STANDARD_IA"}]
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "long id": ({"ID": "i" * 256}, "InvalidArgument"),
    "no action": ({"Expiration": None}, "InvalidRequest"),
    "neither filter nor prefix": ({"Filter": None}, "MalformedXML"),
    "filter and prefix": ({"Prefix": "a"}, "MalformedXML"),
    "two predicates": ({"Filter": {"Prefix": "a", "Tag": TAG}}, "MalformedXML"),
    "and of one": ({"Filter": {"And": {"Prefix": "a"}}}, "MalformedXML"),
    "tag twice": ({"Filter": {"And": {"Prefix": "a", "Tags": [TAG, TAG]}}}, "InvalidRequest"),
    "tag of the system": ({"Filter": {"Tag": {"Key": "aws:a", "Value": ""}}}, "InvalidTag"),
    "sizes": (
        {"Filter": {"And": {"ObjectSizeGreaterThan": 5, "ObjectSizeLessThan": 5}}}, "InvalidRequest",
    ),
    "negative size": ({"Filter": {"ObjectSizeGreaterThan": -1}}, "InvalidRequest"),
    "no days": ({"Expiration": {"Days": 0}}, "InvalidArgument"),
    "days and date": ({"Expiration": {"Days": 1, "Date": MIDNIGHT}}, "MalformedXML"),
    "empty expiration": ({"Expiration": {}}, "MalformedXML"),
    "noon": ({"Expiration": {"Date": MIDNIGHT.replace(hour=12)}}, "InvalidArgument"),
    "markers by tag": (
        {"Filter": {"Tag": TAG}, "Expiration": {"ExpiredObjectDeleteMarker": True}}, "InvalidRequest",
    ),
    "too early": ({"Transitions": INFREQUENT}, "InvalidArgument"),
    "negative days": ({"Transitions": [{"Days": -1, "StorageClass": "GLACIER"}]}, "InvalidArgument"),
    "class twice": ({"Transitions": [{"Days": 1, "StorageClass": "GLACIER"}] * 2}, "InvalidArgument"),
    "transition without time": ({"Transitions": [{"StorageClass": "GLACIER"}]}, "MalformedXML"),
    "unknown class": ({"Transitions": [{"Days": 1, "StorageClass": "ICE"}]}, "MalformedXML"),
    "standard": ({"Transitions": [{"Days": 1, "StorageClass": "STANDARD"}]}, "MalformedXML"),
    "ends before it moves": (
        {"Expiration": {"Days": 5}, "Transitions": [{"Days": 5, "StorageClass": "GLACIER"}]},
        "InvalidArgument",
    ),
    "days mixed with dates": (
        {"Transitions": [{"Date": MIDNIGHT, "StorageClass": "GLACIER"}]}, "InvalidRequest",
    ),
    "no noncurrent days": ({"NoncurrentVersionExpiration": {"NoncurrentDays": 0}}, "InvalidArgument"),
    "newer versions alone": ({"NoncurrentVersionExpiration": {"NewerNoncurrentVersions": 2}}, "MalformedXML"),
    "101 newer versions": (
        {"NoncurrentVersionExpiration": {"NoncurrentDays": 1, "NewerNoncurrentVersions": 101}},
        "InvalidArgument",
    ),
    "noncurrent too early": (
        {"NoncurrentVersionTransitions": [{"NoncurrentDays": 1, "StorageClass": "STANDARD_IA"}]},
        "InvalidArgument",
    ),
    "uploads at once": ({"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 0}}, "InvalidArgument"),
    "uploads by tag": (
        {"Filter": {"Tag": TAG}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
        "InvalidRequest",
    ),
    "unknown status": ({"Status": "enabled"}, "MalformedXML"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "code"), REFUSED.values(), ids=REFUSED)
def test_rules_that_are_not_allowed(lax: Any, bucket: str, changes: dict[str, Any], code: str) -> None:
    with refused(code, 400):
        put(lax, bucket, rule(**changes))


def test_ids_are_unique(s3: Any, bucket: str) -> None:
    with refused("InvalidArgument", 400):
        put(s3, bucket, rule(), rule())


def test_no_rules(s3: Any, bucket: str) -> None:
    with refused("MalformedXML", 400):
        put(s3, bucket)


def test_a_digest_of_the_body_is_required(raw: Raw, bucket: str) -> None:
    body = (
        b"<LifecycleConfiguration><Rule><Status>Enabled</Status><Prefix/><Expiration><Days>1</Days></Expiration>"
        b"</Rule></LifecycleConfiguration>"
    )
    answer = raw.send("PUT", f"/{bucket}?lifecycle=", {}, body)
    assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert raw.send("PUT", f"/{bucket}?lifecycle=", content_md5(body), body).status == 200


def test_nothing_expires_yet(s3: Any, bucket: str) -> None:
    """The configuration is kept, and nothing acts on it: so no answer announces an expiration."""
    put(s3, bucket, rule(Expiration={"Days": 1}))
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert "Expiration" not in s3.head_object(Bucket=bucket, Key="k")
