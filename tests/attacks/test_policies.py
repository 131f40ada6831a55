"""Documents that are made to cost much, or to mean something else than they seem to."""

import gzip
import json
import time
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.attacks.conftest import Target
from tests.attacks.wire import asked_from
from tests.iam.conftest import REGION
from tests.iam.test_iam import refused
from tests.iam.test_permissions import DENIED, User, allow, document
from tests.processes import resident
from tests.s3.raw import Raw, content_md5

MIB = 1024**2
READ = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}


def bombs() -> dict[str, bytes]:
    """Documents that unpack, nest or multiply."""
    deep = 9_000
    return {
        "brackets": b"[" * 20_000,
        "nested lists": b'{"Version":"2012-10-17","Statement":' + b"[" * deep + b"]" * deep + b"}",
        "nested objects": b'{"a":' * 3_000 + b"1" + b"}" * 3_000,
        "nested conditions": b'{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*",'
        b'"Action":"s3:*","Resource":"*","Condition":'
        + b'{"StringEquals":' * 1_000
        + b'"a"'
        + b"}" * 1_000
        + b"}]}",
        "a long number": b'{"Version":' + b"9" * 19_000 + b"}",
        "an exponent": b'{"Version":1e999999999}',
        "an XML entity bomb": b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">]><a>&a;&a;</a>',
        "half a surrogate": b'{"Version":"2012-10-17","Id":"\\ud800","Statement":[]}',
        "no UTF-8": b'{"Version":"2012-10-17","Id":"\xff","Statement":[]}',
        "NUL": b"\x00" * 1000,
        "nothing": b"",
    }


@pytest.mark.parametrize("name", list(bombs()))
def test_bombs_as_policies(site: Target, raw: Raw, iam: Any, bucket: str, name: str) -> None:
    body = bombs()[name]
    began = time.monotonic()
    answer = raw.send("PUT", f"/{bucket}?policy", content_md5(body), body)
    assert 400 <= answer.status < 500, answer
    assert answer.code in ("MalformedPolicy", "MissingRequestBodyError", "InvalidRequest"), answer
    text = body.decode("latin-1")
    if text and "\x00" not in text:
        with pytest.raises(ClientError) as caught:
            iam.put_user_policy(UserName="nobody-at-all", PolicyName="p", PolicyDocument=text)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 404)
    assert time.monotonic() - began < 5
    assert raw.send("GET", f"/{bucket}/key").body == b"secret"


def test_compressed_policies_are_not_unpacked(site: Target, raw: Raw, bucket: str) -> None:
    """64 MiB in 64 KiB: to unpack it would be the attack; a document is taken as it comes."""
    policy = json.dumps({"Version": "2012-10-17", "Statement": [READ], "Id": "a" * 64 * MIB})
    body = gzip.compress(policy.encode())
    assert site.server.process is not None
    before = resident(site.server.process.pid)
    for coding in ("gzip", "deflate", "br", "identity, gzip"):
        for query in ("policy", "acl", "lifecycle", "delete"):
            answer = raw.send(
                "POST" if query == "delete" else "PUT", f"/{bucket}?{query}",
                {"Content-Encoding": coding, **content_md5(body)}, body,
            )  # fmt: skip
            assert 400 <= answer.status < 500, (coding, query, answer)
    assert resident(site.server.process.pid) - before < 48 * MIB
    small = gzip.compress(json.dumps({"Version": "2012-10-17", "Statement": [READ]}).encode())
    answer = raw.send("PUT", f"/{bucket}?policy", {"Content-Encoding": "gzip", **content_md5(small)}, small)
    assert (answer.status, answer.code) == (400, "MalformedPolicy")


def test_compressed_calls_of_iam_are_not_unpacked(site: Target) -> None:
    for text in (
        b"Action=ListUsers&Version=2010-05-08",
        b"Action=ListUsers&Version=2010-05-08&x=" + b"a" * MIB,
    ):
        body = gzip.compress(text)
        request = AWSRequest("POST", f"http://127.0.0.1:{site.server.api_port}/", data=body)
        request.headers["Content-Type"] = "application/x-www-form-urlencoded"
        request.headers["Content-Encoding"] = "gzip"
        SigV4Auth(Credentials(*site.root), "iam", REGION).add_auth(request)
        status, answer = asked_from(
            "127.0.0.1", site.server.api_port, "POST", "/", dict(request.headers), body
        )
        assert 400 <= status < 500, answer
        assert b"<Users>" not in answer


@pytest.mark.parametrize("size", [20_481, 1_000_000])
def test_oversized_policies(site: Target, raw: Raw, iam: Any, bucket: str, size: int) -> None:
    """20 KiB for buckets; 2,048, 5,120, 6,144 and 10,240 characters in IAM."""
    policy = json.dumps({"Version": "2012-10-17", "Id": "i" * size, "Statement": [READ]})
    answer = raw.send("PUT", f"/{bucket}?policy", content_md5(policy.encode()), policy.encode())
    assert 400 <= answer.status < 500, answer
    assert answer.code in (
        "PolicyTooLarge",
        "MalformedPolicy",
        "EntityTooLarge",
        "MaxMessageLengthExceeded",
    ), answer
    one = User(site, iam)
    wide = json.dumps({"Version": "2012-10-17", "Statement": [allow("*", ["arn:aws:s3:::" + "a" * size])]})
    for call, what in (
        (iam.put_user_policy, {"UserName": one.name, "PolicyName": "p", "PolicyDocument": wide}),
        (iam.create_policy, {"PolicyName": one.name, "PolicyDocument": wide}),
        (iam.create_role, {"RoleName": one.name, "AssumeRolePolicyDocument": wide}),
    ):
        code, status = refused(call, **what)
        assert 400 <= status < 500, (code, status)
    with pytest.raises(ClientError):
        one.s3.get_object(Bucket=bucket, Key="key")


