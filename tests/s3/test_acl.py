"""ACLs of buckets and objects (User Guide, "Access control list (ACL) overview", "Controlling ownership")."""

import uuid
from typing import Any

import pytest

from tests.s3.expecting import refused
from tests.s3.raw import Raw

OTHER = "6aa5a366c34c1cbe25dc49211496e913e0351eb0e8c37aa3477e40942ec6b97c"
ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
LOG_DELIVERY = "http://acs.amazonaws.com/groups/s3/LogDelivery"
EC2 = "6aa5a366c34c1cbe25dc49211496e913e0351eb0e8c37aa3477e40942ec6b97c"


def owner_id(s3: Any) -> str:
    return str(s3.list_buckets()["Owner"]["ID"])


def granted(answer: Any) -> list[tuple[str, str]]:
    """Grantee and permission of each grant, in their order."""
    return [
        (one["Grantee"].get("ID") or one["Grantee"]["URI"], one["Permission"]) for one in answer["Grants"]
    ]


def policy(owner: str, *grants: tuple[str, str]) -> dict[str, Any]:
    def grantee(who: str) -> dict[str, str]:
        group = who.startswith("http")
        return {"Type": "Group", "URI": who} if group else {"Type": "CanonicalUser", "ID": who}

    return {
        "Owner": {"ID": owner},
        "Grants": [{"Grantee": grantee(who), "Permission": permission} for who, permission in grants],
    }


# --- ACLs disabled: a new bucket -------------------------------------------------------------------------
def test_where_acls_are_disabled_the_owner_has_full_control(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    owner = owner_id(s3)
    for answer in (s3.get_bucket_acl(Bucket=bucket), s3.get_object_acl(Bucket=bucket, Key="k")):
        assert answer["Owner"]["ID"] == owner
        assert granted(answer) == [(owner, "FULL_CONTROL")]


@pytest.mark.parametrize(
    "asked",
    [
        {"ACL": "public-read"},
        {"ACL": "bucket-owner-read"},
        {"GrantRead": f"id={OTHER}"},
        {"GrantFullControl": f"uri={ALL_USERS}"},
    ],
    ids=str,
)
def test_where_acls_are_disabled_no_write_may_bring_one(s3: Any, bucket: str, asked: dict[str, str]) -> None:
    s3.put_object(Bucket=bucket, Key="source", Body=b"x")
    with refused("AccessControlListNotSupported", 400):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", **asked)
    with refused("AccessControlListNotSupported", 400):
        s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{bucket}/source", **asked)
    with refused("AccessControlListNotSupported", 400):
        s3.create_multipart_upload(Bucket=bucket, Key="k", **asked)
    with refused("AccessControlListNotSupported", 400):
        s3.put_object_acl(Bucket=bucket, Key="source", **asked)
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=bucket, Key="k")


def test_full_control_for_the_buckets_owner_is_what_there_is(s3: Any, bucket: str) -> None:
    owner = owner_id(s3)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="bucket-owner-full-control")
    s3.copy_object(Bucket=bucket, Key="l", CopySource=f"{bucket}/k", ACL="bucket-owner-full-control")
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="bucket-owner-full-control")
    # AWS refuses this name for the same thing; rclone 1.60 sends it with every write.
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="private")
    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    s3.put_object_acl(Bucket=bucket, Key="k", AccessControlPolicy=policy(owner, (owner, "FULL_CONTROL")))
    s3.put_bucket_acl(Bucket=bucket, AccessControlPolicy=policy(owner, (owner, "FULL_CONTROL")))
    assert granted(s3.get_object_acl(Bucket=bucket, Key="k")) == [(owner, "FULL_CONTROL")]


def test_where_acls_are_disabled_the_bucket_takes_none(s3: Any, bucket: str) -> None:
    owner = owner_id(s3)
    for asked in ({"ACL": "public-read"}, {"GrantWrite": f"uri={LOG_DELIVERY}"}):
        with refused("AccessControlListNotSupported", 400):
            s3.put_bucket_acl(Bucket=bucket, **asked)
    with refused("AccessControlListNotSupported", 400):
        s3.put_bucket_acl(Bucket=bucket, AccessControlPolicy=policy(owner, (OTHER, "READ")))


