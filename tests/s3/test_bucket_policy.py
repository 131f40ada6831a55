"""Bucket policies: validation, storage, status (User Guide, "Bucket policies", "The meaning of public")."""

import json
from typing import Any

import pytest

from tests.s3.expecting import refused
from tests.s3.raw import Raw

ACCOUNT = "arn:aws:iam::123456789012:root"


def statement(bucket: str, **changes: Any) -> dict[str, Any]:
    found = {
        "Sid": "one", "Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": ["s3:GetObject"],
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }  # fmt: skip
    return {name: value for name, value in (found | changes).items() if value is not None}


def policy(bucket: str, **changes: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement(bucket, **changes)]}, indent=2)


def put(s3: Any, bucket: str, text: str) -> Any:
    return s3.put_bucket_policy(Bucket=bucket, Policy=text)


def message(raw: Raw, bucket: str, text: str) -> str:
    """Why the policy is malformed."""
    answer = raw.send("PUT", f"/{bucket}?policy=", {}, text.encode())
    assert (answer.status, answer.code) == (400, "MalformedPolicy")
    return answer.body.decode().partition("<Message>")[2].partition("</Message>")[0]


def public(s3: Any, bucket: str, **changes: Any) -> bool:
    s3.delete_public_access_block(Bucket=bucket)
    put(s3, bucket, policy(bucket, **changes))
    return bool(s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"])


def test_the_text_comes_back_as_it_was(s3: Any, raw: Raw, bucket: str) -> None:
    text = policy(bucket)
    assert put(s3, bucket, text)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == text
    assert raw.send("GET", f"/{bucket}?policy=").headers["content-type"] == "application/json"


def test_a_bucket_without_one(s3: Any, bucket: str) -> None:
    for call in (s3.get_bucket_policy, s3.get_bucket_policy_status):
        with refused("NoSuchBucketPolicy", 404):
            call(Bucket=bucket)


def test_delete(s3: Any, bucket: str) -> None:
    put(s3, bucket, policy(bucket))
    for _ in range(2):
        assert s3.delete_bucket_policy(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 204
    with refused("NoSuchBucketPolicy", 404):
        s3.get_bucket_policy(Bucket=bucket)


@pytest.mark.parametrize(
    "changes",
    [
        {"Action": "s3:*", "Resource": ["arn:aws:s3:::{0}", "arn:aws:s3:::{0}/*"]},
        {"Action": ["s3:ListBucket", "s3:GetBucketLocation"], "Resource": "arn:aws:s3:::{0}"},
        {"Action": "s3:Get*"},
        {"Action": None, "NotAction": "s3:DeleteObject"},
        {"Resource": None, "NotResource": "arn:aws:s3:::{0}/private/*"},
        {"Effect": "Deny", "Principal": None, "NotPrincipal": {"AWS": ACCOUNT}},
        {"Principal": {"AWS": ["123456789012", "arn:aws:iam::123456789012:user/Zoë"]}},
        {"Principal": {"Service": "logging.s3.amazonaws.com"}, "Action": "s3:PutObject"},
        {"Principal": {"CanonicalUser": "a" * 64}},
        {
            "Action": ["s3:ListBucket", "s3:ListBucketV*"],
            "Resource": "arn:aws:s3:::{0}",
            "Condition": {"StringEquals": {"s3:prefix": ["a", "b"]}, "Bool": {"aws:SecureTransport": "true"}},
        },
        {"Action": "s3:*", "Condition": {"StringLike": {"s3:Delimiter": "/"}}},
        {"Action": None, "NotAction": "s3:PutObject", "Condition": {"StringLike": {"s3:prefix": "a*"}}},
        {"Condition": {"StringEquals": {"s3:ExistingObjectTag/Team": "a", "S3:TLSVersion": "1.3"}}},
        {"Condition": {"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", "2001:db8::/32", "192.0.2.1"]}}},
        {"Condition": {"IpAddress": {"aws:SourceIp": "${aws:PrincipalTag/home}"}}},
        {"Condition": {"ForAnyValue:StringLikeIfExists": {"aws:PrincipalOrgPaths": "o-1/*"}}},
        {
            "Action": "s3:ListBucket",
            "Resource": "arn:aws:s3:::{0}",
            "Condition": {"NumericLessThanEquals": {"s3:max-keys": 10}, "Null": {"aws:TokenIssueTime": True}},
        },
        {"Sid": None},
        {"Resource": "arn:aws:s3:::test-*/*"},
    ],
    ids=lambda changes: json.dumps(changes)[:60],
)
def test_policies_of_every_shape(s3: Any, bucket: str, changes: dict[str, Any]) -> None:
    text = policy(bucket, **changes).replace("{0}", bucket)
    put(s3, bucket, text)
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == text