def test_many_small_policies_are_bounded(site: Target, iam: Any) -> None:
    """Inline policies of a user count together: 2,048 characters."""
    one = User(site, iam)
    some = document(allow("s3:GetObject", [f"arn:aws:s3:::{'a' * 60}/{number}" for number in range(8)]))
    codes = set()
    for number in range(5):
        try:
            iam.put_user_policy(UserName=one.name, PolicyName=f"p{number}", PolicyDocument=some)
        except ClientError as error:
            codes.add(error.response["Error"]["Code"])
    assert codes == {"LimitExceeded"}


def test_patterns_that_backtrack(site: Target, raw: Raw, s3: Any, bucket: str) -> None:
    """`*a*a*a…` against `aaaa…`: exponential for a matcher that tries everything."""
    statement = {
        "Effect": "Deny", "Principal": "*", "Action": "s3:GetObject",
        "Resource": [f"arn:aws:s3:::{bucket}/{pattern}" for pattern in ("*a" * 400 + "b", "a*" * 400 + "?b")],
        "Condition": {"StringLike": {"aws:UserAgent": ["*a" * 300 + "b", "*?" * 300 + "b"]}},
    }  # fmt: skip
    s3.put_bucket_policy(
        Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    began = time.monotonic()
    answer = raw.send("GET", f"/{bucket}/" + "a" * 1000, {"User-Agent": "a" * 4000})
    assert (answer.status, answer.code) == (404, "NoSuchKey")
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    "trick",
    [
        {"Effect": "allow"},
        {"Effect": ["Deny", "Allow"]},
        {"Effect": "Allow", "Action": None},
        {"Effect": "Allow", "Action": {}},
        {"Effect": "Allow", "NotAction": "s3:PutObject", "Action": "s3:*"},
        {"Effect": "Allow", "Condition": {"StringNope": {"aws:username": "a"}}},
        {"Effect": "Allow", "Condition": []},
        {"Effect": "Allow", "Conditions": {"StringEquals": {"aws:username": "a"}}},
        {"Effect": "Allow", "condition": {"StringEquals": {"aws:username": "a"}}},
    ],
)
def test_statements_that_seem_to_be_narrower(
    site: Target, iam: Any, s3: Any, bucket: str, trick: Any
) -> None:
    """What is misspelled is refused; to pass over it would allow more than was written."""
    statement = {"Sid": "A", "Action": "s3:*", "Resource": "*"} | trick
    one = User(site, iam)
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    assert refused(iam.put_user_policy, UserName=one.name, PolicyName="p", PolicyDocument=text) == (
        "MalformedPolicyDocument", 400,
    )  # fmt: skip
    named = {**statement, "Principal": {"AWS": one.arn}}
    text = json.dumps({"Version": "2012-10-17", "Statement": [named]})
    assert refused(s3.put_bucket_policy, Bucket=bucket, Policy=text) == ("MalformedPolicy", 400)


def test_privilege_escalation_through_policy_versions(site: Target, iam: Any, bucket: str) -> None:
    """Who may neither write versions nor choose among them stays with what the default version gives; going
    back takes rights away at once; the default version cannot be deleted."""
    one = User(site, iam)
    narrow = document(allow(["iam:Get*", "iam:List*"]))
    arn = iam.create_policy(PolicyName=one.name, PolicyDocument=narrow)["Policy"]["Arn"]
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=document(allow("*")))
    iam.attach_user_policy(UserName=one.name, PolicyArn=arn)
    assert one.iam.get_policy_version(PolicyArn=arn, VersionId="v2")  # seen, and out of reach
    wide = {"PolicyArn": arn, "PolicyDocument": document(allow("*"))}
    assert refused(one.iam.set_default_policy_version, PolicyArn=arn, VersionId="v2") == DENIED
    assert refused(one.iam.create_policy_version, **wide, SetAsDefault=True) == DENIED
    assert refused(one.iam.create_policy_version, **wide) == DENIED
    assert refused(one.iam.delete_policy_version, PolicyArn=arn, VersionId="v2") == DENIED
    assert refused(one.s3.get_object, Bucket=bucket, Key="key") == DENIED
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v2")
    assert one.s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"secret"
    session = one.sts.get_session_token()["Credentials"]
    keys = (session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
    assert refused(iam.delete_policy_version, PolicyArn=arn, VersionId="v2") == ("DeleteConflict", 409)
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    for s3 in (one.s3, site.client("s3", keys)):
        assert refused(s3.get_object, Bucket=bucket, Key="key") == DENIED


def test_a_boundary_holds_against_versions_of_itself(site: Target, iam: Any, bucket: str) -> None:
    """A user who may do everything within a boundary cannot widen the boundary's policy from inside."""
    boundary = iam.create_policy(
        PolicyName=f"b-{bucket}", PolicyDocument=document(allow(["iam:GetUser", "s3:ListAllMyBuckets"]))
    )["Policy"]["Arn"]
    one = User(site, iam, allow("*"), PermissionsBoundary=boundary)
    one.s3.list_buckets()
    everything = document(allow("*"))
    assert refused(one.iam.create_policy_version, PolicyArn=boundary, PolicyDocument=everything) == DENIED
    assert refused(one.iam.delete_user_permissions_boundary, UserName=one.name) == DENIED
    assert refused(one.s3.get_object, Bucket=bucket, Key="key") == DENIED
    iam.create_policy_version(PolicyArn=boundary, PolicyDocument=everything)  # not the default one
    assert refused(one.s3.get_object, Bucket=bucket, Key="key") == DENIED