# --- ACLs enabled ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("ownership", ["ObjectWriter", "BucketOwnerPreferred"])
def test_the_default_is_private(s3: Any, bucket: str, ownership: str) -> None:
    controls = {"Rules": [{"ObjectOwnership": ownership}]}
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=controls)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    owner = owner_id(s3)
    assert granted(s3.get_bucket_acl(Bucket=bucket)) == [(owner, "FULL_CONTROL")]
    assert granted(s3.get_object_acl(Bucket=bucket, Key="k")) == [(owner, "FULL_CONTROL")]


@pytest.mark.parametrize(
    ("name", "grants"),
    [
        ("private", []),
        ("public-read", [(ALL_USERS, "READ")]),
        ("public-read-write", [(ALL_USERS, "READ"), (ALL_USERS, "WRITE")]),
        ("authenticated-read", [(AUTHENTICATED, "READ")]),
        ("aws-exec-read", [(EC2, "READ")]),
        ("bucket-owner-read", []),
        ("bucket-owner-full-control", []),
    ],
)
def test_canned_acls_of_objects(s3: Any, open_bucket: str, name: str, grants: list[tuple[str, str]]) -> None:
    expected = [(owner_id(s3), "FULL_CONTROL"), *grants]
    s3.put_object(Bucket=open_bucket, Key="put", Body=b"x", ACL=name)
    s3.copy_object(Bucket=open_bucket, Key="copy", CopySource=f"{open_bucket}/put", ACL=name)
    upload = s3.create_multipart_upload(Bucket=open_bucket, Key="parts", ACL=name)["UploadId"]
    part = s3.upload_part(Bucket=open_bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"x")
    s3.complete_multipart_upload(
        Bucket=open_bucket, Key="parts", UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )  # fmt: skip
    s3.put_object(Bucket=open_bucket, Key="later", Body=b"x", ACL="public-read-write")
    s3.put_object_acl(Bucket=open_bucket, Key="later", ACL=name)
    for key in ("put", "copy", "parts", "later"):
        assert granted(s3.get_object_acl(Bucket=open_bucket, Key=key)) == expected, key


@pytest.mark.parametrize(
    ("name", "grants"),
    [
        ("private", []),
        ("public-read", [(ALL_USERS, "READ")]),
        ("public-read-write", [(ALL_USERS, "READ"), (ALL_USERS, "WRITE")]),
        ("authenticated-read", [(AUTHENTICATED, "READ")]),
        ("log-delivery-write", [(LOG_DELIVERY, "WRITE"), (LOG_DELIVERY, "READ_ACP")]),
    ],
)
def test_canned_acls_of_buckets(
    lax: Any, s3: Any, open_bucket: str, name: str, grants: list[tuple[str, str]]
) -> None:
    lax.put_bucket_acl(Bucket=open_bucket, ACL=name)
    assert granted(s3.get_bucket_acl(Bucket=open_bucket)) == [(owner_id(s3), "FULL_CONTROL"), *grants]


def test_grants_in_headers(s3: Any, open_bucket: str) -> None:
    asked = {
        "GrantFullControl": f"id={OTHER}",
        "GrantRead": f'uri="{ALL_USERS}", id="{EC2}"',
        "GrantReadACP": f"id={OTHER}",
        "GrantWriteACP": f"id={OTHER}",
    }
    expected = {
        (OTHER, "FULL_CONTROL"), (ALL_USERS, "READ"), (EC2, "READ"), (OTHER, "READ_ACP"),
        (OTHER, "WRITE_ACP"),
    }  # fmt: skip
    s3.put_object(Bucket=open_bucket, Key="k", Body=b"x", **asked)
    assert set(granted(s3.get_object_acl(Bucket=open_bucket, Key="k"))) == expected
    s3.put_bucket_acl(Bucket=open_bucket, GrantWrite=f"id={OTHER}", **asked)
    assert set(granted(s3.get_bucket_acl(Bucket=open_bucket))) == expected | {(OTHER, "WRITE")}


