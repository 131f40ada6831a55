"""Two accounts, a user and nobody on the same buckets: what policies and ACLs open and close between them."""

import json
import uuid
from typing import Any

import pytest

from tests.iam.accounts import Account, new_account, told
from tests.iam.conftest import Site
from tests.iam.test_iam import READ, refused

DENIED = ("AccessDenied", 403)


@pytest.fixture
def bucket(main: Account) -> str:
    """A bucket of the first account with one object, `k`; its ACLs are enabled."""
    made = f"shared-{uuid.uuid4().hex[:20]}"
    main.s3.create_bucket(Bucket=made, ObjectOwnership="ObjectWriter")
    main.s3.delete_public_access_block(Bucket=made)
    main.s3.put_object(Bucket=made, Key="k", Body=b"x")
    return made


def policy(bucket: str, principal: Any, *actions: str, effect: str = "Allow") -> str:
    resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    statement = {"Effect": effect, "Principal": principal, "Action": list(actions), "Resource": resources}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def user_of(site: Site, account: Account, document: str | None) -> Any:
    """An S3 client of a new user with that policy."""
    name = f"u-{uuid.uuid4().hex[:8]}"
    account.iam.create_user(UserName=name)
    if document is not None:
        account.iam.put_user_policy(UserName=name, PolicyName="only", PolicyDocument=document)
    key = account.iam.create_access_key(UserName=name)["AccessKey"]
    return site.client("s3", (key["AccessKeyId"], key["SecretAccessKey"]))


def granted(acl: Any) -> list[tuple[str, str]]:
    """Who is granted what, in the order of the answer."""
    assert all(grant["Grantee"]["Type"] == "CanonicalUser" for grant in acl["Grants"])
    return [(grant["Grantee"]["ID"], grant["Permission"]) for grant in acl["Grants"]]


def test_each_account_lists_its_own_buckets(main: Account, alt: Account, bucket: str) -> None:
    assert bucket in [each["Name"] for each in main.s3.list_buckets()["Buckets"]]
    assert bucket not in [each["Name"] for each in alt.s3.list_buckets()["Buckets"]]
    assert main.s3.list_buckets()["Owner"]["ID"] == main.canonical_id


def test_a_name_that_is_taken(main: Account, alt: Account, bucket: str) -> None:
    assert refused(alt.s3.create_bucket, Bucket=bucket) == ("BucketAlreadyExists", 409)


def test_nothing_is_shared_unasked(alt: Account, bucket: str) -> None:
    place = {"Bucket": bucket, "Key": "k"}
    assert refused(alt.s3.get_object, **place) == DENIED
    assert refused(alt.s3.put_object, **place, Body=b"y") == DENIED
    assert refused(alt.s3.delete_object, **place) == DENIED
    assert refused(alt.s3.list_objects_v2, Bucket=bucket) == DENIED
    assert refused(alt.s3.get_bucket_acl, Bucket=bucket) == DENIED
    assert refused(alt.s3.put_bucket_acl, Bucket=bucket, ACL="public-read") == DENIED
    assert refused(alt.s3.delete_bucket, Bucket=bucket) == DENIED
    assert refused(alt.s3.copy_object, Bucket=bucket, Key="c", CopySource=f"{bucket}/k") == DENIED


def test_a_policy_opens_and_closes(main: Account, alt: Account, bucket: str) -> None:
    place = {"Bucket": bucket, "Key": "k"}
    allowed = policy(bucket, {"AWS": f"arn:aws:iam::{alt.id}:root"}, "s3:GetObject")
    main.s3.put_bucket_policy(Bucket=bucket, Policy=allowed)
    assert alt.s3.get_object(**place)["Body"].read() == b"x"
    assert refused(alt.s3.get_object, Bucket=bucket, Key="absent") == DENIED  # it may not list
    assert refused(alt.s3.put_object, **place, Body=b"y") == DENIED
    main.s3.delete_bucket_policy(Bucket=bucket)
    assert refused(alt.s3.get_object, **place) == DENIED


