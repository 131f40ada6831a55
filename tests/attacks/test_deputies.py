"""Getting others to do what one may not: the server as a deputy, ACLs and policies, rights in a header."""

import json
import uuid
from typing import Any

import pytest

from tests.attacks.conftest import Target
from tests.iam.accounts import Account
from tests.iam.test_grants import Bucket
from tests.iam.test_iam import refused
from tests.iam.test_permissions import DENIED, User, allow, document
from tests.s3.forms import encode, policy_of, sign_version_4
from tests.s3.raw import Raw

FORBIDDEN = {("AccessDenied", 403), ("403", 403)}


@pytest.fixture
def theirs(alt: Account) -> str:
    """A bucket of the other account's."""
    name = f"theirs-{uuid.uuid4().hex[:12]}"
    alt.s3.create_bucket(Bucket=name)
    return name


def policy(bucket: str, effect: str, action: Any, principal: Any = "*", key: str = "/*") -> str:
    made = {
        "Effect": effect,
        "Principal": principal,
        "Action": action,
        "Resource": f"arn:aws:s3:::{bucket}{key}",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [made]})


# --- confused deputy -----------------------------------------------------------------------------------
def test_confused_deputy_of_copies(site: Target, alt: Account, bucket: str, theirs: str) -> None:
    """The server may read everything; who asks it to copy must be able to read the source by themselves."""
    upload = alt.s3.create_multipart_upload(Bucket=theirs, Key="parts")["UploadId"]
    for source in (f"{bucket}/key", f"/{bucket}/key", f"{bucket}/%6bey", f"{theirs}/../{bucket}/key",
                   f"{bucket}/key?versionId=null", f"arn:aws:s3:::{bucket}/key"):  # fmt: skip
        part = {"Key": "parts", "UploadId": upload, "PartNumber": 1}
        for call, more in ((alt.s3.copy_object, {"Key": "copy"}), (alt.s3.upload_part_copy, part)):
            _, status = refused(call, Bucket=theirs, CopySource=source, **more)
            assert status in (400, 403, 404), source
    assert "Contents" not in alt.s3.list_objects_v2(Bucket=theirs)


def test_confused_deputy_of_access_logs(alt: Account, bucket: str, theirs: str) -> None:
    """Logs cannot be made to write into somebody else's bucket."""
    wanted = {"LoggingEnabled": {"TargetBucket": bucket, "TargetPrefix": "evil/"}}
    _, status = refused(alt.s3.put_bucket_logging, Bucket=theirs, BucketLoggingStatus=wanted)
    assert status in (400, 403)


def test_confused_deputy_of_websites(site: Target, s3: Any, alt: Account, bucket: str, theirs: str) -> None:
    """A website serves its own bucket only, whatever hosts and headers say."""
    alt.s3.put_bucket_website(Bucket=theirs, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}})
    with Raw(f"http://127.0.0.1:{site.website_port}", *site.root) as visitor:
        for host in (f"{bucket}.example.org", bucket, f"{bucket}.example.org:{site.website_port}"):
            for more in (
                {},
                {"X-Forwarded-Host": f"{bucket}.example.org"},
                {"x-amz-copy-source": f"{bucket}/key"},
            ):
                for signed in (False, True):
                    answer = visitor.send("GET", f"/../{bucket}/key", {"Host": host, **more}, signed=signed)
                    assert answer.status in (403, 404)
                    answer = visitor.send("GET", "/key", {"Host": host, **more}, signed=signed)
                    assert answer.status in (403, 404)
                    assert b"secret" not in answer.body


def test_confused_deputy_of_roles(site: Target, iam: Any, alt: Account) -> None:
    """Another customer of the same service cannot have it use our role: the external id is ours."""
    eve = User(site, alt.iam, allow("sts:AssumeRole"))
    name = f"r-{uuid.uuid4().hex[:12]}"
    trust = {
        "Effect": "Allow", "Principal": {"AWS": eve.arn}, "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": "ours"}},
    }  # fmt: skip
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    for more in ({}, {"ExternalId": "theirs"}, {"ExternalId": "OURS"}, {"ExternalId": "our="}):
        assert refused(eve.sts.assume_role, RoleArn=arn, RoleSessionName="session", **more) == DENIED
    assert eve.sts.assume_role(RoleArn=arn, RoleSessionName="session", ExternalId="ours")["Credentials"]


def test_the_wrong_owner_is_noticed(s3: Any, alt: Account, bucket: str, theirs: str) -> None:
    """Who expects a bucket to be its own is not led to write into somebody else's of that name."""
    open_to = {"AWS": f"arn:aws:iam::{alt.id}:root"}
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(bucket, "Allow", "s3:*Object", open_to))
    alt.s3.put_object(Bucket=bucket, Key="new", Body=b"x")
    mine = {"ExpectedBucketOwner": alt.id}
    assert refused(alt.s3.put_object, Bucket=bucket, Key="new", Body=b"x", **mine) == DENIED
    assert refused(alt.s3.get_object, Bucket=bucket, Key="key", **mine) == DENIED


# --- ACL against policy --------------------------------------------------------------------------------
def with_acls(s3: Any, bucket: str) -> None:
    s3.put_bucket_ownership_controls(
        Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    )
    s3.delete_public_access_block(Bucket=bucket)


def test_acl_against_policy(s3: Any, alt: Account, raw: Raw, bucket: str) -> None:
    """A denial in the policy ends what an ACL grants, to accounts and to everybody."""
    with_acls(s3, bucket)
    s3.put_object_acl(Bucket=bucket, Key="key", ACL="public-read")
    assert raw.send("GET", f"/{bucket}/key", signed=False).body == b"secret"
    assert alt.s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"secret"
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(bucket, "Deny", "s3:GetObject"))
    assert raw.send("GET", f"/{bucket}/key", signed=False).status == 403
    assert refused(alt.s3.get_object, Bucket=bucket, Key="key") == DENIED
    assert refused(s3.get_object, Bucket=bucket, Key="key") == DENIED  # the owner's root, too