NO_COMBINATION = "Conditions do not apply to combination of actions and resources in statement"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"Effect": None}, "Missing required field Effect"),
        ({"Principal": None}, "Missing required field Principal"),
        ({"Action": None}, "Missing required field Action"),
        ({"Resource": None}, "Missing required field Resource"),
        ({"Effect": "Maybe"}, "Invalid effect: Maybe"),
        ({"Effect": "allow"}, "Invalid effect: allow"),
        ({"Colour": "red"}, "Unknown field Colour"),
        ({"Principal": {"AWS": "nobody"}}, "Invalid principal in policy"),
        ({"Principal": {"Everybody": "*"}}, "Invalid principal in policy"),
        ({"Principal": []}, "Invalid principal in policy"),
        ({"Principal": "anybody"}, "Invalid principal in policy"),
        ({"Action": "s3:Fly"}, "Policy has invalid action"),
        ({"Action": "ec2:RunInstances"}, "Policy has invalid action"),
        ({"Action": []}, "Action must be a string or a list of strings"),
        ({"Resource": "arn:aws:s3:::another-bucket/*"}, "Policy has invalid resource"),
        ({"Resource": "*"}, "Policy has invalid resource"),
        ({"Action": "s3:ListBucket"}, "Action does not apply to any resource(s) in statement"),
        ({"Resource": "arn:aws:s3:::{0}"}, "Action does not apply to any resource(s) in statement"),
        ({"Condition": {"StringIs": {"aws:userid": "x"}}}, "Invalid Condition type : StringIs"),
        ({"Condition": {"StringEquals": {"nonsense": "x"}}}, "Policy has an invalid condition key"),
        ({"Condition": {"StringEquals": {"s3:Colour": "x"}}}, "Policy has an invalid condition key"),
        ({"Condition": {"Null": {"s3:ExistingObjectTag": "x"}}}, "Policy has an invalid condition key"),
        ({"Condition": {"StringEquals": {"s3:prefix/a": "x"}}}, "Policy has an invalid condition key"),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "300.1.1.1/40"}}}, "Invalid IP address in Conditions"),
        (
            {"Condition": {"NotIpAddress": {"aws:SourceIp": ["10.0.0.1", "home"]}}},
            "Invalid IP address in Conditions",
        ),
        ({"Condition": {"StringEquals": {"s3:prefix": "a"}}}, NO_COMBINATION),
        (
            {
                "Action": ["s3:GetObject", "s3:ListBucket"],
                "Resource": ["arn:aws:s3:::{0}", "arn:aws:s3:::{0}/*"],
                "Condition": {"NumericEquals": {"s3:max-keys": 1}},
            },
            NO_COMBINATION,
        ),
        ({"NotAction": "s3:PutObject"}, "Statement/policy already has instance of Action"),
    ],
)
def test_statements_that_are_malformed(raw: Raw, bucket: str, changes: dict[str, Any], says: str) -> None:
    assert message(raw, bucket, policy(bucket, **changes).replace("{0}", bucket)) == says


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "Policies must be valid JSON and the first byte must be '{'"),
        ("[]", "Policies must be valid JSON and the first byte must be '{'"),
        (" {}", "Policies must be valid JSON and the first byte must be '{'"),
        ("{", "Policies must be valid JSON and the first byte must be '{'"),
        ("{}", "Missing required field Statement"),
        ('{"Statement": []}', "Could not parse the policy: Statement is empty!"),
        ('{"Statement": ["x"]}', "Statement must be an object or a list of objects"),
        ('{"Statement": [], "Name": 1}', "Unknown field Name"),
        ('{"Version": "2020-01-01", "Statement": []}', "The policy must contain a valid version string"),
        ('{"Statement": [], "Statement": []}', "Duplicate field Statement"),
        ("{" + '"a":[' * 4_200, "Policy exceeds the maximum allowed document size."),
        ('{"Statement":' + "[" * 9_000 + "]" * 9_000 + "}", "Policies must be valid JSON and the first byte "
         "must be '{'"),
    ],
)  # fmt: skip
def test_documents_that_are_malformed(raw: Raw, bucket: str, text: str, says: str) -> None:
    assert message(raw, bucket, text) == says