def test_a_document_comes_back(s3: Any, open_bucket: str) -> None:
    owner = owner_id(s3)
    grants = [(owner, "FULL_CONTROL"), (OTHER, "READ"), (ALL_USERS, "READ_ACP"), (OTHER, "WRITE_ACP")]
    s3.put_object(Bucket=open_bucket, Key="k", Body=b"x")
    s3.put_object_acl(Bucket=open_bucket, Key="k", AccessControlPolicy=policy(owner, *grants))
    s3.put_bucket_acl(Bucket=open_bucket, AccessControlPolicy=policy(owner, *grants))
    assert granted(s3.get_object_acl(Bucket=open_bucket, Key="k")) == grants
    assert granted(s3.get_bucket_acl(Bucket=open_bucket)) == grants


def test_a_document_without_grants(s3: Any, open_bucket: str) -> None:
    """The owner may take away every right of their own, but not the right to set the ACL again."""
    s3.put_bucket_acl(Bucket=open_bucket, AccessControlPolicy=policy(owner_id(s3)))
    assert granted(s3.get_bucket_acl(Bucket=open_bucket)) == []
    s3.put_bucket_acl(Bucket=open_bucket, ACL="private")
    assert granted(s3.get_bucket_acl(Bucket=open_bucket)) == [(owner_id(s3), "FULL_CONTROL")]


def test_a_new_object_under_the_key_and_a_copy_begin_private(s3: Any, open_bucket: str) -> None:
    s3.put_object(Bucket=open_bucket, Key="k", Body=b"x", ACL="public-read")
    s3.copy_object(Bucket=open_bucket, Key="copy", CopySource=f"{open_bucket}/k")
    s3.put_object(Bucket=open_bucket, Key="k", Body=b"y")
    for key in ("k", "copy"):
        acl = granted(s3.get_object_acl(Bucket=open_bucket, Key=key))
        assert acl == [(owner_id(s3), "FULL_CONTROL")]


def test_each_version_has_its_own(s3: Any, open_bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=open_bucket, VersioningConfiguration={"Status": "Enabled"})
    old, new = (s3.put_object(Bucket=open_bucket, Key="k", Body=b"x")["VersionId"] for _ in "ab")
    s3.put_object_acl(Bucket=open_bucket, Key="k", VersionId=old, ACL="public-read")
    assert (ALL_USERS, "READ") in granted(s3.get_object_acl(Bucket=open_bucket, Key="k", VersionId=old))
    for named in ({}, {"VersionId": new}):
        assert len(granted(s3.get_object_acl(Bucket=open_bucket, Key="k", **named))) == 1
    s3.put_object_acl(Bucket=open_bucket, Key="k", ACL="authenticated-read")
    assert (AUTHENTICATED, "READ") in granted(s3.get_object_acl(Bucket=open_bucket, Key="k", VersionId=new))


def test_an_acl_changes_nothing_else(s3: Any, open_bucket: str) -> None:
    s3.put_object(Bucket=open_bucket, Key="k", Body=b"bytes", Metadata={"a": "1"}, Tagging="b=2")
    before = s3.head_object(Bucket=open_bucket, Key="k")
    s3.put_object_acl(Bucket=open_bucket, Key="k", ACL="public-read")
    after = s3.head_object(Bucket=open_bucket, Key="k")
    for name in ("ETag", "LastModified", "Metadata", "ContentLength"):
        assert after[name] == before[name]
    assert s3.get_object_tagging(Bucket=open_bucket, Key="k")["TagSet"] == [{"Key": "b", "Value": "2"}]


# --- what is refused -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"ACL": "everybody"}, "InvalidArgument"),
        ({"GrantRead": "id=short"}, "InvalidArgument"),
        ({"GrantRead": "uri=http://example.com/group"}, "InvalidArgument"),
        ({"GrantRead": "everybody"}, "InvalidArgument"),
        ({"GrantRead": "emailAddress=somebody@example.com"}, "UnresolvableGrantByEmailAddress"),
        ({"ACL": "private", "GrantRead": f"id={OTHER}"}, "InvalidRequest"),
    ],
    ids=str,
)
def test_headers_that_ask_for_no_acl(lax: Any, open_bucket: str, asked: dict[str, str], code: str) -> None:
    lax.put_object(Bucket=open_bucket, Key="there", Body=b"x")
    with refused(code, 400):
        lax.put_object(Bucket=open_bucket, Key="k", Body=b"x", **asked)
    with refused(code, 400):
        lax.put_object_acl(Bucket=open_bucket, Key="there", **asked)
    with refused(code, 400):
        lax.put_bucket_acl(Bucket=open_bucket, **asked)