def test_acls_count_for_nothing_where_they_are_switched_off(
    s3: Any, raw: Raw, alt: Account, bucket: str
) -> None:
    """What was granted before is not in force any more, and comes back only with the setting."""
    with_acls(s3, bucket)
    s3.put_object_acl(Bucket=bucket, Key="key", ACL="public-read")
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"IgnorePublicAcls": True})
    assert raw.send("GET", f"/{bucket}/key", signed=False).status == 403
    assert refused(alt.s3.get_object, Bucket=bucket, Key="key") == DENIED
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_ownership_controls(
        Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    )
    assert raw.send("GET", f"/{bucket}/key", signed=False).status == 403
    assert refused(s3.put_object_acl, Bucket=bucket, Key="key", ACL="public-read")[1] == 400


def test_writing_is_no_right_to_grant(site: Target, iam: Any, s3: Any, raw: Raw, bucket: str) -> None:
    """An ACL in a header, a grant or a form's field needs s3:PutObjectAcl; tags and locks likewise."""
    with_acls(s3, bucket)
    one = User(site, iam, allow(["s3:PutObject", "s3:GetObject"], f"arn:aws:s3:::{bucket}/*"))
    put = {"Bucket": bucket, "Key": "new", "Body": b"x"}
    one.s3.put_object(**put)
    for more in (
        {"ACL": "public-read"}, {"GrantRead": 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'},
        {"Tagging": "a=b"}, {"ObjectLockLegalHoldStatus": "ON"},
    ):  # fmt: skip
        assert refused(one.s3.put_object, **put, **more)[1] in (400, 403), more
    copied = {"Bucket": bucket, "Key": "copy", "CopySource": f"{bucket}/key"}
    assert refused(one.s3.copy_object, **copied, ACL="public-read") == DENIED
    assert refused(one.s3.create_multipart_upload, Bucket=bucket, Key="m", ACL="public-read") == DENIED
    assert refused(one.s3.put_object_acl, Bucket=bucket, Key="new", ACL="public-read") == DENIED
    assert refused(one.s3.delete_object, Bucket=bucket, Key="new") == DENIED
    assert refused(one.s3.get_object, Bucket=bucket, Key="new", VersionId="null") == DENIED
    gone = one.s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "new"}, {"Key": "key"}]})
    assert [error["Code"] for error in gone["Errors"]] == ["AccessDenied"] * 2
    with Raw(site.server.endpoint, *one.keys) as mine:
        fields = {"key": "form", "acl": "public-read"}
        signed = sign_version_4(mine, policy_of({"bucket": bucket}, {"key": "form"}, {"acl": "public-read"}))
        headers, body = encode([*fields.items(), *signed.items()], b"x")
        assert mine.send("POST", f"/{bucket}", headers, body, signed=False).status == 403
    assert raw.send("GET", f"/{bucket}/form", signed=False).status == 403


def test_a_form_goes_no_further_than_its_policy(site: Target, raw: Raw, s3: Any, bucket: str) -> None:
    """The signature of a form stands for no other bucket, key, ACL, or request."""
    signed = sign_version_4(raw, policy_of({"bucket": bucket}, ["starts-with", "$key", "in/"]))
    s3.create_bucket(Bucket=f"{bucket}-2")
    for target, fields in (
        (f"/{bucket}", [("key", "out")]), (f"/{bucket}", [("key", "in/../out"), ("acl", "public-read")]),
        (f"/{bucket}", [("key", "in/a"), ("key", "out")]), (f"/{bucket}", [("KEY", "out"), ("key", "in/a")]),
        (f"/{bucket}-2", [("key", "in/a")]), (f"/{bucket}-2", [("key", "in/a"), ("bucket", bucket)]),
        (f"/{bucket}", [("key", "in/a"), ("x-amz-meta-a", "1")]),
        (f"/{bucket}", [("key", "in/a"), ("success_action_redirect", "http://evil.example/")]),
    ):  # fmt: skip
        headers, body = encode([*fields, *signed.items()], b"x")
        assert raw.send("POST", target, headers, body, signed=False).status in (400, 403), fields
    for name in (bucket, f"{bucket}-2"):
        keys = [one["Key"] for one in s3.list_objects_v2(Bucket=name).get("Contents", [])]
        assert "out" not in keys
        assert not any(key.startswith("in/") for key in keys)


# --- grants and tokens over REST -----------------------------------------------------------------------
def test_a_grant_is_none_to_grant(site: Target, iam: Any) -> None:
    """Whoever was granted something over REST can neither pass it on nor lengthen it."""
    mine = Bucket(site, f"granting-{uuid.uuid4().hex[:12]}")
    one, other = User(site, iam), User(site, iam)
    made = mine.grant(one.arn, "read", "write", "delete")
    assert mine.may(one.s3) == "rwld"
    wanted = {"user_id": other.arn, "permissions": ["read"], "expires_at": None}
    assert mine.ask("POST", body=wanted, keys=one.keys)[0] == 403
    assert mine.ask("POST", body={**wanted, "user_id": one.arn}, keys=one.keys)[0] == 403
    assert mine.ask("DELETE", f"/{made['policy_id']}", keys=one.keys)[0] == 403
    assert (
        refused(one.s3.put_bucket_policy, Bucket=mine.name, Policy=policy(mine.name, "Allow", "s3:*"))
        == DENIED
    )
    assert mine.may(other.s3) == ""