def test_ids_of_statements_are_unique(raw: Raw, bucket: str) -> None:
    text = json.dumps({"Statement": [statement(bucket)] * 2})
    assert message(raw, bucket, text) == "Statement IDs (SID) in a single policy must be unique."


def test_twenty_kilobytes_and_not_one_more(s3: Any, bucket: str) -> None:
    short = policy(bucket, Sid="s")
    longest = policy(bucket, Sid="s" * (20 * 1024 - len(short) + 1))
    assert len(longest) == 20 * 1024
    put(s3, bucket, longest)
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == longest
    with refused("MalformedPolicy", 400):
        put(s3, bucket, longest.replace('"Sid": "s', '"Sid": "ss'))


def test_public_policies_are_blocked_in_a_new_bucket(s3: Any, bucket: str) -> None:
    with refused("AccessDenied", 403):
        put(s3, bucket, policy(bucket, Principal="*"))
    with refused("NoSuchBucketPolicy", 404):
        s3.get_bucket_policy(Bucket=bucket)
    put(s3, bucket, policy(bucket, Principal="*", Effect="Deny"))


@pytest.mark.parametrize(
    "changes",
    [
        {"Principal": "*"},
        {"Principal": {"AWS": "*"}},
        {"Principal": {"AWS": [ACCOUNT, "*"]}},
        {"Principal": "*", "Condition": {"StringLike": {"aws:SourceVpc": "vpc-*"}}},
        {"Principal": "*", "Condition": {"StringEquals": {"aws:UserAgent": "mine"}}},
        {"Principal": "*", "Condition": {"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}},
        {"Principal": "*", "Condition": {"StringEquals": {"aws:userid": "${aws:userid}"}}},
        {"Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/1"}}},
        {"Principal": "*", "Condition": {"ForAllValues:StringEquals": {"aws:SourceVpc": "vpc-1"}}},
    ],
    ids=lambda changes: json.dumps(changes),
)
def test_policies_that_are_public(s3: Any, bucket: str, changes: dict[str, Any]) -> None:
    assert public(s3, bucket, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"Principal": "*", "Effect": "Deny"},
        {"Principal": {"Service": "logging.s3.amazonaws.com"}},
        {"Principal": "*", "Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1"}}},
        {"Principal": "*", "Condition": {"StringLike": {"aws:SourceVpc": ["vpc-1", "vpc-2"]}}},
        {"Principal": "*", "Condition": {"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "10.0.0.0/8"]}}},
        {"Principal": "*", "Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::x"}, "Null": {}}},
    ],
    ids=lambda changes: json.dumps(changes),
)  # fmt: skip
def test_policies_that_are_not_public(s3: Any, bucket: str, changes: dict[str, Any]) -> None:
    assert not public(s3, bucket, **changes)