@pytest.mark.parametrize(
    "body",
    [
        "acl",
        "<Other/>",
        "<AccessControlPolicy/>",
        "<AccessControlPolicy><AccessControlList/></AccessControlPolicy>",
        "<AccessControlPolicy><Owner><ID>{owner}</ID></Owner></AccessControlPolicy>",
        "<AccessControlPolicy><Owner><ID>{owner}</ID></Owner><AccessControlList><Grant><Grantee><ID>{owner}</ID>"
        "</Grantee><Permission>FLY</Permission></Grant></AccessControlList></AccessControlPolicy>",
        "<AccessControlPolicy><Owner><ID>{owner}</ID></Owner><AccessControlList><Grant><Grantee/>"
        "<Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>",
    ],
)
def test_documents_that_are_malformed(s3: Any, raw: Raw, open_bucket: str, body: str) -> None:
    s3.put_object(Bucket=open_bucket, Key="k", Body=b"x")
    data = body.replace("{owner}", owner_id(s3)).encode()
    for target in (f"/{open_bucket}?acl=", f"/{open_bucket}/k?acl="):
        answer = raw.send("PUT", target, {}, data)
        assert (answer.status, answer.code) == (400, "MalformedACLError")


def test_a_hundred_grants_and_not_one_more(s3: Any, open_bucket: str) -> None:
    owner = owner_id(s3)
    grants = [(OTHER, "READ")] * 101
    s3.put_bucket_acl(Bucket=open_bucket, AccessControlPolicy=policy(owner, *grants[:100]))
    assert len(granted(s3.get_bucket_acl(Bucket=open_bucket))) == 100
    with refused("MalformedACLError", 400):
        s3.put_bucket_acl(Bucket=open_bucket, AccessControlPolicy=policy(owner, *grants))


def test_the_owner_cannot_be_changed(s3: Any, open_bucket: str) -> None:
    with refused("AccessDenied", 403):
        s3.put_bucket_acl(Bucket=open_bucket, AccessControlPolicy=policy(OTHER, (OTHER, "FULL_CONTROL")))


def test_headers_or_a_document_but_not_both_and_not_none(s3: Any, raw: Raw, open_bucket: str) -> None:
    nothing = raw.send("PUT", f"/{open_bucket}?acl=")
    assert (nothing.status, nothing.code) == (400, "MissingSecurityHeader")
    both = raw.send("PUT", f"/{open_bucket}?acl=", {"x-amz-acl": "private"}, b"<AccessControlPolicy/>")
    assert (both.status, both.code) == (400, "UnexpectedContent")


def test_what_is_not_there(s3: Any, versioned: str) -> None:
    with refused("NoSuchKey", 404):
        s3.get_object_acl(Bucket=versioned, Key="missing")
    with refused("NoSuchKey", 404):
        s3.put_object_acl(Bucket=versioned, Key="missing", ACL="bucket-owner-full-control")
    with refused("NoSuchBucket", 404):
        s3.get_bucket_acl(Bucket="no-such-bucket-of-acls")
    s3.put_object(Bucket=versioned, Key="k", Body=b"x")
    marker = s3.delete_object(Bucket=versioned, Key="k")["VersionId"]
    with refused("NoSuchKey", 404):
        s3.get_object_acl(Bucket=versioned, Key="k")
    with refused("MethodNotAllowed", 405):
        s3.get_object_acl(Bucket=versioned, Key="k", VersionId=marker)


