"""The setting `new_buckets = "acls-enabled"`: what AWS gave a new bucket before April 2023 (User Guide,
"Default settings for new S3 buckets FAQ": ACLs enabled, no public access block)."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore import UNSIGNED

from tests.s3.conftest import Store
from tests.s3.expecting import refused
from tests.server import ACCESS_KEY, SECRET_KEY, Server

pytestmark = pytest.mark.embedded
ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder: Path = tmp_path_factory.mktemp("older")
    server = Server(folder / "data", folder / "log", "--new-buckets", "acls-enabled")
    server.start()
    try:
        yield Store(server.endpoint, ACCESS_KEY, SECRET_KEY, server)
        assert server.stop() == 0
    finally:
        server.kill()


@pytest.fixture(scope="module")
def s3(older: Store) -> Any:
    return older.client()


@pytest.fixture
def name() -> str:
    return f"older-{uuid.uuid4().hex[:20]}"


def test_neither_controls_nor_a_block(s3: Any, name: str) -> None:
    s3.create_bucket(Bucket=name)
    with refused("OwnershipControlsNotFoundError", 404):
        s3.get_bucket_ownership_controls(Bucket=name)
    with refused("NoSuchPublicAccessBlockConfiguration", 404):
        s3.get_public_access_block(Bucket=name)


def test_a_bucket_open_to_all_at_once(older: Store, s3: Any, name: str) -> None:
    s3.create_bucket(Bucket=name, ACL="public-read")
    grants = s3.get_bucket_acl(Bucket=name)["Grants"]
    assert {grant["Grantee"].get("URI") for grant in grants} == {None, ALL_USERS}
    s3.put_object(Bucket=name, Key="closed", Body=b"1")
    s3.put_object(Bucket=name, Key="open", Body=b"2", ACL="public-read")
    anybody = older.client(signature_version=UNSIGNED)
    assert [one["Key"] for one in anybody.list_objects_v2(Bucket=name)["Contents"]] == ["closed", "open"]
    assert anybody.get_object(Bucket=name, Key="open")["Body"].read() == b"2"
    with refused("AccessDenied", 403):
        anybody.get_object(Bucket=name, Key="closed")


def test_what_the_request_says_comes_first(s3: Any, name: str) -> None:
    s3.create_bucket(Bucket=name, ObjectOwnership="BucketOwnerEnforced")
    rules = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    with refused("AccessControlListNotSupported", 400):
        s3.put_bucket_acl(Bucket=name, ACL="public-read")
    with refused("InvalidBucketAclWithObjectOwnership", 400):
        s3.create_bucket(Bucket=f"{name}-2", ACL="public-read", ObjectOwnership="BucketOwnerEnforced")
    with refused("NoSuchBucket", 404):
        s3.get_bucket_location(Bucket=f"{name}-2")


def test_the_setting_changes_no_bucket_that_is_there(tmp_path: Path, name: str) -> None:
    buckets: list[str] = []
    for setting in ("acls-disabled", "acls-enabled", "acls-disabled"):
        server = Server(tmp_path / "data", tmp_path / "log", "--new-buckets", setting)
        server.start()
        try:
            s3 = Store(server.endpoint, ACCESS_KEY, SECRET_KEY, server).client()
            buckets.append(f"{name}-{len(buckets)}")
            s3.create_bucket(Bucket=buckets[-1])
            for bucket in buckets[:1] + buckets[2:]:
                assert s3.get_public_access_block(Bucket=bucket)
            for bucket in buckets[1:2]:
                with refused("NoSuchPublicAccessBlockConfiguration", 404):
                    s3.get_public_access_block(Bucket=bucket)
            assert server.stop() == 0
        finally:
            server.kill()