def test_acls_name_other_accounts(main: Account, alt: Account, bucket: str) -> None:
    main.s3.put_object_acl(Bucket=bucket, Key="k", GrantRead=f"id={alt.canonical_id}")
    assert alt.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert refused(alt.s3.get_object_acl, Bucket=bucket, Key="k") == DENIED
    main.s3.put_bucket_acl(Bucket=bucket, GrantWrite=f"id={alt.canonical_id}")
    alt.s3.put_object(Bucket=bucket, Key="theirs", Body=b"z")
    assert refused(main.s3.get_object, Bucket=bucket, Key="theirs") == DENIED
    assert alt.s3.get_object_acl(Bucket=bucket, Key="theirs")["Owner"]["ID"] == alt.canonical_id
    main.s3.delete_object(Bucket=bucket, Key="theirs")


def test_acls_name_accounts_by_their_address(main: Account, alt: Account, bucket: str) -> None:
    """API Reference, Grantee: AmazonCustomerByEmail. What is kept is the account's id, and told as such."""
    address = f"{alt.name}@example.com"
    grants = [(main.canonical_id, "FULL_CONTROL"), (alt.canonical_id, "READ")]
    by_email = {"Grantee": {"Type": "AmazonCustomerByEmail", "EmailAddress": address}, "Permission": "READ"}
    itself = {"Grantee": {"Type": "CanonicalUser", "ID": main.canonical_id}, "Permission": "FULL_CONTROL"}
    policy = {"Owner": {"ID": main.canonical_id}, "Grants": [itself, by_email]}
    main.s3.put_object_acl(Bucket=bucket, Key="k", AccessControlPolicy=policy)
    assert granted(main.s3.get_object_acl(Bucket=bucket, Key="k")) == grants
    assert alt.s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    main.s3.put_object(Bucket=bucket, Key="l", Body=b"y", GrantRead=f'emailAddress="{address.upper()}"')
    assert granted(main.s3.get_object_acl(Bucket=bucket, Key="l")) == grants[1:]
    assert alt.s3.get_object(Bucket=bucket, Key="l")["Body"].read() == b"y"
    main.s3.put_bucket_acl(Bucket=bucket, AccessControlPolicy=policy)
    assert granted(main.s3.get_bucket_acl(Bucket=bucket)) == grants
    by_email["Grantee"]["EmailAddress"] = "nobody@example.com"  # type: ignore[index]
    unresolved = ("UnresolvableGrantByEmailAddress", 400)
    assert refused(main.s3.put_bucket_acl, Bucket=bucket, AccessControlPolicy=policy) == unresolved
    assert granted(main.s3.get_bucket_acl(Bucket=bucket)) == grants


def test_an_address_goes_with_its_account(site: Site, main: Account, bucket: str) -> None:
    gone = new_account(site, "gone")
    told(site.server, "account", "delete", "--id", gone.id)
    grant = {"GrantRead": f"emailAddress={gone.name}@example.com"}
    assert refused(main.s3.put_bucket_acl, Bucket=bucket, **grant) == (
        "UnresolvableGrantByEmailAddress", 400,
    )  # fmt: skip


def test_users_get_what_their_policies_allow(site: Site, main: Account, bucket: str) -> None:
    nothing, reader = user_of(site, main, None), user_of(site, main, READ)
    place = {"Bucket": bucket, "Key": "k"}
    assert refused(nothing.get_object, **place) == DENIED
    assert reader.get_object(**place)["Body"].read() == b"x"
    assert refused(reader.put_object, **place, Body=b"y") == DENIED
    denial = policy(bucket, "*", "s3:GetObject", effect="Deny")
    main.s3.put_bucket_policy(Bucket=bucket, Policy=denial)
    assert refused(reader.get_object, **place) == DENIED


def test_another_accounts_user_needs_both(site: Site, main: Account, alt: Account, bucket: str) -> None:
    nothing, reader = user_of(site, alt, None), user_of(site, alt, READ)
    opened = policy(bucket, {"AWS": alt.id}, "s3:GetObject")
    main.s3.put_bucket_policy(Bucket=bucket, Policy=opened)
    assert reader.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert refused(nothing.get_object, Bucket=bucket, Key="k") == DENIED
    assert refused(reader.get_object_tagging, Bucket=bucket, Key="k") == DENIED