# --- together with the bucket's other settings -------------------------------------------------------------
@pytest.mark.parametrize("name", ["public-read", "public-read-write", "authenticated-read"])
def test_public_acls_are_blocked(s3: Any, open_bucket: str, name: str) -> None:
    s3.put_public_access_block(Bucket=open_bucket, PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    with refused("AccessDenied", 403):
        s3.put_object(Bucket=open_bucket, Key="k", Body=b"x", ACL=name)
    with refused("AccessDenied", 403):
        s3.put_bucket_acl(Bucket=open_bucket, ACL=name)
    with refused("AccessDenied", 403):
        s3.put_bucket_acl(Bucket=open_bucket, GrantRead=f"uri={ALL_USERS}")
    s3.put_object(Bucket=open_bucket, Key="k", Body=b"x", GrantRead=f"id={OTHER}")


def test_acls_cannot_be_disabled_while_the_bucket_grants_something(s3: Any, open_bucket: str) -> None:
    controls = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    s3.put_bucket_acl(Bucket=open_bucket, GrantRead=f"id={OTHER}")
    with refused("InvalidBucketAclWithObjectOwnership", 400):
        s3.put_bucket_ownership_controls(Bucket=open_bucket, OwnershipControls=controls)
    s3.put_bucket_acl(Bucket=open_bucket, ACL="private")
    s3.put_bucket_ownership_controls(Bucket=open_bucket, OwnershipControls=controls)


def test_disabling_acls_hides_those_of_objects_and_enabling_brings_them_back(
    s3: Any, open_bucket: str
) -> None:
    s3.put_object(Bucket=open_bucket, Key="k", Body=b"x", ACL="public-read")
    for ownership, count in (("BucketOwnerEnforced", 1), ("ObjectWriter", 2)):
        controls = {"Rules": [{"ObjectOwnership": ownership}]}
        s3.put_bucket_ownership_controls(Bucket=open_bucket, OwnershipControls=controls)
        assert len(granted(s3.get_object_acl(Bucket=open_bucket, Key="k"))) == count


def test_grantees_must_exist(s3: Any, open_bucket: str) -> None:
    with refused("InvalidArgument", 400):
        s3.put_bucket_acl(Bucket=open_bucket, GrantRead=f"id={'b' * 64}")
    with refused("InvalidArgument", 400):
        s3.put_object(Bucket=open_bucket, Key="k", Body=b"x", GrantRead=f"id={'b' * 64}")


def test_the_document_as_aws_writes_it(s3: Any, raw: Raw, open_bucket: str) -> None:
    s3.put_bucket_acl(Bucket=open_bucket, GrantRead=f"uri={ALL_USERS}", GrantWrite=f"id={OTHER}")
    text = raw.send("GET", f"/{open_bucket}?acl=").body.decode()
    xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    assert (
        f'<AccessControlList><Grant><Grantee {xsi} xsi:type="Group"><URI>{ALL_USERS}</URI></Grantee>'
        f'<Permission>READ</Permission></Grant><Grant><Grantee {xsi} xsi:type="CanonicalUser">'
        f"<ID>{OTHER}</ID></Grantee><Permission>WRITE</Permission></Grant></AccessControlList>"
    ) in text


# --- CreateBucket ----------------------------------------------------------------------------------------
def new_name() -> str:
    return f"test-{uuid.uuid4().hex[:20]}"


def test_a_bucket_is_created_with_its_ownership_and_acl(s3: Any) -> None:
    name = new_name()
    s3.create_bucket(Bucket=name, ObjectOwnership="BucketOwnerPreferred", GrantRead=f"id={OTHER}")
    rules = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerPreferred"}]
    assert granted(s3.get_bucket_acl(Bucket=name)) == [(OTHER, "READ")]


def test_a_bucket_is_created_with_tags(s3: Any) -> None:
    name, tags = new_name(), [{"Key": "a", "Value": "1"}]
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"Tags": tags})
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == tags


def test_a_private_bucket_is_what_every_bucket_is(s3: Any) -> None:
    s3.create_bucket(Bucket=new_name(), ACL="private")


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"ACL": "public-read"}, "InvalidBucketAclWithObjectOwnership"),
        ({"GrantRead": f"id={OTHER}"}, "InvalidBucketAclWithObjectOwnership"),
        (
            {"ACL": "public-read", "ObjectOwnership": "ObjectWriter"},
            "InvalidBucketAclWithBlockPublicAccessError",
        ),
        ({"ACL": "everybody", "ObjectOwnership": "ObjectWriter"}, "InvalidArgument"),
        ({"ObjectOwnership": "Nobody"}, "InvalidArgument"),
        ({"CreateBucketConfiguration": {"Tags": [{"Key": "aws:x", "Value": ""}]}}, "InvalidTag"),
    ],
    ids=str,
)
def test_a_bucket_that_is_not_created(lax: Any, asked: dict[str, Any], code: str) -> None:
    name = new_name()
    with refused(code, 400):
        lax.create_bucket(Bucket=name, **asked)
    with refused("404", 404):
        lax.head_bucket(Bucket=name)
